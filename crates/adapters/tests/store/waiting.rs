//! Others in the way: locks, and a pool with nothing left.

use std::time::{Duration, Instant};

use addressbook_adapters::StoreOptions;
use addressbook_domain::{AddressRepository, RepositoryError};
use addressbook_testkit::fixtures::{address, creating, customer};
use rstest::rstest;

use crate::support::{Database, RawConnection};

const IMPATIENT: StoreOptions = StoreOptions {
    pool_size: 1,
    pool_timeout: Duration::from_millis(200),
    lock_timeout: Duration::from_millis(800),
    statement_timeout: Duration::from_secs(5),
    synchronous: addressbook_adapters::Synchronous::Full,
};

/// A transaction of somebody else that holds what a commit to `cus_1` needs.
fn lock(database: &Database) -> RawConnection {
    let mut connection = database.connect();
    connection.execute(match connection {
        RawConnection::Sqlite(_) => "BEGIN IMMEDIATE",
        RawConnection::Postgres(_) => "BEGIN; LOCK TABLE address_books",
    });
    connection
}

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::postgres())]
#[tokio::test]
async fn a_lock_that_is_not_given_back_is_busy(#[case] database: Database) {
    let repository = database.open(IMPATIENT);
    let mut holder = lock(&database);
    let started = Instant::now();
    let result = repository.commit(creating([address("cus_1", 1)])).await;
    assert!(
        matches!(result, Err(RepositoryError::Busy(_))),
        "{result:?}"
    );
    assert!(started.elapsed() >= IMPATIENT.lock_timeout);
    holder.execute("ROLLBACK");
    repository
        .commit(creating([address("cus_1", 1)]))
        .await
        .unwrap();
}

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::postgres())]
#[tokio::test]
async fn an_empty_pool_is_unavailable_after_its_timeout(#[case] database: Database) {
    let repository = database.open(IMPATIENT);
    let _holder = lock(&database);
    let commit = repository.commit(creating([address("cus_1", 1)]));
    let customer = customer("cus_1");
    let head = async {
        // Lets the commit take the pool's one connection first.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let started = Instant::now();
        let result = repository.head(&customer).await;
        (result, started.elapsed())
    };
    let (commit, (head, waited)) = tokio::join!(commit, head);
    assert!(
        matches!(commit, Err(RepositoryError::Busy(_))),
        "{commit:?}"
    );
    assert!(
        matches!(head, Err(RepositoryError::Unavailable(_))),
        "{head:?}"
    );
    assert!(waited >= IMPATIENT.pool_timeout, "{waited:?}");
}
