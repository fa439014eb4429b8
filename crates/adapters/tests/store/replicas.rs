//! Reads from a real replica of PostgreSQL, which follows by streaming replication.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use addressbook_adapters::{SqlStore, StoreOptions, SystemClock, TokioTimer, UlidSource};
use addressbook_domain::{
    AddressInput, AddressPatch, AddressRepository, AddressService, CustomerId, FieldErrors, Input,
    Listing, Member, MinRevision, OpenMode, Precondition, Replicas, Replication, ServiceLimits,
};
use addressbook_testkit::fixtures::{address, address_id, creating, customer};
use addressbook_testkit::postgres::PostgresServer;
use tokio::time::sleep;

/// The number of reads of each kind: a few in CI. `ADDRESSBOOK_TEST_READS` sets another number.
fn reads() -> u64 {
    let reads = std::env::var("ADDRESSBOOK_TEST_READS").ok();
    reads.map_or(3_000, |reads| reads.parse().unwrap())
}

const CUSTOMERS: u64 = 8;

/// A primary server and a replica, with the store of each.
struct Pair {
    primary_server: PostgresServer,
    replica_server: PostgresServer,
    primary: SqlStore,
    replica: SqlStore,
}

impl Pair {
    async fn start() -> Self {
        let primary_server = PostgresServer::own();
        let replica_server = primary_server.replica();
        let url = primary_server.create_database();
        let replica_url = url.replace(&primary_server.folder(), &replica_server.folder());
        let options = StoreOptions::default();
        let mode = OpenMode::CreateOrMigrate;
        let primary = SqlStore::open(&url.parse().unwrap(), &options, mode).unwrap();
        let replica = loop {
            let url = replica_url.parse().unwrap();
            match SqlStore::open(&url, &options, OpenMode::Existing) {
                Ok(replica) => break replica,
                // It has not replayed the migrations yet.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        };
        Self {
            primary_server,
            replica_server,
            primary,
            replica,
        }
    }

    fn service(&self, max_wait: Duration) -> AddressService {
        let replicas = Replicas::new(1, max_wait, Arc::new(TokioTimer));
        replicas.set(0, Some(Arc::new(self.replica.clone())));
        AddressService::new(
            Arc::new(self.primary.clone()),
            Arc::new(SystemClock),
            Arc::new(UlidSource::new(SystemClock)),
            ServiceLimits {
                max_revisions: 1_000_000,
                max_past_revisions: 1_000_000_000,
                ..ServiceLimits::default()
            },
        )
        .with_replicas(Arc::new(replicas))
    }

    /// Waits until the replica has everything.
    async fn catch_up(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.replica.lag().await.unwrap().is_zero() {
            assert!(Instant::now() < deadline, "the replica stays behind");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn at_least(revision: u64) -> MinRevision {
    MinRevision::parse(revision.to_string().as_bytes()).unwrap()
}

fn to_city(city: &str) -> Result<AddressPatch, FieldErrors> {
    let mut input = AddressInput::default();
    input[Member::City] = Input::Value(city.into());
    let mut errors = FieldErrors::default();
    AddressPatch::parse(&input, &mut errors).ok_or(errors)
}

/// The reads of all readers.
#[derive(Default)]
struct Tally {
    reads: AtomicU64,
    stale: AtomicU64,
}

/// Changes an address again and again, and reads the book several times after each change: as a list
/// and as a single address. Counts the reads that are older than what this reader has seen.
async fn change_and_read(
    service: AddressService,
    reader: CustomerId,
    sends_revision: bool,
    tally: Arc<Tally>,
) {
    const READS_PER_CHANGE: u64 = 10;
    let id = address_id(1);
    for change in 0.. {
        let patch = to_city(&format!("City {change}"));
        let changed = service
            .patch(&reader, &id, &patch, &Precondition::Any)
            .await
            .unwrap();
        let mut seen = changed.book_revision;
        for read in 0..READS_PER_CHANGE {
            if tally.reads.fetch_add(1, Ordering::Relaxed) >= reads() {
                return;
            }
            let min_revision = match sends_revision {
                true => at_least(seen),
                false => MinRevision::default(),
            };
            let (revision, city) = if read % 2 == 0 {
                let listing = Listing::default();
                let page = service.list(&reader, &listing, min_revision).await.unwrap();
                let first = page.iter().next().unwrap();
                let city = first.columns[addressbook_domain::Column::City].unwrap();
                (page.head().revision, city.to_owned())
            } else {
                let found = service.find(&reader, &id, min_revision).await.unwrap();
                let city = found.address.unwrap().content.city.as_str().to_owned();
                (found.book_revision, city)
            };
            // Nobody else changes this book.
            let is_stale = revision < seen || city != changed.address.content.city.as_str();
            tally.stale.fetch_add(is_stale.into(), Ordering::Relaxed);
            seen = seen.max(revision);
        }
    }
}

/// Pauses the replay of the replica again and again, until all reads are done.
async fn pause_replay(pair: &Pair, is_done: &AtomicBool) {
    while !is_done.load(Ordering::Relaxed) {
        pair.replica_server.run_sql("SELECT pg_wal_replay_pause()");
        sleep(Duration::from_millis(100)).await;
        pair.replica_server.run_sql("SELECT pg_wal_replay_resume()");
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_that_passes_on_its_last_revision_never_sees_a_book_go_back() {
    let pair = Arc::new(Pair::start().await);
    let readers: Vec<_> = (0..CUSTOMERS)
        .map(|number| format!("cus_{number}"))
        .collect();
    let created = creating(readers.iter().map(|reader| address(reader, 1)));
    pair.primary.commit(created).await.unwrap();
    pair.catch_up().await;
    pair.replica_server.set("recovery_min_apply_delay", "20ms");
    let service = pair.service(Duration::from_millis(50));
    let mut stale = Vec::new();
    for sends_revision in [true, false] {
        let is_done = Arc::new(AtomicBool::new(false));
        let pauses = {
            let (pair, is_done) = (Arc::clone(&pair), Arc::clone(&is_done));
            tokio::spawn(async move { pause_replay(&pair, &is_done).await })
        };
        let tally = Arc::new(Tally::default());
        let started = Instant::now();
        let tasks: Vec<_> = readers
            .iter()
            .map(|reader| {
                let (service, tally) = (service.clone(), Arc::clone(&tally));
                let reader = customer(reader);
                tokio::spawn(change_and_read(service, reader, sends_revision, tally))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
        pauses.await.unwrap();
        stale.push(tally.stale.load(Ordering::Relaxed));
        println!(
            "{} reads {} a revision in {:.1?}: {} stale",
            reads(),
            if sends_revision { "with" } else { "without" },
            started.elapsed(),
            stale.last().unwrap()
        );
    }
    assert_eq!(stale[0], 0, "reads with a revision");
    assert!(stale[1] > 0, "without a revision, reads must be stale");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_says_how_far_it_is_behind() {
    let pair = Pair::start().await;
    pair.catch_up().await;
    assert_eq!(pair.primary.lag().await.unwrap(), Duration::ZERO);
    pair.replica_server.run_sql("SELECT pg_wal_replay_pause()");
    let created = creating([address("cus_1", 1)]);
    pair.primary.commit(created).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let least = Duration::from_millis(300);
    while pair.replica.lag().await.unwrap() < least {
        assert!(Instant::now() < deadline, "the replica does not notice");
        sleep(Duration::from_millis(20)).await;
    }
    pair.replica_server.run_sql("SELECT pg_wal_replay_resume()");
    pair.catch_up().await;
    // Without its primary, it does not know what is missing.
    pair.primary_server.crash();
    while pair.replica.lag().await.unwrap() < least {
        assert!(Instant::now() < deadline, "the replica does not notice");
        sleep(Duration::from_millis(20)).await;
    }
    // As the primary, it has everything.
    pair.replica_server.promote();
    assert_eq!(pair.replica.lag().await.unwrap(), Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_continues_its_revisions_after_a_failover() {
    let pair = Pair::start().await;
    let created = creating([address("cus_1", 1)]);
    pair.primary.commit(created).await.unwrap();
    pair.catch_up().await;
    let before = pair.primary.head(&customer("cus_1")).await.unwrap();
    pair.primary_server.crash();
    pair.replica_server.promote();
    let created = creating([address("cus_1", 2)]);
    let committed = pair.replica.commit(created).await.unwrap();
    let after = committed.book_revisions[&customer("cus_1")];
    assert_eq!(after, before.revision + 1);
}
