//! Examines an existing SQLite file: what it contains, and whether it is intact. Nothing here
//! creates, migrates or changes a database.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use addressbook_domain::CopySummary;
use rusqlite::{Connection, OpenFlags};

/// How long to wait for a process that locks the whole database, for example to recover it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a database to read it.
pub(crate) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    // Even a reader writes the index of the WAL, and deletes it when it closes the database.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

/// The number of rows in each table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows(BTreeMap<String, u64>);

impl Rows {
    pub(crate) fn count(connection: &Connection) -> rusqlite::Result<Self> {
        let tables = strings(
            connection,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        )?;
        let count = |table: String| {
            let sql = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
            let rows = connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?;
            Ok((table, rows.cast_unsigned()))
        };
        tables
            .into_iter()
            .map(count)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The rows of one table; 0 if there is no such table.
    fn of(&self, table: &str) -> u64 {
        self.0.get(table).copied().unwrap_or(0)
    }

    /// Summarizes a copy with these rows and this size in bytes.
    pub(crate) fn summary(&self, bytes: u64) -> CopySummary {
        CopySummary {
            bytes,
            addresses: self.of("addresses"),
            customers: self.of("address_books"),
            past_revisions: self.of("address_revisions"),
        }
    }
}

/// How thoroughly to check a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thoroughness {
    /// Checks pages, rows and constraints.
    Quick,
    /// Also checks that indexes agree with tables, and that foreign keys refer to existing rows.
    Full,
}

/// Returns the first fault of the file, if any. It names tables and pages, but no values.
pub(crate) fn fault(
    connection: &Connection,
    thoroughness: Thoroughness,
) -> rusqlite::Result<Option<String>> {
    let check = match thoroughness {
        Thoroughness::Quick => "PRAGMA quick_check(1)",
        Thoroughness::Full => "PRAGMA integrity_check(1)",
    };
    let result: String = connection.query_row(check, [], |row| row.get(0))?;
    if result != "ok" {
        return Ok(Some(crate::store::error::one_line(&result)));
    }
    if thoroughness == Thoroughness::Quick {
        return Ok(None);
    }
    let broken = strings(
        connection,
        "SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1",
    )?;
    Ok(broken
        .first()
        .map(|table| format!("{table} refers to missing rows")))
}

/// Returns the first column of each row.
pub(crate) fn strings(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect()
}
