//! The rows of addresses, as Diesel reads and writes them.

use std::borrow::Cow;

use addressbook_domain::{
    Address, AddressContent, AddressId, AddressRevision, ChangeKind, Column, Columns, CustomerId,
    Found, Inconsistency, Revision, Timestamp,
};
use diesel::dsl::auto_type;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::store::reads::damaged_book;
use crate::store::schema::{address_revisions, addresses};
use crate::store::statements::Value;

/// The content of an address, by column.
#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = addresses)]
pub(crate) struct ContentRow<'a> {
    description: Option<Cow<'a, str>>,
    region: Cow<'a, str>,
    city: Cow<'a, str>,
    country: Cow<'a, str>,
    postal_details: Option<Cow<'a, str>>,
    custom_data: Option<Cow<'a, str>>,
}

impl ContentRow<'_> {
    fn columns(&self) -> Columns<Option<&str>> {
        Columns::new([
            self.description.as_deref(),
            Some(&*self.region),
            Some(&*self.city),
            Some(&*self.country),
            self.postal_details.as_deref(),
            self.custom_data.as_deref(),
        ])
    }
}

/// The columns of a past revision that form an [`AddressRow`], in its order.
#[auto_type(no_type_alias)]
pub(crate) fn past_address_columns() -> _ {
    (
        address_revisions::customer_id,
        address_revisions::id,
        (
            address_revisions::description,
            address_revisions::region,
            address_revisions::city,
            address_revisions::country,
            address_revisions::postal_details,
            address_revisions::custom_data,
        ),
        address_revisions::created_at,
        address_revisions::updated_at,
        address_revisions::revision,
    )
}

/// A state of an address, as a row that is read.
#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = addresses)]
pub(crate) struct AddressRow<'a> {
    pub(crate) customer_id: Cow<'a, str>,
    pub(crate) id: Cow<'a, str>,
    #[diesel(embed)]
    pub(crate) content: ContentRow<'a>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) revision: i64,
}

/// What a look-up returns: a book, with an address unless its columns are null.
#[derive(QueryableByName)]
#[diesel(table_name = addresses)]
pub(crate) struct FoundRow<'a> {
    #[diesel(sql_type = Nullable<Text>)]
    customer_id: Option<Cow<'a, str>>,
    #[diesel(sql_type = Nullable<Text>)]
    id: Option<Cow<'a, str>>,
    #[diesel(sql_type = Nullable<Text>)]
    description: Option<Cow<'a, str>>,
    #[diesel(sql_type = Nullable<Text>)]
    region: Option<Cow<'a, str>>,
    #[diesel(sql_type = Nullable<Text>)]
    city: Option<Cow<'a, str>>,
    #[diesel(sql_type = Nullable<Text>)]
    country: Option<Cow<'a, str>>,
    #[diesel(sql_type = Nullable<Text>)]
    postal_details: Option<Cow<'a, str>>,
    #[diesel(sql_type = Nullable<Text>)]
    custom_data: Option<Cow<'a, str>>,
    #[diesel(sql_type = Nullable<BigInt>)]
    created_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    updated_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    revision: Option<i64>,
    #[diesel(sql_type = BigInt)]
    book_revision: i64,
}

/// No time and no revision of an address.
const DAMAGED: i64 = i64::MIN;

impl TryFrom<FoundRow<'_>> for Found {
    type Error = Inconsistency;

    fn try_from(row: FoundRow<'_>) -> Result<Self, Self::Error> {
        let address = row.id.as_deref().map(|id| {
            let columns = Columns::new([
                row.description.as_deref(),
                row.region.as_deref(),
                row.city.as_deref(),
                row.country.as_deref(),
                row.postal_details.as_deref(),
                row.custom_data.as_deref(),
            ]);
            let parts = AddressParts {
                customer_id: row.customer_id.as_deref().unwrap_or_default(),
                id,
                columns,
                created_at: row.created_at.unwrap_or(DAMAGED),
                updated_at: row.updated_at.unwrap_or(DAMAGED),
                revision: row.revision.unwrap_or(DAMAGED),
            };
            parts.try_into()
        });
        let book_revision = row.book_revision.try_into();
        Ok(Self {
            address: address.transpose()?,
            book_revision: book_revision.map_err(|_| damaged_book("revision"))?,
        })
    }
}

/// A state of an address as a store returns it, before it is validated.
pub(crate) struct AddressParts<'a> {
    pub(crate) customer_id: &'a str,
    pub(crate) id: &'a str,
    pub(crate) columns: Columns<Option<&'a str>>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) revision: i64,
}

impl TryFrom<AddressParts<'_>> for Address {
    type Error = Inconsistency;

    /// Accepts only what Addressbook stores.
    fn try_from(parts: AddressParts<'_>) -> Result<Self, Self::Error> {
        let damaged = |field| Inconsistency {
            record: "address",
            key: parts.id.to_owned(),
            field,
        };
        let customer_id = CustomerId::parse(parts.customer_id).ok();
        let customer_id = customer_id.filter(|id| id.as_str() == parts.customer_id);
        let id = AddressId::parse(parts.id).ok();
        let id = id.filter(|id| id.as_str() == parts.id);
        let content = AddressContent::parse_stored(&parts.columns);
        let content = content.map_err(|column| damaged(column.name()))?;
        let time = |field, unix_ms| Timestamp::from_unix_ms(unix_ms).map_err(|_| damaged(field));
        let revision = u32::try_from(parts.revision).ok().and_then(Revision::new);
        Ok(Self {
            customer_id: customer_id.ok_or_else(|| damaged("customer_id"))?,
            id: id.ok_or_else(|| damaged("id"))?,
            created_at: time("created_at", parts.created_at)?,
            updated_at: time("updated_at", parts.updated_at)?,
            revision: revision.ok_or_else(|| damaged("revision"))?,
            content,
        })
    }
}

impl TryFrom<AddressRow<'_>> for Address {
    type Error = Inconsistency;

    fn try_from(row: AddressRow<'_>) -> Result<Self, Self::Error> {
        let parts = AddressParts {
            customer_id: &row.customer_id,
            id: &row.id,
            columns: row.content.columns(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            revision: row.revision,
        };
        parts.try_into()
    }
}

/// A state of an address, as a row to write.
#[derive(Insertable)]
#[diesel(table_name = addresses, treat_none_as_default_value = false)]
pub(crate) struct NewAddressRow<'a> {
    pub(crate) customer_id: &'a str,
    pub(crate) id: &'a str,
    description: Option<&'a str>,
    region: &'a str,
    city: &'a str,
    country: &'a str,
    postal_details: Option<&'a str>,
    custom_data: Option<&'a str>,
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
        let [
            description,
            region,
            city,
            country,
            postal_details,
            custom_data,
        ] = address.content.columns().into_values();
        Self {
            customer_id: address.customer_id.as_str(),
            id: address.id.as_str(),
            description,
            region: region.unwrap_or_default(),
            city: city.unwrap_or_default(),
            country: country.unwrap_or_default(),
            postal_details,
            custom_data,
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

    /// The values of the content's columns, then `created_at` and `updated_at`.
    pub(crate) fn state(&self) -> [Value<'a>; Column::COUNT + 2] {
        [
            self.description.into(),
            self.region.into(),
            self.city.into(),
            self.country.into(),
            self.postal_details.into(),
            self.custom_data.into(),
            self.created_at.into(),
            self.updated_at.into(),
        ]
    }
}

/// A revision, as a row that is read: the state of the address, the kind of change and its time.
pub(crate) type RevisionRow<'a> = (AddressRow<'a>, String, i64);

/// The kind of the change that made a state of an address, by that of the state before it. The first
/// state, and the first one after a removal, came from a creation.
pub(crate) fn change_after(past: Option<&str>) -> ChangeKind {
    match past {
        Some(change) if change != ChangeKind::Removed.as_str() => ChangeKind::Updated,
        _ => ChangeKind::Created,
    }
}

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
