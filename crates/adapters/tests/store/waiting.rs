//! Others in the way.

use std::time::{Duration, Instant};

use addressbook_adapters::StoreOptions;
use addressbook_domain::{AddressRepository, RepositoryError};
use addressbook_testkit::fixtures::{address, creating};
use rstest::rstest;

use crate::support::{Database, RawConnection};

const IMPATIENT: StoreOptions = StoreOptions {
    pool_size: 1,
    pool_timeout: Duration::from_millis(200),
    lock_timeout: Duration::from_millis(800),
    statement_timeout: Duration::from_secs(5),
    synchronous: addressbook_adapters::Synchronous::Full,
    group_commits: 100,
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
