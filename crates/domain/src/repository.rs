use async_trait::async_trait;
use thiserror::Error;

use crate::{
    Address, AddressContent, AddressId, AddressPage, AddressRevision, BookHead, Commit, CustomerId,
    IdempotencyKey, IdempotencyRecord, Listing, PageRequest, Revision, Timestamp,
};

/// Where addresses are stored: one book for each customer.
///
/// Each `MUST` is followed by the names of its tests in the contract suite of
/// `addressbook-testkit`. An adapter runs that suite against itself.
///
/// # Every method
/// * One call is one transaction. What it reads MUST be of one moment
///   (`the_head_of_a_page_is_of_the_moment_of_its_addresses`,
///   `a_page_of_a_listing_is_of_one_moment`, `finds_all_at_one_moment`, `scans_at_one_moment`,
///   `revisions_are_of_one_moment`), and what it writes MUST take effect all together or not at
///   all (`a_refused_commit_changes_nothing`, `a_commit_takes_effect_in_all_books_at_once`).
/// * A call MUST see what every call wrote that returned before it began
///   (`a_call_sees_what_was_written_before_it`).
/// * The caller may drop a future before it ends, for example because a client went away. A
///   commit MUST then take effect as a whole or not at all
///   (`a_dropped_commit_takes_effect_as_a_whole_or_not_at_all`).
/// * Text MUST come back byte for byte as it was given, in every script and at every length that
///   the domain allows (`stores_every_script_byte_for_byte`, `stores_nulls`,
///   `stores_custom_data_as_it_was_spelled`, `stores_the_longest_values`), and times MUST come
///   back to the millisecond (`stores_times_to_the_millisecond`).
/// * Text that an earlier release accepted MUST come back too, although `parse` refuses it today
///   (`stores_text_that_earlier_releases_accepted`).
/// * Ids MUST be compared and ordered by their bytes: not by the rules of a language, nor
///   regardless of case (`tells_ids_apart_that_differ_only_in_case`, `lists_by_ascending_id`,
///   `scans_in_byte_order`).
///
/// # What the suite cannot show
/// An adapter does this, too, and has tests of its own for it:
/// * **Durable.** A call that writes returns `Ok` only when the change survives a crash of the
///   process and of the machine. Several commits may become durable together (a group commit), if
///   each of them returns only then and is refused or made by itself.
/// * **Shared.** Several processes may use one store: instances of the service, and an import or
///   an export beside them. "Before" in the rules above is meant across all of them, so an adapter
///   answers from the store, not from a cache of its own. A store that only one process can open
///   serves a single instance; to open it a second time is an error that says so.
/// * **Bounded.** Every call ends, whatever the store does: with [`RepositoryError::Busy`] or
///   [`RepositoryError::Unavailable`] after a timeout.
/// * **Checked.** A record that cannot have been written through this port is reported as
///   [`RepositoryError::Corrupt`]. It is never left out, guessed at or a panic.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AddressRepository: Send + Sync {
    /// A page of a customer's book: addresses by ascending id.
    ///
    /// * MUST return an empty page with the default [`BookHead`] for a customer without a book
    ///   (`lists_an_empty_page_for_an_unknown_customer`).
    /// * MUST return an empty page with the head of the book when the page begins at or past the
    ///   end (`lists_an_empty_page_with_the_head_past_the_end`).
    /// * Pages that follow each other MUST together hold each address exactly once, whatever their
    ///   size and wherever they begin (`pages_of_every_size_hold_each_address_exactly_once`,
    ///   `pages_far_into_a_large_book_hold_the_same`,
    ///   `pages_far_into_a_book_hold_the_same_as_it_grows_and_shrinks`).
    /// * A page after an id MUST begin with the first greater id, whether or not there is an
    ///   address with that id (`pages_after_an_id_begin_with_the_next_greater_one`).
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<AddressPage, RepositoryError>;

    /// A page with filters, in another order or of an earlier time: what [`Listing::page`] makes
    /// of all addresses of the book and of its head.
    ///
    /// The time it takes grows with the book, so call [`Listing::page`] where the addresses were
    /// read, not on a thread that has other requests.
    ///
    /// * MUST be made of all addresses of the book and its current head
    ///   (`a_page_of_a_listing_is_made_of_all_addresses`).
    /// * As of a time: MUST be made of exactly the addresses whose latest revision up to the end of
    ///   that millisecond is not a removal, each as that revision has it
    ///   (`the_book_is_known_as_it_stood_at_any_moment`). The latest revision MUST be the one with
    ///   the greatest number, not with the latest time: a clock may have been set back
    ///   (`the_latest_revision_is_the_one_with_the_greatest_number`).
    async fn page_of(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError>;

    /// The head of a customer's book, at the cost of one look-up by key. A customer without a book
    /// has the default [`BookHead`].
    ///
    /// * MUST count the addresses that the book holds (`the_head_counts_the_addresses`).
    /// * Its revision MUST be greater after a commit that changed the book than before it, and the
    ///   same as long as nothing in the book changed, whatever happens in other customers' books
    ///   (`the_revision_of_a_book_grows_with_its_changes_alone`).
    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError>;

    /// The addresses that some look-ups find: one result for each look-up, in the same order,
    /// `None` where there is no such address. An import looks up as many as it commits at a time,
    /// up to [`Commit::MAX_CHANGES`].
    ///
    /// * MUST return a result for each look-up, in their order, however many there are
    ///   (`finds_by_id_in_the_order_of_the_look_ups`, `finds_as_many_as_are_looked_up`).
    /// * MUST find nothing in the book of another customer
    ///   (`finds_nothing_in_another_customers_book`).
    /// * MUST find by content any address of that customer whose content is equal, nulls included,
    ///   and none that differs in any way (`finds_by_content_what_is_equal_and_nothing_else`).
    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Option<Address>>, RepositoryError>;

    /// Makes all changes of a commit, writes a revision of each, and stores its idempotency
    /// record ([`Commit::record`]); or refuses the commit and changes nothing.
    ///
    /// The changes may be of several customers, up to [`Commit::MAX_CHANGES`] of them. A commit
    /// without changes does nothing.
    ///
    /// * MUST make as many changes as a commit may hold, of several customers
    ///   (`commits_as_many_changes_as_an_import_brings`), and nothing without any
    ///   (`a_commit_without_changes_does_nothing`).
    /// * Changes MUST be made in their order: each sees the effect of those before it
    ///   (`changes_see_the_effect_of_those_before_them`).
    /// * MUST refuse with [`RepositoryError::Conflict`] when an address to create exists already
    ///   (`refuses_to_create_what_exists`), or when one to replace or to remove does not exist at
    ///   the expected revision (`refuses_to_replace_what_is_not_at_the_expected_revision`,
    ///   `refuses_to_remove_what_is_not_at_the_expected_revision`).
    /// * MUST refuse with [`RepositoryError::BookFull`] when a book would hold more addresses than
    ///   the commit allows (`refuses_one_address_too_many_and_names_it`).
    /// * MUST refuse with [`RepositoryError::HistoryFull`] when a change would create or replace an
    ///   address of a book that has as many past revisions as the commit allows, or more
    ///   (`refuses_one_past_revision_too_many_and_names_it`). Past are all revisions of its
    ///   addresses but for their current states: a replacement adds one, a removal two, and a
    ///   removal MUST NOT be refused for them (`removes_addresses_whatever_the_history_holds`).
    /// * MUST refuse with [`RepositoryError::KeyTaken`] when there is a record of the same customer
    ///   and key already (`refuses_a_key_that_is_taken`), unless that has expired: then the new
    ///   record MUST take its place (`replaces_the_record_of_a_key_that_has_expired`).
    /// * Of several reasons to refuse, the first MUST win: the index is that of the first change
    ///   that does not fit (`the_first_change_that_does_not_fit_decides`), at the same change
    ///   `Conflict` goes before `BookFull` (`a_conflict_goes_before_a_full_book`) and that before
    ///   `HistoryFull` (`a_full_book_goes_before_a_full_history`), and `KeyTaken` is for a commit
    ///   whose changes all fit (`a_taken_key_is_refused_last`).
    /// * A refused commit MUST change nothing: no address, no revision, no record, no head
    ///   (`a_refused_commit_changes_nothing`).
    /// * MUST accept the same address id in the books of two customers
    ///   (`accepts_the_same_address_id_in_two_books`).
    /// * MUST write a revision of each change, with the whole address, what happened and when
    ///   (`every_change_writes_a_revision`).
    /// * The repository counts revisions, whatever a change says. An address that is created again
    ///   after it was removed MUST continue its revisions
    ///   (`an_address_that_is_created_again_continues_its_revisions`).
    /// * Of several commits at once that create the same address, replace the same revision of it,
    ///   or bring the same key, exactly one MUST succeed; the others are refused
    ///   (`of_concurrent_creations_exactly_one_succeeds`,
    ///   `of_concurrent_replacements_exactly_one_succeeds`,
    ///   `of_concurrent_commits_with_one_key_exactly_one_succeeds`). A book MUST NOT outgrow its
    ///   limits by them (`of_concurrent_creations_no_more_succeed_than_the_book_may_hold`,
    ///   `of_concurrent_replacements_no_more_succeed_than_the_history_may_hold`).
    /// * Commits at once that do not exclude each other MUST all succeed, in whichever order they
    ///   name the books (`concurrent_commits_to_one_book_lose_nothing`,
    ///   `concurrent_commits_across_books_all_succeed`).
    async fn commit(&self, commit: Commit) -> Result<(), RepositoryError>;

    /// The revisions of an address, newest first: those with a smaller number than
    /// [`RevisionRange::before`], up to the limit. None for an address that never was.
    ///
    /// * MUST come by descending number, as many as the limit allows
    ///   (`revisions_come_newest_first_in_ranges_of_any_size`,
    ///   `gives_as_many_revisions_as_are_asked_for`).
    /// * MUST include those of a removed address, and its removal (`revisions_outlive_the_address`).
    /// * MUST be none for the id of another customer's address
    ///   (`gives_no_revisions_by_the_id_of_another_customers_address`).
    async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
    ) -> Result<Vec<AddressRevision>, RepositoryError>;

    /// The record of a customer's key, also of one that has expired and was not pruned yet.
    ///
    /// * MUST be the record that the commit brought: [`Commit::record`]
    ///   (`stores_the_record_of_the_first_change`).
    /// * MUST NOT be another customer's, or that of a key that differs in any byte
    ///   (`tells_records_apart_by_customer_and_key`).
    async fn idempotency_record(
        &self,
        customer_id: &CustomerId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, RepositoryError>;

    /// Removes up to `limit` records that were created before a moment, of all customers, in any
    /// order. Returns how many it removed.
    ///
    /// * MUST remove no record that was created at that moment or later, and no more than the
    ///   limit; fewer only when no older one is left (`prunes_old_records_in_steps`).
    async fn prune_idempotency_records(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, RepositoryError>;

    /// Removes everything of a customer: addresses, revisions, idempotency records, the book.
    /// Returns how much that was.
    ///
    /// * Afterwards everything MUST be as if the customer had never had a book, and other
    ///   customers' books as before (`erases_everything_of_one_customer_and_nothing_of_others`).
    /// * The revision of a book that is opened again MUST be greater than any before, as long as
    ///   the time of the commits goes on (`a_book_opened_again_begins_at_a_greater_revision`).
    /// * Commits to the book at the same time MUST come before or after it as a whole
    ///   (`an_erasure_among_commits_leaves_no_half`).
    async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError>;

    /// Addresses of all customers, or of one, by ascending customer id and address id: the first
    /// ones, or those after a given one, whether or not there is an address with that id.
    ///
    /// * MUST return fewer than the limit only when there are no more
    ///   (`scans_in_steps_of_any_size`, `scans_as_many_as_are_asked_for`), and of one customer no
    ///   other's (`scans_one_customer_alone`).
    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError>;

    /// Whether the repository could answer now. It does the least that shows it.
    ///
    /// * MUST succeed when the other methods would (`is_ready`).
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

/// Which revisions of an address [`AddressRepository::revisions`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionRange {
    /// Those with a smaller number than this. `None`: from the newest on.
    pub before: Option<Revision>,
    /// The most revisions to return.
    pub limit: u32,
}

/// How much was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Addresses that were in the book.
    pub addresses: u64,
    /// Revisions of addresses, also of removed ones. The state in which an address is counts.
    pub revisions: u64,
    /// Idempotency records.
    pub idempotency_records: u64,
}

/// Which addresses [`AddressRepository::scan`] returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Those of this customer only. `None`: of all customers.
    pub customer_id: Option<CustomerId>,
    /// Those after this one. `None`: from the first on.
    pub after: Option<(CustomerId, AddressId)>,
    /// The most addresses to return.
    pub limit: u32,
}

/// The cause of an error: for the log, never for the client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a call failed, by what the caller can do about it.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// What is stored is not what the caller expected: read again and decide again.
    #[error("change {index} does not fit what is stored")]
    Conflict {
        /// Which of the commit's changes, from 0.
        index: usize,
    },
    /// A book would hold more addresses than it may: make room.
    #[error("change {index} is one address too many")]
    BookFull {
        /// Which of the commit's changes, from 0.
        index: usize,
    },
    /// The addresses of a book have had as many revisions as they may: change no more of them.
    #[error("change {index} is one past revision too many")]
    HistoryFull {
        /// Which of the commit's changes, from 0.
        index: usize,
    },
    /// The idempotency key was used before: look up for what.
    #[error("the idempotency key was used before")]
    KeyTaken,
    /// Others were in the way for too long: the same call may succeed in a moment.
    #[error("the store is busy")]
    Busy(#[source] Cause),
    /// The store cannot be reached or takes no work: it may come back by itself.
    #[error("the store is not available")]
    Unavailable(#[source] Cause),
    /// A record is damaged: an operator has to repair it.
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
