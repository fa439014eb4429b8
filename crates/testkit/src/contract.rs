//! The contract suites: what every [`AddressRepository`] promises, as tests, and what every
//! [`ApiKeyRepository`](addressbook_domain::ApiKeyRepository) does.
//!
//! ```
//! use std::sync::Arc;
//!
//! use addressbook_domain::AddressRepository;
//! use addressbook_testkit::InMemoryRepository;
//!
//! /// An empty repository, and whatever has to live as long as it does.
//! fn subject() -> (Arc<dyn AddressRepository>, ()) {
//!     (Arc::new(InMemoryRepository::default()), ())
//! }
//!
//! addressbook_testkit::address_repository_contract!(subject);
//! ```
//!
//! `api_key_repository_contract!` likewise.
//!
//! Each function below is one promise and becomes one test. It starts with an empty
//! repository of its own.

mod api_keys;
mod commit;
mod erasure;
mod fidelity;
mod history;
mod keys;
mod read;

use std::future::Future;
use std::sync::Arc;

use addressbook_domain::{
    Address, AddressPage, AddressRepository, BookHead, Commit, CustomerId, Lookup, Offset,
    PageRequest, PageStart, RepositoryError,
};

use crate::fixtures;

pub use api_keys::*;
pub use commit::*;
pub use erasure::*;
pub use fidelity::*;
pub use history::*;
pub use keys::*;
pub use read::*;

/// What a promise is tested on.
pub type Subject = Arc<dyn AddressRepository>;

/// Makes a test of every promise. Takes a function that gives an empty repository and
/// whatever has to live as long as it does: `fn() -> (Arc<dyn AddressRepository>, T)`.
///
/// With `walk` before the function, it keeps all promises one after the other instead, for
/// tests that watch what an adapter does meanwhile.
#[macro_export]
macro_rules! address_repository_contract {
    ($subject:path) => {
        $crate::address_repository_contract! { @promises test $subject }
    };
    (walk $subject:path) => {
        $crate::address_repository_contract! { @promises walk $subject }
    };
    (@promises $shape:ident $subject:path) => {
        $crate::address_repository_contract! { @$shape $subject:
            is_ready,
            lists_an_empty_page_for_an_unknown_customer,
            lists_an_empty_page_with_the_head_past_the_end,
            lists_by_ascending_id,
            pages_of_every_size_hold_each_address_exactly_once,
            pages_far_into_a_large_book_hold_the_same,
            pages_far_into_a_book_hold_the_same_as_it_grows_and_shrinks,
            pages_after_an_id_begin_with_the_next_greater_one,
            a_page_of_a_listing_is_made_of_all_addresses,
            the_head_of_a_page_is_of_the_moment_of_its_addresses,
            the_head_counts_the_addresses,
            the_revision_of_a_book_grows_with_its_changes_alone,
            finds_by_id_in_the_order_of_the_look_ups,
            finds_nothing_by_the_id_of_another_customers_address,
            finds_by_content_what_is_equal_and_nothing_else,
            scans_customers_and_addresses_in_byte_order,
            scans_in_steps_of_any_size,
            scans_one_customer_alone,
            refuses_to_create_what_exists,
            refuses_to_replace_what_is_not_at_the_expected_revision,
            refuses_to_remove_what_is_not_at_the_expected_revision,
            refuses_one_address_too_many_and_names_it,
            a_refused_commit_changes_nothing,
            changes_see_the_effect_of_those_before_them,
            accepts_the_same_address_id_in_two_books,
            of_concurrent_creations_exactly_one_succeeds,
            of_concurrent_replacements_exactly_one_succeeds,
            of_concurrent_creations_no_more_succeed_than_the_book_may_hold,
            concurrent_commits_to_one_book_lose_nothing,
            concurrent_commits_across_books_do_not_block_each_other_for_ever,
            every_change_writes_a_revision,
            revisions_come_newest_first_in_ranges_of_any_size,
            revisions_outlive_the_address,
            gives_no_revisions_by_the_id_of_another_customers_address,
            an_address_that_is_created_again_takes_up_its_revisions,
            the_book_is_known_as_it_stood_at_any_moment,
            keeps_the_record_of_a_key,
            refuses_a_key_that_is_taken_and_changes_nothing,
            replaces_the_record_of_a_key_that_has_expired,
            of_concurrent_commits_with_one_key_exactly_one_succeeds,
            prunes_old_records_in_steps,
            erases_everything_of_one_customer_and_nothing_of_others,
            a_book_opened_again_begins_at_a_greater_revision,
            keeps_every_script_byte_for_byte,
            keeps_text_that_earlier_releases_accepted,
            keeps_nulls,
            keeps_custom_data_as_it_was_spelled,
            keeps_the_longest_values,
            keeps_times_to_the_millisecond,
            keeps_ids_apart_that_differ_only_in_case,
        }
    };
    (@test $subject:path: $($promise:ident),+ $(,)?) => {
        $(
            #[test]
            fn $promise() {
                $crate::address_repository_contract! { @walk $subject: $promise }
            }
        )+
    };
    (@walk $subject:path: $($promise:ident),+ $(,)?) => {{
        $(
            let (repository, _alive) = $subject();
            $crate::contract::run($crate::contract::$promise(repository));
        )+
    }};
}

/// As [`address_repository_contract`](crate::address_repository_contract), for a function of
/// the shape `fn() -> (Arc<dyn ApiKeyRepository>, T)`.
#[macro_export]
macro_rules! api_key_repository_contract {
    ($subject:path) => {
        $crate::api_key_repository_contract! { @promises test $subject }
    };
    (walk $subject:path) => {
        $crate::api_key_repository_contract! { @promises walk $subject }
    };
    (@promises $shape:ident $subject:path) => {
        $crate::address_repository_contract! { @$shape $subject:
            keeps_a_key_with_all_that_it_has,
            finds_no_key_of_which_the_digest_differs_in_any_bit,
            refuses_a_key_of_which_there_is_the_id_or_the_digest,
            of_concurrent_keys_with_one_digest_exactly_one_is_added,
            lists_keys_by_ascending_id_in_steps_of_any_size,
            revokes_for_good_and_leaves_the_first_time,
            keeps_the_latest_use,
        }
    };
}

/// Runs a promise to its end, on two threads.
pub fn run(promise: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the test")
        .block_on(promise);
}

/// The repository answers.
pub async fn is_ready(repository: Subject) {
    repository.ready().await.unwrap();
}

async fn list(
    repository: &Subject,
    customer_id: &CustomerId,
    limit: u8,
    offset: u64,
) -> AddressPage {
    let start = PageStart::Offset(Offset::parse(&offset.to_string()).unwrap());
    let page = PageRequest {
        limit: fixtures::limit(limit),
        start,
    };
    repository.list(customer_id, &page).await.unwrap()
}

async fn head(repository: &Subject, customer_id: &CustomerId) -> BookHead {
    repository.head(customer_id).await.unwrap()
}

async fn find(repository: &Subject, address: &Address) -> Option<Address> {
    let lookup = Lookup::Id(address.customer_id.clone(), address.id.clone());
    repository.find(vec![lookup]).await.unwrap().pop().unwrap()
}

/// Expects a conflict at that change.
#[track_caller]
fn assert_conflict(result: Result<(), RepositoryError>, at: usize) {
    match result {
        Err(RepositoryError::Conflict { index }) => assert_eq!(index, at),
        other => panic!("expected a conflict at change {at}, got {other:?}"),
    }
}

/// Makes all commits at the same time, each in a task of its own.
async fn at_once(repository: &Subject, commits: Vec<Commit>) -> Vec<Result<(), RepositoryError>> {
    let tasks: Vec<_> = commits
        .into_iter()
        .map(|commit| {
            let repository = Arc::clone(repository);
            tokio::spawn(async move { repository.commit(commit).await })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("a commit does not panic"));
    }
    results
}
