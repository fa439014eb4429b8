//! What is wrong with a store, if anything. Nothing here creates, migrates or changes one.

mod postgres;
mod sqlite;

use addressbook_domain::Timestamp;

use crate::sqlite_file::Schema;
use crate::{DatabaseUrl, StoreOptions, parts};

/// What came of one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and will be trouble.
    Warning,
    /// It does not work, or not rightly.
    Failed,
}

/// One thing that was looked at. It tells nothing of any customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub what: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// What was found, and what to do if it is not as it should be.
    pub says: String,
}

impl Finding {
    /// All is well.
    pub fn ok(what: &'static str, says: impl Into<String>) -> Self {
        Self::new(what, Verdict::Ok, says)
    }

    /// Something will be trouble.
    pub fn warning(what: &'static str, says: impl Into<String>) -> Self {
        Self::new(what, Verdict::Warning, says)
    }

    /// Something does not work.
    pub fn failed(what: &'static str, says: impl Into<String>) -> Self {
        Self::new(what, Verdict::Failed, says)
    }

    fn new(what: &'static str, verdict: Verdict, says: impl Into<String>) -> Self {
        let says = says.into();
        Self {
            what,
            verdict,
            says,
        }
    }
}

/// How to look.
#[derive(Clone, Copy, Debug)]
pub struct Examination {
    /// At everything, however long that takes.
    pub full: bool,
    /// What the clock says.
    pub now: Timestamp,
    /// How many connections a service makes to PostgreSQL at most.
    pub connections: u32,
}

/// Looks at a store. What cannot be reached is a finding too.
pub fn examine(url: &DatabaseUrl, options: &StoreOptions, how: &Examination) -> Vec<Finding> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::examine(path, how),
        DatabaseUrl::Postgres(_) => postgres::examine(url, options, how),
    }
}

/// How many books are looked at, unless all are.
const SAMPLE: i64 = 1_000;

/// How many books, drawn at random, count other addresses than there are, in all or by their
/// parts. For both databases.
fn wrong_books(full: bool, found: &Schema) -> String {
    let limit = if full { i64::MAX } else { SAMPLE };
    let by_parts = match found {
        // May be from before there were any.
        Schema::Older(_) => String::new(),
        _ => format!(
            "OR CASE WHEN addresses > {} THEN addresses ELSE 0 END <> (
                 SELECT coalesce(sum(p.addresses), 0) FROM address_book_parts AS p
                 WHERE p.customer_id = b.customer_id)",
            parts::MOST
        ),
    };
    format!(
        "SELECT count(*) FROM (
             SELECT customer_id, addresses FROM address_books ORDER BY random() LIMIT {limit}) AS b
         WHERE addresses <> (
             SELECT count(*) FROM addresses AS a WHERE a.customer_id = b.customer_id) {by_parts}"
    )
}

/// A book's revision begins at the time when it was opened, and grows by one with each change.
const NEWEST_BOOK: &str = "SELECT coalesce(max(revision), 0) FROM address_books";

/// How far clocks may be apart.
const CLOCK_TOLERANCE_MS: i64 = 60_000;

fn schema(schema: &Schema) -> Finding {
    match schema {
        Schema::Current => Finding::ok("schema", "is this release's"),
        Schema::Older(missing) => Finding::warning(
            "schema",
            format!(
                "lacks {missing} of this release's migrations: make a backup; the next start, or \
                 addressbook migrate, makes them"
            ),
        ),
        Schema::Newer(version) => Finding::failed(
            "schema",
            format!(
                "has the migration {version}, which this release does not know: run the release \
                 that wrote it, or a newer one"
            ),
        ),
        Schema::Foreign => Finding::failed(
            "schema",
            "is not Addressbook's: see which database is named, or let addressbook migrate make it",
        ),
    }
}

fn books(wrong: i64, full: bool) -> Finding {
    match wrong {
        0 if full => Finding::ok("books", "count the addresses that there are"),
        0 => Finding::ok(
            "books",
            format!("agree with their addresses ({SAMPLE} at most were tried)"),
        ),
        wrong => Finding::failed(
            "books",
            format!("{wrong} count other addresses than there are: restore the last good backup"),
        ),
    }
}

fn clock(newest_ms: i64, now: Timestamp) -> Finding {
    match newest_ms - now.unix_ms() > CLOCK_TOLERANCE_MS {
        false => Finding::ok(
            "clock",
            format!("{now}, and nothing in the store is from later"),
        ),
        true => Finding::failed(
            "clock",
            format!("{now} is before the store's last writes: set the machine's clock (NTP)"),
        ),
    }
}
