use std::collections::HashSet;

use super::*;
use crate::address::address_id::AddressId;
use crate::address::{Address, Revision};
use crate::clock::Clock;
use crate::commit::Change;
use crate::customer_id::CustomerId;
use crate::listing::page::BookHead;
use crate::repository::{Lookup, MockAddressRepository, Refusal};
use crate::testing::{
    Frozen, committed, customer, entry, found, imported_address, reports_each_failure, service,
};

const UPDATING: ImportOptions = ImportOptions {
    on_error: OnError::Stop,
    on_conflict: OnConflict::Update,
    on_duplicate: OnDuplicateEntry::Create,
};

const SKIPPING: ImportOptions = ImportOptions {
    on_error: OnError::Skip,
    on_conflict: OnConflict::Reject,
    on_duplicate: OnDuplicateEntry::Create,
};

/// The head of a book with room for this number of addresses.
fn all_but(room: u64) -> BookHead {
    BookHead {
        addresses: 1_000 - room,
        revision: 2_000,
    }
}

#[tokio::test]
async fn import_reports_each_failure_of_the_commit() {
    reports_each_failure(
        |repository, failure| {
            repository
                .expect_commit()
                .times(1)
                .returning(move |_| Err(failure().into()));
        },
        |service| async move {
            service
                .import(&[entry("Kigali")], ImportOptions::default())
                .await
        },
    )
    .await;
}

#[tokio::test]
async fn import_reports_each_failure_of_the_look_up() {
    reports_each_failure(
        |repository, failure| {
            repository
                .expect_find()
                .times(1)
                .returning(move |_| Err(failure()));
        },
        |service| async move {
            let without_id = ImportEntry {
                id: None,
                ..entry("Kigali")
            };
            service
                .import(&[without_id], ImportOptions::default())
                .await
        },
    )
    .await;
}

#[tokio::test]
async fn import_of_new_addresses_reads_nothing() {
    let mut repository = MockAddressRepository::new();
    repository.expect_commit().times(1).returning(|commit| {
        assert_eq!(commit.at, Frozen.now());
        assert_eq!(
            commit.changes,
            [Change::Create(imported_address(&entry("Kigali")))]
        );
        Ok(committed(8))
    });
    let outcomes = service(repository)
        .import(&[entry("Kigali")], ImportOptions::default())
        .await;
    assert_eq!(outcomes.unwrap(), [ImportOutcome::Created]);
}

#[tokio::test]
async fn import_looks_up_addresses_and_decides_again_after_a_conflict() {
    let mut repository = MockAddressRepository::new();
    let mut sequence = mockall::Sequence::new();
    repository
        .expect_commit()
        .times(1)
        .in_sequence(&mut sequence)
        .returning(|_| Err(Refusal::Conflict { index: 0 }.into()));
    repository
        .expect_find()
        .times(1)
        .in_sequence(&mut sequence)
        .returning(|lookups| {
            assert_eq!(
                lookups,
                [Lookup::Id(customer(), entry("Kigali").id.unwrap())]
            );
            Ok(vec![found(7, Some(imported_address(&entry("Huye"))))])
        });
    repository
        .expect_commit()
        .times(1)
        .in_sequence(&mut sequence)
        .returning(|commit| {
            let revision = Revision::FIRST.next();
            let address = Address {
                revision,
                ..imported_address(&entry("Kigali"))
            };
            assert_eq!(
                commit.changes,
                [Change::Replace {
                    address,
                    expected: Revision::FIRST
                }]
            );
            Ok(committed(8))
        });
    let outcomes = service(repository)
        .import(&[entry("Kigali")], UPDATING)
        .await;
    assert_eq!(outcomes.unwrap(), [ImportOutcome::Updated]);
}

#[tokio::test]
async fn import_fails_as_busy_if_conflicts_persist() {
    let mut repository = MockAddressRepository::new();
    repository
        .expect_commit()
        .returning(|_| Err(Refusal::Conflict { index: 0 }.into()));
    repository
        .expect_find()
        .returning(|lookups| Ok(vec![found(7, None); lookups.len()]));
    let error = service(repository)
        .import(&[entry("Kigali")], ImportOptions::default())
        .await;
    assert!(matches!(
        error,
        Err(ImportError::Repository(RepositoryError::Busy(_)))
    ));
}

#[tokio::test]
async fn import_skips_entries_beyond_the_address_limit() {
    let entries = ["Kigali", "Huye", "Musanze"].map(|city| ImportEntry {
        id: None,
        ..entry(city)
    });
    let mut repository = MockAddressRepository::new();
    repository
        .expect_find()
        .returning(|lookups| Ok(vec![found(7, None); lookups.len()]));
    repository
        .expect_head()
        .times(1)
        .returning(|_| Ok(all_but(1)));
    repository
        .expect_commit()
        .times(2)
        .returning(|commit| match commit.changes.len() {
            3 => Err(Refusal::BookFull { index: 1 }.into()),
            _ => Ok(committed(8)),
        });
    let outcomes = service(repository)
        .import(&entries, SKIPPING)
        .await
        .unwrap();
    let full = ImportOutcome::BookFull;
    assert_eq!(outcomes, [ImportOutcome::Created, full, full]);
}

#[tokio::test]
async fn import_skips_entries_beyond_the_past_revision_limit() {
    let of = |customer: &str, city| ImportEntry {
        customer_id: CustomerId::parse(customer).unwrap(),
        id: None,
        ..entry(city)
    };
    let customers: Vec<_> = (0..10).map(|number| format!("cus_{number}")).collect();
    let mut entries = vec![entry("Kigali")];
    for customer in &customers {
        entries.extend([of(customer, "Huye"), of(customer, "Musanze")]);
    }
    let mut repository = MockAddressRepository::new();
    repository
        .expect_find()
        .returning(|lookups| Ok(vec![found(7, None); lookups.len()]));
    // Each customer has room for one more change.
    repository.expect_commit().returning(|commit| {
        let mut made = HashSet::new();
        for (index, change) in commit.changes.iter().enumerate().skip(1) {
            if !made.insert(change.address().customer_id.clone()) {
                return Err(Refusal::HistoryFull { index }.into());
            }
        }
        Ok(committed(8))
    });
    let outcomes = service(repository)
        .import(&entries, SKIPPING)
        .await
        .unwrap();
    let mut expected = vec![ImportOutcome::Created];
    for _ in customers {
        expected.extend([ImportOutcome::Created, ImportOutcome::HistoryFull]);
    }
    assert_eq!(outcomes, expected);
}

#[tokio::test]
async fn import_names_the_entry_beyond_the_past_revision_limit() {
    let mut repository = MockAddressRepository::new();
    repository.expect_commit().return_once(|commit| {
        assert_eq!(commit.max_past_revisions, 20_000);
        Err(Refusal::HistoryFull { index: 0 }.into())
    });
    let error = service(repository)
        .import(&[entry("Kigali")], ImportOptions::default())
        .await;
    let history_full = matches!(
        error,
        Err(ImportError::HistoryFull {
            index: 0,
            max_past_revisions: 20_000
        })
    );
    assert!(history_full, "{error:?}");
}

#[tokio::test]
async fn import_does_not_change_an_address_at_its_revision_limit() {
    let with_revision = |number| {
        let mut repository = MockAddressRepository::new();
        repository.expect_find().returning(move |_| {
            Ok(vec![found(
                7,
                Some(Address {
                    revision: Revision::new(number).unwrap(),
                    ..imported_address(&entry("Huye"))
                }),
            )])
        });
        repository
            .expect_commit()
            .times(..=2)
            .returning(|commit| match commit.changes[0] {
                Change::Create(_) => Err(Refusal::Conflict { index: 0 }.into()),
                _ => Ok(committed(8)),
            });
        service(repository)
    };
    let import = async |number, on_error| {
        with_revision(number)
            .import(
                &[entry("Kigali")],
                ImportOptions {
                    on_error,
                    ..UPDATING
                },
            )
            .await
    };
    let outcomes = import(999, OnError::Stop).await.unwrap();
    assert_eq!(outcomes, [ImportOutcome::Updated]);
    let outcomes = import(1_000, OnError::Skip).await.unwrap();
    assert_eq!(outcomes, [ImportOutcome::TooManyRevisions]);
    let error = import(1_000, OnError::Stop).await;
    let too_many = matches!(
        error,
        Err(ImportError::TooManyRevisions {
            index: 0,
            max_revisions: 1_000
        })
    );
    assert!(too_many, "{error:?}");
}

#[tokio::test]
async fn import_recognises_existing_addresses_in_a_full_book() {
    let new = ImportEntry {
        id: Some(AddressId::parse(&format!("add_{}", "0".repeat(26))).unwrap()),
        ..entry("Huye")
    };
    let mut repository = MockAddressRepository::new();
    repository
        .expect_commit()
        .times(1)
        .returning(|_| Err(Refusal::BookFull { index: 0 }.into()));
    repository
        .expect_head()
        .times(1)
        .returning(|_| Ok(all_but(0)));
    repository.expect_find().times(1).returning(|_| {
        Ok(vec![
            found(7, None),
            found(7, Some(imported_address(&entry("Kigali")))),
        ])
    });
    let outcomes = service(repository)
        .import(&[new, entry("Kigali")], SKIPPING)
        .await
        .unwrap();
    assert_eq!(
        outcomes,
        [ImportOutcome::BookFull, ImportOutcome::Unchanged]
    );
}

#[tokio::test]
async fn import_names_the_entry_beyond_the_address_limit() {
    let entries = ["Kigali", "Huye"].map(|city| ImportEntry {
        id: None,
        ..entry(city)
    });
    let mut repository = MockAddressRepository::new();
    let there = imported_address(&entry("Kigali"));
    let both = vec![found(7, Some(there)), found(7, None)];
    repository.expect_find().return_once(|_| Ok(both));
    repository
        .expect_commit()
        .return_once(|_| Err(Refusal::BookFull { index: 0 }.into()));
    let error = service(repository)
        .import(&entries, ImportOptions::default())
        .await;
    assert!(matches!(
        error,
        Err(ImportError::BookFull {
            index: 1,
            max_addresses: 1_000
        })
    ));
}

#[tokio::test]
async fn import_creates_an_address_with_the_last_of_its_entries() {
    let mut repository = MockAddressRepository::new();
    repository.expect_commit().times(1).returning(|commit| {
        assert_eq!(
            commit.changes,
            [Change::Create(imported_address(&entry("Huye")))]
        );
        Ok(committed(8))
    });
    let entries = [entry("Kigali"), entry("Huye")];
    let outcomes = service(repository).import(&entries, UPDATING).await;
    assert_eq!(
        outcomes.unwrap(),
        [ImportOutcome::Created, ImportOutcome::Updated]
    );
}
