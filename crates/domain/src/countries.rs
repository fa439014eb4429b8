//! What addresses look like in each country: which members they have, how postal codes and
//! subdivisions are written, and how an address is printed.
//!
//! The rules come from Google's address data, of which `countries/rules.jsonl` holds the countries
//! and the first level of their subdivisions. `scripts/update-country-rules` writes that file.
//! `docs/architecture/country-rules.md` says where the rules differ from libaddressinput.

pub(crate) mod address_rules;
pub(crate) mod findings;
pub(crate) mod format;
pub(crate) mod index;
pub(crate) mod label;
pub(crate) mod named;
pub(crate) mod postal_address;
pub(crate) mod postal_code;
pub(crate) mod rules;
pub(crate) mod subdivision;
pub(crate) mod vcard;
