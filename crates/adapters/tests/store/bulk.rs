//! Large commits of creations have a separate implementation. It must have the same outcome as the
//! in-memory repository, which makes the creations one by one.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use addressbook_adapters::{SqlStore, StoreOptions};
use addressbook_domain::{
    Address, AddressRepository, AddressRevision, Commit, RevisionRange, Scan,
};
use addressbook_testkit::InMemoryRepository;
use addressbook_testkit::fixtures::{address, commit, creating, customer, moved, removal};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use tokio::runtime::{Builder, Runtime};

use crate::support::Database;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().unwrap()
});

/// An address, identified by the number of its customer and its own number.
type Key = (u8, u32);

/// The addresses that exist, how many of them were removed again, and those that a commit creates.
#[derive(Clone, Debug)]
struct Case {
    existing: Vec<Key>,
    removed: usize,
    created: Vec<Key>,
    max_addresses: u32,
    max_past_revisions: u32,
}

fn case() -> impl Strategy<Value = Case> {
    let key = |numbers| (0..3_u8, numbers);
    // Most of the created addresses are new, so that many commits succeed.
    let created = (20_u32..4_000, 1_u32..7, 20..120_usize).prop_flat_map(|(first, step, count)| {
        let fresh: Vec<_> = (0..count as u32)
            .map(|n| ((n % 3) as u8, first + n * step))
            .collect();
        (Just(fresh).prop_shuffle(), vec((0..3_u8, 0..30_u32), 0..2))
            .prop_map(|(fresh, others)| [others, fresh].concat())
            .prop_shuffle()
    });
    (
        vec(key(0..30_u32), 0..8),
        0..3_usize,
        created,
        select(vec![u32::MAX, u32::MAX, 200, 40, 12]),
        select(vec![u32::MAX, u32::MAX, u32::MAX, 1, 4]),
    )
        .prop_map(
            |(mut existing, removed, created, max_addresses, max_past_revisions)| {
                existing.sort();
                existing.dedup();
                Case {
                    existing,
                    removed,
                    created,
                    max_addresses,
                    max_past_revisions,
                }
            },
        )
}

/// The result of a commit, and the contents of each customer's book after it.
type Outcome = (String, Vec<(u64, Vec<Address>, Vec<AddressRevision>)>);

async fn outcome(repository: &dyn AddressRepository, case: &Case, prefix: &str) -> Outcome {
    let name = |number: u8| format!("{prefix}{number}");
    let made = |(book, number): &Key| address(&name(*book), *number);
    let before: Vec<_> = case.existing.iter().map(made).collect();
    for address in &before {
        repository
            .commit(creating([address.clone()]))
            .await
            .unwrap();
    }
    for address in before.into_iter().take(case.removed) {
        repository.commit(commit([removal(address)])).await.unwrap();
    }
    let creations = Commit {
        max_addresses: case.max_addresses,
        max_past_revisions: case.max_past_revisions,
        ..creating(case.created.iter().map(made).map(|new| Address {
            revision: new.revision,
            ..moved(&new, "Huye")
        }))
    };
    let made = repository.commit(creations).await;
    // Each store has its own revisions.
    let made = made.map(|committed| committed.book_revisions.into_keys().collect::<Vec<_>>());
    let result = format!("{made:?}");
    let mut books = Vec::new();
    for number in 0..3 {
        let customer_id = customer(&name(number));
        let scan = Scan {
            customer_id: Some(customer_id.clone()),
            after: None,
            limit: u32::MAX,
        };
        let head = repository.head(&customer_id).await.unwrap();
        let mut revisions = Vec::new();
        for (_, number) in case.existing.iter().chain(&case.created) {
            let range = RevisionRange {
                before: None,
                limit: 9,
            };
            let id = address("cus_1", *number).id;
            let found = repository.revisions(&customer_id, &id, range).await;
            revisions.extend(found.unwrap().revisions);
        }
        books.push((
            head.addresses,
            repository.scan(scan).await.unwrap(),
            revisions,
        ));
    }
    (result, books)
}

fn assert_same_outcome(store: &SqlStore, case: &Case) {
    static CASES: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("cus_{}_", CASES.fetch_add(1, Ordering::Relaxed));
    RUNTIME.block_on(async {
        assert_eq!(
            outcome(store, case, &prefix).await,
            outcome(&InMemoryRepository::default(), case, &prefix).await
        );
    });
}

proptest! {
    #![proptest_config(Config { cases: 100, failure_persistence: None, ..Config::default() })]

    #[test]
    fn bulk_creation_on_sqlite_has_the_same_outcome_as_single_creations(case in case()) {
        static STORE: LazyLock<(Database, SqlStore)> = LazyLock::new(|| open(Database::sqlite()));
        assert_same_outcome(&STORE.1, &case);
    }

    #[test]
    fn bulk_creation_on_postgres_has_the_same_outcome_as_single_creations(case in case()) {
        static STORE: LazyLock<(Database, SqlStore)> = LazyLock::new(|| open(Database::postgres()));
        assert_same_outcome(&STORE.1, &case);
    }
}

fn open(database: Database) -> (Database, SqlStore) {
    let repository = database.open(StoreOptions::default());
    (database, repository)
}
