use addressbook_domain::{Change, Commit, Refusal};

use super::Subject;
use super::calls::{commit_ok, commit_refused, expect_ok, head, list, page_of};
use crate::fixtures::{
    address, commit, commit_replacing, creating, customer, keyed, moved, removal, replacing,
    timestamp,
};

/// `head`: counts the addresses in the book.
pub async fn the_head_counts_the_addresses(repository: Subject) {
    let some = [1, 2, 3].map(|number| address("cus_1", number));
    let more = [address("cus_1", 4), address("cus_2", 1)];
    for (commit, what, expected) in [
        (creating(some), "create three addresses", [3, 0]),
        (creating(more), "create one in each of two books", [4, 1]),
        (
            commit_replacing(&address("cus_1", 2), "Huye"),
            "move one",
            [4, 1],
        ),
        (commit([removal(address("cus_1", 3))]), "remove one", [3, 1]),
        (
            commit([
                Change::Create(address("cus_1", 5)),
                removal(address("cus_1", 5)),
                removal(address("cus_2", 1)),
            ]),
            "create one and remove it, and the last of the other book",
            [3, 0],
        ),
    ] {
        commit_ok(&repository, commit, what).await;
        for (customer_id, expected) in ["cus_1", "cus_2"].into_iter().zip(expected) {
            assert_eq!(
                head(&repository, customer_id).await.addresses,
                expected,
                "head: expected the number of addresses of {customer_id} after: {what}"
            );
        }
    }
}

const LONG_AGO: &str = "2020-01-01T00:00:00.000Z";

/// `head`: the book revision increases with every commit that changes the book, and otherwise stays
/// the same, whatever happens in other books.
pub async fn the_revision_of_a_book_grows_with_its_changes_alone(repository: Subject) {
    let mut before = head(&repository, "cus_1").await.revision;
    let creation = creating([address("cus_1", 1)]);
    for (commit, what) in [
        (keyed(creation, "key", LONG_AGO, LONG_AGO), "create one"),
        (
            creating([address("cus_1", 2), address("cus_1", 3)]),
            "create two",
        ),
        (commit_replacing(&address("cus_1", 2), "Huye"), "move one"),
        (commit([removal(address("cus_1", 3))]), "remove one"),
        (
            // Afterwards, the book contains the same addresses as before.
            commit([
                Change::Create(address("cus_1", 4)),
                removal(address("cus_1", 4)),
            ]),
            "create one and remove it",
        ),
        (
            Commit {
                at: timestamp(LONG_AGO),
                ..creating([address("cus_1", 5)])
            },
            "create one with the clock set back",
        ),
    ] {
        commit_ok(&repository, commit, what).await;
        let after = head(&repository, "cus_1").await.revision;
        assert!(
            after > before,
            "head: expected a greater book revision after: {what}; got {after} after {before}"
        );
        before = after;
    }

    let others = creating([address("cus_2", 1)]);
    commit_ok(&repository, others, "create one in another book").await;
    for (refused, what) in [
        (creating([address("cus_1", 1)]), "create what exists"),
        (
            commit_replacing(&address("cus_1", 2), "Musanze"),
            "replace an earlier revision",
        ),
        (
            commit([
                replacing(&address("cus_1", 1), "Huye"),
                replacing(&address("cus_1", 1), "Musanze"),
            ]),
            "replace one revision twice",
        ),
    ] {
        let index = refused.changes.len() - 1;
        commit_refused(&repository, refused, Refusal::Conflict { index }, what).await;
    }
    let later = timestamp("2024-01-01T00:00:00.000Z");
    let pruned = repository.prune_idempotency_records(later, 10).await;
    expect_ok(pruned, "prune_idempotency_records");
    expect_ok(repository.erase(&customer("cus_2")).await, "erase cus_2");
    let page = list(&repository, "cus_1", 1, 0).await;
    let other_page = page_of(&repository, "cus_1", &Default::default()).await;
    for (revision, of) in [
        (head(&repository, "cus_1").await.revision, "the head"),
        (page.head().revision, "a page"),
        (other_page.head().revision, "a page of a listing"),
    ] {
        assert_eq!(
            revision, before,
            "expected {of} to have the same book revision as before, after other books changed, \
             commits were rejected, records were pruned and pages were read"
        );
    }
    let first = moved(&address("cus_1", 1), "Huye");
    commit_ok(
        &repository,
        commit_replacing(&address("cus_1", 1), "Huye"),
        "move another",
    )
    .await;
    commit_ok(&repository, commit([removal(first)]), "remove it").await;
    let after = head(&repository, "cus_1").await.revision;
    assert!(
        after > before,
        "head: expected a greater book revision after two more commits; got {after} after {before}"
    );
}
