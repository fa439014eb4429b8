use async_trait::async_trait;
use thiserror::Error;

use crate::address::address_id::AddressId;
use crate::address::content::AddressContent;
use crate::address::{Address, AddressRevision, Revision};
use crate::commit::{Commit, Committed};
use crate::customer_id::CustomerId;
use crate::default_addresses::BookDefaults;
use crate::idempotency::{IdempotencyKey, IdempotencyRecord};
use crate::inconsistency::Inconsistency;
use crate::listing::page::{AddressPage, BookHead};
use crate::listing::{Listing, PageRequest};
use crate::timestamp::Timestamp;

/// Stores addresses: one book for each customer.
///
/// Each `MUST` is followed by the names of its tests in the contract suite of
/// `addressbook-testkit`. An adapter runs that suite against itself.
///
/// # Every method
/// * One call is one transaction. Everything it reads MUST come from one snapshot
///   (`the_head_of_a_page_is_of_the_moment_of_its_addresses`,
///   `a_page_of_a_listing_is_of_one_moment`, `finds_all_at_one_moment`, `scans_at_one_moment`,
///   `revisions_are_of_one_moment`), and everything it writes MUST take effect together or not at
///   all (`a_refused_commit_changes_nothing`, `a_commit_takes_effect_in_all_books_at_once`).
/// * A call MUST see the writes of every call that returned before it began
///   (`a_call_sees_what_was_written_before_it`).
/// * The caller may drop a future before it completes, for example because a client disconnected.
///   A commit MUST then take effect as a whole or not at all
///   (`a_dropped_commit_takes_effect_as_a_whole_or_not_at_all`).
/// * Text MUST be returned byte for byte as it was stored, in every script and at every length
///   that the domain allows (`stores_every_script_byte_for_byte`, `stores_nulls`,
///   `stores_postal_details`, `stores_an_empty_region_and_city`,
///   `stores_custom_data_as_it_was_spelled`, `stores_the_longest_values`), and times MUST be
///   returned to the millisecond (`stores_times_to_the_millisecond`).
/// * Text that an earlier release accepted MUST be returned as well, although `parse` rejects it
///   today (`stores_text_that_earlier_releases_accepted`).
/// * Ids MUST be compared and ordered by their bytes, not by the rules of a language, and not
///   case-insensitively (`tells_ids_apart_that_differ_only_in_case`, `lists_by_ascending_id`,
///   `scans_in_byte_order`).
///
/// # What the suite cannot show
/// An adapter also has these properties, and tests them itself:
/// * **Durable.** A call that writes returns `Ok` only when the change survives a crash of the
///   process and of the machine. Several commits may become durable together (a group commit), if
///   none of them returns earlier and each is made or rejected by itself.
/// * **Shared.** Several processes may use one store: instances of the service, and imports or
///   exports that run at the same time. "Before" in the rules above applies across all of them, so
///   an adapter reads from the store, not from a cache of its own. A store that only one process
///   can open serves a single instance. Opening it a second time fails, and the error says why.
/// * **Bounded.** Every call ends, whatever the store does: after a timeout, it fails with
///   [`RepositoryError::Busy`] or [`RepositoryError::Unavailable`].
/// * **Checked.** A record that cannot have been written through this port is reported as
///   [`RepositoryError::Corrupt`]. It is never skipped or repaired by a guess, and never causes a
///   panic.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AddressRepository: Send + Sync {
    /// Returns a page of a customer's book: addresses by ascending id.
    ///
    /// * MUST return an empty page with the default [`BookHead`] for a customer without a book
    ///   (`lists_an_empty_page_for_an_unknown_customer`).
    /// * MUST return an empty page with the head of the book when the page begins at or past the
    ///   end (`lists_an_empty_page_with_the_head_past_the_end`).
    /// * Consecutive pages MUST together contain each address exactly once, at every page size and
    ///   offset (`pages_of_every_size_hold_each_address_exactly_once`,
    ///   `pages_far_into_a_large_book_hold_the_same`,
    ///   `pages_far_into_a_book_hold_the_same_as_it_grows_and_shrinks`).
    /// * A page after an id MUST begin with the next greater id, whether or not an address with
    ///   that id exists (`pages_after_an_id_begin_with_the_next_greater_one`).
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<AddressPage, RepositoryError>;

    /// Returns a page with filters, in another order or as of an earlier time: the page that
    /// [`Listing::apply`] computes from all addresses of the book and its head.
    ///
    /// The computation takes time in proportion to the book. Call [`Listing::apply`] on the thread
    /// that read the addresses, not on a thread that serves other requests.
    ///
    /// * MUST be computed from all addresses of the book and its current head
    ///   (`a_page_of_a_listing_is_made_of_all_addresses`).
    /// * With [`Listing::as_of`], MUST be computed from exactly the addresses whose latest revision
    ///   up to the end of that millisecond is not a removal, each in the state of that revision
    ///   (`the_book_is_known_as_it_stood_at_any_moment`). The latest revision MUST be the one with
    ///   the greatest number, not the one with the latest time, because a clock may have been set
    ///   back (`the_latest_revision_is_the_one_with_the_greatest_number`).
    async fn page_of(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError>;

    /// Returns the head of a customer's book, at the cost of one look-up by key. A customer without
    /// a book has the default [`BookHead`].
    ///
    /// * MUST count the addresses in the book (`the_head_counts_the_addresses`).
    /// * The book revision MUST increase with every commit that changes the book, and stay the same
    ///   otherwise, whatever happens in other customers' books
    ///   (`the_revision_of_a_book_grows_with_its_changes_alone`).
    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError>;

    /// Looks up addresses by id or by content. Returns one result for each look-up, in the same
    /// order, with the revision of the customer's book. An import passes as many look-ups as it
    /// commits at a time, up to [`Commit::MAX_CHANGES`].
    ///
    /// * MUST return a result for each look-up, in their order, however many there are
    ///   (`finds_by_id_in_the_order_of_the_look_ups`, `finds_as_many_as_are_looked_up`).
    /// * MUST find nothing in the book of another customer
    ///   (`finds_nothing_in_another_customers_book`).
    /// * A look-up by content MUST find any one address of that customer with equal content, nulls
    ///   included, and no address whose content differs in any way
    ///   (`finds_by_content_what_is_equal_and_nothing_else`).
    /// * The revision MUST be that of the book at the moment of the address, or of its absence; 0
    ///   for a customer without a book (`finds_at_the_moment_of_the_revision`).
    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Found>, RepositoryError>;

    /// Returns the default addresses of each of these customers, in the order of the customers. An
    /// import passes as many customers as [`Commit::MAX_CHANGES`].
    ///
    /// * MUST be the default [`BookDefaults`] for a customer without a book
    ///   (`a_customer_without_a_book_has_no_default_addresses`).
    /// * MUST be those that commits set and did not clear
    ///   (`a_commit_sets_and_clears_default_addresses`), of that customer alone
    ///   (`default_addresses_belong_to_one_customer`), for as many customers as are asked for
    ///   (`gives_the_default_addresses_of_as_many_customers_as_are_asked_for`).
    /// * The revision MUST be that of the book at the moment of the default addresses
    ///   (`default_addresses_are_of_the_moment_of_the_revision`).
    async fn default_addresses(
        &self,
        customers: Vec<CustomerId>,
    ) -> Result<Vec<BookDefaults>, RepositoryError>;

    /// Makes all changes of a commit, writes a revision for each, and stores its idempotency
    /// record ([`Commit::record`]); or rejects the commit and changes nothing. Returns the new
    /// revisions of the books.
    ///
    /// A commit has up to [`Commit::MAX_CHANGES`] changes, of one or several customers. A commit
    /// without changes, of addresses or of default addresses, does nothing.
    ///
    /// * MUST make as many changes as a commit may have, of several customers
    ///   (`commits_as_many_changes_as_an_import_brings`), and MUST do nothing without changes
    ///   (`a_commit_without_changes_does_nothing`).
    /// * MUST return the revision that it gave to each book it changed, and no other book
    ///   (`a_commit_returns_the_revisions_of_its_books`).
    /// * Changes MUST be made in their order: each sees the effect of the changes before it
    ///   (`changes_see_the_effect_of_those_before_them`).
    /// * MUST reject with [`Refusal::BookChanged`] if a book that the commit changes is not at its
    ///   revision in [`Commit::expected_revisions`], if it has one there
    ///   (`refuses_to_change_a_book_that_is_not_at_the_expected_revision`).
    /// * MUST reject with [`Refusal::Conflict`] if an address to create already exists
    ///   (`refuses_to_create_what_exists`), or if an address to replace or remove does not exist at
    ///   the expected revision (`refuses_to_replace_what_is_not_at_the_expected_revision`,
    ///   `refuses_to_remove_what_is_not_at_the_expected_revision`).
    /// * MUST reject with [`Refusal::BookFull`] if a book would hold more addresses than
    ///   the commit allows (`refuses_one_address_too_many_and_names_it`).
    /// * MUST reject with [`Refusal::HistoryFull`] if a change would create or replace an
    ///   address in a book that already has as many past revisions as the commit allows, or more
    ///   (`refuses_one_past_revision_too_many_and_names_it`). Past revisions are all revisions that
    ///   are not the current state of an address: a replacement adds one and a removal two. A
    ///   removal MUST NOT be rejected for them (`removes_addresses_whatever_the_history_holds`).
    /// * After the changes, MUST set and clear the [default addresses](Commit::default_addresses)
    ///   in their order: one for each customer and purpose
    ///   (`a_commit_sets_and_clears_default_addresses`). Clearing one that does not exist changes
    ///   nothing.
    /// * MUST clear the default addresses that are an address which the commit removes
    ///   (`a_removal_clears_the_default_addresses_of_the_address`).
    /// * MUST reject with [`Refusal::NotInBook`] if a default address is not in the customer's book
    ///   after the changes (`refuses_a_default_address_that_is_not_in_the_book`). Concurrent commits
    ///   MUST NOT leave such a default address (`concurrent_removals_leave_no_default_address`).
    /// * MUST reject with [`Refusal::KeyTaken`] if a record with the same customer and key
    ///   exists (`refuses_a_key_that_is_taken`). If that record has expired, the new record MUST
    ///   replace it instead (`replaces_the_record_of_a_key_that_has_expired`).
    /// * If there are several reasons to reject, the first MUST be reported. `BookChanged` takes
    ///   precedence over all others (`a_changed_book_is_refused_first`). Then the first change that
    ///   does not fit decides: the index is its own (`the_first_change_that_does_not_fit_decides`). For one
    ///   change, `Conflict` takes precedence over `BookFull`
    ///   (`a_conflict_goes_before_a_full_book`), and `BookFull` over `HistoryFull`
    ///   (`a_full_book_goes_before_a_full_history`). `NotInBook` is reported only if all changes fit,
    ///   and `KeyTaken` only if everything else does (`a_taken_key_is_refused_last`).
    /// * A rejected commit MUST change nothing: no address, no revision, no record, no head
    ///   (`a_refused_commit_changes_nothing`).
    /// * MUST accept the same address id in the books of two customers
    ///   (`accepts_the_same_address_id_in_two_books`).
    /// * MUST write a revision for each change, with the whole address, what happened and when
    ///   (`every_change_writes_a_revision`).
    /// * The repository assigns revision numbers and ignores those in a change. An address that is
    ///   created again after its removal MUST continue its revisions
    ///   (`an_address_that_is_created_again_continues_its_revisions`).
    /// * Of several concurrent commits that create the same address, replace the same revision of
    ///   it, expect the same revision of a book, or have the same key, exactly one MUST succeed; the
    ///   others are rejected (`of_concurrent_creations_exactly_one_succeeds`,
    ///   `of_concurrent_replacements_exactly_one_succeeds`,
    ///   `of_concurrent_commits_that_expect_one_revision_exactly_one_succeeds`,
    ///   `of_concurrent_commits_with_one_key_exactly_one_succeeds`). They MUST NOT take a book
    ///   beyond its limits (`of_concurrent_creations_no_more_succeed_than_the_book_may_hold`,
    ///   `of_concurrent_replacements_no_more_succeed_than_the_history_may_hold`).
    /// * Concurrent commits that do not conflict MUST all succeed, in whatever order they name the
    ///   books (`concurrent_commits_to_one_book_lose_nothing`,
    ///   `concurrent_commits_across_books_all_succeed`).
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError>;

    /// Returns the revisions of an address, newest first: those with a smaller number than
    /// [`RevisionRange::before`], up to the limit. Returns none for an address that never existed.
    /// Also returns the revision of the customer's book.
    ///
    /// * MUST be ordered by descending number, as many as the limit allows
    ///   (`revisions_come_newest_first_in_ranges_of_any_size`,
    ///   `gives_as_many_revisions_as_are_asked_for`).
    /// * MUST include the revisions of a removed address, and its removal
    ///   (`revisions_outlive_the_address`).
    /// * MUST be none for the id of another customer's address
    ///   (`gives_no_revisions_by_the_id_of_another_customers_address`).
    /// * The revision of the book MUST be that at the moment of the revisions, or of their absence;
    ///   0 for a customer without a book (`revisions_are_of_the_moment_of_the_book_revision`).
    async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
    ) -> Result<AddressRevisions, RepositoryError>;

    /// Returns the record of a customer's key, even if it has expired and was not pruned yet.
    ///
    /// * MUST be the [`Commit::record`] of the commit (`stores_the_record_of_the_first_change`).
    /// * MUST NOT be another customer's, or that of a key that differs in any byte
    ///   (`tells_records_apart_by_customer_and_key`).
    ///
    /// A repeated creation is acknowledged by its record. So the record must be as durable when it
    /// is returned as a commit is when it returns `Ok`.
    async fn idempotency_record(
        &self,
        customer_id: &CustomerId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, RepositoryError>;

    /// Removes up to `limit` records that were created before a time, of all customers, in any
    /// order. Returns how many it removed.
    ///
    /// * MUST remove no record that was created at that time or later, no more records than the
    ///   limit, and fewer only if no older record remains (`prunes_old_records_in_steps`).
    async fn prune_idempotency_records(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, RepositoryError>;

    /// Deletes all data about a customer: addresses, revisions, default addresses, idempotency
    /// records and the book.
    /// Returns what it deleted, as counts.
    ///
    /// * Afterwards everything MUST be as if the customer had never had a book, and other
    ///   customers' books as before (`erases_everything_of_one_customer_and_nothing_of_others`).
    /// * If the customer gets a book again, its revision MUST be greater than any before, as long
    ///   as the time of the commits does not go back
    ///   (`a_book_opened_again_begins_at_a_greater_revision`).
    /// * A concurrent commit to the book MUST take effect as a whole before the erasure or after it
    ///   (`an_erasure_among_commits_leaves_no_half`).
    async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError>;

    /// Returns addresses of all customers, or of one, by ascending customer id and address id: the
    /// first ones, or those after a given id, whether or not an address with that id exists.
    ///
    /// * MUST return fewer than the limit only if there are no more
    ///   (`scans_in_steps_of_any_size`, `scans_as_many_as_are_asked_for`). A scan of one customer
    ///   MUST return no other customer's addresses (`scans_one_customer_alone`).
    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError>;

    /// Checks whether the repository can serve calls now, with as little work as possible.
    ///
    /// * MUST succeed if the other methods would (`is_ready`).
    async fn ready(&self) -> Result<(), RepositoryError>;
}

/// One look-up of [`AddressRepository::find`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The address with this id in this customer's book.
    Id(CustomerId, AddressId),
    /// Any address with this content in this customer's book.
    Content(CustomerId, AddressContent),
}

/// What one look-up of [`AddressRepository::find`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The address. `None`: no such address is in the book.
    pub address: Option<Address>,
    /// The revision of the customer's book at that moment; 0 if the customer has none.
    pub book_revision: u64,
}

/// Which revisions of an address [`AddressRepository::revisions`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionRange {
    /// Only revisions with a smaller number than this. `None`: starts at the newest.
    pub before: Option<Revision>,
    /// The most revisions to return.
    pub limit: u32,
}

/// What [`AddressRepository::revisions`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRevisions {
    /// Revisions of one address, newest first.
    pub revisions: Vec<AddressRevision>,
    /// The revision of the customer's book at that moment; 0 if the customer has none.
    pub book_revision: u64,
}

/// What an erasure deleted, as counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Addresses that were in the book.
    pub addresses: u64,
    /// Revisions of addresses, including removed ones. The current state of an address counts as
    /// one.
    pub revisions: u64,
    /// Idempotency records.
    pub idempotency_records: u64,
    /// Default addresses.
    pub default_addresses: u64,
}

/// Which addresses [`AddressRepository::scan`] returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Only addresses of this customer. `None`: of all customers.
    pub customer_id: Option<CustomerId>,
    /// Only addresses after this one. `None`: starts at the first.
    pub after: Option<(CustomerId, AddressId)>,
    /// The most addresses to return.
    pub limit: u32,
}

/// The cause of an error: for the log, never for the client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a call failed, by what the caller can do about it.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// The call waited too long for others: the same call may succeed in a moment.
    #[error("the store is busy")]
    Busy(#[source] Cause),
    /// The store cannot be reached or accepts no work: it may recover by itself.
    #[error("the store is not available")]
    Unavailable(#[source] Cause),
    /// A record is damaged: an operator must repair it.
    #[error(transparent)]
    Corrupt(#[from] Inconsistency),
    /// Anything else: a defect of the adapter or the store.
    #[error("the store failed")]
    Internal(#[source] Cause),
}

/// Why a commit failed. Nothing was changed.
#[derive(Debug, Error)]
pub enum CommitError {
    /// The commit does not fit the stored state.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The call failed, as any other may.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// How a commit does not fit the stored state. Each index is that of a change in the commit, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The stored state is not the one that the caller expected: read again and decide again.
    #[error("change {index} conflicts with the stored state")]
    Conflict {
        /// The index of the change.
        index: usize,
    },
    /// A book would exceed its limit of addresses: remove an address first.
    #[error("change {index} is one address too many")]
    BookFull {
        /// The index of the change.
        index: usize,
    },
    /// A book has reached its limit of past revisions: stop creating and replacing its addresses.
    #[error("change {index} is one past revision too many")]
    HistoryFull {
        /// The index of the change.
        index: usize,
    },
    /// A book is not at the revision that the caller expected: read again and decide again.
    #[error("a book is not at the expected revision")]
    BookChanged,
    /// The address of a default address is not in the customer's book.
    #[error("the address of default address {index} is not in the book")]
    NotInBook {
        /// The index of the change in [`Commit::default_addresses`].
        index: usize,
    },
    /// The idempotency key was used before: look up what it was used for.
    #[error("the idempotency key was used before")]
    KeyTaken,
}
