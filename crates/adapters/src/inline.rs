//! Short reads of SQLite, on the thread that asks.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use addressbook_domain::{
    Address, AddressId, AddressPage, BookHead, CustomerId, Limit, PageRequest, PageStart,
    UncheckedPage,
};
use diesel::prelude::*;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel::sqlite::{Sqlite, SqliteQueryBuilder};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Params, Row, params};
use thread_local::ThreadLocal;

use crate::dialect::SQLITE_MMAP;
use crate::reads;
use crate::row::AddressRow;
use crate::short_reads::{PageRow, push_row};
use crate::standing_reader::StandingReader;

/// Each thread that asks has a connection of its own, for reading alone.
///
/// A short read takes less time than it would to hand it to a thread that may wait: that, and
/// the pool, were two thirds of what a page cost. In exchange nothing here may wait or take
/// long, because a thread's other requests stand still meanwhile: what is locked, what is no
/// short read, and whatever else is out of the ordinary is left to the pool, which finds out
/// what it is.
///
/// Diesel writes the SQL, as for the pool. The rows come without it: its way to a text column
/// took as long as all of SQLite's.
#[derive(Clone)]
pub(crate) struct InlineReads {
    path: PathBuf,
    connections: Arc<ThreadLocal<RefCell<Option<Connection>>>>,
    standing_reader: Arc<StandingReader>,
}

impl InlineReads {
    /// Connections are made as they are needed.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let (path, for_reader) = (path.to_owned(), path.to_owned());
        Ok(Self {
            path,
            connections: Arc::default(),
            standing_reader: Arc::new(StandingReader::start(move || connect(&for_reader))?),
        })
    }

    pub(crate) fn list(&self, customer_id: &CustomerId, page: &PageRequest) -> Option<AddressPage> {
        static PAGE_FROM: Statement = Statement::new();
        static PAGE_AFTER: Statement = Statement::new();
        let (id, limit) = (customer_id.as_str(), page.limit.get().into());
        let found = self.read(|connection| match &page.start {
            PageStart::Offset(offset) => {
                let offset = offset.get().cast_signed();
                let sql = PAGE_FROM.of(&reads::page_from(id, limit, offset))?;
                collect_page(connection, sql, params![id, id, limit, offset], page.limit)
            }
            PageStart::After(after) => {
                let after = after.as_str();
                let sql = PAGE_AFTER.of(&reads::page_after(id, limit, after))?;
                collect_page(connection, sql, params![id, id, after, limit], page.limit)
            }
        })?;
        if found.is_empty() {
            // No row brought the book's head along.
            let head = self.head(customer_id)?;
            return (head.addresses == 0).then(|| AddressPage::new(head));
        }
        Some(found)
    }

    pub(crate) fn head(&self, customer_id: &CustomerId) -> Option<BookHead> {
        static HEAD: Statement = Statement::new();
        let id = customer_id.as_str();
        let sql = HEAD.of(&reads::head_of(id))?;
        let head = self.read(|connection| {
            one(connection, sql, params![id], |row| {
                reads::book_head(integer(row, 0)?, integer(row, 1)?).ok()
            })
        })?;
        Some(head.unwrap_or_default())
    }

    pub(crate) fn find(&self, customer_id: &CustomerId, id: &AddressId) -> Option<Option<Address>> {
        static ADDRESS: Statement = Statement::new();
        let (customer_id, id) = (customer_id.as_str(), id.as_str());
        let query = reads::address_of(customer_id, id);
        let sql = ADDRESS.of(&query.select(AddressRow::as_select()))?;
        self.read(|connection| {
            one(connection, sql, params![customer_id, id], |row| {
                let text = |column| row.get_ref(column).ok()?.as_str().ok();
                let nullable = |column| row.get_ref(column).ok()?.as_str_or_null().ok();
                let row = AddressRow {
                    customer_id: text(0)?.into(),
                    id: text(1)?.into(),
                    description: nullable(2)?.map(Into::into),
                    region: text(3)?.into(),
                    city: text(4)?.into(),
                    country: text(5)?.into(),
                    custom_data: nullable(6)?.map(Into::into),
                    created_at: integer(row, 7)?,
                    updated_at: integer(row, 8)?,
                    revision: integer(row, 9)?,
                };
                Address::try_from(row).ok()
            })
        })
    }

    /// What was read on this thread's connection. After a failure the next read has a new one.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Option<T>) -> Option<T> {
        let mut connection = self.connections.get_or_default().try_borrow_mut().ok()?;
        let open = match connection.as_ref() {
            Some(open) => open,
            None => connection.insert(connect(&self.path).ok()?),
        };
        self.standing_reader.want();
        let answer = work(open);
        if answer.is_none() {
            *connection = None;
        }
        answer
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.execute_batch(&format!("PRAGMA query_only = ON; {SQLITE_MMAP}"))?;
    Ok(connection)
}

/// A statement's SQL, which Diesel writes the first time that it is asked for.
struct Statement(OnceLock<String>);

impl Statement {
    const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn of(&'static self, query: &impl QueryFragment<Sqlite>) -> Option<&'static str> {
        if let Some(sql) = self.0.get() {
            return Some(sql);
        }
        let mut sql = SqliteQueryBuilder::new();
        query.to_sql(&mut sql, &Sqlite).ok()?;
        Some(self.0.get_or_init(|| sql.finish()))
    }
}

fn collect_page(
    connection: &Connection,
    sql: &str,
    binds: impl Params,
    limit: Limit,
) -> Option<AddressPage> {
    let mut statement = connection.prepare_cached(sql).ok()?;
    let mut rows = statement.query(binds).ok()?;
    let mut page = UncheckedPage::default();
    while let Some(row) = rows.next().ok()? {
        push_row(&mut page, row, limit)?;
    }
    page.check().ok()
}

impl PageRow for Row<'_> {
    fn text(&self, column: usize) -> Option<&[u8]> {
        match self.get_ref(column).ok()? {
            ValueRef::Text(text) if !text.is_empty() => Some(text),
            ValueRef::Null => Some(b""),
            _ => None,
        }
    }

    fn integer(&self, column: usize) -> Option<i64> {
        integer(self, column)
    }
}

/// The one row that there is, if there is one, made into something.
fn one<T>(
    connection: &Connection,
    sql: &str,
    binds: impl Params,
    make: impl FnOnce(&Row<'_>) -> Option<T>,
) -> Option<Option<T>> {
    let mut statement = connection.prepare_cached(sql).ok()?;
    let mut rows = statement.query(binds).ok()?;
    match rows.next().ok()? {
        Some(row) => Some(Some(make(row)?)),
        None => Some(None),
    }
}

fn integer(row: &Row<'_>, column: usize) -> Option<i64> {
    row.get_ref(column).ok()?.as_i64().ok()
}
