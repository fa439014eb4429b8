//! The stored rows, and how they are read: each field through the `parse` of its type.

use addressbook_domain::{
    Address, AddressContent, AddressId, AddressRef, AddressRevision, ApiKey, ApiKeyId, ChangeKind,
    Columns, CustomerId, Fingerprint, IdempotencyKey, IdempotencyRecord, Inconsistency, KeyName,
    Purpose, Revision, Scope, Timestamp, TokenDigest,
};

/// Revision, description, region, city, country, postal details, custom data, created at, updated
/// at.
pub(crate) type AddressRow<'a> = (
    u32,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    i64,
    i64,
);

/// The kind and time of the change, and the address after it.
pub(crate) type RevisionRow<'a> = (&'a str, i64, AddressRow<'a>);

/// Fingerprint, address id, created at.
pub(crate) type RecordRow<'a> = (&'a [u8; 32], &'a str, i64);

/// Digest, name, scopes, customer, created at, expires at, revoked at, last used at.
pub(crate) type ApiKeyRow<'a> = (
    &'a [u8; 32],
    &'a str,
    &'a str,
    Option<&'a str>,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

pub(crate) fn address_row(address: &Address, revision: Revision) -> AddressRow<'_> {
    let [description, region, city, country, details, custom_data] =
        address.content.columns().into_values();
    (
        revision.get(),
        description,
        region,
        city,
        country,
        details,
        custom_data,
        address.created_at.unix_ms(),
        address.updated_at.unix_ms(),
    )
}

pub(crate) fn columns(row: AddressRow<'_>) -> Columns<Option<&str>> {
    let (_, description, region, city, country, details, custom_data, ..) = row;
    Columns::new([description, region, city, country, details, custom_data])
}

/// A row as a page needs it, without a separate string for each field. The page validates it.
pub(crate) fn address_ref<'a>(
    id: &'a str,
    row: AddressRow<'a>,
) -> Result<AddressRef<'a>, Inconsistency> {
    let (.., created_at, updated_at) = row;
    Ok(AddressRef {
        id,
        columns: columns(row),
        created_at: time(id, created_at)?,
        updated_at: time(id, updated_at)?,
    })
}

pub(crate) fn address(
    customer_id: &str,
    id: &str,
    row: AddressRow<'_>,
) -> Result<Address, Inconsistency> {
    let damaged = |field| damaged("address", id, field);
    let (revision, .., created_at, updated_at) = row;
    let content = AddressContent::parse_stored(&columns(row));
    Ok(Address {
        customer_id: CustomerId::parse(customer_id).map_err(|_| damaged("customer_id"))?,
        id: AddressId::parse(id).map_err(|_| damaged("id"))?,
        content: content.map_err(|column| damaged(column.name()))?,
        created_at: time(id, created_at)?,
        updated_at: time(id, updated_at)?,
        revision: Revision::new(revision).ok_or_else(|| damaged("revision"))?,
    })
}

pub(crate) fn revision(
    customer_id: &str,
    id: &str,
    (change, changed_at, row): RevisionRow<'_>,
) -> Result<AddressRevision, Inconsistency> {
    let mut kinds = ChangeKind::ALL.into_iter();
    let kind = kinds.find(|kind| kind.as_str() == change);
    Ok(AddressRevision {
        address: address(customer_id, id, row)?,
        change: kind.ok_or_else(|| damaged("revision", id, "change"))?,
        changed_at: time(id, changed_at)?,
    })
}

pub(crate) fn record(
    customer_id: CustomerId,
    key: IdempotencyKey,
    (fingerprint, address_id, created_at): RecordRow<'_>,
) -> Result<IdempotencyRecord, Inconsistency> {
    let damaged = |_| damaged("idempotency record", address_id, "address_id");
    Ok(IdempotencyRecord {
        customer_id,
        key,
        fingerprint: Fingerprint(*fingerprint),
        address_id: AddressId::parse(address_id).map_err(damaged)?,
        created_at: time(address_id, created_at)?,
    })
}

pub(crate) fn default_address(
    purpose: &str,
    address_id: &str,
) -> Result<(Purpose, AddressId), Inconsistency> {
    let damaged = |field| damaged("default address", address_id, field);
    let purpose = Purpose::parse(purpose).map_err(|_| damaged("purpose"))?;
    let id = AddressId::parse(address_id).map_err(|_| damaged("address_id"))?;
    Ok((purpose, id))
}

pub(crate) fn api_key(id: &str, row: ApiKeyRow<'_>) -> Result<ApiKey, Inconsistency> {
    let (digest, name, scopes, customer_id, created_at, expires_at, revoked_at, last_used_at) = row;
    let damaged = |field| damaged("API key", id, field);
    let scopes: Result<_, _> = scopes.split(' ').map(Scope::parse).collect();
    let customer_id = customer_id.map(CustomerId::parse).transpose();
    let optional_time = |unix_ms: Option<i64>| unix_ms.map(|ms| time(id, ms)).transpose();
    Ok(ApiKey {
        id: ApiKeyId::parse(id).map_err(|_| damaged("id"))?,
        name: KeyName::parse(name).map_err(|_| damaged("name"))?,
        scopes: scopes.map_err(|_| damaged("scopes"))?,
        customer_id: customer_id.map_err(|_| damaged("customer_id"))?,
        digest: TokenDigest(*digest),
        created_at: time(id, created_at)?,
        expires_at: optional_time(expires_at)?,
        revoked_at: optional_time(revoked_at)?,
        last_used_at: optional_time(last_used_at)?,
    })
}

fn time(key: &str, unix_ms: i64) -> Result<Timestamp, Inconsistency> {
    Timestamp::from_unix_ms(unix_ms).map_err(|_| damaged("record", key, "time"))
}

/// Names what is damaged. Omits the customer id, because personal data must not be logged.
pub(crate) fn damaged(record: &'static str, key: &str, field: &'static str) -> Inconsistency {
    Inconsistency {
        record,
        key: key.to_owned(),
        field,
    }
}
