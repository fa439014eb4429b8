//! Reads that take no longer than the way to the pool and back, so they do without it.

use addressbook_domain::{
    Address, AddressId, AddressPage, BookHead, CustomerId, Limit, OpenError, PageRequest,
    RepositoryError, Timestamp, UncheckedPage,
};

use crate::connection::migrations::no_thread;
use crate::connection::pool::StoreOptions;
use crate::connection::url::DatabaseUrl;
use crate::postgres::fast_reads::Pipelines;
use crate::sqlite::fast_reads::InlineReads;
use crate::store::reads;

/// The short way to each database. `None` is what it does not find, and the pool has to.
#[derive(Clone)]
pub(crate) enum FastReads {
    Sqlite(InlineReads),
    Postgres(Pipelines),
}

impl FastReads {
    pub(crate) fn of(url: &DatabaseUrl, options: &StoreOptions) -> Result<Self, OpenError> {
        match url {
            DatabaseUrl::Sqlite(path) => InlineReads::of(path).map(Self::Sqlite).map_err(no_thread),
            DatabaseUrl::Postgres(url) => Pipelines::of(url, options)
                .map(Self::Postgres)
                .map_err(|error| OpenError::Other(error.into())),
        }
    }

    pub(crate) async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<Option<AddressPage>, RepositoryError> {
        if !reads::is_short(page) {
            return Ok(None);
        }
        match self {
            Self::Sqlite(inline) => Ok(inline.list(customer_id, page)),
            Self::Postgres(pipelines) => pipelines.list(customer_id, page).await,
        }
    }

    pub(crate) async fn head(
        &self,
        customer_id: &CustomerId,
    ) -> Result<Option<BookHead>, RepositoryError> {
        match self {
            Self::Sqlite(inline) => Ok(inline.head(customer_id)),
            Self::Postgres(pipelines) => pipelines.head(customer_id).await.map(Some),
        }
    }

    pub(crate) async fn find(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
    ) -> Result<Option<Option<Address>>, RepositoryError> {
        match self {
            Self::Sqlite(inline) => Ok(inline.find(customer_id, id)),
            Self::Postgres(pipelines) => pipelines.find(customer_id, id).await.map(Some),
        }
    }
}

/// A row of a page where the database has it, by the columns of the query in [`reads`]. `None`
/// is what is out of the ordinary.
pub(crate) trait PageRow {
    /// The bytes of a text, none where it is null.
    fn text(&self, column: usize) -> Option<&[u8]>;

    fn integer(&self, column: usize) -> Option<i64>;
}

/// Copies a row from the database's buffers straight into the page's.
pub(crate) fn push_row(page: &mut UncheckedPage, row: &impl PageRow, limit: Limit) -> Option<()> {
    if page.is_empty() {
        let head = reads::book_head(row.integer(8)?, row.integer(9)?).ok()?;
        let most = head.addresses.min(limit.get().into());
        *page = UncheckedPage::with_capacity(head, most as usize);
    }
    let mut fields: [&[u8]; 6] = [b""; 6];
    for (column, field) in fields.iter_mut().enumerate() {
        *field = row.text(column)?;
    }
    let time = |column| Timestamp::from_unix_ms(row.integer(column)?).ok();
    page.push(fields, time(6)?, time(7)?);
    Some(())
}
