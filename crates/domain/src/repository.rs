use async_trait::async_trait;
use thiserror::Error;

use crate::{
    Address, AddressContent, AddressId, AddressPage, AddressRevision, BookHead, CustomerId,
    IdempotencyKey, IdempotencyRecord, Listing, PageRequest, Revision, Timestamp,
};

/// Where addresses are kept: one book a customer.
///
/// Each `MUST` below has a test in the contract suite of `addressbook-testkit`, named
/// after it. Whoever writes an adapter runs that suite against it.
///
/// Of every method:
/// * One call is one transaction: what it reads stood so at one moment, and what it
///   writes becomes true together or not at all.
/// * Text MUST come back byte for byte as it was given, in every script, and ids MUST be
///   told apart and ordered by their bytes (not by a language's rules, nor regardless of
///   case).
/// * A record that cannot have been written through this port MUST be reported as
///   [`RepositoryError::Corrupt`], and never left out, guessed at or a panic.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AddressRepository: Send + Sync {
    /// A page of a customer's book: addresses by ascending id.
    ///
    /// * MUST give an empty page, of a default [`BookHead`], for a customer it has never
    ///   heard of.
    /// * MUST give an empty page, with the book's head, when the page begins at or past
    ///   the end.
    /// * Pages that follow each other MUST together hold each address exactly once.
    /// * A page after an id MUST begin with the first greater id, whether or not there is
    ///   an address of that id.
    /// * The page's head MUST be that of the moment at which its addresses were read.
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<AddressPage, RepositoryError>;

    /// A page of a customer's book that leaves some out, has another order or shows an
    /// earlier time: what [`Listing::page`] makes of all addresses of the book and its head as
    /// it stands. As that takes longer the larger the book is, it belongs where the addresses
    /// were read, away from a thread that has other requests.
    ///
    /// * MUST be made of all addresses of the book.
    /// * As of a time: MUST be made of exactly the addresses whose latest revision up to the
    ///   end of that millisecond is not a removal, each as that revision has it.
    async fn page_of(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError>;

    /// The head of a customer's book, at the cost of one look-up by key.
    ///
    /// * MUST count the addresses that the book holds.
    /// * Its revision MUST be greater after a commit that changed the book than before
    ///   it, and the same as long as nothing changed; commits to other customers' books
    ///   MUST NOT touch it.
    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError>;

    /// The addresses that answer some look-ups, in the look-ups' order, with `None`
    /// where there is none.
    ///
    /// * MUST find nothing by the id of another customer's address.
    /// * MUST find by content an address of that customer whose content is equal,
    ///   nulls included, and none that differs in any way.
    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Option<Address>>, RepositoryError>;

    /// Makes all changes of a commit true together, writes a revision of each, and keeps
    /// its idempotency record.
    ///
    /// * MUST refuse with [`RepositoryError::Conflict`], changing nothing, when an
    ///   address to create exists already, or one to replace or remove does not exist at
    ///   the expected revision. Changes see the effect of those before them.
    /// * MUST refuse with [`RepositoryError::BookFull`], changing nothing, when a book would
    ///   hold more addresses than the commit allows; the index is that of the first
    ///   creation that is too many.
    /// * MUST refuse with [`RepositoryError::KeyTaken`], changing nothing, when there is a
    ///   record of the same customer and key already, unless that is older than the commit
    ///   says.
    /// * MUST accept the same address id in the books of two customers.
    /// * Revisions are counted by the repository, whatever a change says: an address that is
    ///   created again after it was removed MUST take up its revisions where they ended.
    /// * An idempotency record MUST be of a customer whose book the commit changes.
    /// * Of several commits at once that create the same address, replace the same
    ///   revision of it, or bring the same key, exactly one MUST succeed; the others are
    ///   refused.
    async fn commit(&self, commit: Commit) -> Result<(), RepositoryError>;

    /// The revisions of an address, newest first.
    ///
    /// * MUST give those of a removed address too, its removal among them.
    /// * MUST give nothing by the id of another customer's address.
    async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
    ) -> Result<Vec<AddressRevision>, RepositoryError>;

    /// What is known of a customer's key, however old.
    ///
    /// * MUST NOT give another customer's record.
    async fn idempotency_record(
        &self,
        customer_id: &CustomerId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, RepositoryError>;

    /// Removes records that were created before a moment, any `limit` of them at most, and
    /// returns how many.
    async fn prune_idempotency_records(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, RepositoryError>;

    /// Removes everything of a customer: addresses, revisions, idempotency records, the
    /// book. Returns how much that was.
    ///
    /// * Afterwards everything MUST be as if the customer had never been heard of, and
    ///   other customers' books as before.
    /// * The revision of a book that is opened again MUST be greater than any before, as
    ///   long as the commits' clock goes on.
    async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError>;

    /// Addresses of all customers, or of one, by ascending customer id and address id:
    /// the first ones, or those after a given one.
    ///
    /// * MUST give fewer than the limit only when there are no more.
    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError>;

    /// Whether the repository could answer now.
    ///
    /// * MUST succeed when the other methods would.
    async fn ready(&self) -> Result<(), RepositoryError>;
}

/// One question of [`AddressRepository::find`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The address with that id in that customer's book.
    Id(CustomerId, AddressId),
    /// Any address in that customer's book with that content.
    Content(CustomerId, AddressContent),
}

/// Which revisions of an address are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionRange {
    /// Those before this one; from the newest on without.
    pub before: Option<Revision>,
    /// The most to give.
    pub limit: u32,
}

/// How much was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Addresses that were in the book.
    pub addresses: u64,
    /// Revisions of addresses, also of removed ones.
    pub revisions: u64,
    /// Idempotency records.
    pub idempotency_records: u64,
}

/// What is to become true together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// When the changes were decided.
    pub at: Timestamp,
    /// The changes, in the order in which they are to be made.
    pub changes: Vec<Change>,
    /// The most addresses that a book may hold to which this adds.
    pub max_addresses: u32,
    /// What to remember of the request.
    pub idempotency: Option<KeptKey>,
}

/// An idempotency record to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptKey {
    /// The record.
    pub record: IdempotencyRecord,
    /// A record of the same key that is older than this counts as gone.
    pub expired_before: Timestamp,
}

/// A change of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The address is new.
    Create(Address),
    /// The address takes the place of its own earlier state.
    Replace {
        /// The new state.
        address: Address,
        /// The revision that the decision was based on.
        expected: Revision,
    },
    /// The address leaves the book, which is a revision of its own.
    Remove(Address),
}

impl Change {
    /// The address as it will be, or was.
    pub fn address(&self) -> &Address {
        match self {
            Self::Create(address) | Self::Replace { address, .. } | Self::Remove(address) => {
                address
            }
        }
    }
}

/// Which addresses [`AddressRepository::scan`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Those of this customer only.
    pub customer_id: Option<CustomerId>,
    /// Those after this one.
    pub after: Option<(CustomerId, AddressId)>,
    /// The most addresses to give.
    pub limit: u32,
}

/// What lies behind an error: for the log, never for the client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a repository could not do as it was asked, by what the caller can do about it.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// What is kept does not fit what the caller expected: read again and decide anew.
    #[error("change {index} does not fit what is kept")]
    Conflict {
        /// Which of the commit's changes, from 0.
        index: usize,
    },
    /// A book would hold more addresses than it may.
    #[error("change {index} is one address too many")]
    BookFull {
        /// Which of the commit's changes, from 0.
        index: usize,
    },
    /// The idempotency key was used before: look what for.
    #[error("the idempotency key was used before")]
    KeyTaken,
    /// Others were in the way for too long: the same call may succeed in a moment.
    #[error("the store is busy")]
    Busy(#[source] Cause),
    /// The store cannot be reached or takes no work: it may come back by itself.
    #[error("the store is not available")]
    Unavailable(#[source] Cause),
    /// A record is damaged: somebody has to mend it.
    #[error(transparent)]
    Corrupt(#[from] Inconsistency),
    /// Anything else: a defect of the adapter or the store.
    #[error("the store failed")]
    Internal(#[source] Cause),
}

/// A record that holds what cannot have been written through the port. As text, which may come
/// into a log, it does not say which record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a stored {record} has an impossible {field}")]
pub struct Inconsistency {
    /// What kind of record: `address` or `address book`.
    pub record: &'static str,
    /// Its id. Not a customer's, which is personal data.
    pub key: String,
    /// Which of its fields.
    pub field: &'static str,
}
