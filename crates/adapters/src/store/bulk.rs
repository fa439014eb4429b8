//! Bulk creation: many creations in one commit, as in an import.

use std::collections::{BTreeMap, BTreeSet};

use addressbook_domain::{Change, Commit, Committed, CustomerId, Revision, Timestamp};
use diesel::dsl::copy_from;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Text};

use crate::connection::store_connection::StoreConnection;
use crate::store::book_parts;
use crate::store::error::WorkError;
use crate::store::rows::NewAddressRow;
use crate::store::schema::addresses;
use crate::store::writes::{
    BookSize, OpenedBook, insert, last_past_state, open_book, set_default_addresses,
};

/// Minimum number of creations for this path. With that many, the fixed costs of a commit no longer
/// matter.
const MANY: usize = 32;

/// Whether a commit contains only creations, at least [`MANY`], and default addresses of the same
/// customers.
pub(crate) fn is_bulk_creation(commit: &Commit) -> bool {
    let creates = |change: &Change| matches!(change, Change::Create(_));
    commit.idempotency.is_none()
        && commit.changes.len() >= MANY
        && commit.changes.iter().all(creates)
        && {
            let changes = commit.changes.iter();
            let created: BTreeSet<_> = changes
                .map(|change| &change.address().customer_id)
                .collect();
            let mut defaults = commit.default_addresses.iter();
            defaults.all(|default| created.contains(&default.customer_id))
        }
}

/// Does the same as [`commit`](crate::store::writes::commit), but in the order of the keys, so that
/// each page of a table is looked up and written only once.
///
/// If any change cannot be made, returns [`WorkError::NotInBulk`]. To find out which change fails and
/// why, make them one by one.
pub(crate) fn create(store: &mut StoreConnection, commit: &Commit) -> Result<Committed, WorkError> {
    let mut rows: Vec<_> = commit
        .changes
        .iter()
        .map(|change| NewAddressRow::of(change.address(), Revision::FIRST, commit.at))
        .collect();
    rows.sort_unstable_by_key(|row| (row.customer_id, row.id));
    let of_customers: BTreeMap<_, _> = rows
        .chunk_by(|a, b| a.customer_id == b.customer_id)
        .map(|rows| (rows[0].customer_id, rows))
        .collect();
    let books = match store {
        StoreConnection::Postgres(connection) => open_books(connection, &of_customers, commit.at)?,
        StoreConnection::Sqlite(_) => open_one_by_one(store, &of_customers, commit.at)?,
    };
    let most = i64::from(commit.max_addresses);
    let most_past = i64::from(commit.max_past_revisions);
    let accepts = |(customer_id, book): (&str, &OpenedBook)| {
        let size = book.size_before;
        let created = of_customers[customer_id].len() as i64;
        size.addresses + created <= most
            && size.past_revisions < most_past
            && book.is_as_expected(customer_id, commit)
    };
    // Without past revisions, no address of a book was ever removed.
    let with_past = books
        .iter()
        .filter(|(_, book)| book.size_before.past_revisions > 0);
    let with_past: Vec<_> = with_past
        .flat_map(|(customer_id, _)| of_customers[&**customer_id])
        .collect();
    let fits = books.iter().map(|(id, book)| (&**id, book)).all(accepts)
        && match store {
            StoreConnection::Postgres(connection) => {
                !any_comes_again(connection, &with_past)? && copy(connection, &rows)?
            }
            StoreConnection::Sqlite(_) => {
                !any_comes_again_one_by_one(store, &with_past)? && write_one_by_one(store, &rows)?
            }
        };
    if !fits {
        return Err(WorkError::NotInBulk);
    }
    let revisions: BTreeMap<&str, i64> = books
        .iter()
        .map(|(customer_id, book)| (&**customer_id, book.revision))
        .collect();
    let customers: BTreeSet<&CustomerId> = commit.customers().collect();
    let revision_of = |customer_id: &CustomerId| {
        let revision = revisions[customer_id.as_str()].cast_unsigned();
        (customer_id.clone(), revision)
    };
    let book_revisions = customers.into_iter().map(revision_of).collect();
    for (customer_id, book) in books {
        let created = of_customers[&*customer_id];
        let held = book.size_before.addresses;
        let ids = created.iter().map(|row| (row.id, 1));
        let holds = held + created.len() as i64;
        book_parts::update_counts(store, &customer_id, held, holds, ids)?;
    }
    set_default_addresses(store, &commit.default_addresses)?;
    Ok(Committed { book_revisions })
}

/// The books of a commit, by customer.
type OpenedBooks = Vec<(String, OpenedBook)>;

/// Does the same as [`open_book`] for several books, in the order of the customers' ids.
fn open_books(
    connection: &mut PgConnection,
    of_customers: &BTreeMap<&str, &[NewAddressRow<'_>]>,
    at: Timestamp,
) -> QueryResult<OpenedBooks> {
    #[derive(QueryableByName)]
    struct Book {
        #[diesel(sql_type = Text)]
        customer_id: String,
        #[diesel(sql_type = BigInt)]
        addresses: i64,
        #[diesel(sql_type = BigInt)]
        past_revisions: i64,
        #[diesel(sql_type = BigInt)]
        revision: i64,
    }
    let (customers, created): (Vec<&str>, Vec<i64>) = of_customers
        .iter()
        .map(|(customer_id, rows)| (*customer_id, rows.len() as i64))
        .unzip();
    let books: Vec<Book> = sql_query(
        "INSERT INTO address_books (customer_id, addresses, revision)
         SELECT customer_id, created, $3
         FROM unnest($1::text[], $2::bigint[]) AS new (customer_id, created)
         ON CONFLICT (customer_id) DO UPDATE SET
             addresses = address_books.addresses + excluded.addresses,
             revision = address_books.revision + 1
         RETURNING customer_id, addresses, past_revisions, revision",
    )
    .bind::<Array<Text>, _>(customers)
    .bind::<Array<BigInt>, _>(created)
    .bind::<BigInt, _>(at.unix_ms().max(1))
    .load(connection)?;
    let opened = books.into_iter().map(|book| {
        let created = of_customers[&*book.customer_id].len() as i64;
        let size_before = BookSize {
            addresses: book.addresses - created,
            past_revisions: book.past_revisions,
        };
        let revision = book.revision;
        (
            book.customer_id,
            OpenedBook {
                size_before,
                revision,
            },
        )
    });
    Ok(opened.collect())
}

/// [`open_books`] for SQLite, which has no statement for several books.
fn open_one_by_one(
    store: &mut StoreConnection,
    of_customers: &BTreeMap<&str, &[NewAddressRow<'_>]>,
    at: Timestamp,
) -> Result<OpenedBooks, WorkError> {
    of_customers
        .iter()
        .map(|(customer_id, rows)| {
            let growth = BookSize {
                addresses: rows.len() as i64,
                past_revisions: 0,
            };
            let book = open_book(store, customer_id, growth, at)?;
            Ok(((*customer_id).to_owned(), book))
        })
        .collect()
}

/// Inserts rows on SQLite, which has no `COPY`. Returns `false` if an address already exists.
fn write_one_by_one(
    store: &mut StoreConnection,
    rows: &[NewAddressRow<'_>],
) -> Result<bool, WorkError> {
    for row in rows {
        if insert(store, row)? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Inserts rows with PostgreSQL's `COPY`, which needs no statement for each. Returns `false` if an
/// address already exists.
fn copy(connection: &mut PgConnection, rows: &[NewAddressRow<'_>]) -> Result<bool, WorkError> {
    let copied = copy_from(addresses::table)
        .from_insertable(rows)
        .execute(connection);
    match copied {
        Ok(_) => Ok(true),
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether an address existed before, so that its next revision is not 1.
fn any_comes_again(
    connection: &mut PgConnection,
    rows: &[&NewAddressRow<'_>],
) -> QueryResult<bool> {
    if rows.is_empty() {
        return Ok(false);
    }
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

/// [`any_comes_again`] for SQLite.
fn any_comes_again_one_by_one(
    store: &mut StoreConnection,
    rows: &[&NewAddressRow<'_>],
) -> Result<bool, WorkError> {
    for row in rows {
        if last_past_state(store, row.customer_id, row.id)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
