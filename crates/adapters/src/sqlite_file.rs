//! A SQLite database as a file that is there: what is in it, and whether it is whole. Nothing
//! here creates, migrates or changes one.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::migrations::known_versions;

/// How long to wait for a program that holds the whole database, as one that recovers it does.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a database to read it.
pub(crate) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    // Also a reader has to write the index of the write-ahead log, and tidies up behind itself.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

/// How many rows each table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows(BTreeMap<String, u64>);

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

    /// How many addresses there are.
    pub fn addresses(&self) -> u64 {
        self.of("addresses")
    }

    /// How many customers have, or had, addresses.
    pub fn customers(&self) -> u64 {
        self.of("address_books")
    }

    /// How many states are kept that addresses were in before, their removals among them.
    pub fn earlier_revisions(&self) -> u64 {
        self.of("address_revisions")
    }
}

/// Which schema a database has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// Somebody else's, or none at all.
    Foreign,
    /// This release's.
    Current,
    /// Of a release before: so many migrations are to be made.
    Older(usize),
    /// Of a release to come: its first migration that this one does not know.
    Newer(String),
}

impl Schema {
    /// What these migrations make.
    pub(crate) fn of(applied: &[String]) -> Self {
        let known = known_versions();
        match applied.iter().find(|version| !known.contains(version)) {
            Some(version) => Self::Newer(version.clone()),
            None if applied.is_empty() => Self::Foreign,
            None => match known.len() - applied.len() {
                0 => Self::Current,
                missing => Self::Older(missing),
            },
        }
    }

    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let tables = strings(
            connection,
            "SELECT name FROM sqlite_schema
             WHERE type = 'table'
               AND name IN ('__diesel_schema_migrations', 'address_books', 'addresses')",
        )?;
        if tables.len() < 3 {
            return Ok(Self::Foreign);
        }
        let applied = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
        Ok(Self::of(&strings(connection, applied)?))
    }
}

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Pages, rows and constraints.
    Quick,
    /// Also that indexes agree with tables, and references with what they refer to.
    Full,
}

/// The first fault of the file, if there is one. Names tables and pages, and no values.
pub(crate) fn fault(connection: &Connection, care: Care) -> rusqlite::Result<Option<String>> {
    let check = match care {
        Care::Quick => "PRAGMA quick_check(1)",
        Care::Full => "PRAGMA integrity_check(1)",
    };
    let said: String = connection.query_row(check, [], |row| row.get(0))?;
    if said != "ok" {
        return Ok(Some(crate::error::one_line(&said)));
    }
    if care == Care::Quick {
        return Ok(None);
    }
    let broken = strings(
        connection,
        "SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1",
    )?;
    Ok(broken
        .first()
        .map(|table| format!("{table} refers to what is not there")))
}

/// The first column of each row.
pub(crate) fn strings(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect()
}
