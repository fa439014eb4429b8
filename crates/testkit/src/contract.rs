//! The contract suites: tests of what every [`AddressRepository`] and every [`ApiKeyRepository`]
//! promises.
//!
//! ```
//! use std::sync::Arc;
//!
//! use addressbook_domain::AddressRepository;
//! use addressbook_testkit::InMemoryRepository;
//!
//! /// An empty repository, and a value that lives as long as the test: a temporary folder, for
//! /// example.
//! async fn subject() -> (Arc<dyn AddressRepository>, ()) {
//!     (Arc::new(InMemoryRepository::default()), ())
//! }
//!
//! addressbook_testkit::address_repository_contract!(subject);
//! ```
//!
//! `api_key_repository_contract!` works the same way.
//!
//! Each function below is one promise and becomes one test, with its own empty repository. A test
//! ends within [`LIMIT`], even if a call of the repository never returns.

#![warn(
    clippy::expect_used,
    clippy::missing_assert_message,
    clippy::unwrap_used
)]

mod api_keys;
mod calls;
mod commit;
mod concurrent;
mod default_addresses;
mod erase;
mod fidelity;
mod find;
mod head;
mod idempotency;
mod list;
mod page_of;
mod refusals;
mod revisions;
mod run;
mod scan;
mod steps;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use addressbook_domain::{AddressRepository, ApiKeyRepository};

pub use api_keys::*;
pub use commit::*;
pub use concurrent::*;
pub use default_addresses::*;
pub use erase::*;
pub use fidelity::*;
pub use find::*;
pub use head::*;
pub use idempotency::*;
pub use list::*;
pub use page_of::*;
pub use refusals::*;
pub use revisions::*;
pub use run::{LIMIT, run, run_within};
pub use scan::*;

/// The repository under test, for a promise about addresses.
pub type Subject = Arc<dyn AddressRepository>;

/// The repository under test, for a promise about API keys.
pub type KeySubject = Arc<dyn ApiKeyRepository>;

/// A promise and its test, for callers that iterate over all promises.
#[derive(Clone, Copy)]
pub struct Promise<S> {
    name: &'static str,
    test: fn(S) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<S: Send + 'static> Promise<S> {
    /// The name of the promise, which is that of its function in this module.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Tests the promise like [`run`].
    ///
    /// # Panics
    /// If the promise is broken, or its test does not end in time.
    pub fn run<A: Send + 'static, Made>(&self, subject: impl FnOnce() -> Made)
    where
        Made: Future<Output = (S, A)> + Send + 'static,
    {
        self.run_within(LIMIT, subject);
    }

    /// Tests the promise like [`run_within`].
    ///
    /// # Panics
    /// If the promise is broken, or its test does not end in time.
    pub fn run_within<A: Send + 'static, Made>(
        &self,
        limit: Duration,
        subject: impl FnOnce() -> Made,
    ) where
        Made: Future<Output = (S, A)> + Send + 'static,
    {
        run_within(limit, self.name, subject, self.test);
    }
}

impl<S> fmt::Debug for Promise<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every promise of an [`AddressRepository`].
pub const ADDRESS_PROMISES: &[Promise<Subject>] =
    crate::address_repository_contract! { @promises table };

/// Every promise of an [`ApiKeyRepository`].
pub const API_KEY_PROMISES: &[Promise<KeySubject>] =
    crate::api_key_repository_contract! { @promises table };

/// Generates a test for every promise of an [`AddressRepository`]. Takes the name of a function
/// that returns an empty repository, and a value that lives as long as the test:
/// `async fn() -> (Arc<dyn AddressRepository>, T)`.
#[macro_export]
macro_rules! address_repository_contract {
    ($subject:path) => {
        $crate::address_repository_contract! { @promises tests $subject }
    };
    (@promises $shape:ident $($subject:path)?) => {
        $crate::address_repository_contract! { @$shape $($subject)?:
            is_ready,
            lists_an_empty_page_for_an_unknown_customer,
            lists_an_empty_page_with_the_head_past_the_end,
            lists_by_ascending_id,
            pages_of_every_size_hold_each_address_exactly_once,
            pages_far_into_a_large_book_hold_the_same,
            pages_far_into_a_book_hold_the_same_as_it_grows_and_shrinks,
            pages_after_an_id_begin_with_the_next_greater_one,
            the_head_of_a_page_is_of_the_moment_of_its_addresses,
            a_page_of_a_listing_is_made_of_all_addresses,
            a_page_of_a_listing_is_of_one_moment,
            the_book_is_known_as_it_stood_at_any_moment,
            the_latest_revision_is_the_one_with_the_greatest_number,
            the_head_counts_the_addresses,
            the_revision_of_a_book_grows_with_its_changes_alone,
            finds_by_id_in_the_order_of_the_look_ups,
            finds_as_many_as_are_looked_up,
            finds_nothing_in_another_customers_book,
            finds_by_content_what_is_equal_and_nothing_else,
            finds_all_at_one_moment,
            finds_at_the_moment_of_the_revision,
            scans_in_byte_order,
            scans_in_steps_of_any_size,
            scans_as_many_as_are_asked_for,
            scans_one_customer_alone,
            scans_at_one_moment,
            commits_as_many_changes_as_an_import_brings,
            a_commit_without_changes_does_nothing,
            a_commit_returns_the_revisions_of_its_books,
            changes_see_the_effect_of_those_before_them,
            accepts_the_same_address_id_in_two_books,
            a_call_sees_what_was_written_before_it,
            refuses_to_change_a_book_that_is_not_at_the_expected_revision,
            a_changed_book_is_refused_first,
            refuses_to_create_what_exists,
            refuses_to_replace_what_is_not_at_the_expected_revision,
            refuses_to_remove_what_is_not_at_the_expected_revision,
            refuses_one_address_too_many_and_names_it,
            the_first_change_that_does_not_fit_decides,
            refuses_one_past_revision_too_many_and_names_it,
            removes_addresses_whatever_the_history_holds,
            a_conflict_goes_before_a_full_book,
            a_full_book_goes_before_a_full_history,
            a_taken_key_is_refused_last,
            a_refused_commit_changes_nothing,
            a_commit_takes_effect_in_all_books_at_once,
            a_dropped_commit_takes_effect_as_a_whole_or_not_at_all,
            of_concurrent_creations_exactly_one_succeeds,
            of_concurrent_replacements_exactly_one_succeeds,
            of_concurrent_creations_no_more_succeed_than_the_book_may_hold,
            of_concurrent_replacements_no_more_succeed_than_the_history_may_hold,
            of_concurrent_commits_that_expect_one_revision_exactly_one_succeeds,
            of_concurrent_commits_with_one_key_exactly_one_succeeds,
            concurrent_commits_to_one_book_lose_nothing,
            concurrent_commits_across_books_all_succeed,
            every_change_writes_a_revision,
            revisions_come_newest_first_in_ranges_of_any_size,
            gives_as_many_revisions_as_are_asked_for,
            revisions_outlive_the_address,
            revisions_are_of_one_moment,
            revisions_are_of_the_moment_of_the_book_revision,
            gives_no_revisions_by_the_id_of_another_customers_address,
            an_address_that_is_created_again_continues_its_revisions,
            stores_the_record_of_the_first_change,
            tells_records_apart_by_customer_and_key,
            refuses_a_key_that_is_taken,
            replaces_the_record_of_a_key_that_has_expired,
            prunes_old_records_in_steps,
            a_customer_without_a_book_has_no_default_addresses,
            a_commit_sets_and_clears_default_addresses,
            default_addresses_belong_to_one_customer,
            gives_the_default_addresses_of_as_many_customers_as_are_asked_for,
            default_addresses_are_of_the_moment_of_the_revision,
            a_removal_clears_the_default_addresses_of_the_address,
            refuses_a_default_address_that_is_not_in_the_book,
            concurrent_removals_leave_no_default_address,
            erases_everything_of_one_customer_and_nothing_of_others,
            a_book_opened_again_begins_at_a_greater_revision,
            an_erasure_among_commits_leaves_no_half,
            stores_every_script_byte_for_byte,
            stores_text_that_earlier_releases_accepted,
            stores_nulls,
            stores_postal_details,
            stores_an_empty_region_and_city,
            stores_custom_data_as_it_was_spelled,
            stores_the_longest_values,
            stores_times_to_the_millisecond,
            tells_ids_apart_that_differ_only_in_case,
        }
    };
    (@tests $subject:path: $($promise:ident),+ $(,)?) => {
        $(
            #[test]
            fn $promise() {
                $crate::contract::run(
                    stringify!($promise),
                    $subject,
                    $crate::contract::$promise,
                );
            }
        )+
    };
    (@table: $($promise:ident),+ $(,)?) => {
        &[$(
            $crate::contract::Promise {
                name: stringify!($promise),
                test: |subject| Box::pin($crate::contract::$promise(subject)),
            },
        )+]
    };
}

/// Generates a test for every promise of an [`ApiKeyRepository`]. Takes the name of a function
/// that returns an empty repository, and a value that lives as long as the test:
/// `async fn() -> (Arc<dyn ApiKeyRepository>, T)`.
#[macro_export]
macro_rules! api_key_repository_contract {
    ($subject:path) => {
        $crate::api_key_repository_contract! { @promises tests $subject }
    };
    (@promises $shape:ident $($subject:path)?) => {
        $crate::address_repository_contract! { @$shape $($subject)?:
            stores_a_key_with_all_its_fields,
            finds_no_key_whose_digest_differs_in_any_bit,
            refuses_a_key_whose_id_or_digest_exists,
            of_concurrent_keys_with_one_digest_exactly_one_is_added,
            lists_keys_by_ascending_id_in_steps_of_any_size,
            lists_as_many_keys_as_are_asked_for,
            revokes_for_good_and_leaves_the_first_time,
            concurrent_revocations_agree_on_one_time,
            stores_the_latest_use,
            of_concurrent_uses_the_latest_stays,
        }
    };
}

/// `ready`: succeeds if the other methods would.
pub async fn is_ready(repository: Subject) {
    calls::expect_ok(repository.ready().await, "ready, on a store that works");
}
