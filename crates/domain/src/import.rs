mod attempt;
mod batch;
mod books;
mod defaults;
mod entry;
#[cfg(test)]
mod tests;

use thiserror::Error;

use self::attempt::Import;
pub use self::entry::{ImportContent, ImportEntry};
use crate::default_addresses::patch::TooManyPurposes;
use crate::repository::RepositoryError;
use crate::service::{AddressService, MAX_DECISIONS};

/// What to do with entries that are not simply new. By default, a batch with an entry that cannot be
/// imported is not imported, no address is changed, and duplicates are created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// What to do with an entry that cannot be imported.
    pub on_error: OnError,
    /// What to do with an entry whose id exists with other content.
    pub on_conflict: OnConflict,
    /// What to do with an entry that would create an address that the customer has already.
    pub on_duplicate: OnDuplicateEntry,
}

/// What to do with an entry whose id exists with other content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The entry cannot be imported.
    #[default]
    Reject,
    /// The entry replaces the content of the address.
    Update,
}

/// What to do with an entry that would create an address, if the customer has one with the same
/// [`MatchKey`](crate::MatchKey) already: in the book, or from an earlier entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicateEntry {
    /// Create the address.
    #[default]
    Create,
    /// Skip the entry. That is not an error.
    Skip,
}

/// What to do with an entry that cannot be imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Import none of the batch.
    #[default]
    Stop,
    /// Skip the entry and continue.
    Skip,
}

/// The result of importing an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The entry created an address.
    Created,
    /// The entry changed an address.
    Updated,
    /// The address already exists with this content.
    Unchanged,
    /// Skipped: the customer has the same address already ([`OnDuplicateEntry::Skip`]).
    Duplicate,
    /// Skipped: the address exists with other content or default addresses ([`OnError::Skip`]).
    Conflict,
    /// Skipped: the customer would have default addresses for too many purposes
    /// ([`OnError::Skip`]).
    TooManyPurposes,
    /// Skipped: the customer has reached the limit of addresses ([`OnError::Skip`]).
    BookFull,
    /// Skipped: the address has reached the limit of revisions ([`OnError::Skip`]).
    TooManyRevisions,
    /// Skipped: the customer has reached the limit of past revisions ([`OnError::Skip`]).
    HistoryFull,
}

/// Why a batch was not imported. Nothing was changed.
#[derive(Debug, Error)]
pub enum ImportError {
    /// An entry's address exists with other content or default addresses ([`OnError::Stop`]).
    #[error("entry {index} is an address with other content or default addresses")]
    Conflict {
        /// The index of the entry, from 0.
        index: usize,
    },
    /// The customer of an entry would have default addresses for too many purposes
    /// ([`OnError::Stop`]).
    #[error("entry {index}: {error}")]
    TooManyPurposes {
        /// The index of the entry, from 0.
        index: usize,
        /// The limit.
        error: TooManyPurposes,
    },
    /// The customer of an entry has reached the limit of addresses ([`OnError::Stop`]).
    #[error("entry {index} exceeds the limit of {max_addresses} addresses of a customer")]
    BookFull {
        /// The index of the entry, from 0.
        index: usize,
        /// The limit.
        max_addresses: u32,
    },
    /// The address of an entry has reached the limit of revisions ([`OnError::Stop`]).
    #[error("entry {index} exceeds the limit of {max_revisions} revisions of an address")]
    TooManyRevisions {
        /// The index of the entry, from 0.
        index: usize,
        /// The limit.
        max_revisions: u32,
    },
    /// The customer of an entry has reached the limit of past revisions ([`OnError::Stop`]).
    #[error("entry {index} exceeds the limit of {max_past_revisions} past revisions of a customer")]
    HistoryFull {
        /// The index of the entry, from 0.
        index: usize,
        /// The limit.
        max_past_revisions: u32,
    },
    /// The books of the entries' customers change faster than all entries can be decided together.
    /// Fewer entries can be.
    #[error("the books of the customers kept changing: import fewer entries at a time")]
    BooksKeptChanging,
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// How many times a book may change while several entries are decided together.
const MAX_BOOK_CHANGES: u32 = 3;

impl AddressService {
    /// Imports a batch as a whole or not at all. Returns the outcome of each entry. Importing the
    /// same entries again changes nothing.
    ///
    /// # Errors
    /// [`ImportError`]. Nothing of the batch was imported.
    pub async fn import(
        &self,
        entries: &[ImportEntry],
        options: ImportOptions,
    ) -> Result<Vec<ImportOutcome>, ImportError> {
        let mut import = Import::new(self, entries, options);
        for _ in 0..MAX_DECISIONS {
            if let Some(outcomes) = import.attempt().await? {
                return Ok(outcomes);
            }
            if import.book_changes >= MAX_BOOK_CHANGES && entries.len() > 1 {
                return Err(ImportError::BooksKeptChanging);
            }
        }
        Err(RepositoryError::Busy("other requests kept changing the same addresses".into()).into())
    }
}
