//! A single address and its revisions as JSON, with their schemas.

use std::borrow::Cow;

use addressbook_domain::{Address, AddressRevision, DefaultAddresses, Member};
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::openapi::members::{self, Document};
use crate::openapi::{examples, values};
use crate::request::include::Included;
use crate::response::included;

/// A single address, with the members that the client asks for.
pub(crate) struct AddressJson<'a> {
    pub(crate) address: &'a Address,
    pub(crate) include: &'a [Included],
    /// The default addresses of the customer, if they are included.
    pub(crate) defaults: &'a DefaultAddresses,
}

impl<'a> AddressJson<'a> {
    /// An address without further members.
    pub(crate) fn of(address: &'a Address) -> Self {
        Self {
            address,
            include: &[],
            defaults: const { &DefaultAddresses::new() },
        }
    }
}

/// A state of an address, and the change that led to it.
pub(crate) struct RevisionJson<'a>(pub(crate) &'a AddressRevision);

impl Serialize for AddressJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            address,
            include,
            defaults,
        } = self;
        let mut map = serializer.serialize_map(None)?;
        write(address, &mut map)?;
        for included in *include {
            match included {
                Included::DefaultFor => {
                    let purposes = included::default_for(defaults, address.id.as_str());
                    map.serialize_entry(included.name(), &purposes)?;
                }
                Included::Label => {
                    let label = included::label(&address.content.postal());
                    map.serialize_entry(included.name(), &label)?;
                }
            }
        }
        map.end()
    }
}

impl Serialize for RevisionJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(revision) = self;
        let mut map = serializer.serialize_map(None)?;
        write(&revision.address, &mut map)?;
        map.serialize_entry("revision", &revision.address.revision.get())?;
        map.serialize_entry("change", revision.change.as_str())?;
        map.serialize_entry("changed_at", &revision.changed_at.to_string())?;
        map.end()
    }
}

fn write<M: SerializeMap>(address: &Address, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("id", address.id.as_str())?;
    map.serialize_entry("customer_id", address.customer_id.as_str())?;
    for (member, text) in address.content.texts().iter() {
        match (member, text) {
            (Member::CustomData, Some(json)) => {
                let json: &RawValue = serde_json::from_str(json).map_err(Error::custom)?;
                map.serialize_entry(member.name(), json)?;
            }
            (member, None) if member.is_detail() => {}
            (_, text) => map.serialize_entry(member.name(), text)?,
        }
    }
    map.serialize_entry("created_at", &address.created_at.to_string())?;
    map.serialize_entry("updated_at", &address.updated_at.to_string())
}

fn schema_of_address() -> ObjectBuilder {
    let object = values::with(ObjectBuilder::new(), "id", values::address_id());
    let object = values::with(object, "customer_id", values::customer_id());
    let object = members::with_members(object, Document::Response);
    let object = values::with(object, "created_at", values::created_at());
    values::with(object, "updated_at", values::updated_at())
}

impl PartialSchema for AddressJson<'_> {
    fn schema() -> RefOr<Schema> {
        schema_of_address()
            .property("default_for", values::is_default_for())
            .property("label", values::label())
            .description(Some("A single address."))
            .examples([examples::address()])
            .into()
    }
}

impl ToSchema for AddressJson<'_> {
    fn name() -> Cow<'static, str> {
        "Address".into()
    }
}

impl PartialSchema for RevisionJson<'_> {
    fn schema() -> RefOr<Schema> {
        let object = values::with(schema_of_address(), "revision", values::revision());
        let object = values::with(object, "change", values::change());
        values::with(object, "changed_at", values::changed_at())
            .description(Some(
                "A state of an address, and the change that led to it. Immutable.",
            ))
            .examples([examples::address_revision()])
            .into()
    }
}

impl ToSchema for RevisionJson<'_> {
    fn name() -> Cow<'static, str> {
        "AddressRevision".into()
    }
}
