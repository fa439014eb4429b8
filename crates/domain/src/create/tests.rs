use super::*;
use crate::address::{AddressRevision, ChangeKind};
use crate::clock::Clock;
use crate::default_addresses::DefaultAddresses;
use crate::idempotency::IdempotencyRecord;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::listing::page::AddressPage;
use crate::repository::{AddressRevisions, MockAddressRepository};
use crate::testing::{
    Frozen, committed, content, customer, defaults, entry, found, imported_address, purpose,
    reports_each_failure, service,
};

fn new(content: &AddressContent) -> NewAddress<'_> {
    NewAddress {
        content,
        on_duplicate: OnDuplicate::Allow,
        default_for: BTreeSet::new(),
    }
}

fn request() -> IdempotentRequest {
    IdempotentRequest {
        key: IdempotencyKey::parse(b"key").unwrap(),
        fingerprint: Fingerprint([1; 32]),
    }
}

fn record() -> IdempotencyRecord {
    IdempotencyRecord {
        customer_id: customer(),
        key: request().key,
        fingerprint: request().fingerprint,
        address_id: entry("Kigali").id.unwrap(),
        created_at: Frozen.now(),
    }
}

fn first_revision() -> AddressRevision {
    let address = imported_address(&entry("Kigali"));
    AddressRevision {
        change: ChangeKind::Created,
        changed_at: address.created_at,
        address,
    }
}

fn first_revision_at(book_revision: u64) -> AddressRevisions {
    AddressRevisions {
        revisions: vec![first_revision()],
        book_revision,
    }
}

#[tokio::test]
async fn create_reports_each_failure_of_the_commit() {
    reports_each_failure(
        |repository, failure| {
            repository
                .expect_commit()
                .times(1)
                .returning(move |_| Err(failure().into()));
        },
        |service| async move {
            let content = content("Kigali");
            service.create(&customer(), &new(&content), None).await
        },
    )
    .await;
}

#[tokio::test]
async fn create_reports_each_failure_of_the_key_look_up() {
    reports_each_failure(
        |repository, failure| {
            repository
                .expect_idempotency_record()
                .times(1)
                .returning(move |_, _| Err(failure()));
        },
        |service| async move {
            let content = content("Kigali");
            service
                .create(&customer(), &new(&content), Some(&request()))
                .await
        },
    )
    .await;
}

#[tokio::test]
async fn create_reports_a_full_book() {
    let mut repository = MockAddressRepository::new();
    repository.expect_commit().returning(|commit| {
        assert_eq!(commit.max_addresses, 1_000);
        Err(Refusal::BookFull { index: 0 }.into())
    });
    let error = service(repository)
        .create(&customer(), &new(&content("Kigali")), None)
        .await;
    assert!(matches!(
        error,
        Err(CreateError::BookFull {
            max_addresses: 1_000
        })
    ));
}

#[tokio::test]
async fn create_reports_a_full_history() {
    let mut repository = MockAddressRepository::new();
    repository.expect_commit().returning(|commit| {
        assert_eq!(commit.max_past_revisions, 20_000);
        Err(Refusal::HistoryFull { index: 0 }.into())
    });
    let error = service(repository)
        .create(&customer(), &new(&content("Kigali")), None)
        .await;
    let is_full = matches!(
        error,
        Err(CreateError::HistoryFull {
            max_past_revisions: 20_000
        })
    );
    assert!(is_full, "{error:?}");
}

#[tokio::test]
async fn create_replays_a_concurrent_request_with_the_same_key() {
    // The second and third: that request filled the book or the history.
    let refusals = [
        || Refusal::KeyTaken,
        || Refusal::BookFull { index: 0 },
        || Refusal::HistoryFull { index: 0 },
    ];
    for refusal in refusals {
        let mut repository = MockAddressRepository::new();
        let mut sequence = mockall::Sequence::new();
        repository
            .expect_idempotency_record()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|_, _| Ok(None));
        repository
            .expect_commit()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(move |commit| {
                assert!(commit.idempotency.is_some());
                Err(refusal().into())
            });
        repository
            .expect_idempotency_record()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|_, _| Ok(Some(record())));
        repository
            .expect_revisions()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|_, _, _| Ok(first_revision_at(9)));
        let content = content("Huye");
        let created = service(repository)
            .create(&customer(), &new(&content), Some(&request()))
            .await;
        let expected = Created {
            address: first_revision().address,
            origin: Origin::Replayed,
            book_revision: 9,
        };
        assert_eq!(created.unwrap(), expected);
    }
}

/// A concurrent request with the same key created what would be a duplicate of itself.
#[tokio::test]
async fn create_replays_its_key_before_it_returns_or_rejects_a_duplicate() {
    for on_duplicate in [OnDuplicate::Return, OnDuplicate::Reject] {
        let mut repository = MockAddressRepository::new();
        let mut records = vec![Some(record()), None];
        repository
            .expect_idempotency_record()
            .times(2)
            .returning(move |_, _| Ok(records.pop().unwrap()));
        let mut page = AddressPage::default();
        page.push((&first_revision().address).into()).unwrap();
        repository
            .expect_page_of()
            .return_once(move |_, _| Ok(page));
        repository
            .expect_find()
            .returning(|_| Ok(vec![found(7, Some(first_revision().address))]));
        repository
            .expect_revisions()
            .times(1)
            .returning(|_, _, _| Ok(first_revision_at(9)));
        let content = content("Kigali");
        let new = NewAddress {
            on_duplicate,
            ..new(&content)
        };
        let created = service(repository)
            .create(&customer(), &new, Some(&request()))
            .await;
        assert_eq!(created.unwrap().origin, Origin::Replayed);
    }
}

/// A repository with a book at this revision.
fn with_defaults(revision: u64, addresses: DefaultAddresses) -> MockAddressRepository {
    let mut repository = MockAddressRepository::new();
    let book = BookDefaults {
        revision,
        addresses,
    };
    repository
        .expect_default_addresses()
        .returning(move |_| Ok(vec![book.clone()]));
    repository
}

fn shipping(content: &AddressContent) -> NewAddress<'_> {
    NewAddress {
        default_for: BTreeSet::from([purpose("shipping")]),
        ..new(content)
    }
}

#[tokio::test]
async fn create_makes_the_address_the_default_in_the_same_commit() {
    let content = content("Kigali");
    let current = defaults(&[("shipping", entry("Kigali").id.unwrap())]);
    let mut repository = with_defaults(7, current);
    let mut outcomes = [Ok(committed(8)), Err(Refusal::BookChanged.into())].into_iter();
    repository
        .expect_commit()
        .times(2)
        .returning(move |commit| {
            assert_eq!(commit.expected_revisions, BTreeMap::from([(customer(), 7)]));
            let created = commit.changes[0].address();
            let expected = DefaultAddressChange {
                customer_id: customer(),
                purpose: purpose("shipping"),
                address_id: Some(created.id.clone()),
            };
            assert_eq!(commit.default_addresses, [expected]);
            outcomes.next_back().unwrap()
        });
    let created = service(repository)
        .create(&customer(), &shipping(&content), None)
        .await
        .unwrap();
    assert_eq!((created.origin, created.book_revision), (Origin::New, 8));
}

#[tokio::test]
async fn create_reports_too_many_purposes() {
    let content = content("Kigali");
    let id = || entry("Kigali").id.unwrap();
    let full =
        (0..DefaultAddresses::MAX_PURPOSES).map(|number| (purpose(&format!("p{number}")), id()));
    let error = service(with_defaults(7, full.collect()))
        .create(&customer(), &shipping(&content), None)
        .await;
    assert!(matches!(error, Err(CreateError::TooManyPurposes(_))));
}

#[tokio::test]
async fn a_duplicate_that_is_returned_becomes_the_default() {
    let content = content("Kigali");
    let there = first_revision().address;
    let mut repository = with_defaults(7, DefaultAddresses::default());
    let mut page = AddressPage::default();
    page.push((&there).into()).unwrap();
    repository
        .expect_page_of()
        .returning(move |_, _| Ok(page.clone()));
    repository
        .expect_find()
        .returning(|_| Ok(vec![found(7, Some(first_revision().address))]));
    repository
        .expect_commit()
        .times(1)
        .returning(move |commit| {
            assert_eq!(commit.changes, []);
            assert_eq!(
                commit.default_addresses[0].address_id.as_ref(),
                Some(&there.id)
            );
            assert_eq!(commit.expected_revisions, BTreeMap::from([(customer(), 7)]));
            Ok(committed(8))
        });
    let new = NewAddress {
        on_duplicate: OnDuplicate::Return,
        ..shipping(&content)
    };
    let created = service(repository).create(&customer(), &new, None).await;
    let created = created.unwrap();
    assert_eq!(
        (created.origin, created.book_revision),
        (Origin::Duplicate, 8)
    );
}

#[tokio::test]
async fn create_rejects_a_key_that_was_used_for_another_request() {
    let mut repository = MockAddressRepository::new();
    repository
        .expect_idempotency_record()
        .returning(|_, _| Ok(Some(record())));
    let other = IdempotentRequest {
        fingerprint: Fingerprint([2; 32]),
        ..request()
    };
    let content = content("Kigali");
    let error = service(repository)
        .create(&customer(), &new(&content), Some(&other))
        .await;
    assert!(matches!(error, Err(CreateError::KeyReused)));
}

#[tokio::test]
async fn create_ignores_an_expired_key() {
    let mut repository = MockAddressRepository::new();
    let just_expired = Frozen
        .now()
        .minus(std::time::Duration::from_millis(86_400_001));
    repository
        .expect_idempotency_record()
        .returning(move |_, _| {
            Ok(Some(IdempotencyRecord {
                created_at: just_expired,
                ..record()
            }))
        });
    repository
        .expect_commit()
        .times(1)
        .returning(|_| Ok(committed(8)));
    let content = content("Kigali");
    let created = service(repository)
        .create(&customer(), &new(&content), Some(&request()))
        .await;
    assert_eq!(created.unwrap().origin, Origin::New);
}

#[tokio::test]
async fn prune_reports_each_failure() {
    reports_each_failure(
        |repository, failure| {
            repository
                .expect_prune_idempotency_records()
                .times(1)
                .returning(move |_, _| Err(failure()));
        },
        |service| async move { service.prune(1).await },
    )
    .await;
}
