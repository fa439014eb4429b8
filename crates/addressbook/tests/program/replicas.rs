//! The service with a replica of PostgreSQL that serves reads.

use std::time::{Duration, Instant};

use addressbook_testkit::postgres::PostgresServer;

use crate::support::{Service, TestDir};

const BOOK: &str = "/v1/customers/cus_1/addresses";
const ADDRESS: &str = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;
const LIMIT: Duration = Duration::from_secs(60);

struct Pair {
    primary: PostgresServer,
    replica: PostgresServer,
    service: Service,
    replica_url: String,
    dir: TestDir,
}

impl Pair {
    fn start(arguments: &[&str]) -> Self {
        let primary = PostgresServer::own();
        let replica = primary.replica();
        let url = primary.create_database();
        let replica_url = url.replace(&primary.folder(), &replica.folder());
        let dir = TestDir::at(url);
        let mut all = vec!["--replica-url", &replica_url];
        all.extend(arguments);
        let service = dir.serve(&all);
        Self {
            primary,
            replica,
            service,
            replica_url,
            dir,
        }
    }

    /// Creates an address and returns the revision of the book.
    fn create(&self) -> String {
        let created = self.service.send("POST", BOOK, &[], ADDRESS);
        assert_eq!(created.status, 201, "{}", created.body);
        created.header("Book-Revision").to_owned()
    }

    /// Lists, and returns the number of addresses and the revision of the book.
    fn list(&self, headers: &[(&str, &str)]) -> (String, String) {
        let list = self.service.send("GET", BOOK, headers, "");
        assert_eq!(list.status, 200, "{}", list.body);
        (
            list.header("X-Total-Count").to_owned(),
            list.header("Book-Revision").to_owned(),
        )
    }

    fn until(&self, what: &str, is_true: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !is_true(self) {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Pauses the replay of the replica, and waits until it serves reads that show this.
    fn pause(&self) {
        self.replica.run_sql("SELECT pg_wal_replay_pause()");
        self.create();
        self.until("the replica serves reads", |pair| {
            let on_primary = pair.list(&[("Min-Book-Revision", &pair.newest())]);
            pair.list(&[]) != on_primary
        });
    }

    /// The newest revision, as the primary has it.
    fn newest(&self) -> String {
        let newest = "SELECT max(revision) FROM address_books";
        self.primary.query(&self.dir.database_url, newest).unwrap()
    }
}

#[test]
fn reads_come_from_the_replica_unless_it_is_behind() {
    let pair = Pair::start(&["--max-replica-lag-ms", "3600000"]);
    let first = pair.create();
    pair.until("the replica has the address", |pair| {
        pair.list(&[]) == ("1".to_owned(), first.clone())
    });
    pair.pause();
    let newest = pair.create();
    assert_ne!(pair.list(&[]).1, newest, "the replica is behind");
    let (_, seen) = pair.list(&[("Min-Book-Revision", &newest)]);
    assert_eq!(seen, newest, "the primary has it");
    let (total, seen) = pair.list(&[("Min-Book-Revision", &first)]);
    assert_eq!((total, seen), ("1".to_owned(), first), "the replica has it");
    // Changes depend on the primary.
    let unknown = "/v1/customers/cus_1/addresses/add_00000000000000000000000000";
    let read = pair
        .service
        .send("GET", unknown, &[("Min-Book-Revision", &newest)], "");
    assert_eq!(
        (read.status, read.header("Book-Revision")),
        (404, newest.as_str())
    );

    pair.primary.crash();
    let behind = pair
        .service
        .send("GET", BOOK, &[("Min-Book-Revision", &newest)], "");
    assert_eq!(behind.status, 503);
    assert!(
        behind.body.contains("revision-unavailable"),
        "{}",
        behind.body
    );
    assert_eq!(behind.header("Retry-After"), "1");
    assert_eq!(pair.list(&[]).0, "1", "the replica still serves reads");
}

#[test]
fn the_primary_serves_reads_if_the_replica_is_too_far_behind_or_away() {
    let mut pair = Pair::start(&["--max-replica-lag-ms", "3000"]);
    pair.create();
    pair.until("the replica has the book", |pair| pair.list(&[]).0 == "1");
    pair.pause();
    let newest = pair.create();
    pair.until("the replica leaves the rotation", |pair| {
        pair.list(&[]).1 == newest
    });
    pair.replica.run_sql("SELECT pg_wal_replay_resume()");
    pair.replica.crash();
    let newest = pair.create();
    for _ in 0..20 {
        assert_eq!(pair.list(&[]).1, newest);
    }
    pair.replica.restart();
    pair.until("the replica serves reads again", |pair| {
        pair.replica.run_sql("SELECT pg_wal_replay_pause()");
        let newest = pair.create();
        let is_behind = pair.list(&[]).1 != newest;
        pair.replica.run_sql("SELECT pg_wal_replay_resume()");
        is_behind
    });
    let report = pair
        .dir
        .run(&["doctor", "--replica-url", &pair.replica_url]);
    assert!(report.stdout.contains("ms behind"), "{}", report.stdout);
}

#[test]
fn only_a_standby_of_the_same_database_can_be_a_replica() {
    let dir = TestDir::sqlite();
    for url in [
        "sqlite://b.db",
        "postgres://a:secret@b/c",
        "mysql://a:secret@b/c",
    ] {
        let failed = dir.run(&["serve", "--replica-url", url]);
        let failed = failed.fails_with(&["--replica-url"]);
        assert!(!failed.stderr.contains("secret"), "{}", failed.stderr);
    }
}
