//! Reads that take no longer than the way to the pool and back, so they do without it.

use addressbook_domain::{
    Address, AddressId, AddressPage, BookHead, CustomerId, PageRequest, RepositoryError,
};

use crate::error::OpenError;
use crate::inline::InlineReads;
use crate::pipeline::Pipelines;
use crate::{DatabaseUrl, StoreOptions, reads};

/// The short way to each database. `None` is what it does not find, and the pool has to.
#[derive(Clone)]
pub(crate) enum ShortReads {
    Sqlite(InlineReads),
    Postgres(Pipelines),
}

impl ShortReads {
    pub(crate) fn of(url: &DatabaseUrl, options: &StoreOptions) -> Result<Self, OpenError> {
        match url {
            DatabaseUrl::Sqlite(path) => InlineReads::of(path)
                .map(Self::Sqlite)
                .map_err(OpenError::Thread),
            DatabaseUrl::Postgres(url) => Pipelines::of(url, options)
                .map(Self::Postgres)
                .map_err(|error| OpenError::Migrate(error.to_string())),
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
