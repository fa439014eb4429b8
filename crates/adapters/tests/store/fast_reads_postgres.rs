//! PostgreSQL's fast reads, many of which share one connection. Each gets its own result or error,
//! and another connection if the first one is lost.

use std::time::{Duration, Instant};

use addressbook_adapters::{SqlStore, StoreOptions};
use addressbook_domain::{Address, AddressRepository, Lookup, PageRequest, RepositoryError};
use addressbook_testkit::fixtures::{address, creating, customer};
use addressbook_testkit::postgres::PostgresServer;
use rstest::rstest;
use tokio::task::JoinSet;

use crate::support::Database;

const PATIENT: StoreOptions = StoreOptions {
    pool_size: 1,
    pool_timeout: Duration::from_secs(10),
    lock_timeout: Duration::from_secs(10),
    statement_timeout: Duration::from_secs(10),
    group_commits: 100,
    checkpoints: addressbook_adapters::Checkpoints::Service,
    synchronous: addressbook_adapters::Synchronous::Full,
};

const IMPATIENT: StoreOptions = StoreOptions {
    pool_timeout: Duration::from_millis(500),
    lock_timeout: Duration::from_millis(300),
    ..PATIENT
};

/// A database in which the customer `cus_N` has the addresses 1 to N, up to 9.
async fn nine_books(options: StoreOptions) -> (SqlStore, Database) {
    let database = Database::postgres();
    let repository = database.open(options);
    for number in 1..=9 {
        repository.commit(creating(book(number))).await.unwrap();
    }
    (repository, database)
}

fn book(number: u32) -> Vec<Address> {
    let id = format!("cus_{number}");
    (1..=number).map(|of| address(&id, of)).collect()
}

/// The number of addresses in a customer's list.
async fn list(repository: &SqlStore, id: &str) -> Result<usize, RepositoryError> {
    let page = PageRequest::default();
    Ok(repository.list(&customer(id), &page).await?.len())
}

/// Reads this many lists concurrently, of each customer in turn, and returns the outcomes by
/// customer.
async fn lists(repository: &SqlStore, many: u32) -> Vec<(u32, Result<usize, RepositoryError>)> {
    let mut tasks = JoinSet::new();
    for number in (1..=9).cycle().take(many as usize) {
        let repository = repository.clone();
        tasks.spawn(async move { (number, list(&repository, &format!("cus_{number}")).await) });
    }
    tasks.join_all().await
}

/// Terminates all connections of repositories to a database, and returns their number.
fn terminate(database: &Database) -> u32 {
    let sql = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'addressbook'";
    let ended = PostgresServer::shared().query(&database.raw_url, sql);
    ended.unwrap().trim().parse().unwrap()
}

/// Makes each read of an address's region run a statement first.
fn before_reading_a_region(database: &Database, statement: &str) {
    database.connect().execute(&format!(
        "CREATE FUNCTION read(customer_id text, region text) RETURNS text LANGUAGE plpgsql AS
             $$ BEGIN {statement}; RETURN region; END $$;
         ALTER TABLE addresses RENAME TO kept;
         CREATE VIEW addresses AS SELECT customer_id, id, description,
             read(customer_id, region) AS region,
             city, country, postal_details, custom_data, created_at, updated_at, revision
             FROM kept"
    ));
}

#[tokio::test]
async fn concurrent_reads_share_a_connection_and_get_their_own_results() {
    let (repository, database) = nine_books(PATIENT).await;
    let mut tasks = JoinSet::new();
    for number in (1..=9).cycle().take(300) {
        let repository = repository.clone();
        tasks.spawn(async move {
            let (book, owner) = (book(number), customer(&format!("cus_{number}")));
            let page = repository.list(&owner, &PageRequest::default()).await;
            let page = page.unwrap();
            let ids = book.iter().map(|address| address.id.as_str());
            assert!(page.iter().map(|address| address.id).eq(ids));
            assert_eq!(page.head().addresses, u64::from(number));
            assert_eq!(repository.head(&owner).await.unwrap(), page.head());
            let last = book.last().unwrap();
            let lookup = Lookup::Id(owner, last.id.clone());
            let found = repository.find(vec![lookup]).await.unwrap();
            assert_eq!(found[0].address.as_ref(), Some(last));
            assert_eq!(found[0].book_revision, page.head().revision);
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    // One connection of the pool for the commits, and one of this thread.
    assert_eq!(terminate(&database), 2);
}

#[rstest]
#[case::permanently("P0001", "Internal")]
#[case::temporarily("55P03", "Busy")]
#[tokio::test]
async fn a_failing_statement_affects_no_other(#[case] sqlstate: &str, #[case] kind: &str) {
    let (repository, database) = nine_books(PATIENT).await;
    before_reading_a_region(
        &database,
        &format!("IF customer_id = 'cus_5' THEN RAISE SQLSTATE '{sqlstate}'; END IF"),
    );
    for (number, outcome) in lists(&repository, 90).await {
        match outcome {
            Err(error) if number == 5 => assert!(format!("{error:?}").starts_with(kind)),
            outcome => assert_eq!(outcome.unwrap(), number as usize),
        }
    }
}

#[tokio::test]
async fn a_lost_connection_is_replaced() {
    let (repository, database) = nine_books(PATIENT).await;
    for _ in 0..3 {
        assert_eq!(list(&repository, "cus_7").await.unwrap(), 7);
        assert!(terminate(&database) > 0);
    }
    assert_eq!(list(&repository, "cus_7").await.unwrap(), 7);
}

#[tokio::test]
async fn reads_that_lose_their_connection_are_repeated_once() {
    let (repository, database) = nine_books(PATIENT).await;
    before_reading_a_region(&database, "PERFORM pg_advisory_xact_lock_shared(1)");
    for (losses, repeated) in [(1, true), (2, false)] {
        let mut holder = database.connect();
        holder.execute("SELECT pg_advisory_lock(1)");
        let lose = async {
            for _ in 0..losses {
                until_one_waits_for_a_lock(&database).await;
                terminate(&database);
            }
            drop(holder);
        };
        let (outcomes, ()) = tokio::join!(lists(&repository, 20), lose);
        for (number, outcome) in outcomes {
            match outcome {
                Ok(found) => assert!(repeated && found == number as usize),
                Err(RepositoryError::Unavailable(_)) => assert!(!repeated),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(list(&repository, "cus_7").await.unwrap(), 7);
}

async fn until_one_waits_for_a_lock(database: &Database) {
    let sql = "SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while PostgresServer::shared()
        .query(&database.raw_url, sql)
        .unwrap()
        .trim()
        != "1"
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn no_read_fails_during_a_migration() {
    let (repository, database) = nine_books(PATIENT).await;
    assert_eq!(list(&repository, "cus_7").await.unwrap(), 7);
    // "cached plan must not change result type"
    database
        .connect()
        .execute("ALTER TABLE addresses ALTER COLUMN country TYPE varchar(2)");
    for (number, outcome) in lists(&repository, 90).await {
        assert_eq!(outcome.unwrap(), number as usize);
    }
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable_after_the_pools_timeout_and_can_recover() {
    let (repository, database) = nine_books(IMPATIENT).await;
    let server = PostgresServer::shared();
    let name = server.query(&database.raw_url, "SELECT current_database()");
    let name = name.unwrap().trim().to_owned();
    let elsewhere = server.create_database();
    let allow_connections = |allow: bool| {
        let sql = format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS {allow}");
        server.query(&elsewhere, &sql).unwrap();
    };
    terminate(&database);
    allow_connections(false);
    let started = Instant::now();
    for (_, outcome) in lists(&repository, 20).await {
        assert!(
            matches!(outcome, Err(RepositoryError::Unavailable(_))),
            "{outcome:?}"
        );
    }
    let waited = started.elapsed();
    assert!(waited >= IMPATIENT.pool_timeout && waited < IMPATIENT.pool_timeout * 3);
    allow_connections(true);
    assert_eq!(list(&repository, "cus_7").await.unwrap(), 7);
}

#[tokio::test]
async fn a_locked_table_is_busy_within_the_timeouts() {
    let (repository, database) = nine_books(IMPATIENT).await;
    assert_eq!(list(&repository, "cus_7").await.unwrap(), 7);
    let mut holder = database.connect();
    holder.execute("BEGIN; LOCK TABLE addresses");
    let started = Instant::now();
    let mut busy = 0;
    for (_, outcome) in lists(&repository, 20).await {
        match outcome {
            Err(RepositoryError::Busy(_)) => busy += 1,
            Err(RepositoryError::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(busy > 0);
    let limit = IMPATIENT.pool_timeout + IMPATIENT.lock_timeout;
    assert!(started.elapsed() < limit + Duration::from_millis(400));
    holder.execute("ROLLBACK");
    assert_eq!(list(&repository, "cus_7").await.unwrap(), 7);
}
