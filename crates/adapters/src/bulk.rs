//! Many creations in one commit, as an import brings them.

use addressbook_domain::{Change, Commit, RepositoryError, Revision, Timestamp};
use diesel::dsl::copy_from;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};

use crate::dialect::StoreConnection;
use crate::error::WorkError;
use crate::row::NewAddressRow;
use crate::schema::addresses;
use crate::writes::{insert, open_book};

/// From so many creations on, what a commit costs by itself no longer counts.
const MANY: usize = 32;

/// Whether a commit does nothing but create, and that many times.
pub(crate) fn fits(commit: &Commit) -> bool {
    let creates = |change: &Change| matches!(change, Change::Create(_));
    commit.idempotency.is_none()
        && commit.changes.len() >= MANY
        && commit.changes.iter().all(creates)
}

/// Does what [`commit`](crate::writes::commit) does, in the order of the keys, so that each
/// page of a table is looked up and written once, however much of it is new.
///
/// Whatever does not fit what is kept is [`RepositoryError::Conflict`], of which the index says
/// nothing: to know which change it is and why, they have to be made one by one.
pub(crate) fn create(store: &mut StoreConnection, commit: &Commit) -> Result<(), WorkError> {
    let mut rows: Vec<_> = commit
        .changes
        .iter()
        .map(|change| NewAddressRow::of(change.address(), Revision::FIRST, commit.at))
        .collect();
    rows.sort_unstable_by_key(|row| (row.customer_id, row.id));
    let fits = match store {
        StoreConnection::Postgres(connection) => copy(connection, &rows, commit)?,
        StoreConnection::Sqlite(_) => write_one_by_one(store, &rows, commit)?,
    };
    match fits {
        true => Ok(()),
        false => Err(RepositoryError::Conflict { index: 0 }.into()),
    }
}

/// The rows of each customer.
fn books<'r, 'a>(rows: &'r [NewAddressRow<'a>]) -> impl Iterator<Item = &'r [NewAddressRow<'a>]> {
    rows.chunk_by(|a, b| a.customer_id == b.customer_id)
}

/// For a database without a way to it.
fn write_one_by_one(
    store: &mut StoreConnection,
    rows: &[NewAddressRow<'_>],
    commit: &Commit,
) -> Result<bool, WorkError> {
    for book in books(rows) {
        let size = open_book(store, book[0].customer_id, book.len() as i64, commit.at)?;
        if size > commit.max_addresses.into() {
            return Ok(false);
        }
        for row in book {
            if insert(store, row)? == 0 {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// For PostgreSQL, which takes rows without a statement for each.
fn copy(
    connection: &mut PgConnection,
    rows: &[NewAddressRow<'_>],
    commit: &Commit,
) -> Result<bool, WorkError> {
    if open_books(connection, rows, commit.at)? > commit.max_addresses.into() {
        return Ok(false);
    }
    let copied = copy_from(addresses::table)
        .from_insertable(rows)
        .execute(connection);
    match copied {
        Ok(_) => Ok(!any_comes_again(connection, rows)?),
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether an address was there before, so that its first revision is not 1.
fn any_comes_again(connection: &mut PgConnection, rows: &[NewAddressRow<'_>]) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let (customers, ids): (Vec<&str>, Vec<&str>) =
        rows.iter().map(|row| (row.customer_id, row.id)).unzip();
    let found: Found = sql_query(
        "SELECT EXISTS (
             SELECT 1 FROM unnest($1::text[], $2::text[]) AS new (customer_id, id)
             JOIN address_revisions USING (customer_id, id)) AS found",
    )
    .bind::<Array<Text>, _>(customers)
    .bind::<Array<Text>, _>(ids)
    .get_result(connection)?;
    Ok(found.found)
}

/// Does what [`open_book`] does for all books, which come in the order of their customers' ids,
/// and returns the size of the largest.
fn open_books(
    connection: &mut PgConnection,
    rows: &[NewAddressRow<'_>],
    at: Timestamp,
) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Opened {
        #[diesel(sql_type = Nullable<BigInt>)]
        largest: Option<i64>,
    }
    let (customers, created): (Vec<&str>, Vec<i64>) = books(rows)
        .map(|book| (book[0].customer_id, book.len() as i64))
        .unzip();
    let opened: Opened = sql_query(
        "WITH opened AS (
             INSERT INTO address_books (customer_id, addresses, revision)
             SELECT customer_id, created, $3
             FROM unnest($1::text[], $2::bigint[]) AS new (customer_id, created)
             ON CONFLICT (customer_id) DO UPDATE SET
                 addresses = address_books.addresses + excluded.addresses,
                 revision = address_books.revision + 1
             RETURNING addresses)
         SELECT max(addresses) AS largest FROM opened",
    )
    .bind::<Array<Text>, _>(customers)
    .bind::<Array<BigInt>, _>(created)
    .bind::<BigInt, _>(at.unix_ms().max(1))
    .get_result(connection)?;
    Ok(opened.largest.unwrap_or(0))
}
