use addressbook_domain::{BookDefaults, Commit, CommitError, DefaultAddresses, Refusal};

use super::Subject;
use super::calls::{
    commit_concurrently, commit_ok, commit_refused, default_addresses, expect_ok, head,
};
use crate::fixtures::{
    address, address_id, commit, commit_replacing, creating, customer, moved, purpose, removal,
    setting_default,
};

/// The addresses of these numbers, each for its purpose.
fn defaults(entries: &[(&str, u32)]) -> DefaultAddresses {
    let entries = entries.iter();
    let entry = |(name, number): &(&str, u32)| (purpose(name), address_id(number));
    entries.map(entry).collect()
}

/// A commit that sets or clears default addresses of `cus_1`.
fn setting(changes: &[(&str, Option<u32>)]) -> Commit {
    let changes = changes.iter();
    Commit {
        default_addresses: changes
            .map(|(name, number)| setting_default("cus_1", name, *number))
            .collect(),
        ..commit([])
    }
}

async fn expect_defaults(
    repository: &Subject,
    customer_id: &str,
    expected: &[(&str, u32)],
    what: &str,
) {
    assert_eq!(
        default_addresses(repository, customer_id).await.addresses,
        defaults(expected),
        "default_addresses of {customer_id}: expected these after: {what}"
    );
}

/// `default_addresses`: a customer without a book has none.
pub async fn a_customer_without_a_book_has_no_default_addresses(repository: Subject) {
    let creation = creating([address("cus_2", 1)]);
    commit_ok(&repository, creation, "create an address in another book").await;
    assert_eq!(
        default_addresses(&repository, "cus_1").await,
        BookDefaults::default(),
        "default_addresses: expected revision 0 and no addresses for a customer without a book"
    );
    let of_nobody = repository.default_addresses(Vec::new()).await;
    assert_eq!(
        expect_ok(of_nobody, "default_addresses of no customers"),
        [],
        "default_addresses: expected nothing for no customers"
    );
}

/// `commit`: sets and clears default addresses after its changes, in their order. Each such commit
/// changes the book.
pub async fn a_commit_sets_and_clears_default_addresses(repository: Subject) {
    let creation = Commit {
        default_addresses: vec![setting_default("cus_1", "billing", Some(1))],
        ..creating([address("cus_1", 1), address("cus_1", 2)])
    };
    let mut revision = 0;
    for (commit, expected, what) in [
        (
            creation,
            &[("billing", 1)][..],
            "create two, one of them a default",
        ),
        (
            setting(&[("shipping", Some(1)), ("gift_2", Some(2))]),
            &[("billing", 1), ("gift_2", 2), ("shipping", 1)],
            "set two more",
        ),
        (
            setting(&[("billing", Some(2))]),
            &[("billing", 2), ("gift_2", 2), ("shipping", 1)],
            "set another address for a purpose",
        ),
        (
            setting(&[("billing", None), ("shipping", Some(2)), ("gift_2", None)]),
            &[("shipping", 2)],
            "clear two and set one",
        ),
        (
            setting(&[
                ("billing", Some(1)),
                ("billing", None),
                ("gift", None),
                ("gift", Some(1)),
            ]),
            &[("gift", 1), ("shipping", 2)],
            "set and clear one purpose, clear and set another",
        ),
        (
            commit_replacing(&address("cus_1", 1), "Huye"),
            &[("gift", 1), ("shipping", 2)],
            "replace an address that is a default",
        ),
    ] {
        commit_ok(&repository, commit, what).await;
        expect_defaults(&repository, "cus_1", expected, what).await;
        let found = default_addresses(&repository, "cus_1").await.revision;
        assert!(
            found > revision,
            "expected a greater revision of the book after: {what}"
        );
        assert_eq!(
            found,
            head(&repository, "cus_1").await.revision,
            "default_addresses: expected the revision of the head after: {what}"
        );
        revision = found;
    }
    // An adapter may make many creations in another way than few.
    let many = Commit {
        default_addresses: vec![setting_default("cus_1", "shipping", Some(150))],
        ..creating((100..200).map(|number| address("cus_1", number)))
    };
    let what = "create many, one of them a default";
    commit_ok(&repository, many, what).await;
    expect_defaults(
        &repository,
        "cus_1",
        &[("gift", 1), ("shipping", 150)],
        what,
    )
    .await;
}

/// `default_addresses`: those of one customer are not those of another, even for the same address
/// id.
pub async fn default_addresses_belong_to_one_customer(repository: Subject) {
    let books = ["cus_1", "cus_10", "CUS_1"];
    let created = creating(books.map(|customer_id| address(customer_id, 1)));
    commit_ok(&repository, created, "create the same id in three books").await;
    commit_ok(
        &repository,
        setting(&[("billing", Some(1))]),
        "set one of cus_1",
    )
    .await;
    for customer_id in &books[1..] {
        expect_defaults(&repository, customer_id, &[], "set one of cus_1").await;
    }
    let elsewhere = Commit {
        default_addresses: vec![setting_default("cus_10", "billing", None)],
        ..commit([])
    };
    let what = "clear one of cus_10";
    commit_ok(&repository, elsewhere, what).await;
    expect_defaults(&repository, "cus_1", &[("billing", 1)], what).await;
}

/// `default_addresses`: gives as many as are asked for, in the order of the customers.
pub async fn gives_the_default_addresses_of_as_many_customers_as_are_asked_for(
    repository: Subject,
) {
    let name = |number: u32| format!("cus_{number}");
    let numbers = || (0..2_500).rev();
    let books = Commit {
        default_addresses: numbers()
            .step_by(500)
            .map(|number| setting_default(&name(number), "billing", Some(number)))
            .collect(),
        ..creating(
            numbers()
                .step_by(100)
                .map(|number| address(&name(number), number)),
        )
    };
    commit_ok(
        &repository,
        books,
        "create addresses of 25 customers, 5 of them defaults",
    )
    .await;
    let customers = numbers().map(|number| customer(&name(number))).collect();
    let found = repository.default_addresses(customers).await;
    let found = expect_ok(found, "default_addresses of 2,500 customers");
    assert_eq!(
        found.len(),
        2_500,
        "default_addresses: expected one for each customer"
    );
    for (index, (number, found)) in numbers().zip(found).enumerate() {
        let expected = match index % 500 {
            0 => defaults(&[("billing", number)]),
            _ => DefaultAddresses::default(),
        };
        assert_eq!(
            (found.addresses, found.revision > 0),
            (expected, index % 100 == 0),
            "default_addresses: expected those of customer {index} at this place, and a revision if \
             there is a book"
        );
    }
}

/// `default_addresses`: they are all of one moment, with the revision of the book at that moment.
pub async fn default_addresses_are_of_the_moment_of_the_revision(repository: Subject) {
    let creation = creating([address("cus_1", 1), address("cus_1", 2)]);
    commit_ok(&repository, creation, "create two addresses").await;
    let both = |number| setting(&[("billing", Some(number)), ("shipping", Some(number))]);
    let mut before = default_addresses(&repository, "cus_1").await;
    for turn in 0..30 {
        let setting = both(1 + turn % 2);
        let (seen, _) = tokio::join!(
            default_addresses(&repository, "cus_1"),
            commit_ok(&repository, setting, "set both while they are read")
        );
        let after = default_addresses(&repository, "cus_1").await;
        assert!(
            seen == before || seen == after,
            "default_addresses: expected the revision and both addresses as they were before a \
             commit, {before:?}, or after it, {after:?}, but got {seen:?}"
        );
        before = after;
    }
}

/// `commit`: a removal clears the default addresses that are this address, and no others.
pub async fn a_removal_clears_the_default_addresses_of_the_address(repository: Subject) {
    let [one, other] = [1, 2].map(|number| address("cus_1", number));
    let elsewhere = address("cus_2", 1);
    let creation = Commit {
        default_addresses: vec![
            setting_default("cus_1", "billing", Some(1)),
            setting_default("cus_1", "shipping", Some(1)),
            setting_default("cus_1", "gift", Some(2)),
            setting_default("cus_2", "billing", Some(1)),
        ],
        ..creating([one.clone(), other.clone(), elsewhere])
    };
    commit_ok(&repository, creation, "create three, all of them defaults").await;
    let what = "remove a default address";
    commit_ok(&repository, commit([removal(one.clone())]), what).await;
    expect_defaults(&repository, "cus_1", &[("gift", 2)], what).await;
    expect_defaults(&repository, "cus_2", &[("billing", 1)], what).await;
    let what = "create the removed address again";
    commit_ok(&repository, creating([one]), what).await;
    expect_defaults(&repository, "cus_1", &[("gift", 2)], what).await;
    let again = Commit {
        default_addresses: vec![setting_default("cus_1", "gift", Some(1))],
        ..commit([removal(other)])
    };
    let what = "remove a default address and set another";
    commit_ok(&repository, again, what).await;
    expect_defaults(&repository, "cus_1", &[("gift", 1)], what).await;
}

/// `commit`: rejects a default address that is not in the customer's book.
pub async fn refuses_a_default_address_that_is_not_in_the_book(repository: Subject) {
    let first = address("cus_1", 1);
    let creation = creating([first.clone(), address("cus_2", 2)]);
    commit_ok(
        &repository,
        creation,
        "create one address in each of two books",
    )
    .await;
    let removing = Commit {
        default_addresses: vec![setting_default("cus_1", "gift", Some(1))],
        ..commit([removal(first.clone())])
    };
    let what = "set the address that the commit removes";
    commit_refused(&repository, removing, Refusal::NotInBook { index: 0 }, what).await;
    let foreign = setting(&[("gift", Some(1)), ("billing", Some(2))]);
    let what = "set an address of another book";
    commit_refused(&repository, foreign, Refusal::NotInBook { index: 1 }, what).await;
    let missing = Commit {
        default_addresses: vec![setting_default("cus_3", "billing", Some(1))],
        ..commit([])
    };
    let what = "set an address for a customer without a book";
    commit_refused(&repository, missing, Refusal::NotInBook { index: 0 }, what).await;
    let conflict = Commit {
        default_addresses: vec![setting_default("cus_1", "gift", Some(9))],
        ..commit_replacing(&moved(&first, "Huye"), "Musanze")
    };
    let what = "replace another revision than the current one, and set an address that is missing";
    commit_refused(&repository, conflict, Refusal::Conflict { index: 0 }, what).await;
    for customer_id in ["cus_1", "cus_2", "cus_3"] {
        expect_defaults(&repository, customer_id, &[], "rejected commits").await;
    }
    assert_eq!(
        head(&repository, "cus_3").await.revision,
        0,
        "head: expected no book of a customer after a rejected commit"
    );
}

/// `commit`: an address that is removed while others make it a default is no default afterwards.
pub async fn concurrent_removals_leave_no_default_address(repository: Subject) {
    for round in 1..=8 {
        let target = address("cus_1", round);
        commit_ok(&repository, creating([target.clone()]), "create an address").await;
        let mut commits = vec![setting(&[("billing", Some(round))]); 8];
        commits.insert(4, commit([removal(target)]));
        for result in commit_concurrently(&repository, commits).await {
            assert!(
                matches!(
                    result,
                    Ok(_) | Err(CommitError::Refused(Refusal::NotInBook { index: 0 }))
                ),
                "commit: expected success or NotInBook while an address is removed, got {result:?}"
            );
        }
        let what = "concurrent commits that remove an address and make it a default";
        expect_defaults(&repository, "cus_1", &[], what).await;
    }
}
