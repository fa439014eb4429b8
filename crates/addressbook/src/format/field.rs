use std::borrow::Cow;

use addressbook_domain::Input;

use super::record::Text;
use crate::nearest::nearest;

/// A field of an address in files, in the order in which fields are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    CustomerId,
    Id,
    Description,
    Region,
    City,
    Country,
    CustomData,
    CreatedAt,
    UpdatedAt,
}

impl Field {
    pub(crate) const ALL: [Self; 9] = [
        Self::CustomerId,
        Self::Id,
        Self::Description,
        Self::Region,
        Self::City,
        Self::Country,
        Self::CustomData,
        Self::CreatedAt,
        Self::UpdatedAt,
    ];

    /// The fields that a new address requires.
    pub(crate) const REQUIRED: [Self; 4] =
        [Self::CustomerId, Self::Region, Self::City, Self::Country];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CustomerId => "customer_id",
            Self::Id => "id",
            Self::Description => "description",
            Self::Region => "region",
            Self::City => "city",
            Self::Country => "country",
            Self::CustomData => "custom_data",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
        }
    }

    /// The names of all fields, for messages.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The field whose name is most similar to another name, if any is similar enough.
    pub(crate) fn nearest(name: &str) -> Option<Self> {
        nearest(name, Self::ALL.map(Self::name)).and_then(Self::named)
    }

    /// The value of a field in a column. Empty text is null, and so is the JSON text `null`.
    pub(crate) fn in_column(self, text: Cow<'_, str>) -> Text<'_> {
        match &*text {
            "" => Input::Null,
            "null" if self == Self::CustomData => Input::Null,
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
            ("City ", Field::City),
            ("descripton", Field::Description),
            ("country_code", Field::Country),
            ("UPDATED", Field::UpdatedAt),
        ] {
            assert_eq!(Field::nearest(name), Some(field), "{name}");
        }
        for name in ["", "zip", "Ort", "street", "phone"] {
            assert_eq!(Field::nearest(name), None, "{name}");
        }
    }
}
