//! Fast reads: reads that bypass the pool, because they take no longer than using it would.

use addressbook_domain::{
    AddressId, AddressPage, BookHead, CustomerId, Found, OpenError, PageRequest, RepositoryError,
    UncheckedPage,
};

use crate::connection::migrations::no_thread;
use crate::connection::pool::StoreOptions;
use crate::connection::url::DatabaseUrl;
use crate::postgres::fast_reads::Pipelines;
use crate::sqlite::fast_reads::InlineReads;
use crate::store::read_queries::{FoundAddress, HeadRow, PageRows, ReadQuery, TakeRow};
use crate::store::reads;

/// The fast reads of each engine.
#[derive(Clone)]
pub(crate) enum FastReads {
    Sqlite(InlineReads),
    Postgres(Pipelines),
}

/// What a fast read found.
pub(crate) enum FastRead<T> {
    Answered(T),
    /// The pool has to do the read: it is long, or something unusual came up.
    AskPool,
}

impl<T> From<Option<T>> for FastRead<T> {
    fn from(answer: Option<T>) -> Self {
        answer.map_or(Self::AskPool, Self::Answered)
    }
}

impl FastReads {
    pub(crate) fn of(url: &DatabaseUrl, options: &StoreOptions) -> Result<Self, OpenError> {
        match url {
            DatabaseUrl::Sqlite(path) => InlineReads::of(path).map(Self::Sqlite).map_err(no_thread),
            DatabaseUrl::Postgres(url) => Ok(Self::Postgres(Pipelines::of(url, options))),
        }
    }

    pub(crate) async fn list(
        &self,
        customer_id: &CustomerId,
        request: &PageRequest,
    ) -> Result<FastRead<AddressPage>, RepositoryError> {
        if reads::far_offset(&request.start).is_some() {
            return Ok(FastRead::AskPool);
        }
        let rows = PageRows {
            limit: request.limit,
            page: UncheckedPage::default(),
        };
        let found = self.read(ReadQuery::page(customer_id, request), rows);
        let Some(PageRows { page, .. }) = found.await? else {
            return Ok(FastRead::AskPool);
        };
        if !page.is_empty() {
            return Ok(page.check().ok().into());
        }
        // The head of the book comes with each row, and there is no row.
        Ok(match self.head(customer_id).await? {
            FastRead::Answered(head) if head.addresses == 0 => {
                FastRead::Answered(AddressPage::new(head))
            }
            _ => FastRead::AskPool,
        })
    }

    pub(crate) async fn head(
        &self,
        customer_id: &CustomerId,
    ) -> Result<FastRead<BookHead>, RepositoryError> {
        let found = self.read(ReadQuery::head(customer_id), HeadRow::default());
        Ok(found.await?.map(|HeadRow(head)| head).into())
    }

    pub(crate) async fn find(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
    ) -> Result<FastRead<Found>, RepositoryError> {
        let found = self.read(ReadQuery::address(customer_id, id), FoundAddress::default());
        Ok(found.await?.map(|FoundAddress(found)| found).into())
    }

    /// Runs a query and returns what took its rows; `None` if the pool has to.
    async fn read<T: TakeRow>(
        &self,
        query: ReadQuery<'_>,
        rows: T,
    ) -> Result<Option<T>, RepositoryError> {
        match self {
            Self::Sqlite(inline) => Ok(inline.read(&query, rows)),
            Self::Postgres(pipelines) => pipelines.read(query, rows).await,
        }
    }
}
