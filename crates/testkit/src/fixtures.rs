//! Addresses and API keys for tests.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use addressbook_domain::{
    Address, AddressContent, AddressId, ApiKey, ApiKeyId, ApiToken, Change, City, Commit, Country,
    CustomData, CustomerId, DefaultAddressChange, Description, Fingerprint, IdempotencyKey,
    IdempotencyRecord, IdempotentRequest, KeyName, Limit, NewIdempotencyKey, PostalDetails,
    Purpose, Region, Revision, Scope, Timestamp,
};
use ulid::Ulid;

/// A customer's id.
pub fn customer(id: &str) -> CustomerId {
    CustomerId::parse(id).unwrap()
}

/// The id of an address with this ending, padded with zeros. Ids with greater numbers sort later.
pub fn address_id(ending: impl Display) -> AddressId {
    AddressId::parse(&format!("add_{:0>26}", ending.to_string())).unwrap()
}

/// A page limit.
pub fn limit(limit: u8) -> Limit {
    Limit::parse(&limit.to_string()).unwrap()
}

/// The request with this idempotency key. The fingerprint is always the same.
pub fn request(key: &str) -> IdempotentRequest {
    IdempotentRequest {
        key: IdempotencyKey::parse(key.as_bytes()).unwrap(),
        fingerprint: Fingerprint([7; 32]),
    }
}

/// The commit, at this time and with this idempotency key. An earlier record of the key has
/// expired if it is older than `expired_before`.
pub fn keyed(commit: Commit, key: &str, at: &str, expired_before: &str) -> Commit {
    Commit {
        at: timestamp(at),
        idempotency: Some(NewIdempotencyKey {
            request: request(key),
            expired_before: timestamp(expired_before),
        }),
        ..commit
    }
}

/// A purpose of default addresses.
pub fn purpose(name: &str) -> Purpose {
    Purpose::parse(name).unwrap()
}

/// Makes the address with this number the default for a purpose. `None`: clears it.
pub fn setting_default(customer_id: &str, name: &str, number: Option<u32>) -> DefaultAddressChange {
    DefaultAddressChange {
        customer_id: customer(customer_id),
        purpose: purpose(name),
        address_id: number.map(address_id),
    }
}

/// The commit, if the book of `cus_1` is at this revision.
pub fn expecting(revision: u64, commit: Commit) -> Commit {
    Commit {
        expected_revisions: BTreeMap::from([(customer("cus_1"), revision)]),
        ..commit
    }
}

/// The record of a key that created [`address`]`(customer_id, number)` at this time.
pub fn record(customer_id: &str, number: u32, key: &str, created_at: &str) -> IdempotencyRecord {
    let IdempotentRequest { key, fingerprint } = request(key);
    IdempotencyRecord {
        customer_id: customer(customer_id),
        key,
        fingerprint,
        address_id: address_id(number),
        created_at: timestamp(created_at),
    }
}

/// A timestamp.
pub fn timestamp(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A text of the domain, such as a city.
pub fn text<T, E: Debug>(text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> T {
    parse(text).unwrap()
}

/// Custom data.
pub fn custom_data(json: &str) -> CustomData {
    CustomData::parse(json).unwrap()
}

/// Postal details, from the JSON object of them.
pub fn postal_details(json: &str) -> PostalDetails {
    PostalDetails::from_json(json).unwrap()
}

/// The content of the fixtures below. All fields have values.
pub fn content() -> AddressContent {
    AddressContent {
        description: Some(Description::parse("Home").unwrap()),
        region: Region::parse("Kigali").unwrap(),
        city: City::parse("Kigali").unwrap(),
        country: Country::parse("RW").unwrap(),
        details: postal_details(
            r#"{"recipient":"Aline Uwase","first_line":"KG 7 Avenue 12","phone":"+250 788 123 456"}"#,
        ),
        custom_data: Some(CustomData::parse(r#"{"floor":"15th"}"#).unwrap()),
    }
}

/// A new address with [`content`].
pub fn address(customer_id: &str, number: u32) -> Address {
    Address {
        customer_id: customer(customer_id),
        id: address_id(number),
        content: content(),
        created_at: timestamp("2024-08-01T10:15:30.000Z"),
        updated_at: timestamp("2024-08-29T14:45:22.123Z"),
        revision: Revision::FIRST,
    }
}

/// The next state of an address, in another city.
pub fn moved(address: &Address, city: &str) -> Address {
    let city = City::parse(city).unwrap();
    Address {
        content: AddressContent {
            city,
            ..address.content.clone()
        },
        updated_at: timestamp("2024-09-01T00:00:00.001Z"),
        revision: address.revision.next(),
        ..address.clone()
    }
}

/// A commit of changes, without limits.
pub fn commit(changes: impl IntoIterator<Item = Change>) -> Commit {
    Commit {
        at: timestamp("2024-09-01T00:00:00.001Z"),
        changes: changes.into_iter().collect(),
        max_addresses: u32::MAX,
        max_past_revisions: u32::MAX,
        default_addresses: Vec::new(),
        expected_revisions: BTreeMap::new(),
        idempotency: None,
    }
}

/// A commit that creates addresses.
pub fn creating(addresses: impl IntoIterator<Item = Address>) -> Commit {
    commit(addresses.into_iter().map(Change::Create))
}

/// The replacement of an address by its next state, in another city.
pub fn replacing(address: &Address, city: &str) -> Change {
    Change::Replace {
        address: moved(address, city),
        expected: address.revision,
    }
}

/// The removal of an address in this state.
pub fn removal(address: Address) -> Change {
    Change::Remove {
        expected: address.revision,
        address,
    }
}

/// A commit that replaces an address by its next state, in another city.
pub fn commit_replacing(address: &Address, city: &str) -> Commit {
    commit([replacing(address, city)])
}

/// A commit of changes at this time.
pub fn commit_at(time: &str, changes: impl IntoIterator<Item = Change>) -> Commit {
    Commit {
        at: timestamp(time),
        ..commit(changes)
    }
}

/// The token of [`api_key`]`(number)`.
pub fn api_token(number: u8) -> ApiToken {
    ApiToken::from_secret([number; 32])
}

/// A key with all scopes for all customers, which never expires. Keys with greater numbers sort
/// later.
pub fn api_key(number: u8) -> ApiKey {
    ApiKey {
        id: ApiKeyId::from_ulid(Ulid::from_parts(1_722_507_330_000, number.into())),
        name: KeyName::parse(&format!("key-{number}")).unwrap(),
        scopes: Scope::ALL.to_vec(),
        customer_id: None,
        digest: api_token(number).digest(),
        created_at: timestamp("2024-08-01T10:15:30.000Z"),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}
