//! Runs SQL in a SQLite file, without a repository.

use std::path::Path;
use std::time::Duration;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection};

/// How long to wait for other writers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs one or more SQL statements in a database, which is created if it is missing. Returns the
/// rows as lines, with columns separated by `|`.
///
/// # Errors
/// SQLite's message if a statement fails.
pub fn query(path: &Path, sql: &str) -> Result<String, String> {
    run(path, sql).map_err(|error| error.to_string())
}

/// Holds the write lock of a database, like a program that does not finish its write. Nobody else
/// can write until it is dropped.
#[derive(Debug)]
pub struct WriteLock {
    /// Closing it ends its transaction.
    _connection: Connection,
}

impl WriteLock {
    /// Waits for the lock and takes it.
    ///
    /// # Panics
    /// If the lock is not available within half a minute.
    #[track_caller]
    pub fn take(path: &Path) -> Self {
        let begun = Connection::open(path).and_then(|connection| {
            connection.busy_timeout(PATIENCE)?;
            connection.execute_batch("BEGIN IMMEDIATE")?;
            Ok(connection)
        });
        Self {
            _connection: begun.unwrap(),
        }
    }
}

fn run(path: &Path, sql: &str) -> rusqlite::Result<String> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    let mut lines = Vec::new();
    let mut statements = Batch::new(&connection, sql);
    while let Some(mut statement) = statements.next()? {
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let values: rusqlite::Result<Vec<_>> = (0..columns)
                .map(|column| Ok(text(row.get_ref(column)?)))
                .collect();
            lines.push(values?.join("|"));
        }
    }
    Ok(lines.join("\n"))
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
    }
}
