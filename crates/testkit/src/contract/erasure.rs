use addressbook_domain::{
    AddressPage, BookHead, Change, Commit, Erased, KeptKey, Listing, RevisionRange, Scan,
};

use super::{Subject, find, head, list};
use crate::fixtures::{address, address_id, commit, creating, customer, moving, record, timestamp};

const ALL: RevisionRange = RevisionRange {
    before: None,
    limit: 1_000,
};

/// Two addresses (four revisions), one of them removed, and a key.
async fn fill(repository: &Subject, customer_id: &str) {
    let kept = KeptKey {
        record: record(customer_id, "key", "2025-01-01T00:00:00.000Z"),
        expired_before: timestamp("2025-01-01T00:00:00.000Z"),
    };
    let creation = creating([1, 2].map(|number| address(customer_id, number)));
    repository
        .commit(Commit {
            idempotency: Some(kept),
            ..creation
        })
        .await
        .unwrap();
    repository
        .commit(moving(&address(customer_id, 1), "Huye"))
        .await
        .unwrap();
    repository
        .commit(commit([Change::Remove(address(customer_id, 2))]))
        .await
        .unwrap();
}

/// `erase`: everything of one customer, as if never heard of; nothing of others.
pub async fn erases_everything_of_one_customer_and_nothing_of_others(repository: Subject) {
    fill(&repository, "cus_1").await;
    fill(&repository, "cus_2").await;
    let other_head = head(&repository, &customer("cus_2")).await;
    let (erased, other) = (customer("cus_1"), customer("cus_2"));
    assert_eq!(
        repository.erase(&erased).await.unwrap(),
        Erased {
            addresses: 1,
            revisions: 4,
            idempotency_records: 1
        }
    );

    assert_eq!(head(&repository, &erased).await, BookHead::default());
    assert!(list(&repository, &erased, 50, 0).await.is_empty());
    let any_time = Listing {
        as_of: Some(timestamp("9999-12-31T23:59:59.999Z")),
        ..Listing::default()
    };
    assert_eq!(
        repository.page_of(&erased, &any_time).await.unwrap(),
        AddressPage::default()
    );
    for number in [1, 2] {
        assert_eq!(find(&repository, &address("cus_1", number)).await, None);
        let revisions = repository
            .revisions(&erased, &address_id(number), ALL)
            .await
            .unwrap();
        assert_eq!(revisions, []);
    }
    let key = record("cus_1", "key", "2025-01-01T00:00:00.000Z").key;
    assert_eq!(
        repository.idempotency_record(&erased, &key).await.unwrap(),
        None
    );
    let scan = Scan {
        customer_id: None,
        after: None,
        limit: 10,
    };
    let left = repository.scan(scan).await.unwrap();
    assert!(
        left.iter().all(|address| address.customer_id == other),
        "{left:?}"
    );

    assert_eq!(head(&repository, &other).await, other_head);
    assert_eq!(
        repository
            .revisions(&other, &address_id(1), ALL)
            .await
            .unwrap()
            .len(),
        2
    );
    assert!(
        repository
            .idempotency_record(&other, &key)
            .await
            .unwrap()
            .is_some()
    );

    assert_eq!(
        repository.erase(&erased).await.unwrap(),
        Erased::default(),
        "nothing is left"
    );
    fill(&repository, "cus_1").await;
}

/// `erase`: the revision of a book that is opened again is greater than any before.
pub async fn a_book_opened_again_begins_at_a_greater_revision(repository: Subject) {
    fill(&repository, "cus_1").await;
    let before = head(&repository, &customer("cus_1")).await.revision;
    repository.erase(&customer("cus_1")).await.unwrap();
    let later = Commit {
        at: timestamp("2024-09-01T00:00:01.000Z"),
        ..creating([address("cus_1", 1)])
    };
    repository.commit(later).await.unwrap();
    assert!(head(&repository, &customer("cus_1")).await.revision > before);
}
