//! Schemas of the members of an address.

use addressbook_domain::Member;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use super::examples;
use super::texts::{phone, text, text_or_empty};
use super::values::{country, custom_data, or_null};

/// The documents that have the members of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// A new address.
    Creation,
    /// A merge patch.
    Patch,
    /// An address in a response.
    Response,
}

impl Document {
    fn always_has(self, member: Member) -> bool {
        match self {
            Self::Creation => member == Member::Country,
            Self::Patch => false,
            Self::Response => !member.is_detail(),
        }
    }

    fn may_be_null(self, member: Member) -> bool {
        match self {
            Self::Creation | Self::Patch => member != Member::Country,
            Self::Response => member == Member::Description,
        }
    }
}

/// A member of an address.
fn member(member: Member, document: Document) -> Object {
    let text = match (member, member.max_chars()) {
        (Member::Country, _) => return country(),
        (Member::CustomData, _) => return custom_data(),
        (Member::Phone, max_chars) => phone(max_chars.unwrap_or_default()),
        (Member::Region | Member::City, max_chars) => text_or_empty(max_chars.unwrap_or_default()),
        (_, max_chars) => text(max_chars.unwrap_or_default()),
    };
    let text = match document.may_be_null(member) {
        true => or_null(text, Type::String),
        false => text,
    };
    let meaning = member.meaning();
    let description = match member {
        Member::Region | Member::City => {
            format!("{meaning}; empty only in a country that does not require it")
        }
        _ => meaning.into(),
    };
    let text = text.description(Some(description));
    text.examples([examples::of_member(member)]).build()
}

/// Adds the members of an address to an object.
pub(crate) fn with_members(object: ObjectBuilder, document: Document) -> ObjectBuilder {
    Member::ALL.into_iter().fold(object, |object, member| {
        let name = member.name();
        let object = object.property(name, self::member(member, document));
        match document.always_has(member) {
            true => object.required(name),
            false => object,
        }
    })
}
