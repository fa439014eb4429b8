//! Group commits of SQLite.

use std::sync::Arc;

use addressbook_adapters::StoreOptions;
use addressbook_domain::{AddressContent, AddressRepository, CommitError, CustomData, Refusal};
use addressbook_testkit::fixtures::{address, content, creating, customer};
use tokio::task::JoinSet;

use crate::support::Database;

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_concurrent_writes_has_its_own_outcome() {
    let database = Database::sqlite();
    let repository = Arc::new(database.open(StoreOptions::default()));
    // Each address is created twice, in books that several commits change.
    let mut commits = JoinSet::new();
    for number in (0..100).chain(0..100) {
        let repository = repository.clone();
        let customer_id = format!("cus_{}", number % 7);
        let commit = creating([address(&customer_id, number)]);
        commits.spawn(async move { (number, repository.commit(commit).await) });
    }
    let mut created: Vec<u32> = Vec::new();
    while let Some(committed) = commits.join_next().await {
        match committed.unwrap() {
            (number, Ok(_)) => created.push(number),
            (_, Err(CommitError::Refused(Refusal::Conflict { index: 0 }))) => {}
            (number, other) => panic!("{number}: {other:?}"),
        }
    }
    let mut stored: u64 = 0;
    for n in 0..7 {
        let head = repository.head(&customer(&format!("cus_{n}"))).await;
        stored += head.unwrap().addresses;
    }
    assert_eq!(stored, 100);
    created.sort_unstable();
    assert_eq!(created, (0..100).collect::<Vec<_>>());
}

/// The maximum size of the WAL, and the size of one of the commits below, in MiB.
const WAL_MIB: u64 = 128;
const COMMIT_MIB: u64 = 40;

#[tokio::test]
async fn the_wal_does_not_exceed_its_limit() {
    let database = Database::sqlite();
    let repository = database.open(StoreOptions::default());
    let wal = format!("{}-wal", database.raw_url.trim_start_matches("sqlite://"));
    let landmark = format!(r#"{{"landmark":"{}"}}"#, "x".repeat(16_000));
    let content = AddressContent {
        custom_data: Some(CustomData::parse(&landmark).unwrap()),
        ..content()
    };
    let mut longest = 0;
    // In total, the commits write more than the limit.
    for book in 0..12 {
        let customer_id = format!("cus_{book}");
        let addresses = (0..1_000).map(|number| addressbook_domain::Address {
            content: content.clone(),
            ..address(&customer_id, number)
        });
        repository.commit(creating(addresses)).await.unwrap();
        longest = longest.max(std::fs::metadata(&wal).unwrap().len() >> 20);
    }
    assert!(longest <= WAL_MIB + COMMIT_MIB, "{longest} MiB");
    drop(repository);
    assert!(
        !std::path::Path::new(&wal).exists(),
        "the last connection deletes the WAL"
    );
}
