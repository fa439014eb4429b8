use addressbook_domain::{
    Address, AddressId, AddressRevision, Change, ChangeKind, CustomerId, Refusal, Revision,
    RevisionRange,
};

use super::Subject;
use super::calls::{
    commit_ok, commit_refused, expect_ok, find_one, head, revisions as revisions_of,
    revisions_with_book, start_writer,
};
use super::steps::Steps;
use crate::fixtures::{
    address, address_id, commit, commit_at, creating, customer, moved, removal, replacing,
    timestamp,
};

/// All revisions of an address, newest first.
async fn revisions(repository: &Subject, address: &Address) -> Vec<AddressRevision> {
    revisions_of(repository, &address.customer_id, &address.id).await
}

async fn range_of(
    repository: &Subject,
    customer_id: &CustomerId,
    id: &AddressId,
    range: RevisionRange,
) -> Vec<AddressRevision> {
    expect_ok(
        repository.revisions(customer_id, id, range).await,
        format_args!("revisions of {id} in {range:?}"),
    )
    .revisions
}

fn numbers(revisions: &[AddressRevision]) -> Vec<u32> {
    let number = |revision: &AddressRevision| revision.address.revision.get();
    revisions.iter().map(number).collect()
}

fn revision(address: Address, change: ChangeKind, changed_at: &str) -> AddressRevision {
    AddressRevision {
        address,
        change,
        changed_at: timestamp(changed_at),
    }
}

const TIMES: [&str; 3] = [
    "2025-01-01T00:00:00.000Z",
    "2025-02-01T00:00:00.001Z",
    "2025-03-01T00:00:00.999Z",
];

/// Creates an address, moves it to Huye and removes it. Returns the three revisions, newest first.
async fn create_move_and_remove(repository: &Subject, number: u32) -> Vec<AddressRevision> {
    let first = address("cus_1", number);
    let second = moved(&first, "Huye");
    let removed = Address {
        revision: second.revision.next(),
        ..second.clone()
    };
    for (commit, what) in [
        (
            commit_at(TIMES[0], [Change::Create(first.clone())]),
            "create one",
        ),
        (commit_at(TIMES[1], [replacing(&first, "Huye")]), "move it"),
        (commit_at(TIMES[2], [removal(second.clone())]), "remove it"),
    ] {
        commit_ok(repository, commit, what).await;
    }
    vec![
        revision(removed, ChangeKind::Removed, TIMES[2]),
        revision(second, ChangeKind::Updated, TIMES[1]),
        revision(first, ChangeKind::Created, TIMES[0]),
    ]
}

/// `commit`: writes a revision for each change, with the whole content, what happened and
/// when. A rejected commit writes none.
pub async fn every_change_writes_a_revision(repository: Subject) {
    let (one, other) = (address("cus_1", 1), address("cus_2", 1));
    let changes = [
        Change::Create(one.clone()),
        replacing(&one, "Huye"),
        Change::Create(other.clone()),
    ];
    let both = commit_at(TIMES[1], changes);
    let what = "create and move one, create one in another book";
    commit_ok(&repository, both.clone(), what).await;
    commit_refused(
        &repository,
        both,
        Refusal::Conflict { index: 0 },
        "the same again",
    )
    .await;
    let of_one = [
        revision(moved(&one, "Huye"), ChangeKind::Updated, TIMES[1]),
        revision(one.clone(), ChangeKind::Created, TIMES[1]),
    ];
    assert_eq!(
        revisions(&repository, &one).await,
        of_one,
        "revisions: expected one for each change, with the whole address, what happened and when"
    );
    assert_eq!(
        revisions(&repository, &other).await,
        [revision(other, ChangeKind::Created, TIMES[1])],
        "revisions: expected one for the only change of the other address"
    );
}

/// `revisions`: returns those before a number, by descending number, up to the limit.
pub async fn revisions_come_newest_first_in_ranges_of_any_size(repository: Subject) {
    let mut latest = address("cus_1", 1);
    let created = creating([latest.clone()]);
    commit_ok(&repository, created, "create an address").await;
    for number in 2..=7 {
        let city = format!("City {number}");
        // The clock is set back each time.
        let time = format!("2024-01-{:02}T00:00:00.000Z", 9 - number);
        let changed = commit_at(&time, [replacing(&latest, &city)]);
        commit_ok(&repository, changed, "move it").await;
        latest = moved(&latest, &city);
    }
    let all = revisions(&repository, &latest).await;
    assert_eq!(
        numbers(&all),
        [7, 6, 5, 4, 3, 2, 1],
        "revisions: expected all, by descending number, even if the clock was set back"
    );
    for limit in 1..=8 {
        let mut steps = Steps::new("revisions", limit as usize, all.len());
        while steps.go_on() {
            let last: Option<&AddressRevision> = steps.seen.last();
            let before = last.map(|last| last.address.revision);
            let range = RevisionRange { before, limit };
            let (customer_id, id) = (&latest.customer_id, &latest.id);
            steps.take(range_of(&repository, customer_id, id, range).await);
        }
        assert_eq!(
            steps.seen, all,
            "revisions in steps of {limit}: expected each once, newest first"
        );
    }
}

/// `revisions`: returns as many as the limit allows.
pub async fn gives_as_many_revisions_as_are_asked_for(repository: Subject) {
    let mut latest = address("cus_1", 1);
    let mut changes = vec![Change::Create(latest.clone())];
    for number in 2..=300 {
        let city = format!("City {number}");
        changes.push(replacing(&latest, &city));
        latest = moved(&latest, &city);
    }
    commit_ok(
        &repository,
        commit(changes),
        "create one and move it 299 times",
    )
    .await;
    for (before, limit, expected) in [
        (None, 250, 51..=300),
        (None, u32::MAX, 1..=300),
        (Revision::new(280), 200, 80..=279),
    ] {
        let range = RevisionRange { before, limit };
        let found = range_of(&repository, &latest.customer_id, &latest.id, range).await;
        assert_eq!(
            numbers(&found),
            expected.rev().collect::<Vec<_>>(),
            "revisions: expected as many as the limit {limit} allows before {before:?}"
        );
    }
}

/// `revisions`: returns those of a removed address, including its removal.
pub async fn revisions_outlive_the_address(repository: Subject) {
    let expected = create_move_and_remove(&repository, 1).await;
    assert_eq!(
        find_one(&repository, &address("cus_1", 1)).await,
        None,
        "find: expected no address after the removal"
    );
    assert_eq!(
        revisions(&repository, &address("cus_1", 1)).await,
        expected,
        "revisions: expected those of the removed address, including its removal"
    );
}

/// `revisions`: while an address changes, all revisions of one call come from one snapshot.
pub async fn revisions_are_of_one_moment(repository: Subject) {
    let mut latest = address("cus_1", 1);
    let (customer_id, id) = (latest.customer_id.clone(), latest.id.clone());
    let created = creating([latest.clone()]);
    commit_ok(&repository, created, "create an address").await;
    let mut commits = Vec::new();
    for number in 0..60 {
        let city = format!("City {number}");
        commits.push(commit([replacing(&latest, &city)]));
        latest = moved(&latest, &city);
    }
    let writer = start_writer(&repository, commits);
    loop {
        let is_done = writer.is_done().await;
        let found = numbers(&revisions_of(&repository, &customer_id, &id).await);
        let newest = found.first().copied().unwrap_or_default();
        assert_eq!(
            found,
            (1..=newest).rev().collect::<Vec<_>>(),
            "revisions: expected each number from the newest down to 1 exactly once"
        );
        if is_done {
            break;
        }
    }
    writer.end().await;
}

/// `revisions`: the revision of the book is that at the moment of the revisions, or of their absence.
pub async fn revisions_are_of_the_moment_of_the_book_revision(repository: Subject) {
    let mut latest = address("cus_1", 1);
    let created = creating([latest.clone()]);
    commit_ok(&repository, created, "create an address").await;
    let (customer_id, id) = (latest.customer_id.clone(), latest.id.clone());
    let all = || revisions_with_book(&repository, &customer_id, &id);
    let mut before = all().await;
    for turn in 0..30 {
        let city = format!("City {turn}");
        let moving = commit([replacing(&latest, &city)]);
        let (seen, _) = tokio::join!(
            all(),
            commit_ok(&repository, moving, "move the address while it is read")
        );
        latest = moved(&latest, &city);
        let after = all().await;
        assert!(
            seen == before || seen == after,
            "revisions: expected those of before a commit with the book's revision then, {before:?}, \
             or those of after it, {after:?}, but got {seen:?}"
        );
        before = after;
        let now = head(&repository, "cus_1").await.revision;
        for (customer_id, number, revision) in
            [("cus_1", 1, now), ("cus_1", 2, now), ("cus_2", 1, 0)]
        {
            let id = address_id(number);
            let found = revisions_with_book(&repository, &customer(customer_id), &id).await;
            assert_eq!(
                found.book_revision, revision,
                "revisions of {id} of {customer_id}: expected the revision of the book, 0 without a book"
            );
        }
    }
}

/// `revisions`: returns nothing for the id of another customer's address, or of an address that
/// never existed.
pub async fn gives_no_revisions_by_the_id_of_another_customers_address(repository: Subject) {
    create_move_and_remove(&repository, 1).await;
    let other = creating([address("cus_2", 2)]);
    commit_ok(&repository, other, "create one in another book").await;
    for (customer_id, number, reason) in [
        ("cus_2", 1, "the id is of another customer's address"),
        ("cus_3", 1, "the customer has no book"),
        ("cus_1", 2, "the id is of another customer's address"),
        ("cus_1", 3, "there was never such an address"),
    ] {
        let id = address_id(number);
        assert_eq!(
            revisions_of(&repository, &customer(customer_id), &id).await,
            [],
            "revisions: expected none of {id} of {customer_id}, because {reason}"
        );
    }
}

/// `commit`: an address that is created again continues its revisions where they ended,
/// whatever revision the change has.
pub async fn an_address_that_is_created_again_continues_its_revisions(repository: Subject) {
    for (number, given) in [(1, 1), (2, 4), (3, 9)] {
        let mut expected = create_move_and_remove(&repository, number).await;
        let time = "2025-04-01T00:00:00.000Z";
        let with_revision = |revision: u32| Address {
            revision: (1..revision).fold(Revision::FIRST, |last, _| last.next()),
            ..address("cus_1", number)
        };
        let created = commit_at(time, [Change::Create(with_revision(given))]);
        commit_ok(&repository, created, "create a removed address again").await;
        let again = with_revision(4);
        assert_eq!(
            find_one(&repository, &again).await.as_ref(),
            Some(&again),
            "find: expected revision 4 after the removal at 3, although the change had {given}"
        );
        expected.insert(0, revision(again.clone(), ChangeKind::Created, time));
        assert_eq!(
            revisions(&repository, &again).await,
            expected,
            "revisions: expected those from before the removal, and the new creation"
        );
        let moved = commit([replacing(&again, "Musanze")]);
        commit_ok(&repository, moved, "replace revision 4").await;
    }
}
