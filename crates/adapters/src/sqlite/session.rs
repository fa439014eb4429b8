//! Sets up connections to SQLite.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rusqlite::{Connection, OpenFlags};

use crate::connection::session_options::{SessionOptions, Synchronous};
use crate::store::error::is_busy;

/// Number of pages from which on SQLite itself checkpoints in a commit, as a last resort: 128 MiB.
const LAST_RESORT_PAGES: i32 = 32_768;

/// Makes SQLite map the file into memory, up to 1 TiB, so that the system does not copy each page.
pub(crate) const MMAP: &str = "PRAGMA mmap_size = 1099511627776;";

/// Sets up a session. Retries while the database is busy: if several connections switch a file to
/// WAL mode at the same time, all but one fail at once, whatever their timeout.
pub(crate) fn set_up(
    connection: &mut SqliteConnection,
    options: &SessionOptions,
) -> QueryResult<()> {
    let session = statements(options);
    let since = Instant::now();
    loop {
        match connection.batch_execute(&session) {
            Err(error) if is_busy(&error) && since.elapsed() < options.lock_timeout => {
                thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

/// Opens a connection without Diesel, with the same setup.
pub(crate) fn open_raw(path: &Path, options: &SessionOptions) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(&statements(options))?;
    Ok(connection)
}

fn statements(options: &SessionOptions) -> String {
    let synchronous = match options.synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    format!(
        "PRAGMA busy_timeout = {};
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = {synchronous};
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         {MMAP}
         PRAGMA wal_autocheckpoint = {LAST_RESORT_PAGES};
         PRAGMA journal_size_limit = 67108864;",
        options.lock_timeout.as_millis(),
    )
}
