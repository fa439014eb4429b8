use std::fmt::Display;

use addressbook_domain::{Address, AddressRevision, CustomData, Timestamp};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A single address as JSON. The order of the fields is the order of the members.
#[derive(Serialize)]
pub(crate) struct AddressJson<'a> {
    id: &'a str,
    customer_id: &'a str,
    description: Option<&'a str>,
    region: &'a str,
    city: &'a str,
    country: &'a str,
    #[serde(serialize_with = "as_spelled")]
    custom_data: Option<&'a CustomData>,
    #[serde(serialize_with = "as_text")]
    created_at: Timestamp,
    #[serde(serialize_with = "as_text")]
    updated_at: Timestamp,
}

impl<'a> From<&'a Address> for AddressJson<'a> {
    fn from(address: &'a Address) -> Self {
        let content = &address.content;
        Self {
            id: address.id.as_str(),
            customer_id: address.customer_id.as_str(),
            description: content.description.as_ref().map(|text| text.as_str()),
            region: content.region.as_str(),
            city: content.city.as_str(),
            country: content.country.as_str(),
            custom_data: content.custom_data.as_ref(),
            created_at: address.created_at,
            updated_at: address.updated_at,
        }
    }
}

/// A revision as JSON: the address and its change.
#[derive(Serialize)]
pub(crate) struct RevisionJson<'a> {
    #[serde(flatten)]
    address: AddressJson<'a>,
    revision: u32,
    change: &'static str,
    #[serde(serialize_with = "as_text")]
    changed_at: Timestamp,
}

impl<'a> From<&'a AddressRevision> for RevisionJson<'a> {
    fn from(revision: &'a AddressRevision) -> Self {
        Self {
            address: (&revision.address).into(),
            revision: revision.address.revision.get(),
            change: revision.change.as_str(),
            changed_at: revision.changed_at,
        }
    }
}

fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_spelled<S: Serializer>(json: &Option<&CustomData>, serializer: S) -> Result<S::Ok, S::Error> {
    let raw = json.map(|json| serde_json::from_str::<&RawValue>(json.as_str()));
    raw.transpose()
        .map_err(S::Error::custom)?
        .serialize(serializer)
}
