//! Reads of one book, from a replica or from the primary store.

use std::sync::Arc;

use thiserror::Error;

use crate::default_addresses::{BookDefaults, DefaultAddresses};
use crate::listing::page::{AddressPage, BookHead};
use crate::min_revision::MinRevision;
use crate::replicas::FromReplicas;
use crate::repository::{AddressRepository, AddressRevisions, Cause, Found, RepositoryError};
use crate::service::AddressService;

/// Why a read of a book failed.
#[derive(Debug, Error)]
pub enum ReadError {
    /// No store that can be reached has the revision that the client has seen: the same read may
    /// succeed in a moment.
    #[error("no store that can be reached has the revision of the book")]
    Behind(#[source] Cause),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// What was read of a book.
pub(crate) trait OfBook {
    /// The revision of the book at the moment of the read; 0 if the customer has none.
    fn book_revision(&self) -> u64;
}

impl OfBook for AddressPage {
    fn book_revision(&self) -> u64 {
        self.head().revision
    }
}

impl OfBook for BookHead {
    fn book_revision(&self) -> u64 {
        self.revision
    }
}

impl OfBook for Found {
    fn book_revision(&self) -> u64 {
        self.book_revision
    }
}

impl OfBook for AddressRevisions {
    fn book_revision(&self) -> u64 {
        self.book_revision
    }
}

impl OfBook for BookDefaults {
    fn book_revision(&self) -> u64 {
        self.revision
    }
}

impl<T: OfBook> OfBook for (T, DefaultAddresses) {
    fn book_revision(&self) -> u64 {
        self.0.book_revision()
    }
}

impl AddressService {
    /// Reads from a replica that has this revision, otherwise from the primary store. `read` may
    /// be called several times.
    ///
    /// A book that the primary store does not have was erased, or never existed. That is its newest
    /// state, whatever revision the client has seen.
    pub(crate) async fn read<T: OfBook, F>(
        &self,
        min_revision: MinRevision,
        read: impl Fn(Arc<dyn AddressRepository>) -> F,
    ) -> Result<T, ReadError>
    where
        F: Future<Output = Result<T, RepositoryError>>,
    {
        let is_behind = match &self.replicas {
            None => false,
            Some(replicas) => match replicas.read(min_revision, &read).await {
                FromReplicas::Read(found) => return Ok(found),
                FromReplicas::Behind => true,
                FromReplicas::Nothing => false,
            },
        };
        match read(Arc::clone(&self.repository)).await {
            Ok(found) => match found.book_revision() {
                0 => Ok(found),
                revision if min_revision.is_met_by(revision) => Ok(found),
                _ => Err(ReadError::Behind(
                    "the primary store is at an earlier revision".into(),
                )),
            },
            Err(error @ RepositoryError::Unavailable(_)) if is_behind => {
                Err(ReadError::Behind(error.into()))
            }
            Err(error) => Err(error.into()),
        }
    }
}
