//! Fast reads of SQLite, on the caller's thread.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use addressbook_domain::{
    Address, AddressId, AddressPage, BookHead, CustomerId, PageRequest, PageStart, UncheckedPage,
};
use diesel::prelude::*;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel::sqlite::{Sqlite, SqliteQueryBuilder};
use rusqlite::{Connection, OpenFlags};
use thread_local::ThreadLocal;

use crate::sqlite::read_lock::ReadLock;
use crate::sqlite::reader::{Query, Reader, Row};
use crate::sqlite::session::MMAP;
use crate::store::fast_reads::{PageRow, push_row};
use crate::store::reads;
use crate::store::rows::AddressRow;
use crate::store::statements::Value;

/// Reads on one read-only connection for each calling thread.
///
/// A fast read takes less time than handing it to a thread that may block: that and the pool took
/// two thirds of the time of a page. In return, nothing here may wait or take long, because it
/// delays the other requests of the thread. Anything unusual, such as a lock or a long read, is
/// left to the pool, which also reports the error.
///
/// Diesel generates the SQL, as for the pool, but does not read the rows: reading a text column
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

    pub(crate) fn list(&self, customer_id: &CustomerId, page: &PageRequest) -> Option<AddressPage> {
        let (id, limit) = (customer_id.as_str(), page.limit.get().into());
        let mut found = UncheckedPage::default();
        let take = |row: &Row<'_>| push_row(&mut found, row, page.limit);
        match &page.start {
            PageStart::Offset(offset) => {
                let offset = offset.get().cast_signed();
                let sql = || sql(&reads::page_from(id, limit, offset));
                let values = [id.into(), id.into(), limit.into(), offset.into()];
                self.read(Query::PageFrom, sql, &values, take)?;
            }
            PageStart::After(after) => {
                let after = after.as_str();
                let sql = || sql(&reads::page_after(id, limit, after));
                let values = [id.into(), id.into(), after.into(), limit.into()];
                self.read(Query::PageAfter, sql, &values, take)?;
            }
        }
        if found.is_empty() {
            // The head of the book comes with each row, and there is no row.
            let head = self.head(customer_id)?;
            return (head.addresses == 0).then(|| AddressPage::new(head));
        }
        found.check().ok()
    }

    pub(crate) fn head(&self, customer_id: &CustomerId) -> Option<BookHead> {
        let id = customer_id.as_str();
        let mut head = BookHead::default();
        let sql = || sql(&reads::head_of(id));
        self.read(Query::Head, sql, &[id.into()], |row| {
            head = reads::book_head(row.integer(0)?, row.integer(1)?).ok()?;
            Some(())
        })?;
        Some(head)
    }

    pub(crate) fn find(&self, customer_id: &CustomerId, id: &AddressId) -> Option<Option<Address>> {
        let (customer_id, id) = (customer_id.as_str(), id.as_str());
        let mut found = None;
        let sql = || sql(&reads::address_of(customer_id, id).select(AddressRow::as_select()));
        let values = [customer_id.into(), id.into()];
        self.read(Query::Address, sql, &values, |row| {
            let nullable = |column| match row.text(column)? {
                b"" => Some(None),
                text => Some(Some(str::from_utf8(text).ok()?.into())),
            };
            let row = AddressRow {
                customer_id: nullable(0)??,
                id: nullable(1)??,
                description: nullable(2)?,
                region: nullable(3)??,
                city: nullable(4)??,
                country: nullable(5)??,
                custom_data: nullable(6)?,
                created_at: row.integer(7)?,
                updated_at: row.integer(8)?,
                revision: row.integer(9)?,
            };
            found = Some(Address::try_from(row).ok()?);
            Some(())
        })?;
        Some(found)
    }

    /// Reads on this thread's connection. After an error, the next read opens a new one.
    fn read(
        &self,
        query: Query,
        sql: impl FnOnce() -> Option<String>,
        values: &[Value<'_>],
        take: impl FnMut(&Row<'_>) -> Option<()>,
    ) -> Option<()> {
        let mut reader = self.readers.get_or_default().try_borrow_mut().ok()?;
        let open = match reader.as_mut() {
            Some(open) => open,
            None => reader.insert(Reader::new(connect(&self.path).ok()?)),
        };
        self.read_lock.want();
        let done = open.each_row(query, sql, values, take);
        if done.is_none() {
            *reader = None;
        }
        done
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

fn sql(query: &impl QueryFragment<Sqlite>) -> Option<String> {
    let mut sql = SqliteQueryBuilder::new();
    query.to_sql(&mut sql, &Sqlite).ok()?;
    Some(sql.finish())
}
