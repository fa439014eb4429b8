//! The writes of the repository. Each must run in a transaction that writes.

use std::collections::BTreeMap;

use addressbook_domain::{
    Address, Change, ChangeKind, Commit, Committed, CustomerId, DefaultAddressChange, Erased,
    IdempotencyKey, IdempotencyRecord, Refusal, Revision, Timestamp,
};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::BigInt;
use diesel::upsert::excluded;
use diesel::{delete, insert_into, sql_query, update};

use crate::connection::store_connection::{StoreConnection, with_connection};
use crate::store::book_parts;
use crate::store::error::WorkError;
use crate::store::rows::{NewAddressRow, change_after};
use crate::store::schema::{
    address_book_parts, address_books, address_revisions, addresses, content_columns,
    content_values, default_addresses, idempotency_records,
};
use crate::store::statements::{Sql, prepared};

pub(crate) fn commit(store: &mut StoreConnection, commit: &Commit) -> Result<Committed, WorkError> {
    let mut growth: BTreeMap<&CustomerId, BookSize> = commit
        .customers()
        .map(|customer_id| (customer_id, BookSize::default()))
        .collect();
    for change in &commit.changes {
        let customer_id = &change.address().customer_id;
        let book = growth.entry(customer_id).or_default();
        book.addresses += i64::from(matches!(change, Change::Create(_)));
        book.past_revisions += past_revisions_of(change);
    }
    // A commit first locks the books that it changes, in the order of the customers' ids. That
    // serializes the commits to one book, and prevents deadlocks.
    let mut sizes = BTreeMap::new();
    let mut committed = Committed::default();
    let mut is_as_expected = true;
    for (customer_id, growth) in growth {
        let book = open_book(store, customer_id.as_str(), growth, commit.at)?;
        is_as_expected &= book.is_as_expected(customer_id.as_str(), commit);
        sizes.insert(customer_id.as_str(), book.size_before);
        let revision = book.revision.cast_unsigned();
        committed
            .book_revisions
            .insert(customer_id.clone(), revision);
    }
    if !is_as_expected {
        return Err(Refusal::BookChanged.into());
    }
    let sizes_before = sizes.clone();
    for (index, change) in commit.changes.iter().enumerate() {
        let customer_id = change.address().customer_id.as_str();
        let size = sizes.entry(customer_id).or_default();
        // This comes first: even in a full book, an existing address is a conflict.
        if !make(store, change, *size, commit.at)? {
            return Err(Refusal::Conflict { index }.into());
        }
        match change {
            Change::Create(_) if size.addresses >= commit.max_addresses.into() => {
                return Err(Refusal::BookFull { index }.into());
            }
            Change::Create(_) | Change::Replace { .. }
                if size.past_revisions >= commit.max_past_revisions.into() =>
            {
                return Err(Refusal::HistoryFull { index }.into());
            }
            Change::Create(_) => size.addresses += 1,
            Change::Replace { .. } => {}
            Change::Remove { .. } => {
                size.addresses -= 1;
                with_connection!(store, c => prepared!(Sql(
                    "UPDATE address_books SET addresses = addresses - 1 WHERE customer_id = ?",
                    vec![customer_id.into()],
                ))
                .execute(c))?;
            }
        }
        size.past_revisions += past_revisions_of(change);
    }
    for (customer_id, before) in sizes_before {
        let held = before.addresses;
        let holds = sizes.get(customer_id).map_or(held, |size| size.addresses);
        let created_and_removed = commit.changes.iter().filter_map(|change| match change {
            Change::Create(address) => Some((address, 1)),
            Change::Replace { .. } => None,
            Change::Remove { address, .. } => Some((address, -1)),
        });
        let of_book = created_and_removed
            .filter(|(address, _)| address.customer_id.as_str() == customer_id)
            .map(|(address, one)| (address.id.as_str(), one));
        book_parts::update_counts(store, customer_id, held, holds, of_book)?;
    }
    set_default_addresses(store, &commit.default_addresses)?;
    if let Some((record, expired_before)) = commit.record() {
        store_record(store, &record, expired_before)?;
    }
    Ok(committed)
}

/// A book that a transaction has locked.
pub(crate) struct OpenedBook {
    pub(crate) size_before: BookSize,
    /// The revision that the transaction gives it.
    pub(crate) revision: i64,
}

impl OpenedBook {
    /// Whether the book was at the revision that a commit expects, if it expects one.
    pub(crate) fn is_as_expected(&self, customer_id: &str, commit: &Commit) -> bool {
        match commit.expected_revisions.get(customer_id) {
            None => true,
            // A removed address leaves past revisions, so a book that exists is never empty.
            Some(0) => self.size_before == BookSize::default(),
            Some(expected) => {
                self.size_before != BookSize::default()
                    && self.revision.checked_sub_unsigned(*expected) == Some(1)
            }
        }
    }
}

/// The size of a book, or how much it grows.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BookSize {
    pub(crate) addresses: i64,
    /// Rows of `address_revisions`.
    pub(crate) past_revisions: i64,
}

/// The number of rows that a change adds to `address_revisions`: the previous state, and a removal.
fn past_revisions_of(change: &Change) -> i64 {
    match change {
        Change::Create(_) => 0,
        Change::Replace { .. } => 1,
        Change::Remove { .. } => 2,
    }
}

/// Adds to the counts of a book and increments its revision. Creates the book if it does not exist. Its first revision is the time in milliseconds, so that a book that
/// is created again after an erasure does not repeat revisions.
pub(crate) fn open_book(
    store: &mut StoreConnection,
    customer_id: &str,
    growth: BookSize,
    at: Timestamp,
) -> Result<OpenedBook, WorkError> {
    let opening = insert_into(address_books::table)
        .values((
            address_books::customer_id.eq(customer_id),
            address_books::addresses.eq(growth.addresses),
            address_books::past_revisions.eq(growth.past_revisions),
            address_books::revision.eq(at.unix_ms().max(1)),
        ))
        .on_conflict(address_books::customer_id)
        .do_update()
        .set((
            address_books::addresses.eq(address_books::addresses + growth.addresses),
            address_books::past_revisions.eq(address_books::past_revisions + growth.past_revisions),
            address_books::revision.eq(address_books::revision + 1),
        ))
        .returning((
            address_books::addresses,
            address_books::past_revisions,
            address_books::revision,
        ));
    let (addresses, past_revisions, revision): (i64, i64, i64) =
        with_connection!(store, c => prepared!(opening).get_result(c))?;
    Ok(OpenedBook {
        size_before: BookSize {
            addresses: addresses - growth.addresses,
            past_revisions: past_revisions - growth.past_revisions,
        },
        revision,
    })
}

/// Makes a change to a book of that size and stores the previous state of the address as a past
/// revision. Returns `false` if the change conflicts with what is stored.
fn make(
    store: &mut StoreConnection,
    change: &Change,
    book: BookSize,
    at: Timestamp,
) -> Result<bool, WorkError> {
    let address = change.address();
    let past = |store| last_past_state(store, address.customer_id.as_str(), address.id.as_str());
    // The store counts the revisions, whatever revision a change contains.
    let (revision, past) = match change {
        // Without past revisions, no address of the book was ever removed.
        Change::Create(_) if book.past_revisions == 0 => (Revision::FIRST, None),
        Change::Create(_) => (Revision::FIRST, past(store)?),
        Change::Replace { expected, .. } | Change::Remove { expected, .. } => {
            let past = match *expected == Revision::FIRST {
                true => None,
                false => past(store)?,
            };
            let kind = change_after(past.as_ref().map(|past| past.change.as_str()));
            if store_past_state(store, address, *expected, kind)? == 0 {
                return Ok(false);
            }
            (expected.next(), None)
        }
    };
    let mut row = NewAddressRow::of(address, revision, at);
    row.revision += past.map_or(0, |past| past.revision);
    let current = addresses::table.find((row.customer_id, row.id));
    let written = match change {
        Change::Create(_) => insert(store, &row)?,
        Change::Replace { .. } => replace(store, &row)?,
        Change::Remove { .. } => {
            store_removal(store, &row, at)?;
            clear_default_addresses(store, address)?;
            with_connection!(store, c => delete(current).execute(c))?
        }
    };
    Ok(written == 1)
}

/// The last past state of an address.
#[derive(Queryable)]
pub(crate) struct PastState {
    pub(crate) revision: i64,
    pub(crate) change: String,
}

pub(crate) fn last_past_state(
    store: &mut StoreConnection,
    customer_id: &str,
    id: &str,
) -> Result<Option<PastState>, WorkError> {
    let of_address = address_revisions::table
        .filter(address_revisions::customer_id.eq(customer_id))
        .filter(address_revisions::id.eq(id))
        .order(address_revisions::revision.desc())
        .select((address_revisions::revision, address_revisions::change))
        .limit(1);
    Ok(with_connection!(store, c => prepared!(of_address).get_result(c).optional())?)
}

/// Inserts a new address. Returns 0 if the id already exists.
pub(crate) fn insert(
    store: &mut StoreConnection,
    row: &NewAddressRow<'_>,
) -> Result<usize, WorkError> {
    let last = [row.changed_at.into(), row.revision.into()];
    let values = [&row.key()[..], &row.state(), &last].concat();
    Ok(with_connection!(store, c => prepared!(Sql(
        concat!(
            "INSERT INTO addresses (customer_id, id, ",
            content_columns!(""),
            ", created_at, updated_at, changed_at, revision)
             VALUES (?, ?, ",
            content_values!(),
            ", ?, ?, ?, ?) ON CONFLICT (customer_id, id) DO NOTHING",
        ),
        values,
    ))
    .execute(c))?)
}

/// Replaces the state of an address.
fn replace(store: &mut StoreConnection, row: &NewAddressRow<'_>) -> Result<usize, WorkError> {
    let last = [row.changed_at.into(), row.revision.into()];
    let values = [&row.state()[..], &last, &row.key()].concat();
    Ok(with_connection!(store, c => prepared!(Sql(
        concat!(
            "UPDATE addresses SET (",
            content_columns!(""),
            ", created_at, updated_at, changed_at, revision) = (",
            content_values!(),
            ", ?, ?, ?, ?)
             WHERE customer_id = ? AND id = ?",
        ),
        values,
    ))
    .execute(c))?)
}

/// Stores the current state of an address as a past revision, before it is replaced. Returns 0 if
/// the address is not at that revision.
fn store_past_state(
    store: &mut StoreConnection,
    address: &Address,
    revision: Revision,
    change: ChangeKind,
) -> Result<usize, WorkError> {
    Ok(with_connection!(store, c => prepared!(Sql(
        concat!(
            "INSERT INTO address_revisions (customer_id, id, revision, change, changed_at, ",
            content_columns!(""),
            ", created_at, updated_at)
             SELECT customer_id, id, revision, ?, COALESCE(changed_at, updated_at), ",
            content_columns!(""),
            ", created_at, updated_at
             FROM addresses WHERE customer_id = ? AND id = ? AND revision = ?",
        ),
        vec![
            change.as_str().into(),
            address.customer_id.as_str().into(),
            address.id.as_str().into(),
            i64::from(revision.get()).into(),
        ],
    ))
    .execute(c))?)
}

/// Stores the removal of an address, which is a separate revision.
fn store_removal(
    store: &mut StoreConnection,
    row: &NewAddressRow<'_>,
    at: Timestamp,
) -> Result<usize, WorkError> {
    let removal = [
        row.revision.into(),
        ChangeKind::Removed.as_str().into(),
        at.unix_ms().into(),
    ];
    let values = [&row.key()[..], &removal, &row.state()].concat();
    Ok(with_connection!(store, c => prepared!(Sql(
        concat!(
            "INSERT INTO address_revisions (customer_id, id, revision, change, changed_at, ",
            content_columns!(""),
            ", created_at, updated_at)
             VALUES (?, ?, ?, ?, ?, ",
            content_values!(),
            ", ?, ?)",
        ),
        values,
    ))
    .execute(c))?)
}

/// Clears the default addresses that are this address, before it is removed.
fn clear_default_addresses(
    store: &mut StoreConnection,
    address: &Address,
) -> Result<(), WorkError> {
    let of_address = default_addresses::table
        .filter(default_addresses::customer_id.eq(address.customer_id.as_str()))
        .filter(default_addresses::address_id.eq(address.id.as_str()));
    with_connection!(store, c => delete(of_address).execute(c))?;
    Ok(())
}

/// Sets and clears default addresses. The foreign key refuses an address that is not in the book.
pub(crate) fn set_default_addresses(
    store: &mut StoreConnection,
    changes: &[DefaultAddressChange],
) -> Result<(), WorkError> {
    for (index, change) in changes.iter().enumerate() {
        let key = (change.customer_id.as_str(), change.purpose.as_str());
        let Some(address_id) = &change.address_id else {
            let current = default_addresses::table.find(key);
            with_connection!(store, c => delete(current).execute(c))?;
            continue;
        };
        let setting = insert_into(default_addresses::table)
            .values((
                default_addresses::customer_id.eq(key.0),
                default_addresses::purpose.eq(key.1),
                default_addresses::address_id.eq(address_id.as_str()),
            ))
            .on_conflict((default_addresses::customer_id, default_addresses::purpose))
            .do_update()
            .set(default_addresses::address_id.eq(excluded(default_addresses::address_id)));
        match with_connection!(store, c => prepared!(setting).execute(c)) {
            Err(DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => {
                return Err(Refusal::NotInBook { index }.into());
            }
            set => set?,
        };
    }
    Ok(())
}

/// Stores an idempotency record, unless there is one with the same key that has not expired.
fn store_record(
    store: &mut StoreConnection,
    record: &IdempotencyRecord,
    expired_before: Timestamp,
) -> Result<(), WorkError> {
    let key = (record.customer_id.as_str(), record.key.as_str());
    with_connection!(store, c => delete(
            idempotency_records::table
                .find(key)
                .filter(idempotency_records::created_at.lt(expired_before.unix_ms())))
        .execute(c))?;
    let record = insert_into(idempotency_records::table)
        .values((
            idempotency_records::customer_id.eq(key.0),
            idempotency_records::key.eq(key.1),
            idempotency_records::fingerprint.eq(record.fingerprint.0.as_slice()),
            idempotency_records::address_id.eq(record.address_id.as_str()),
            idempotency_records::created_at.eq(record.created_at.unix_ms()),
        ))
        .on_conflict((idempotency_records::customer_id, idempotency_records::key))
        .do_nothing();
    let written = with_connection!(store, c => prepared!(record).execute(c))?;
    match written {
        1 => Ok(()),
        _ => Err(Refusal::KeyTaken.into()),
    }
}

/// Locks a record on PostgreSQL, so that the commit waits for a synchronous standby.
///
/// A server shows what was committed on its own disk, even if no standby has it, after it crashed
/// or after the session that waited for the standby was terminated. A failover can lose that. A
/// lock is written to the WAL, and a commit with WAL of its own waits for all WAL before it.
pub(crate) fn confirm_record(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
    key: &IdempotencyKey,
) -> Result<(), WorkError> {
    if let StoreConnection::Postgres(connection) = store {
        let record = idempotency_records::table.find((customer_id.as_str(), key.as_str()));
        let locked = record.select(idempotency_records::created_at).for_update();
        locked.first::<i64>(connection).optional()?;
    }
    Ok(())
}

pub(crate) fn prune(
    store: &mut StoreConnection,
    before: Timestamp,
    limit: u32,
) -> Result<u64, WorkError> {
    // A row value, which both databases look up by the key. The limit is part of the text, because
    // PostgreSQL has to know it when it plans the query. Otherwise it assumes a tenth of the table
    // and reads all of it.
    let statement = format!(
        "DELETE FROM idempotency_records WHERE (customer_id, key) IN (
             SELECT customer_id, key FROM idempotency_records
             WHERE created_at < $1 ORDER BY created_at LIMIT {limit})"
    );
    let pruned = with_connection!(store, c => sql_query(statement)
        .bind::<BigInt, _>(before.unix_ms())
        .execute(c))?;
    Ok(pruned as u64)
}

pub(crate) fn erase(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
) -> Result<Erased, WorkError> {
    let customer_id = customer_id.as_str();
    // Lock the book as every change does, so that none can happen in between.
    let locked = with_connection!(store, c => update(address_books::table.find(customer_id))
        .set(address_books::revision.eq(address_books::revision + 1))
        .execute(c))?;
    if locked == 0 {
        // Without a book there is nothing to erase. A commit that creates one now comes after this.
        return Ok(Erased::default());
    }
    macro_rules! erase_from {
        ($table:ident) => {
            with_connection!(store, c => delete($table::table.filter($table::customer_id.eq(customer_id)))
                .execute(c))? as u64
        };
    }
    let default_addresses = erase_from!(default_addresses);
    let addresses = erase_from!(addresses);
    let erased = Erased {
        addresses,
        default_addresses,
        // The current state of an address is one of its revisions.
        revisions: addresses + erase_from!(address_revisions),
        idempotency_records: erase_from!(idempotency_records),
    };
    erase_from!(address_book_parts);
    erase_from!(address_books);
    Ok(erased)
}
