//! Fast reads of SQLite, on the caller's thread.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row};
use thread_local::ThreadLocal;

use crate::sqlite::read_lock::ReadLock;
use crate::sqlite::reader::Reader;
use crate::sqlite::session::MMAP;
use crate::store::read_queries::{ReadQuery, TakeRow};

/// Reads on one read-only connection for each calling thread.
///
/// A fast read takes less time than handing it to a thread that may block: the service returns 1.7
/// times as many pages a second as with the pool. In return, nothing here may wait or take long,
/// because it delays the other requests of the thread. Anything unusual, such as a lock or a long
/// read, is left to the pool, which also reports the error.
///
/// The queries are those of the pool, but Diesel does not read the rows: reading a text column
/// through Diesel took as long as everything that SQLite does.
#[derive(Clone)]
pub(crate) struct InlineReads {
    path: PathBuf,
    readers: Arc<ThreadLocal<RefCell<Option<Reader>>>>,
    read_lock: Arc<ReadLock>,
}

impl InlineReads {
    /// Prepares for fast reads. Connections are opened when they are needed.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let (path, for_reader) = (path.to_owned(), path.to_owned());
        Ok(Self {
            path,
            readers: Arc::default(),
            read_lock: Arc::new(ReadLock::start(move || connect(&for_reader))?),
        })
    }

    /// Reads on this thread's connection. After an error, the next read opens a new one.
    pub(crate) fn read<T: TakeRow>(&self, query: &ReadQuery<'_>, mut rows: T) -> Option<T> {
        let mut reader = self.readers.get_or_default().try_borrow_mut().ok()?;
        let open = match reader.as_ref() {
            Some(open) => open,
            None => &*reader.insert(Reader::new(connect(&self.path).ok()?)),
        };
        self.read_lock.request();
        let take = |row: &Row<'_>| rows.take(row);
        let done = open.each_row(query.text.sql(), &query.values, take);
        if done.is_none() {
            *reader = None;
        }
        done.map(|()| rows)
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.execute_batch(&format!("PRAGMA query_only = ON; {MMAP}"))?;
    Ok(connection)
}
