use std::borrow::Cow;

use addressbook_domain::{
    Address, AddressContent, AddressId, AddressRevision, ChangeKind, City, Country, CustomData,
    CustomerId, Description, Inconsistency, Region, Revision, Timestamp,
};
use diesel::prelude::*;

use crate::store::schema::addresses;
use crate::store::statements::Value;

/// A state of an address, as a row that is read.
#[derive(Queryable, Selectable)]
#[diesel(table_name = addresses)]
pub(crate) struct AddressRow<'a> {
    pub(crate) customer_id: Cow<'a, str>,
    pub(crate) id: Cow<'a, str>,
    pub(crate) description: Option<Cow<'a, str>>,
    pub(crate) region: Cow<'a, str>,
    pub(crate) city: Cow<'a, str>,
    pub(crate) country: Cow<'a, str>,
    pub(crate) custom_data: Option<Cow<'a, str>>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) revision: i64,
}

impl TryFrom<AddressRow<'_>> for Address {
    type Error = Inconsistency;

    fn try_from(row: AddressRow<'_>) -> Result<Self, Self::Error> {
        let damaged = |field| Inconsistency {
            record: "address",
            key: row.id.clone().into_owned(),
            field,
        };
        let revision = u32::try_from(row.revision).ok().and_then(Revision::new);
        let time = |field, unix_ms| Timestamp::from_unix_ms(unix_ms).map_err(|_| damaged(field));
        macro_rules! text {
            ($type:ident::$parse:ident, $field:ident, $text:expr) => {
                parse_canonical($text, $type::$parse, |value| value.as_str())
                    .ok_or_else(|| damaged(stringify!($field)))
            };
            ($type:ident::$parse:ident, $field:ident) => {
                text!($type::$parse, $field, &row.$field)
            };
            (Option<$type:ident::$parse:ident>, $field:ident) => {
                row.$field
                    .as_ref()
                    .map(|text| text!($type::$parse, $field, text))
                    .transpose()
            };
        }
        Ok(Self {
            customer_id: text!(CustomerId::parse, customer_id)?,
            id: text!(AddressId::parse, id)?,
            content: AddressContent {
                description: text!(Option<Description::parse_stored>, description)?,
                region: text!(Region::parse_stored, region)?,
                city: text!(City::parse_stored, city)?,
                country: text!(Country::parse, country)?,
                custom_data: text!(Option<CustomData::parse>, custom_data)?,
            },
            created_at: time("created_at", row.created_at)?,
            updated_at: time("updated_at", row.updated_at)?,
            revision: revision.ok_or_else(|| damaged("revision"))?,
        })
    }
}

/// A state of an address, as a row to write.
#[derive(Insertable)]
#[diesel(table_name = addresses, treat_none_as_default_value = false)]
pub(crate) struct NewAddressRow<'a> {
    pub(crate) customer_id: &'a str,
    pub(crate) id: &'a str,
    pub(crate) description: Option<&'a str>,
    pub(crate) region: &'a str,
    pub(crate) city: &'a str,
    pub(crate) country: &'a str,
    pub(crate) custom_data: Option<&'a str>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) revision: i64,
    /// When the store changed to this state, if that differs from `updated_at`: an import contains
    /// its own times, and a clock can be set back.
    pub(crate) changed_at: Option<i64>,
}

impl<'a> NewAddressRow<'a> {
    /// The state of an address from a time on, with a revision that the store has counted.
    pub(crate) fn of(address: &'a Address, revision: Revision, at: Timestamp) -> Self {
        let content = &address.content;
        Self {
            customer_id: address.customer_id.as_str(),
            id: address.id.as_str(),
            description: content.description.as_ref().map(|text| text.as_str()),
            region: content.region.as_str(),
            city: content.city.as_str(),
            country: content.country.as_str(),
            custom_data: content.custom_data.as_ref().map(|json| json.as_str()),
            created_at: address.created_at.unix_ms(),
            updated_at: address.updated_at.unix_ms(),
            revision: revision.get().into(),
            changed_at: (at != address.updated_at).then(|| at.unix_ms()),
        }
    }

    /// The values of the primary key: `customer_id` and `id`.
    pub(crate) fn key(&self) -> [Value<'a>; 2] {
        [self.customer_id.into(), self.id.into()]
    }

    /// The values of the other columns: `changed_at` and `revision` last, the rest in the order of
    /// the fields.
    pub(crate) fn state(&self) -> [Value<'a>; 9] {
        [
            self.description.into(),
            self.region.into(),
            self.city.into(),
            self.country.into(),
            self.custom_data.into(),
            self.created_at.into(),
            self.updated_at.into(),
            self.changed_at.into(),
            self.revision.into(),
        ]
    }
}

/// A revision, as a row that is read: the state of the address, the kind of change and its time.
pub(crate) type RevisionRow<'a> = (AddressRow<'a>, String, i64);

pub(crate) fn revision(
    (row, change, changed_at): RevisionRow<'_>,
) -> Result<AddressRevision, Inconsistency> {
    let address = Address::try_from(row)?;
    let damaged = |field| Inconsistency {
        record: "address revision",
        key: address.id.to_string(),
        field,
    };
    let change = ChangeKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == change);
    Ok(AddressRevision {
        change: change.ok_or_else(|| damaged("change"))?,
        changed_at: Timestamp::from_unix_ms(changed_at).map_err(|_| damaged("changed_at"))?,
        address,
    })
}

/// Parses a stored text. Returns `None` unless the text is in the form in which values are stored:
/// Addressbook does not write text that still has to be trimmed, uppercased or compacted.
fn parse_canonical<T, E>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
    as_str: impl FnOnce(&T) -> &str,
) -> Option<T> {
    let value = parse(text).ok()?;
    (as_str(&value) == text).then_some(value)
}
