use std::sync::Arc;

use addressbook_domain::{Commit, CommitError, Committed, Refusal};
use tokio::task::yield_now;

use super::Subject;
use super::calls::{
    ALL, commit_concurrently, commit_ok, expect_moves_at_once, expect_ok, expect_refusal, find_one,
    find_present, head, list, lookup, scan,
};
use crate::fixtures::{address, commit_replacing, creating, expecting, keyed, moved};

/// The number of commits that the tests below make concurrently.
const AT_ONCE: u32 = 16;

#[track_caller]
fn expect_successes(
    results: Vec<Result<Committed, CommitError>>,
    successes: usize,
    refusal: Refusal,
    what: &str,
) {
    let (done, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(
        done.len(),
        successes,
        "{what}: expected this many (right) of {AT_ONCE} concurrent commits to succeed; others: {refused:?}"
    );
    for result in refused {
        expect_refusal(result, refusal, what);
    }
}

async fn expect_held(repository: &Subject, customer_id: &str, expected: u32) {
    let page = list(repository, customer_id, 200, 0).await;
    assert_eq!(
        (page.len() as u64, page.head().addresses),
        (expected.into(), expected.into()),
        "list: expected this many addresses in the book of {customer_id}, and in its head"
    );
}

/// `commit`: of several concurrent creations of one address, exactly one succeeds.
pub async fn of_concurrent_creations_exactly_one_succeeds(repository: Subject) {
    let create = |_| creating([address("cus_1", 1)]);
    let results = commit_concurrently(&repository, (0..AT_ONCE).map(create).collect()).await;
    let what = "create one address";
    expect_successes(results, 1, Refusal::Conflict { index: 0 }, what);
    expect_held(&repository, "cus_1", 1).await;
}

/// `commit`: of several concurrent replacements of one revision, exactly one succeeds.
pub async fn of_concurrent_replacements_exactly_one_succeeds(repository: Subject) {
    let first = address("cus_1", 1);
    commit_ok(&repository, creating([first.clone()]), "create an address").await;
    let city = |number| format!("City {number}");
    let replace = |number| commit_replacing(&first, &city(number));
    let results = commit_concurrently(&repository, (0..AT_ONCE).map(replace).collect()).await;
    let winner = results.iter().position(Result::is_ok);
    let what = "replace one revision";
    expect_successes(results, 1, Refusal::Conflict { index: 0 }, what);
    assert_eq!(
        find_one(&repository, &first).await,
        winner.map(|number| moved(&first, &city(number as u32))),
        "find: expected the state of the commit that succeeded"
    );
}

/// `commit`: of several concurrent creations, no more succeed than the book may hold.
pub async fn of_concurrent_creations_no_more_succeed_than_the_book_may_hold(repository: Subject) {
    let create = |number| Commit {
        max_addresses: 5,
        ..creating([address("cus_1", number)])
    };
    let results = commit_concurrently(&repository, (0..AT_ONCE).map(create).collect()).await;
    let what = "create another address in a book with room for 5";
    expect_successes(results, 5, Refusal::BookFull { index: 0 }, what);
    expect_held(&repository, "cus_1", 5).await;
}

/// `commit`: of several concurrent replacements, no more succeed than the history may hold.
pub async fn of_concurrent_replacements_no_more_succeed_than_the_history_may_hold(
    repository: Subject,
) {
    let addresses: Vec<_> = (0..AT_ONCE)
        .map(|number| address("cus_1", number))
        .collect();
    commit_ok(&repository, creating(addresses.clone()), "create some").await;
    let replace = |address| Commit {
        max_past_revisions: 5,
        ..commit_replacing(address, "Huye")
    };
    let results = commit_concurrently(&repository, addresses.iter().map(replace).collect()).await;
    let what = "replace another address where 5 past revisions are allowed";
    expect_successes(results, 5, Refusal::HistoryFull { index: 0 }, what);
}

/// `commit`: of several concurrent commits that expect one revision of a book, exactly one succeeds,
/// whether or not the book exists.
pub async fn of_concurrent_commits_that_expect_one_revision_exactly_one_succeeds(
    repository: Subject,
) {
    for round in 1..=3 {
        let expected = head(&repository, "cus_1").await.revision;
        let create = |number| expecting(expected, creating([address("cus_1", number)]));
        let first = round * AT_ONCE;
        let commits = (first..first + AT_ONCE).map(create).collect();
        let results = commit_concurrently(&repository, commits).await;
        let what = format!("create another address in the book at revision {expected}");
        expect_successes(results, 1, Refusal::BookChanged, &what);
        expect_held(&repository, "cus_1", round).await;
    }
}

/// `commit`: of several concurrent commits with one key, exactly one succeeds.
pub async fn of_concurrent_commits_with_one_key_exactly_one_succeeds(repository: Subject) {
    let time = "2025-06-01T00:00:00.000Z";
    let create = |number| keyed(creating([address("cus_1", number)]), "key", time, time);
    let results = commit_concurrently(&repository, (0..AT_ONCE).map(create).collect()).await;
    let what = "create another address with one key";
    expect_successes(results, 1, Refusal::KeyTaken, what);
    expect_held(&repository, "cus_1", 1).await;
}

/// `commit`: concurrent commits to one book all succeed, and none is lost.
pub async fn concurrent_commits_to_one_book_lose_nothing(repository: Subject) {
    let create = |number| creating([address("cus_1", number)]);
    for result in commit_concurrently(&repository, (0..AT_ONCE).map(create).collect()).await {
        expect_ok(result, "commit (another address in one book, concurrently)");
    }
    expect_held(&repository, "cus_1", AT_ONCE).await;
}

/// `commit`: concurrent commits that name the same books in opposite orders all succeed.
pub async fn concurrent_commits_across_books_all_succeed(repository: Subject) {
    let create = |number| {
        let books = match number % 2 {
            0 => ["cus_1", "cus_2", "cus_3"],
            _ => ["cus_3", "cus_2", "cus_1"],
        };
        creating(books.map(|customer_id| address(customer_id, number)))
    };
    for result in commit_concurrently(&repository, (0..AT_ONCE).map(create).collect()).await {
        expect_ok(
            result,
            "commit (an address in each of three books, in either order)",
        );
    }
    for customer_id in ["cus_1", "cus_2", "cus_3"] {
        expect_held(&repository, customer_id, AT_ONCE).await;
    }
}

/// `commit`: changes in several books become visible at the same time.
pub async fn a_commit_takes_effect_in_all_books_at_once(repository: Subject) {
    let addresses = ["cus_1", "cus_2", "cus_3"].map(|customer_id| address(customer_id, 1));
    let lookups = addresses.each_ref().map(lookup);
    let read = |repository| find_present(repository, lookups.to_vec());
    expect_moves_at_once(&repository, "commit", addresses, read).await;
}

/// `commit`: if the caller drops it before it completes, it takes effect as a whole or not at all.
pub async fn a_dropped_commit_takes_effect_as_a_whole_or_not_at_all(repository: Subject) {
    for number in 0..32_u32 {
        let task = tokio::spawn({
            let repository = Arc::clone(&repository);
            let both = ["cus_1", "cus_2"].map(|customer_id| address(customer_id, number));
            async move { repository.commit(creating(both)).await }
        });
        for _ in 0..number % 4 {
            yield_now().await;
        }
        task.abort();
        // If the store continues the dropped commit, the next commits wait for its end.
        let after = ["cus_1", "cus_2"].map(|customer_id| address(customer_id, 1_000 + number));
        commit_ok(&repository, creating(after), "another one, not dropped").await;
    }
    let mut numbers = ["cus_1", "cus_2"].map(|_| Vec::new());
    for found in scan(&repository, ALL).await {
        let book = usize::from(found.customer_id.as_str() == "cus_2");
        numbers[book].push(found.id.to_string());
    }
    let [first, second] = numbers;
    assert_eq!(
        first, second,
        "scan: expected two books with the same ids, because each commit creates one address in \
         both, including the commits that were dropped"
    );
    for customer_id in ["cus_1", "cus_2"] {
        let page = list(&repository, customer_id, 200, 0).await;
        assert_eq!(
            page.head().addresses,
            page.len() as u64,
            "list: expected the head of {customer_id} to count the addresses of the book, after \
             commits were dropped"
        );
    }
}
