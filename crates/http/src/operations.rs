//! The handlers, one file per operation.

pub(crate) mod countries;
pub(crate) mod create_address;
pub(crate) mod default_addresses;
pub(crate) mod erase_customer;
pub(crate) mod get_address;
pub(crate) mod health;
pub(crate) mod label;
pub(crate) mod list_addresses;
pub(crate) mod not_found;
pub(crate) mod patch_address;
pub(crate) mod reference;
pub(crate) mod remove_address;
pub(crate) mod revisions;
pub(crate) mod validate_address;
