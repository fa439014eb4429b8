//! Runs the statements of requests for a customer that cannot exist. A database that cannot plan
//! them, such as a distributed one whose tables are not placed together, is not ready.

use std::collections::BTreeMap;
use std::slice;

use addressbook_domain::{
    Address, AddressContent, AddressId, Cause, Change, City, Commit, Country, CustomerId,
    DefaultAddressChange, Fingerprint, IdempotencyKey, IdempotentRequest, Lookup,
    NewIdempotencyKey, PageRequest, PostalDetails, Purpose, Region, RepositoryError, Revision,
    Timestamp,
};
use diesel::result::Error as DieselError;
use ulid::Ulid;

use crate::connection::store_connection::StoreConnection;
use crate::store::error::WorkError;
use crate::store::reads;
use crate::store::writes;

/// Reads an empty book.
pub(crate) fn reads(store: &mut StoreConnection) -> Result<(), WorkError> {
    reads::list(store, &CustomerId::of_nobody(), &PageRequest::default())?;
    Ok(())
}

/// On PostgreSQL, writes in a transaction that is rolled back. Returns whether it was possible to
/// try: a server that is busy, is read-only or has a full disk may still serve reads.
pub(crate) fn writes(store: &mut StoreConnection) -> Result<bool, WorkError> {
    if let StoreConnection::Sqlite(_) = store {
        return Ok(true);
    }
    let outcome = store.write(|store| {
        write(store, &CustomerId::of_nobody())?;
        Err::<(), _>(DieselError::RollbackTransaction.into())
    });
    match outcome {
        Err(WorkError::Diesel(DieselError::RollbackTransaction)) | Ok(()) => Ok(true),
        Err(error) => match error.into() {
            RepositoryError::Busy(_) | RepositoryError::Unavailable(_) => Ok(false),
            error => Err(error.into()),
        },
    }
}

/// Reads what requests read before they write, then creates, changes and removes addresses.
fn write(store: &mut StoreConnection, nobody: &CustomerId) -> Result<(), WorkError> {
    let (commit, key) = commit(nobody).map_err(RepositoryError::Internal)?;
    let content = commit.changes[0].address().content.clone();
    reads::find(store, &Lookup::Content(nobody.clone(), content))?;
    reads::default_addresses(store, slice::from_ref(nobody))?;
    reads::idempotency_record(store, nobody.clone(), key.clone())?;
    writes::confirm_record(store, nobody, &key)?;
    writes::commit(store, &commit)?;
    Ok(())
}

fn commit(nobody: &CustomerId) -> Result<(Commit, IdempotencyKey), Cause> {
    let at = Timestamp::from_unix_ms(0)?;
    let address = Address {
        customer_id: nobody.clone(),
        id: AddressId::from_ulid(Ulid::nil()),
        content: AddressContent {
            description: None,
            region: Region::default(),
            city: City::default(),
            country: Country::parse("RW")?,
            details: PostalDetails::default(),
            custom_data: None,
        },
        created_at: at,
        updated_at: at,
        revision: Revision::FIRST,
    };
    let removed = Address {
        id: AddressId::from_ulid(Ulid::from(1_u128)),
        ..address.clone()
    };
    let key = IdempotencyKey::parse(b"rehearsal")?;
    let default_address = DefaultAddressChange {
        customer_id: nobody.clone(),
        purpose: Purpose::parse("shipping")?,
        address_id: Some(address.id.clone()),
    };
    let commit = Commit {
        at,
        changes: vec![
            Change::Create(address),
            Change::Create(removed.clone()),
            Change::Replace {
                address: removed.clone(),
                expected: Revision::FIRST,
            },
            Change::Remove {
                address: removed,
                expected: Revision::FIRST.next(),
            },
        ],
        max_addresses: u32::MAX,
        max_past_revisions: u32::MAX,
        default_addresses: vec![default_address],
        expected_revisions: BTreeMap::new(),
        idempotency: Some(NewIdempotencyKey {
            request: IdempotentRequest {
                key: key.clone(),
                fingerprint: Fingerprint([0; 32]),
            },
            expired_before: at,
        }),
    };
    Ok((commit, key))
}
