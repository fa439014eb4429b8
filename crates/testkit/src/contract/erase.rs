use std::sync::Arc;

use addressbook_domain::{
    AddressPage, AddressRepository, BookHead, Change, Commit, Erased, Listing, Timestamp,
};

use super::Subject;
use super::calls::{
    ALL, CustomerState, commit_ok, expect_ok, find, head, join, list, lookup, page_of,
    read_customer, record, revisions, scan,
};
use crate::fixtures::{
    address, address_id, commit, commit_at, commit_replacing, creating, customer, keyed, moved,
    removal, setting_default,
};

const TIME: &str = "2025-01-01T00:00:00.000Z";

/// Stores two addresses with five revisions, one of them removed, a key, and two default addresses.
async fn fill(repository: &Subject, customer_id: &str) {
    let [one, other] = [1, 2].map(|number| address(customer_id, number));
    let creation = creating([one.clone(), other.clone()]);
    for commit in [
        keyed(creation, "key", TIME, TIME),
        commit_replacing(&one, "Huye"),
        commit_replacing(&moved(&one, "Huye"), "Musanze"),
        Commit {
            default_addresses: ["billing", "shipping"]
                .map(|name| setting_default(customer_id, name, Some(1)))
                .into(),
            ..commit([removal(other)])
        },
    ] {
        commit_ok(repository, commit, "a change of a small history").await;
    }
}

async fn erase(repository: &Subject, customer_id: &str) -> Erased {
    expect_ok(
        repository.erase(&customer(customer_id)).await,
        format_args!("erase {customer_id}"),
    )
}

/// `erase`: deletes everything of one customer, as if there had never been a book, and nothing of
/// other customers.
pub async fn erases_everything_of_one_customer_and_nothing_of_others(repository: Subject) {
    let unknown = read_customer(&repository, "cus_1", "key").await;
    for customer_id in ["cus_1", "cus_10", "cus_2"] {
        fill(&repository, customer_id).await;
    }
    let others = ["cus_10", "cus_2"];
    let mut before: Vec<CustomerState> = Vec::new();
    for customer_id in others {
        before.push(read_customer(&repository, customer_id, "key").await);
    }
    assert_eq!(
        erase(&repository, "cus_1").await,
        Erased {
            addresses: 1,
            revisions: 5,
            idempotency_records: 1,
            default_addresses: 2
        },
        "erase: expected the counts of what was deleted"
    );

    assert_eq!(
        read_customer(&repository, "cus_1", "key").await,
        unknown,
        "erase: expected nothing to remain, as for a customer who never had a book"
    );
    let ever = Listing {
        as_of: Some(Timestamp::MAX),
        ..Listing::default()
    };
    for (page, how) in [
        (list(&repository, "cus_1", 50, 0).await, "list"),
        (page_of(&repository, "cus_1", &ever).await, "page_of"),
    ] {
        assert_eq!(
            page,
            AddressPage::default(),
            "{how}: expected the page for a customer without a book after the erasure"
        );
    }
    for (customer_id, before) in others.into_iter().zip(&before) {
        assert_eq!(
            &read_customer(&repository, customer_id, "key").await,
            before,
            "erase of cus_1: expected everything of {customer_id} as before"
        );
    }
    let left = scan(&repository, ALL).await;
    assert_eq!(
        left.len(),
        2,
        "scan: expected the addresses of the two other customers, got {left:?}"
    );
    for customer_id in ["cus_1", "cus_unknown"] {
        assert_eq!(
            erase(&repository, customer_id).await,
            Erased::default(),
            "erase: expected nothing to count for {customer_id}, who has no book"
        );
    }
    // The same ids, revisions and key can be used again.
    fill(&repository, "cus_1").await;
}

/// `erase`: if the customer gets a book again, its revision is greater than any before.
pub async fn a_book_opened_again_begins_at_a_greater_revision(repository: Subject) {
    fill(&repository, "cus_1").await;
    let before = head(&repository, "cus_1").await.revision;
    erase(&repository, "cus_1").await;
    assert_eq!(
        head(&repository, "cus_1").await,
        BookHead::default(),
        "head: expected the default head after the erasure"
    );
    let later = commit_at(
        "2025-02-01T00:00:00.000Z",
        [Change::Create(address("cus_1", 1))],
    );
    commit_ok(&repository, later, "create an address again, later").await;
    let after = head(&repository, "cus_1").await.revision;
    assert!(
        after > before,
        "head: expected a greater book revision than before the erasure; got {after} after {before}"
    );
}

/// `erase`: concurrent commits take effect as a whole before it or after it.
pub async fn an_erasure_among_commits_leaves_no_half(repository: Subject) {
    for round in 0..4 {
        let tasks: Vec<_> = (0..24_u32)
            .map(|number| {
                let repository = Arc::clone(&repository);
                tokio::spawn(async move { erase_or_create(&*repository, number).await })
            })
            .collect();
        for task in tasks {
            join(task).await;
        }
        let numbers = 0..24_u32;
        let lookups = numbers
            .clone()
            .map(|number| lookup(&address("cus_1", number)));
        let found = find(&repository, lookups.collect()).await;
        let mut there = 0;
        for (number, found) in numbers.zip(found) {
            let id = address_id(number);
            let has_revisions = !revisions(&repository, &customer("cus_1"), &id)
                .await
                .is_empty();
            let record = record(&repository, "cus_1", &format!("key-{number}")).await;
            assert_eq!(
                (has_revisions, record.is_some()),
                (found.is_some(), found.is_some()),
                "expected revisions and a record of address {number} if and only if the book holds \
                 it, after concurrent commits and erasures (round {round})"
            );
            there += u64::from(found.is_some());
        }
        assert_eq!(
            head(&repository, "cus_1").await.addresses,
            there,
            "head: expected it to count the addresses in the book, after concurrent commits and \
             erasures (round {round})"
        );
        erase(&repository, "cus_1").await;
    }
}

/// Erases for every eighth number, and creates an address with a key for the others.
async fn erase_or_create(repository: &dyn AddressRepository, number: u32) {
    if number % 8 == 5 {
        expect_ok(
            repository.erase(&customer("cus_1")).await,
            "erase, with concurrent commits",
        );
        return;
    }
    let creation = creating([address("cus_1", number)]);
    let with_key = keyed(creation, &format!("key-{number}"), TIME, TIME);
    expect_ok(
        repository.commit(with_key).await,
        "commit (create one with a key, with concurrent erasures)",
    );
}
