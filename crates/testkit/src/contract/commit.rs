use std::collections::BTreeMap;
use std::sync::Arc;

use addressbook_domain::{
    Address, Change, Column, Commit, DefaultAddressChange, Listing, Purpose, Refusal,
};

use super::Subject;
use super::calls::{
    ALL, commit_ok, commit_refused, find, find_one, head, join, list, lookup, page_of,
    read_customer, record, revisions, scan,
};
use crate::fixtures::{
    address, address_id, commit, commit_replacing, creating, customer, keyed, moved, removal,
    replacing, text,
};

/// `commit`: makes as many changes as a commit may have, of several customers.
pub async fn commits_as_many_changes_as_an_import_brings(repository: Subject) {
    let customers = ["cus_1", "cus_2", "cus_3"];
    let of_number = |number: u32| address(customers[number as usize % 3], number);
    let created = creating((0..Commit::MAX_CHANGES).map(of_number));
    let what = format!(
        "create {} addresses of three customers",
        created.changes.len()
    );
    commit_ok(&repository, created, &what).await;
    let mut held = 0;
    for customer_id in customers {
        held += head(&repository, customer_id).await.addresses;
    }
    assert_eq!(
        held,
        u64::from(Commit::MAX_CHANGES),
        "head: expected the books to hold all addresses that one commit created"
    );
    let some = [0, 1, 2, 49_999, 99_999].map(of_number);
    assert_eq!(
        find(&repository, some.iter().map(lookup).collect()).await,
        some.map(Some),
        "find: expected the first and the last address that one commit created, and some between"
    );
}

/// `commit`: returns the revision that it gave to each book it changed, and no other book.
pub async fn a_commit_returns_the_revisions_of_its_books(repository: Subject) {
    let setting = |customer_id, purpose: &str| Commit {
        default_addresses: vec![DefaultAddressChange {
            customer_id: customer(customer_id),
            purpose: text(purpose, Purpose::parse),
            address_id: Some(address_id(1)),
        }],
        ..commit([])
    };
    let many = (10..60).map(|number| address(&format!("cus_{}", number % 3), number));
    for (commit, changed, what) in [
        (
            creating([address("cus_1", 1), address("cus_2", 1)]),
            &["cus_1", "cus_2"][..],
            "create an address in each of two books",
        ),
        (
            commit_replacing(&address("cus_1", 1), "Huye"),
            &["cus_1"],
            "move one",
        ),
        (setting("cus_1", "billing"), &["cus_1"], "set a default"),
        (creating(many), &["cus_0", "cus_1", "cus_2"], "create many"),
        (
            commit([removal(address("cus_2", 1))]),
            &["cus_2"],
            "remove one",
        ),
        (commit([]), &[], "no changes"),
    ] {
        let committed = commit_ok(&repository, commit, what).await;
        let mut expected = BTreeMap::new();
        for customer_id in changed {
            let revision = head(&repository, customer_id).await.revision;
            expected.insert(customer(customer_id), revision);
        }
        assert_eq!(
            committed.book_revisions, expected,
            "commit ({what}): expected the revisions of the books that it changed, as in their heads"
        );
    }
}

/// `commit`: does nothing without changes, even with a key.
pub async fn a_commit_without_changes_does_nothing(repository: Subject) {
    let created = creating([address("cus_1", 1)]);
    commit_ok(&repository, created, "create an address").await;
    let before = read_customer(&repository, "cus_1", "key").await;
    commit_ok(&repository, commit([]), "no changes").await;
    let time = "2025-01-01T00:00:00.000Z";
    let with_key = keyed(commit([]), "key", time, time);
    commit_ok(&repository, with_key, "a key without changes").await;
    assert_eq!(
        read_customer(&repository, "cus_1", "key").await,
        before,
        "expected everything as before after commits without changes"
    );
}

/// `commit`: each change sees the effect of the changes before it.
pub async fn changes_see_the_effect_of_those_before_them(repository: Subject) {
    let first = address("cus_1", 1);
    let second = moved(&first, "Huye");
    let third = moved(&second, "Musanze");
    let changes = [
        Change::Create(first.clone()),
        replacing(&first, "Huye"),
        replacing(&second, "Musanze"),
        Change::Create(address("cus_1", 2)),
        removal(address("cus_1", 2)),
    ];
    commit_ok(
        &repository,
        commit(changes),
        "create one and replace it twice, create another and remove it",
    )
    .await;
    assert_eq!(
        find_one(&repository, &first).await,
        Some(third.clone()),
        "find: expected the address as the last change of the commit left it"
    );
    assert_eq!(
        scan(&repository, ALL).await,
        [third],
        "scan: expected only the one address that the commit left"
    );
    let twice = creating([address("cus_1", 3), address("cus_1", 3)]);
    let conflict = Refusal::Conflict { index: 1 };
    commit_refused(&repository, twice, conflict, "create one address twice").await;
}

/// `commit`: accepts the same address id in the books of two customers.
pub async fn accepts_the_same_address_id_in_two_books(repository: Subject) {
    let (ours, theirs) = (address("cus_1", 1), address("cus_2", 1));
    let both = creating([ours.clone(), theirs.clone()]);
    commit_ok(&repository, both, "create one id in two books").await;
    commit_ok(
        &repository,
        commit_replacing(&ours, "Huye"),
        "move one of them",
    )
    .await;
    for expected in [moved(&ours, "Huye"), theirs] {
        assert_eq!(
            find_one(&repository, &expected).await.as_ref(),
            Some(&expected),
            "find: expected each book to have a separate address with this id"
        );
    }
}

/// Every call sees the writes of every call that returned before it began, from any task.
pub async fn a_call_sees_what_was_written_before_it(repository: Subject) {
    let mut last = address("cus_1", 1);
    let time = "2025-01-01T00:00:00.000Z";
    let created = keyed(creating([last.clone()]), "key", time, time);
    commit_ok(&repository, created, "create an address, with a key").await;
    for number in 0..20 {
        expect_to_see(&repository, last.clone()).await;
        let city = format!("City {number}");
        commit_ok(&repository, commit_replacing(&last, &city), "move it").await;
        last = moved(&last, &city);
        let reader = Arc::clone(&repository);
        let expected = last.clone();
        join(tokio::spawn(async move {
            expect_to_see(&reader, expected).await;
        }))
        .await;
    }
}

/// Reads an address with each method. It is the only address of its customer.
async fn expect_to_see(repository: &Subject, expected: Address) {
    let city = expected.content.city.as_str();
    let page = list(repository, "cus_1", 1, 0).await;
    let other_page = page_of(repository, "cus_1", &Listing::default()).await;
    for (page, how) in [(&page, "list"), (&other_page, "page_of")] {
        assert_eq!(
            page.iter()
                .next()
                .and_then(|address| address.columns[Column::City]),
            Some(city),
            "{how}: expected what was committed before the call"
        );
    }
    assert_eq!(
        page.head(),
        head(repository, "cus_1").await,
        "head: expected the same head as on a page, because nothing was committed between"
    );
    for (found, how) in [
        (find_one(repository, &expected).await, "find"),
        (scan(repository, ALL).await.pop(), "scan"),
    ] {
        assert_eq!(
            found.as_ref(),
            Some(&expected),
            "{how}: expected what was committed before the call"
        );
    }
    let revisions = revisions(repository, &expected.customer_id, &expected.id).await;
    assert_eq!(
        revisions.first().map(|revision| &revision.address),
        Some(&expected),
        "revisions: expected the one that was committed before the call"
    );
    assert!(
        record(repository, "cus_1", "key").await.is_some(),
        "idempotency_record: expected the one that was committed before the call"
    );
}
