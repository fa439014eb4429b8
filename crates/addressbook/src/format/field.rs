use std::borrow::Cow;

use addressbook_domain::{Input, Member};

use super::record::Text;
use crate::nearest::nearest;

/// A field of an address in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    CustomerId,
    Id,
    Member(Member),
    CreatedAt,
    UpdatedAt,
    DefaultFor,
}

impl Field {
    /// All fields, in the order in which they are written.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [Self::CustomerId, Self::Id]
            .into_iter()
            .chain(Member::ALL.map(Self::Member))
            .chain([Self::CreatedAt, Self::UpdatedAt, Self::DefaultFor])
    }

    /// Whether every new address must have it.
    pub(crate) fn is_required(self) -> bool {
        match self {
            Self::CustomerId => true,
            Self::Member(member) => member == Member::Country,
            Self::Id | Self::CreatedAt | Self::UpdatedAt | Self::DefaultFor => false,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CustomerId => "customer_id",
            Self::Id => "id",
            Self::Member(member) => member.name(),
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::DefaultFor => "default_for",
        }
    }

    /// Whether its value is JSON text.
    pub(crate) fn is_json(self) -> bool {
        self == Self::Member(Member::CustomData)
    }

    /// The names of all fields, for messages.
    pub(crate) fn names() -> String {
        Self::all().map(Self::name).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|field| field.name() == name)
    }

    /// The field whose name is most similar to another name, if any is similar enough.
    pub(crate) fn nearest(name: &str) -> Option<Self> {
        nearest(name, Self::all().map(Self::name)).and_then(Self::named)
    }

    /// The value of a field in a column. Empty text is null, and so is the JSON text `null`.
    pub(crate) fn in_column(self, text: Cow<'_, str>) -> Text<'_> {
        match &*text {
            "" => Input::Null,
            "null" if self.is_json() => Input::Null,
            _ => Input::Value(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similar_name_leads_to_the_field() {
        for (name, field) in [
            ("CustomerId", Field::CustomerId),
            ("Cust ID", Field::CustomerId),
            ("City ", Field::Member(Member::City)),
            ("descripton", Field::Member(Member::Description)),
            ("country_code", Field::Member(Member::Country)),
            ("UPDATED", Field::UpdatedAt),
        ] {
            assert_eq!(Field::nearest(name), Some(field), "{name}");
        }
        for name in ["", "zip", "Ort", "street", "fax"] {
            assert_eq!(Field::nearest(name), None, "{name}");
        }
    }
}
