//! The rules for addresses in one country.

use std::borrow::Cow;

use serde::Deserialize;

use crate::countries::format::{AddressFormat, PostalMember};
use crate::countries::postal_code::PostalCodeRules;
use crate::countries::subdivision::Subdivision;
use crate::country::Country;

/// The rules for addresses in one country.
#[derive(Debug)]
pub struct CountryRules {
    /// The country.
    pub country: Country,
    /// The country's short name in English.
    pub name: &'static str,
    /// The name of the destination on labels, where it is not [`name`](Self::name): the format of
    /// Åland's addresses ends with `ÅLAND`, and `FINLAND` follows.
    pub label_name: Option<&'static str>,
    /// Another English name, often an earlier one.
    pub other_name: Option<&'static str>,
    /// The languages of the data, the main one first, as BCP 47 tags. Empty if not known.
    pub languages: Vec<&'static str>,
    /// How an address is printed in the country's script.
    pub format: AddressFormat,
    /// How an address is printed in Latin letters, if that differs.
    pub latin_format: Option<AddressFormat>,
    /// The members that every address has.
    pub required: Vec<PostalMember>,
    /// The members that the post prefers in upper case. Labels leave the case as it is.
    pub upper_case: Vec<PostalMember>,
    /// What members are called.
    pub kinds: MemberKinds,
    /// What postal codes look like; `None` if the country has none.
    pub postal_code: Option<PostalCodeRules>,
    /// The subdivisions, in the order of the data. Empty if any region is accepted.
    pub subdivisions: Vec<Subdivision>,
}

/// What members are called in a country, in libaddressinput's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberKinds {
    /// `area`, `county`, `department`, `district`, `do_si` (a province or city of South Korea),
    /// `emirate`, `island`, `oblast`, `parish`, `prefecture`, `province` or `state`.
    pub region: &'static str,
    /// `city`, `district`, `post_town` or `suburb`.
    pub city: &'static str,
    /// `district`, `neighborhood`, `suburb`, `townland` or `village_township`.
    pub district: &'static str,
    /// `eircode`, `pin`, `postal` or `zip`.
    pub postal_code: &'static str,
}

/// The format of most countries.
pub(super) const COMMON_FORMAT: &str = "%N%n%O%n%A%n%C";

/// A line of the file. What a line does not have is as in most countries.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Line {
    country: &'static str,
    name: &'static str,
    label_name: Option<&'static str>,
    other_name: Option<&'static str>,
    languages: Vec<&'static str>,
    format: &'static str,
    latin_format: Option<&'static str>,
    required: &'static str,
    upper_case: &'static str,
    region: &'static str,
    city: &'static str,
    district: &'static str,
    postal_code: &'static str,
    #[serde(borrow)]
    pattern: Option<Cow<'static, str>>,
    examples: Vec<&'static str>,
    prefix: &'static str,
    subdivisions: Vec<SubdivisionEntry>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            country: "",
            name: "",
            label_name: None,
            other_name: None,
            languages: Vec::new(),
            format: COMMON_FORMAT,
            latin_format: None,
            required: "AC",
            upper_case: "C",
            region: "province",
            city: "city",
            district: "suburb",
            postal_code: "postal",
            pattern: None,
            examples: Vec::new(),
            prefix: "",
            subdivisions: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubdivisionEntry {
    code: &'static str,
    iso: Option<&'static str>,
    name: Option<&'static str>,
    latin: Option<&'static str>,
    #[serde(default)]
    others: Vec<&'static str>,
    zips: Option<&'static str>,
}

impl CountryRules {
    /// Reads a line of the file.
    ///
    /// # Errors
    /// The line is not one of a country.
    pub(super) fn parse(country: Country, line: &'static str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line).map(|line| Self::new(country, line))
    }

    fn new(country: Country, line: Line) -> Self {
        Self {
            country,
            name: line.name,
            label_name: line.label_name,
            other_name: line.other_name,
            languages: line.languages,
            format: AddressFormat::parse(line.format),
            latin_format: line.latin_format.map(AddressFormat::parse),
            required: PostalMember::of_letters(line.required),
            upper_case: PostalMember::of_letters(line.upper_case),
            kinds: MemberKinds {
                region: line.region,
                city: line.city,
                district: line.district,
                postal_code: line.postal_code,
            },
            postal_code: line
                .pattern
                .map(|pattern| PostalCodeRules::new(pattern, line.examples, line.prefix)),
            subdivisions: line
                .subdivisions
                .into_iter()
                .map(|entry| {
                    let SubdivisionEntry {
                        code,
                        iso,
                        name,
                        latin,
                        others,
                        zips,
                    } = entry;
                    Subdivision::new(code, iso, name, latin, others, zips)
                })
                .collect(),
        }
    }

    /// Whether addresses of the country have a member.
    pub fn uses(&self, member: PostalMember) -> bool {
        self.format.has(member)
    }

    /// Whether every address of the country has a member.
    pub fn requires(&self, member: PostalMember) -> bool {
        self.required.contains(&member)
    }
}
