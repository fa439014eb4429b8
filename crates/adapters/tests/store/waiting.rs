//! Calls that wait for a lock of another connection.

use std::time::{Duration, Instant};

use addressbook_adapters::StoreOptions;
use addressbook_domain::{AddressRepository, CommitError, PageRequest, RepositoryError, Scan};
use addressbook_testkit::fixtures::{address, creating, customer};
use rstest::rstest;

use crate::support::{Database, RawConnection};

const IMPATIENT: StoreOptions = StoreOptions {
    pool_size: 1,
    pool_timeout: Duration::from_millis(200),
    lock_timeout: Duration::from_millis(800),
    statement_timeout: Duration::from_secs(5),
    synchronous: addressbook_adapters::Synchronous::Full,
    group_commits: 100,
    checkpoints: addressbook_adapters::Checkpoints::Service,
};

/// Opens a transaction of another connection that holds a lock that a commit to `cus_1` needs.
fn lock(database: &Database) -> RawConnection {
    let mut connection = database.connect();
    connection.execute(match connection {
        RawConnection::Sqlite(_) => "BEGIN EXCLUSIVE",
        RawConnection::Postgres(_) => "BEGIN; LOCK TABLE address_books IN SHARE MODE",
    });
    connection
}

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::postgres())]
#[tokio::test]
async fn a_lock_that_is_not_released_is_busy_and_reads_succeed(#[case] database: Database) {
    let repository = database.open(IMPATIENT);
    repository
        .commit(creating([address("cus_2", 1)]))
        .await
        .unwrap();
    let mut holder = lock(&database);
    let started = Instant::now();
    let result = repository.commit(creating([address("cus_1", 1)])).await;
    assert!(
        matches!(
            result,
            Err(CommitError::Repository(RepositoryError::Busy(_)))
        ),
        "{result:?}"
    );
    let waited = started.elapsed();
    assert!(waited >= IMPATIENT.lock_timeout && waited < Duration::from_secs(30));
    let page = PageRequest::default();
    let found = repository.list(&customer("cus_2"), &page).await.unwrap();
    assert_eq!(found.len(), 1);
    let scan = Scan {
        customer_id: None,
        after: None,
        limit: 2,
    };
    assert_eq!(repository.scan(scan).await.unwrap().len(), 1);
    repository.ready().await.unwrap();
    holder.execute("ROLLBACK");
    repository
        .commit(creating([address("cus_1", 1)]))
        .await
        .unwrap();
}
