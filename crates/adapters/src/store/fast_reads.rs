//! Fast reads: reads that bypass the pool, because they take no longer than using it would.

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

/// The fast reads of each database. They return `None` for reads that the pool has to do instead.
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

/// A row of a page in the database's buffers, with the columns of the query in [`reads`]. Returns
/// `None` for unexpected values, which are left to the pool.
pub(crate) trait PageRow {
    /// The bytes of a text; empty if it is null.
    fn text(&self, column: usize) -> Option<&[u8]>;

    fn integer(&self, column: usize) -> Option<i64>;
}

/// Copies a row directly from the database's buffers into the page's.
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
