//! What the repository writes, each inside a transaction that writes.

use std::collections::BTreeMap;

use addressbook_domain::{
    Address, Change, ChangeKind, Commit, CustomerId, Erased, KeptKey, RepositoryError, Revision,
    Timestamp,
};
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::{delete, insert_into, sql_query, update};

use crate::dialect::{StoreConnection, on_each};
use crate::error::WorkError;
use crate::prepared::Prepared;
use crate::row::{AddressRow, NewRevision};
use crate::schema::{address_books, address_revisions, addresses, idempotency_records};

pub(crate) fn commit(store: &mut StoreConnection, commit: &Commit) -> Result<(), WorkError> {
    let mut created = BTreeMap::<&str, i64>::new();
    for change in &commit.changes {
        let created = created
            .entry(change.address().customer_id.as_str())
            .or_default();
        *created += i64::from(matches!(change, Change::Create(_)));
    }
    // Whoever changes a book locks it first, in the order of the customers' ids: commits
    // to one book come one after the other, and none waits for one that waits for it.
    let mut sizes = BTreeMap::new();
    for (customer_id, created) in created {
        let size = open_book(store, customer_id, created, commit.at)? - created;
        sizes.insert(customer_id, size);
    }
    for (index, change) in commit.changes.iter().enumerate() {
        let customer_id = change.address().customer_id.as_str();
        let size = sizes.entry(customer_id).or_default();
        // This first: what exists already is not too many, also in a full book.
        if !make(store, change, commit.at)? {
            return Err(RepositoryError::Conflict { index }.into());
        }
        match change {
            Change::Create(_) if *size >= commit.max_addresses.into() => {
                return Err(RepositoryError::BookFull { index }.into());
            }
            Change::Create(_) => *size += 1,
            Change::Replace { .. } => {}
            Change::Remove(_) => {
                *size -= 1;
                let one_less = update(address_books::table.find(customer_id))
                    .set(address_books::addresses.eq(address_books::addresses - 1));
                on_each!(store, c => Prepared(one_less).execute(c))?;
            }
        }
    }
    match &commit.idempotency {
        Some(kept) => keep(store, kept),
        None => Ok(()),
    }
}

/// Opens the book if need be, adds to its count and takes it to its next revision; returns
/// the count. The first revision is the time in milliseconds: should a book be erased and
/// opened again, its revisions still tell the two apart.
pub(crate) fn open_book(
    store: &mut StoreConnection,
    customer_id: &str,
    created: i64,
    at: Timestamp,
) -> Result<i64, WorkError> {
    let opening = insert_into(address_books::table)
        .values((
            address_books::customer_id.eq(customer_id),
            address_books::addresses.eq(created),
            address_books::revision.eq(at.unix_ms().max(1)),
        ))
        .on_conflict(address_books::customer_id)
        .do_update()
        .set((
            address_books::addresses.eq(address_books::addresses + created),
            address_books::revision.eq(address_books::revision + 1),
        ))
        .returning(address_books::addresses);
    Ok(on_each!(store, c => Prepared(opening).get_result(c))?)
}

/// Makes a change and writes its revision; `false` when it does not fit what is kept.
fn make(store: &mut StoreConnection, change: &Change, at: Timestamp) -> Result<bool, WorkError> {
    let address = change.address();
    // Counted here, whatever the change says.
    let revision = match change {
        Change::Create(_) => Revision::FIRST,
        Change::Replace { expected, .. } => expected.next(),
        Change::Remove(address) => address.revision.next(),
    };
    let row = AddressRow {
        revision: revision.get().into(),
        ..AddressRow::from(address)
    };
    let at_revision = |revision: Revision| {
        addresses::table
            .find((address.customer_id.as_str(), address.id.as_str()))
            .filter(addresses::revision.eq(i64::from(revision.get())))
    };
    let (written, kind) = match change {
        Change::Create(_) => (insert(store, &row)?, ChangeKind::Created),
        Change::Replace { expected, .. } => {
            let replacement = update(at_revision(*expected)).set(&row);
            let written = on_each!(store, c => Prepared(replacement).execute(c))?;
            (written, ChangeKind::Updated)
        }
        Change::Remove(_) => {
            let written = on_each!(store, c => delete(at_revision(address.revision)).execute(c))?;
            (written, ChangeKind::Removed)
        }
    };
    if written != 1 {
        return Ok(false);
    }
    if note(store, &row, row.revision, kind, at)? == 0 {
        let revision = take_up_revisions(store, address)?;
        note(store, &row, revision, kind, at)?;
    }
    Ok(true)
}

/// Writes a new address; returns 0 when there is one of that id already.
pub(crate) fn insert(
    store: &mut StoreConnection,
    row: &AddressRow<'_>,
) -> Result<usize, WorkError> {
    let creation = insert_into(addresses::table)
        .values(row)
        .on_conflict((addresses::customer_id, addresses::id))
        .do_nothing();
    Ok(on_each!(store, c => Prepared(creation).execute(c))?)
}

/// Writes a revision; returns 0 when there is one of that number already.
pub(crate) fn note(
    store: &mut StoreConnection,
    row: &AddressRow<'_>,
    revision: i64,
    kind: ChangeKind,
    at: Timestamp,
) -> Result<usize, WorkError> {
    let record = insert_into(address_revisions::table)
        .values(NewRevision::of(row, revision, kind, at))
        .on_conflict_do_nothing();
    Ok(on_each!(store, c => Prepared(record).execute(c))?)
}

/// Gives an address that was removed before, and is created again, the revision after its
/// last one.
fn take_up_revisions(store: &mut StoreConnection, address: &Address) -> Result<i64, WorkError> {
    let key = (address.customer_id.as_str(), address.id.as_str());
    let last: Option<i64> = on_each!(store, c => address_revisions::table
        .filter(address_revisions::customer_id.eq(key.0))
        .filter(address_revisions::id.eq(key.1))
        .select(max(address_revisions::revision))
        .first(c))?;
    let revision = last.unwrap_or(0) + 1;
    let taking_up = update(addresses::table.find(key)).set(addresses::revision.eq(revision));
    on_each!(store, c => Prepared(taking_up).execute(c))?;
    Ok(revision)
}

fn keep(store: &mut StoreConnection, kept: &KeptKey) -> Result<(), WorkError> {
    let record = &kept.record;
    let key = (record.customer_id.as_str(), record.key.as_str());
    on_each!(store, c => delete(
            idempotency_records::table
                .find(key)
                .filter(idempotency_records::created_at.lt(kept.expired_before.unix_ms())))
        .execute(c))?;
    let record = insert_into(idempotency_records::table)
        .values((
            idempotency_records::customer_id.eq(key.0),
            idempotency_records::key.eq(key.1),
            idempotency_records::fingerprint.eq(record.fingerprint.0.as_slice()),
            idempotency_records::address_id.eq(record.address_id.as_str()),
            idempotency_records::created_at.eq(record.created_at.unix_ms()),
        ))
        .on_conflict_do_nothing();
    let written = on_each!(store, c => Prepared(record).execute(c))?;
    match written {
        1 => Ok(()),
        _ => Err(RepositoryError::KeyTaken.into()),
    }
}

pub(crate) fn prune(
    store: &mut StoreConnection,
    before: Timestamp,
    limit: u32,
) -> Result<u64, WorkError> {
    // A row value, which both databases look up by the key: PostgreSQL only if it knows the
    // limit when it plans, and otherwise reads the whole table to find a tenth of it.
    let statement = format!(
        "DELETE FROM idempotency_records WHERE (customer_id, key) IN (
             SELECT customer_id, key FROM idempotency_records
             WHERE created_at < $1 ORDER BY created_at LIMIT {limit})"
    );
    let pruned = on_each!(store, c => sql_query(statement)
        .bind::<BigInt, _>(before.unix_ms())
        .execute(c))?;
    Ok(pruned as u64)
}

pub(crate) fn erase(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
) -> Result<Erased, WorkError> {
    let customer_id = customer_id.as_str();
    // As every change does, so that none slips in between.
    on_each!(store, c => update(address_books::table.find(customer_id))
        .set(address_books::revision.eq(address_books::revision + 1))
        .execute(c))?;
    macro_rules! erase_from {
        ($table:ident) => {
            on_each!(store, c => delete($table::table.filter($table::customer_id.eq(customer_id)))
                .execute(c))? as u64
        };
    }
    let erased = Erased {
        addresses: erase_from!(addresses),
        revisions: erase_from!(address_revisions),
        idempotency_records: erase_from!(idempotency_records),
    };
    erase_from!(address_books);
    Ok(erased)
}
