use addressbook_domain::{Address, Change, Commit, Refusal};

use super::Subject;
use super::calls::{commit_ok, commit_refused, expect_ok, find_one, head, read_customer};
use crate::fixtures::{
    address, commit, commit_replacing, creating, customer, expecting, keyed, moved, removal,
    replacing, setting_default,
};

fn removing(address: &Address) -> Commit {
    commit([removal(address.clone())])
}

/// A commit with a limit of addresses per book.
fn limited(max_addresses: u32, changes: Vec<Change>) -> Commit {
    Commit {
        max_addresses,
        ..commit(changes)
    }
}

fn create(number: u32) -> Change {
    Change::Create(address("cus_1", number))
}

/// `commit`: rejects a commit that expects its book at another revision. An address was changed or
/// removed since, another was added, or the book was erased.
pub async fn refuses_to_change_a_book_that_is_not_at_the_expected_revision(repository: Subject) {
    let first = address("cus_1", 1);
    let many = || (100..200).map(|number| address("cus_1", number));
    let mut expected = 0;
    for (between, what) in [
        (creating([first.clone()]), "the first creation"),
        (creating([address("cus_1", 2)]), "a creation"),
        (commit_replacing(&first, "Huye"), "a replacement"),
        (removing(&moved(&first, "Huye")), "a removal"),
        (
            removing(&address("cus_1", 2)),
            "the removal of the last one",
        ),
    ] {
        let at_revision = head(&repository, "cus_1").await.revision;
        assert_eq!(
            at_revision, expected,
            "head: expected no other change before {what}"
        );
        commit_ok(&repository, expecting(expected, between), what).await;
        for commit in [creating([address("cus_1", 9)]), creating(many())] {
            let late = expecting(expected, commit);
            let what = format!("create, but expect the revision before {what}");
            commit_refused(&repository, late, Refusal::BookChanged, &what).await;
        }
        let future = expecting(expected + 9, creating([address("cus_1", 9)]));
        let what = "create, but expect a later revision";
        commit_refused(&repository, future, Refusal::BookChanged, what).await;
        expected = head(&repository, "cus_1").await.revision;
    }
    let elsewhere = expecting(expected + 1, creating([address("cus_2", 1)]));
    let what = "create, but expect a revision of a book that the commit does not change";
    commit_ok(&repository, elsewhere, what).await;
    commit_ok(
        &repository,
        expecting(expected, creating(many())),
        "create many",
    )
    .await;
    expect_ok(repository.erase(&customer("cus_1")).await, "erase");
    let gone = expecting(expected + 1, creating([first.clone()]));
    let what = "create, but expect the revision before the erasure";
    commit_refused(&repository, gone, Refusal::BookChanged, what).await;
    commit_ok(
        &repository,
        expecting(0, creating([first])),
        "create the first one again",
    )
    .await;
}

/// `commit`: a commit to a book at another revision is rejected for that, whatever else does not fit.
pub async fn a_changed_book_is_refused_first(repository: Subject) {
    let time = TIME;
    let first = keyed(creating([address("cus_1", 1)]), "key", time, time);
    commit_ok(&repository, first, "create one with a key").await;
    for (commit, what) in [
        (limited(9, vec![create(1)]), "create what exists"),
        (limited(1, vec![create(2)]), "create one too many"),
        (
            with_history(0, vec![create(2)]),
            "create one in a full history",
        ),
        (
            limited(9, vec![create(2)]),
            "create one with a key that is taken",
        ),
    ] {
        let commit = keyed(expecting(0, commit), "key", time, time);
        let what = format!("{what}, in a book at another revision");
        commit_refused(&repository, commit, Refusal::BookChanged, &what).await;
    }
}

/// `commit`: rejects the creation of an address that exists.
pub async fn refuses_to_create_what_exists(repository: Subject) {
    let there = address("cus_1", 1);
    commit_ok(&repository, creating([there.clone()]), "create one").await;
    let other = creating([moved(&there, "Huye")]);
    let conflict = Refusal::Conflict { index: 0 };
    commit_refused(&repository, other, conflict, "create what exists").await;
    assert_eq!(
        find_one(&repository, &there).await.as_ref(),
        Some(&there),
        "find: expected the address as it was first created"
    );
}

/// `commit`: rejects the replacement of an address that does not exist at the expected revision.
pub async fn refuses_to_replace_what_is_not_at_the_expected_revision(repository: Subject) {
    let first = address("cus_1", 1);
    let second = moved(&first, "Huye");
    let conflict = Refusal::Conflict { index: 0 };
    let to_huye = commit_replacing(&first, "Huye");
    let what = "replace an address that does not exist";
    commit_refused(&repository, to_huye.clone(), conflict, what).await;
    commit_ok(&repository, creating([first.clone()]), "create it").await;
    let what = "replace a later revision than the current one";
    commit_refused(
        &repository,
        commit_replacing(&second, "Musanze"),
        conflict,
        what,
    )
    .await;
    let other = commit_replacing(&address("cus_2", 1), "Huye");
    let what = "replace an address with that id in another book";
    commit_refused(&repository, other, conflict, what).await;
    commit_ok(&repository, to_huye, "replace the current revision").await;
    let what = "replace an earlier revision than the current one";
    commit_refused(
        &repository,
        commit_replacing(&first, "Musanze"),
        conflict,
        what,
    )
    .await;
    assert_eq!(
        find_one(&repository, &first).await.as_ref(),
        Some(&second),
        "find: expected the address as left by the only commit that was not rejected"
    );
    commit_ok(&repository, removing(&second), "remove it").await;
    let removed = moved(&second, "Kigali");
    for (revision, name) in [(&second, "last"), (&removed, "removed")] {
        let what = format!("replace the {name} revision of an address that was removed");
        commit_refused(
            &repository,
            commit_replacing(revision, "Musanze"),
            conflict,
            &what,
        )
        .await;
    }
}

/// `commit`: rejects the removal of an address that does not exist at the expected revision.
pub async fn refuses_to_remove_what_is_not_at_the_expected_revision(repository: Subject) {
    let first = address("cus_1", 1);
    let second = moved(&first, "Huye");
    let conflict = Refusal::Conflict { index: 0 };
    let what = "remove an address that does not exist";
    commit_refused(&repository, removing(&first), conflict, what).await;
    let two = creating([first.clone(), address("cus_1", 2)]);
    commit_ok(&repository, two, "create it and another").await;
    let what = "remove a later revision than the current one";
    commit_refused(&repository, removing(&second), conflict, what).await;
    commit_ok(&repository, commit_replacing(&first, "Huye"), "replace it").await;
    let what = "remove an earlier revision than the current one";
    commit_refused(&repository, removing(&first), conflict, what).await;
    commit_ok(
        &repository,
        removing(&second),
        "remove its current revision",
    )
    .await;
    assert_eq!(
        find_one(&repository, &first).await,
        None,
        "find: expected no address after the removal"
    );
    let what = "remove it again";
    commit_refused(&repository, removing(&second), conflict, what).await;
    assert_eq!(
        head(&repository, "cus_1").await.addresses,
        1,
        "head: expected only the other address to remain"
    );
}

/// `commit`: a book holds no more addresses than the commit allows. The error names the first
/// creation beyond the limit. A removal makes room for a creation.
pub async fn refuses_one_address_too_many_and_names_it(repository: Subject) {
    let first = limited(2, vec![create(1)]);
    commit_ok(&repository, first, "create the first of two allowed").await;
    let in_other_book = Change::Create(address("cus_2", 1));
    let too_many = limited(2, vec![in_other_book, create(2), create(3), create(4)]);
    let what = "create one in another book and three in a book with room for one";
    commit_refused(&repository, too_many, Refusal::BookFull { index: 2 }, what).await;
    let second = limited(2, vec![create(2)]);
    commit_ok(&repository, second, "create the second of two allowed").await;
    let third = limited(1, vec![create(3)]);
    let what = "create one in a book that exceeds its limit";
    commit_refused(&repository, third, Refusal::BookFull { index: 0 }, what).await;
    for (allowed, changes, what) in [
        (
            1,
            vec![replacing(&address("cus_1", 1), "Huye")],
            "replace one in a book that exceeds its limit",
        ),
        (
            1,
            vec![removal(address("cus_1", 2))],
            "remove one from a book that exceeds its limit",
        ),
        (2, vec![create(3)], "use the room that was made"),
        (
            2,
            vec![removal(address("cus_1", 3)), create(4)],
            "make room and use it in one commit",
        ),
    ] {
        commit_ok(&repository, limited(allowed, changes), what).await;
    }
    let what = "use room before it is made";
    let too_early = limited(2, vec![create(5), removal(address("cus_1", 4))]);
    commit_refused(&repository, too_early, Refusal::BookFull { index: 0 }, what).await;
    assert_eq!(
        head(&repository, "cus_1").await.addresses,
        2,
        "head: expected as many addresses as allowed"
    );
}

/// A commit with a limit of past revisions per book.
fn with_history(max_past_revisions: u32, changes: Vec<Change>) -> Commit {
    Commit {
        max_past_revisions,
        ..commit(changes)
    }
}

/// `commit`: rejects creations and replacements in a book with as many past revisions as the commit
/// allows. The error names the first change beyond the limit.
pub async fn refuses_one_past_revision_too_many_and_names_it(repository: Subject) {
    let (first, other) = (address("cus_1", 1), address("cus_2", 1));
    let second = moved(&first, "Huye");
    let third = moved(&second, "Musanze");
    let creations = with_history(1, vec![create(1), create(2), Change::Create(other.clone())]);
    commit_ok(
        &repository,
        creations,
        "create three, which adds no past revisions",
    )
    .await;
    let too_many = vec![
        replacing(&other, "Huye"),
        replacing(&first, "Huye"),
        replacing(&second, "Musanze"),
        replacing(&third, "Nyanza"),
    ];
    let what = "replace one in another book, and one three times, with two past revisions allowed";
    let refused = with_history(2, too_many);
    commit_refused(
        &repository,
        refused,
        Refusal::HistoryFull { index: 3 },
        what,
    )
    .await;
    let two = vec![replacing(&first, "Huye"), replacing(&second, "Musanze")];
    let what = "replace one twice, with two past revisions allowed";
    commit_ok(&repository, with_history(2, two), what).await;
    for (allowed, change, what) in [
        (
            2,
            replacing(&third, "Nyanza"),
            "replace one in a full history",
        ),
        (2, create(3), "create one in a full history"),
        (
            1,
            create(3),
            "create one in a history that exceeds its limit",
        ),
    ] {
        let refused = with_history(allowed, vec![change]);
        commit_refused(
            &repository,
            refused,
            Refusal::HistoryFull { index: 0 },
            what,
        )
        .await;
    }
    let fourth = with_history(3, vec![replacing(&third, "Nyanza")]);
    commit_ok(&repository, fourth, "replace one, with a third allowed").await;
    // An adapter may make many creations in another way than few.
    let many = (0..100).map(|number| {
        let customer_id = format!("cus_new_{number}");
        let customer_id = if number == 70 { "cus_1" } else { &customer_id };
        Change::Create(address(customer_id, 9))
    });
    let many = with_history(3, many.collect());
    let what = "create 100, of which one is in a full history";
    commit_refused(&repository, many, Refusal::HistoryFull { index: 70 }, what).await;
}

/// `commit`: removes addresses whatever the number of past revisions. From then on, the last state
/// and the removal count as past revisions.
pub async fn removes_addresses_whatever_the_history_holds(repository: Subject) {
    let three = with_history(1, vec![create(1), create(2), create(3)]);
    commit_ok(&repository, three, "create three").await;
    let remove = |number| removal(address("cus_1", number));
    let first = with_history(3, vec![remove(1)]);
    commit_ok(&repository, first, "remove one").await;
    let first_change = vec![replacing(&address("cus_1", 2), "Huye"), create(4)];
    let refused = with_history(3, first_change);
    let what = "replace one after a removal that left two, and create one, with three allowed";
    commit_refused(
        &repository,
        refused,
        Refusal::HistoryFull { index: 1 },
        what,
    )
    .await;
    let (second, third) = (vec![remove(2)], vec![remove(3)]);
    let what = "remove one, with one more past revision allowed";
    commit_ok(&repository, with_history(3, second), what).await;
    let what = "remove one in a history that exceeds its limit";
    commit_ok(&repository, with_history(3, third), what).await;
    assert_eq!(
        head(&repository, "cus_1").await.addresses,
        0,
        "head: expected no address after all were removed"
    );
    let refused = with_history(6, vec![create(1)]);
    let what = "create one again after three removals, which left six past revisions";
    commit_refused(
        &repository,
        refused,
        Refusal::HistoryFull { index: 0 },
        what,
    )
    .await;
    let again = with_history(7, vec![create(1)]);
    commit_ok(&repository, again, "create one again, with seven allowed").await;
}

/// `commit`: a change that exceeds both limits of a book is reported as `BookFull`.
pub async fn a_full_book_goes_before_a_full_history(repository: Subject) {
    let first = commit([create(1), replacing(&address("cus_1", 1), "Huye")]);
    commit_ok(&repository, first, "create one and replace it").await;
    for (change, expected, what) in [
        (create(2), Refusal::BookFull { index: 0 }, "create another"),
        (
            create(1),
            Refusal::Conflict { index: 0 },
            "create what exists",
        ),
    ] {
        let refused = Commit {
            max_addresses: 1,
            ..with_history(1, vec![change])
        };
        let what = format!("{what}, with book and history full");
        commit_refused(&repository, refused, expected, &what).await;
    }
}

/// `commit`: of several changes that do not fit, the first decides how the commit is rejected.
pub async fn the_first_change_that_does_not_fit_decides(repository: Subject) {
    let two = creating([address("cus_1", 1), address("cus_2", 1)]);
    commit_ok(&repository, two, "create one address in each of two books").await;
    let exists = Change::Create(address("cus_2", 1));
    let too_many = || create(2);
    let fits = || replacing(&address("cus_1", 1), "Huye");
    for (changes, expected, what) in [
        (
            vec![fits(), too_many(), exists.clone()],
            Refusal::BookFull { index: 1 },
            "one that fits, one too many, one that exists",
        ),
        (
            vec![exists.clone(), too_many(), fits()],
            Refusal::Conflict { index: 0 },
            "one that exists, one too many, one that fits",
        ),
        (
            vec![fits(), fits(), exists],
            Refusal::Conflict { index: 1 },
            "one revision replaced twice, one that exists",
        ),
    ] {
        commit_refused(&repository, limited(1, changes), expected, what).await;
    }
    // The same among many creations: an adapter may make them in another way than few.
    for (too_many, exists, expected) in [
        (40, 70, Refusal::BookFull { index: 40 }),
        (70, 40, Refusal::Conflict { index: 40 }),
    ] {
        let mut changes: Vec<_> = (0..100)
            .map(|number| Change::Create(address(&format!("cus_new_{number}"), 1)))
            .collect();
        changes[too_many] = create(2);
        changes[exists] = Change::Create(address("cus_2", 1));
        let what = format!("100 creations: {too_many} is one too many, {exists} exists");
        commit_refused(&repository, limited(1, changes), expected, &what).await;
    }
}

/// `commit`: creating an existing address is a conflict even in a full book. A repeated import
/// relies on this.
pub async fn a_conflict_goes_before_a_full_book(repository: Subject) {
    let there = limited(1, vec![create(1)]);
    commit_ok(&repository, there, "create the only one allowed").await;
    let again = limited(1, vec![create(1)]);
    let what = "create what exists in a full book";
    commit_refused(&repository, again, Refusal::Conflict { index: 0 }, what).await;
}

const TIME: &str = "2025-06-01T00:00:00.000Z";

/// `commit`: a commit is rejected for a taken key only if all of its changes fit.
pub async fn a_taken_key_is_refused_last(repository: Subject) {
    let with_key = |commit| keyed(commit, "key", TIME, TIME);
    let first = with_key(creating([address("cus_1", 1)]));
    commit_ok(&repository, first, "create one with a key").await;
    for (commit, expected, what) in [
        (
            limited(9, vec![create(2), create(1)]),
            Refusal::Conflict { index: 1 },
            "create what exists, with a key that is taken",
        ),
        (
            limited(1, vec![create(2)]),
            Refusal::BookFull { index: 0 },
            "create one too many, with a key that is taken",
        ),
        (
            with_history(0, vec![create(2)]),
            Refusal::HistoryFull { index: 0 },
            "create one in a full history, with a key that is taken",
        ),
        (
            Commit {
                default_addresses: vec![setting_default("cus_1", "billing", Some(9))],
                ..limited(9, vec![create(2)])
            },
            Refusal::NotInBook { index: 0 },
            "set a default address that is not in the book, with a key that is taken",
        ),
        (
            limited(9, vec![create(2)]),
            Refusal::KeyTaken,
            "create one that fits, with a key that is taken",
        ),
    ] {
        commit_refused(&repository, with_key(commit), expected, what).await;
    }
}

/// `commit`: a rejected commit changes nothing, whatever the reason.
pub async fn a_refused_commit_changes_nothing(repository: Subject) {
    let there = address("cus_1", 1);
    let first = keyed(creating([there.clone()]), "taken", TIME, TIME);
    commit_ok(&repository, first, "create one with a key").await;
    let before = read_customer(&repository, "cus_1", "new").await;
    let others_before = read_customer(&repository, "cus_2", "new").await;
    let changes = |last| {
        vec![
            create(2),
            Change::Create(address("cus_2", 1)),
            replacing(&there, "Huye"),
            removal(moved(&there, "Huye")),
            create(3),
            last,
        ]
    };
    for (commit, key, expected, what) in [
        (
            limited(9, changes(create(2))),
            "new",
            Refusal::Conflict { index: 5 },
            "five changes that fit, and the creation of what exists",
        ),
        (
            limited(2, changes(create(4))),
            "new",
            Refusal::BookFull { index: 5 },
            "five changes that fit, and one address too many",
        ),
        (
            with_history(3, changes(create(4))),
            "new",
            Refusal::HistoryFull { index: 4 },
            "four changes that fit, and a creation in a full history",
        ),
        (
            Commit {
                default_addresses: vec![
                    setting_default("cus_1", "billing", Some(2)),
                    setting_default("cus_1", "gift", Some(9)),
                ],
                ..limited(9, changes(create(4)))
            },
            "new",
            Refusal::NotInBook { index: 1 },
            "six changes that fit, and a default address that is not in the book",
        ),
        (
            limited(9, changes(create(4))),
            "taken",
            Refusal::KeyTaken,
            "six changes that fit, with a key that is taken",
        ),
    ] {
        let refused = keyed(commit, key, TIME, TIME);
        commit_refused(&repository, refused, expected, what).await;
        for (customer_id, before) in [("cus_1", &before), ("cus_2", &others_before)] {
            assert_eq!(
                &read_customer(&repository, customer_id, "new").await,
                before,
                "expected everything of {customer_id} as before the rejected commit: {what}"
            );
        }
    }
}
