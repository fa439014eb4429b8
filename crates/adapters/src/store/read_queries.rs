//! The queries of fast reads, and how their rows are read. The pool runs the same queries for reads
//! that are left to it.

use std::ffi::CStr;

use addressbook_domain::{
    AddressContent, AddressId, BookHead, Column, Columns, CustomerId, Found, Limit, PageRequest,
    PageStart, Timestamp, UncheckedPage,
};

use crate::store::reads;
use crate::store::rows::AddressParts;
use crate::store::schema::{content_columns, content_values};
use crate::store::statements::{Sql, Value};

/// The text of a query, which a connection prepares once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueryText {
    /// A page at an offset.
    PageFrom,
    /// A page after an id.
    PageAfter,
    /// A page at an offset in a part of a large book.
    PageInPart,
    Head,
    Address,
    /// An address with the same content.
    AddressWithContent,
}

/// A query, with a value for each `?` of its text.
pub(crate) struct ReadQuery<'a> {
    pub(crate) text: QueryText,
    pub(crate) values: Vec<Value<'a>>,
}

/// One statement, so that the page and the head of the book are of the same moment. Both tables are
/// filtered by customer, so that no values are compared between them for each address.
macro_rules! page {
    ($after:literal, $offset:literal) => {
        concat!(
            "SELECT a.id, ",
            content_columns!("a."),
            ", a.created_at, a.updated_at, b.addresses, b.revision
             FROM addresses AS a JOIN address_books AS b ON b.customer_id = ?
             WHERE a.customer_id = ?",
            $after,
            " ORDER BY a.id LIMIT ?",
            $offset,
        )
    };
}

/// One statement, so that the address and the revision of the book are of the same moment. A book
/// without such an address is a row of nulls with its revision.
macro_rules! address {
    ($($condition:expr),*) => {
        concat!(
            "SELECT a.customer_id, a.id, ",
            content_columns!("a."),
            ", a.created_at, a.updated_at, a.revision, b.revision AS book_revision
             FROM address_books AS b LEFT JOIN addresses AS a ON a.customer_id = ? AND ",
            $($condition),*
        )
    };
}

impl QueryText {
    /// Those of fast reads.
    pub(crate) const FAST: [Self; 4] = [Self::PageFrom, Self::PageAfter, Self::Head, Self::Address];

    /// The name under which a session of PostgreSQL prepares it.
    pub(crate) const fn name(self) -> &'static CStr {
        match self {
            Self::PageFrom => c"page_from",
            Self::PageAfter => c"page_after",
            Self::PageInPart => c"page_in_part",
            Self::Head => c"head",
            Self::Address => c"address",
            Self::AddressWithContent => c"address_with_content",
        }
    }

    /// The SQL, in which each value is a `?`.
    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::PageFrom => page!("", " OFFSET ?"),
            Self::PageAfter => page!(" AND a.id > ?", ""),
            Self::PageInPart => page!(" AND a.id >= ?", " OFFSET ?"),
            Self::Head => "SELECT addresses, revision FROM address_books WHERE customer_id = ?",
            Self::Address => address!("a.id = ? WHERE b.customer_id = ?"),
            Self::AddressWithContent => address!(
                "(",
                content_columns!("a."),
                ") IS NOT DISTINCT FROM (",
                content_values!(),
                ") WHERE b.customer_id = ? LIMIT 1"
            ),
        }
    }
}

impl<'a> ReadQuery<'a> {
    /// The page that begins there, in a book that need not be divided into parts.
    pub(crate) fn page(customer_id: &'a CustomerId, page: &'a PageRequest) -> Self {
        let customer: Value<'_> = customer_id.as_str().into();
        let limit = i64::from(page.limit.get()).into();
        let (text, values) = match &page.start {
            PageStart::Offset(offset) => {
                let offset = offset.get().cast_signed().into();
                (QueryText::PageFrom, vec![customer, customer, limit, offset])
            }
            PageStart::After(position) => {
                let id = position.id.as_str().into();
                (QueryText::PageAfter, vec![customer, customer, id, limit])
            }
        };
        Self { text, values }
    }

    /// The page at an offset from the first id of a part.
    pub(crate) fn page_in_part(
        customer_id: &'a CustomerId,
        limit: Limit,
        first_id: &'a str,
        offset: i64,
    ) -> Self {
        let customer: Value<'_> = customer_id.as_str().into();
        let limit = i64::from(limit.get());
        Self {
            text: QueryText::PageInPart,
            values: vec![
                customer,
                customer,
                first_id.into(),
                limit.into(),
                offset.into(),
            ],
        }
    }

    /// The number of addresses in a book, and its revision.
    pub(crate) fn head(customer_id: &'a CustomerId) -> Self {
        Self {
            text: QueryText::Head,
            values: vec![customer_id.as_str().into()],
        }
    }

    pub(crate) fn address(customer_id: &'a CustomerId, id: &'a AddressId) -> Self {
        let customer: Value<'_> = customer_id.as_str().into();
        Self {
            text: QueryText::Address,
            values: vec![customer, id.as_str().into(), customer],
        }
    }

    pub(crate) fn address_with_content(
        customer_id: &'a CustomerId,
        content: &'a AddressContent,
    ) -> Self {
        let customer: Value<'_> = customer_id.as_str().into();
        let content = content.columns().into_values().map(Value::from);
        Self {
            text: QueryText::AddressWithContent,
            values: [customer]
                .into_iter()
                .chain(content)
                .chain([customer])
                .collect(),
        }
    }

    /// The query for Diesel.
    pub(crate) fn into_sql(self) -> Sql<'a> {
        Sql(self.text.sql(), self.values)
    }
}

/// A row of a query, as the database's client library holds it. `None` is a value that cannot have
/// been stored, which the pool reads again to report it.
pub(crate) trait ReadRow {
    /// The bytes of a text that is not null.
    fn text(&self, column: usize) -> Option<&[u8]>;

    /// The bytes of a text that is not empty, or nothing if it is null.
    fn text_or_null(&self, column: usize) -> Option<&[u8]>;

    fn integer(&self, column: usize) -> Option<i64>;
}

/// Takes the rows of a query one by one. `None` ends the read, and leaves it to the pool.
pub(crate) trait TakeRow {
    fn take(&mut self, row: &impl ReadRow) -> Option<()>;
}

/// Copies the rows of a page from the database's buffers into the page's.
pub(crate) struct PageRows {
    pub(crate) limit: Limit,
    pub(crate) page: UncheckedPage,
}

impl TakeRow for PageRows {
    fn take(&mut self, row: &impl ReadRow) -> Option<()> {
        const CREATED_AT: usize = 1 + Column::COUNT;
        if self.page.is_empty() {
            let (addresses, revision) =
                (row.integer(CREATED_AT + 2)?, row.integer(CREATED_AT + 3)?);
            let head = reads::book_head(addresses, revision).ok()?;
            let most = head.addresses.min(self.limit.get().into());
            self.page = UncheckedPage::with_capacity(head, most as usize);
        }
        let mut columns: [&[u8]; Column::COUNT] = [b""; Column::COUNT];
        for ((value, column), position) in columns.iter_mut().zip(Column::ALL).zip(1..) {
            *value = match column.is_nullable() {
                true => row.text_or_null(position)?,
                false => row.text(position)?,
            };
        }
        let time = |column| Timestamp::from_unix_ms(row.integer(column)?).ok();
        let (created_at, updated_at) = (time(CREATED_AT)?, time(CREATED_AT + 1)?);
        self.page
            .push(row.text(0)?, columns, created_at, updated_at);
        Some(())
    }
}

/// The head of a book, the default one without a row.
#[derive(Default)]
pub(crate) struct HeadRow(pub(crate) BookHead);

impl TakeRow for HeadRow {
    fn take(&mut self, row: &impl ReadRow) -> Option<()> {
        self.0 = reads::book_head(row.integer(0)?, row.integer(1)?).ok()?;
        Some(())
    }
}

/// An address and the revision of its book, the default without a row.
#[derive(Default)]
pub(crate) struct FoundAddress(pub(crate) Found);

impl TakeRow for FoundAddress {
    fn take(&mut self, row: &impl ReadRow) -> Option<()> {
        const CREATED_AT: usize = 2 + Column::COUNT;
        self.0.book_revision = row.integer(CREATED_AT + 3)?.try_into().ok()?;
        if row.text_or_null(1)?.is_empty() {
            return Some(());
        }
        let text = |column| str::from_utf8(row.text(column)?).ok();
        let mut columns = Columns::default();
        for (column, position) in Column::ALL.into_iter().zip(2..) {
            columns[column] = match column.is_nullable() {
                true => Some(str::from_utf8(row.text_or_null(position)?).ok()?)
                    .filter(|text| !text.is_empty()),
                false => Some(text(position)?),
            };
        }
        let parts = AddressParts {
            customer_id: text(0)?,
            id: text(1)?,
            columns,
            created_at: row.integer(CREATED_AT)?,
            updated_at: row.integer(CREATED_AT + 1)?,
            revision: row.integer(CREATED_AT + 2)?,
        };
        self.0.address = Some(parts.try_into().ok()?);
        Some(())
    }
}
