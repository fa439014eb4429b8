use addressbook_domain::{
    Address, AddressId, AddressRevision, Change, ChangeKind, Commit, CustomerId, Listing, Revision,
    RevisionRange, Timestamp,
};

use super::{Subject, find, head};
use crate::fixtures::{address, commit, creating, customer, moved, timestamp};

const ALL: RevisionRange = RevisionRange {
    before: None,
    limit: 1_000,
};

async fn revisions(repository: &Subject, address: &Address) -> Vec<AddressRevision> {
    revisions_of(repository, &address.customer_id, &address.id).await
}

async fn revisions_of(
    repository: &Subject,
    customer_id: &CustomerId,
    id: &AddressId,
) -> Vec<AddressRevision> {
    repository.revisions(customer_id, id, ALL).await.unwrap()
}

fn at(time: &str, change: Change) -> Commit {
    Commit {
        at: timestamp(time),
        ..commit([change])
    }
}

fn replacing(address: &Address, city: &str) -> Change {
    Change::Replace {
        address: moved(address, city),
        expected: address.revision,
    }
}

fn kept(address: Address, change: ChangeKind, changed_at: &str) -> AddressRevision {
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

/// Creates an address, moves it to Huye and removes it, and gives the three revisions,
/// newest first.
async fn live_and_die(repository: &Subject, number: u32) -> Vec<AddressRevision> {
    let first = address("cus_1", number);
    let second = moved(&first, "Huye");
    let last = Address {
        revision: second.revision.next(),
        ..second.clone()
    };
    repository
        .commit(at(TIMES[0], Change::Create(first.clone())))
        .await
        .unwrap();
    repository
        .commit(at(TIMES[1], replacing(&first, "Huye")))
        .await
        .unwrap();
    repository
        .commit(at(TIMES[2], Change::Remove(second.clone())))
        .await
        .unwrap();
    vec![
        kept(last, ChangeKind::Removed, TIMES[2]),
        kept(second, ChangeKind::Updated, TIMES[1]),
        kept(first, ChangeKind::Created, TIMES[0]),
    ]
}

/// `commit`: writes a revision of each change, with the whole content, what happened and
/// when; a refused one writes none.
pub async fn every_change_writes_a_revision(repository: Subject) {
    let (one, other) = (address("cus_1", 1), address("cus_2", 1));
    let both = commit([
        Change::Create(one.clone()),
        replacing(&one, "Huye"),
        Change::Create(other.clone()),
    ]);
    repository.commit(both.clone()).await.unwrap();
    repository.commit(both.clone()).await.unwrap_err();
    let expected = |address, change| AddressRevision {
        address,
        change,
        changed_at: both.at,
    };
    assert_eq!(
        revisions(&repository, &one).await,
        [
            expected(moved(&one, "Huye"), ChangeKind::Updated),
            expected(one, ChangeKind::Created),
        ]
    );
    assert_eq!(
        revisions(&repository, &other).await,
        [expected(other, ChangeKind::Created)]
    );
}

/// `revisions`: newest first, those before a number, no more than the limit.
pub async fn revisions_come_newest_first_in_ranges_of_any_size(repository: Subject) {
    let mut latest = address("cus_1", 1);
    repository.commit(creating([latest.clone()])).await.unwrap();
    for number in 2..=7 {
        let city = format!("City {number}");
        repository
            .commit(commit([replacing(&latest, &city)]))
            .await
            .unwrap();
        latest = moved(&latest, &city);
    }
    let all = revisions(&repository, &latest).await;
    let numbers: Vec<_> = all
        .iter()
        .map(|revision| revision.address.revision.get())
        .collect();
    assert_eq!(numbers, [7, 6, 5, 4, 3, 2, 1]);
    for limit in 1..=8 {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let range = RevisionRange { before, limit };
            let step = repository
                .revisions(&latest.customer_id, &latest.id, range)
                .await
                .unwrap();
            assert!(step.len() <= limit as usize);
            before = step.last().map(|revision| revision.address.revision);
            if step.is_empty() {
                break;
            }
            seen.extend(step);
        }
        assert_eq!(seen, all, "in steps of {limit}");
    }
}

/// `revisions`: those of a removed address too, its removal among them.
pub async fn revisions_outlive_the_address(repository: Subject) {
    let expected = live_and_die(&repository, 1).await;
    assert_eq!(find(&repository, &address("cus_1", 1)).await, None);
    assert_eq!(revisions(&repository, &address("cus_1", 1)).await, expected);
}

/// `revisions`: nothing by the id of another customer's address, or of none.
pub async fn gives_no_revisions_by_the_id_of_another_customers_address(repository: Subject) {
    live_and_die(&repository, 1).await;
    repository
        .commit(creating([address("cus_2", 2)]))
        .await
        .unwrap();
    let ours = address("cus_1", 1);
    assert_eq!(
        revisions_of(&repository, &customer("cus_2"), &ours.id).await,
        []
    );
    assert_eq!(
        revisions_of(&repository, &customer("cus_3"), &ours.id).await,
        []
    );
    assert_eq!(revisions(&repository, &address("cus_1", 2)).await, []);
}

/// `commit`: an address that is created again takes up its revisions where they ended,
/// whatever revision the change says.
pub async fn an_address_that_is_created_again_takes_up_its_revisions(repository: Subject) {
    for (number, said) in [(1, 1), (2, 4), (3, 9)] {
        let mut expected = live_and_die(&repository, number).await;
        let time = "2025-04-01T00:00:00.000Z";
        let again = |revision| Address {
            revision: Revision::new(revision).unwrap(),
            ..address("cus_1", number)
        };
        repository
            .commit(at(time, Change::Create(again(said))))
            .await
            .unwrap();
        let again = again(4);
        assert_eq!(find(&repository, &again).await, Some(again.clone()));
        expected.insert(0, kept(again.clone(), ChangeKind::Created, time));
        assert_eq!(revisions(&repository, &again).await, expected);
        repository
            .commit(commit([replacing(&again, "Musanze")]))
            .await
            .unwrap();
    }
}

/// `page_of`: as the book stood at any moment: exactly the addresses whose latest revision up
/// to then is not a removal, each as that revision has it.
pub async fn the_book_is_known_as_it_stood_at_any_moment(repository: Subject) {
    let [removed, updated, created] = live_and_die(&repository, 1).await.try_into().unwrap();
    let stays = address("cus_1", 2);
    repository
        .commit(at(TIMES[1], Change::Create(stays.clone())))
        .await
        .unwrap();
    repository
        .commit(at(TIMES[0], Change::Create(address("cus_2", 3))))
        .await
        .unwrap();
    let head = head(&repository, &customer("cus_1")).await;
    let ms = |time: Timestamp, more| Timestamp::from_unix_ms(time.unix_ms() + more).unwrap();
    for (time, expected) in [
        (ms(created.changed_at, -1), vec![]),
        (created.changed_at, vec![created.address.clone()]),
        (ms(updated.changed_at, -1), vec![created.address]),
        (
            updated.changed_at,
            vec![updated.address.clone(), stays.clone()],
        ),
        (
            ms(removed.changed_at, -1),
            vec![updated.address, stays.clone()],
        ),
        (removed.changed_at, vec![stays.clone()]),
        (timestamp("9999-12-31T23:59:59.999Z"), vec![stays]),
    ] {
        let listing = Listing {
            as_of: Some(time),
            ..Listing::default()
        };
        let page = repository.page_of(&customer("cus_1"), &listing).await;
        let expected = listing.page(head, expected).unwrap();
        assert_eq!(page.unwrap(), expected, "as of {time}");
    }
}
