//! Examines a store for problems. Nothing here creates, migrates or changes a store.

use addressbook_domain::{Examination, Finding, Timestamp};

use crate::connection::pool::StoreOptions;
use crate::connection::schema_state::SchemaState;
use crate::connection::url::DatabaseUrl;
use crate::store::book_parts;
use crate::{postgres, sqlite};

/// Examines a store. A store that cannot be reached is a finding too.
pub(crate) fn examine(
    url: &DatabaseUrl,
    options: &StoreOptions,
    how: &Examination,
) -> Vec<Finding> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::doctor::examine(path, how),
        DatabaseUrl::Postgres(_) => postgres::doctor::examine(url, options, how),
    }
}

/// Number of books that are checked, unless all are.
const SAMPLE: i64 = 1_000;

/// Builds the query that counts the books, among those drawn at random, whose number of addresses
/// or past revisions, in total or in their parts, is wrong. Works on both databases.
pub(crate) fn wrong_books(full: bool, found: &SchemaState) -> String {
    let drawn = match full {
        true => String::new(),
        false => format!(
            "b.customer_id IN (SELECT customer_id FROM address_books ORDER BY random() LIMIT {SAMPLE}) AND"
        ),
    };
    let by_history = match found {
        SchemaState::Older(_) => "",
        _ => {
            "OR past_revisions <> (
                 SELECT count(*) FROM address_revisions AS r WHERE r.customer_id = b.customer_id)"
        }
    };
    let by_parts = match found {
        // The schema may be older than the parts.
        SchemaState::Older(_) => String::new(),
        _ => format!(
            "OR CASE WHEN addresses > {} THEN addresses ELSE 0 END <> (
                 SELECT coalesce(sum(p.addresses), 0) FROM address_book_parts AS p
                 WHERE p.customer_id = b.customer_id)",
            book_parts::MAX_ADDRESSES_PER_PART
        ),
    };
    format!(
        "SELECT count(*) FROM address_books AS b
         WHERE {drawn} (addresses <> (
             SELECT count(*) FROM addresses AS a WHERE a.customer_id = b.customer_id)
             {by_history} {by_parts})"
    )
}

/// A book's revision starts at the time when the book was created, in Unix milliseconds, and grows
/// by one with each change.
pub(crate) const NEWEST_BOOK: &str = "SELECT coalesce(max(revision), 0) FROM address_books";

/// Allowed difference between clocks, in milliseconds.
pub(crate) const CLOCK_TOLERANCE_MS: i64 = 60_000;

pub(crate) fn schema(schema: &SchemaState) -> Finding {
    match schema {
        SchemaState::Current => Finding::ok("schema", "matches this release"),
        SchemaState::Older(missing) => Finding::warning(
            "schema",
            format!(
                "lacks {missing} of this release's migrations: make a backup; the next start, or \
                 addressbook migrate, runs them"
            ),
        ),
        SchemaState::Newer(version) => Finding::failed(
            "schema",
            format!(
                "has the migration {version}, which this release does not know: run the release \
                 that wrote it, or a newer one"
            ),
        ),
        SchemaState::Foreign => Finding::failed(
            "schema",
            "is not Addressbook's: check the database URL, or run addressbook migrate to create it",
        ),
    }
}

pub(crate) fn books(wrong: i64, full: bool) -> Finding {
    match wrong {
        0 if full => Finding::ok("books", "agree with their addresses and revisions"),
        0 => Finding::ok(
            "books",
            format!("agree with their addresses (checked at most {SAMPLE} books)"),
        ),
        wrong => Finding::failed(
            "books",
            format!(
                "{wrong} have a wrong count of addresses or past revisions: restore the last good \
                 backup"
            ),
        ),
    }
}

pub(crate) fn clock(newest_ms: i64, now: Timestamp) -> Finding {
    match newest_ms - now.unix_ms() > CLOCK_TOLERANCE_MS {
        false => Finding::ok("clock", format!("{now}, and nothing in the store is later")),
        true => Finding::failed(
            "clock",
            format!(
                "{now} is earlier than the last writes in the store: synchronize the machine's clock (NTP)"
            ),
        ),
    }
}
