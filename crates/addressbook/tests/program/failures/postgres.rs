use std::fs::{self, File};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use addressbook_testkit::postgres::PostgresServer;
use rstest::rstest;

use super::load::under_load;
use super::network::Network;
use super::{ADDRESS, LIMIT, ask, book, create, is_refused, list, until_readiness_is};
use crate::support::{Service, TestDir};

#[test]
fn the_service_recovers_from_a_crash_of_the_server() {
    let mut server = PostgresServer::own();
    let dir = TestDir::at(server.create_database());
    let service = dir.serve(&[]);
    under_load(&service, |load| {
        for _ in 0..2 {
            server.crash();
            until_readiness_is(&service, 503);
            is_refused(&create(&service, "cus_9"), "unavailable");
            is_refused(&list(&service, "cus_9"), "unavailable");
            load.until_refused();
            server.restart();
            until_readiness_is(&service, 200);
        }
    });
}

#[test]
fn connection_failures_are_logged_in_whole_lines_and_once_in_10_s() {
    let server = PostgresServer::own();
    let dir = TestDir::at(server.create_database());
    let path = dir.folder.path().join("log");
    let log = File::create(&path).unwrap();
    let program = dir.program(&["serve", "--listen=127.0.0.1:0"]);
    let service = Service::start_with_log(program, log.into());
    server.crash();
    let since = Instant::now();
    for _ in 0..3 {
        is_refused(&create(&service, "cus_9"), "unavailable");
        is_refused(&list(&service, "cus_9"), "unavailable");
    }
    let log = fs::read_to_string(path).unwrap();
    let most = 1 + since.elapsed().as_secs() / 10;
    let split = |line| str::split_once(line, "cannot connect to the database");
    let reasons: Vec<_> = log.lines().filter_map(split).map(|parts| parts.1).collect();
    assert!(!reasons.is_empty(), "{log}");
    // A new reason is logged at once. The first may be that the database is shutting down.
    for reason in &reasons {
        let times = reasons.iter().filter(|other| *other == reason).count() as u64;
        assert!(times <= most, "{log}");
    }
    assert!(log.contains("request failed"));
    let begins_with_a_time = |line: &str| line.starts_with("20") && line.contains("Z ");
    assert!(log.lines().all(begins_with_a_time), "{log}");
}

#[test]
fn a_restart_between_requests_affects_no_request() {
    let mut server = PostgresServer::own();
    let dir = TestDir::at(server.create_database());
    let service = dir.serve(&[]);
    // Opens several connections of the pool, and those of the workers.
    under_load(&service, |_| sleep(Duration::from_millis(500)));
    server.crash();
    server.restart();
    assert_eq!(create(&service, "cus_9").status, 201);
    assert_eq!(list(&service, "cus_9").header("X-Total-Count"), "1");
    let filtered = format!("{}?country=RW", book("cus_9"));
    assert_eq!(service.get(&filtered).0, 200);
}

/// A server, its standby, and the service with the URL of both.
fn pair(arguments: &[&str]) -> (PostgresServer, PostgresServer, Service, TestDir) {
    let primary = PostgresServer::own();
    let standby = primary.standby();
    let hosts = format!("{},{}", primary.folder(), standby.folder());
    let url = primary.create_database();
    let url = url.replace(&primary.folder(), &hosts) + "&target_session_attrs=read-write";
    let dir = TestDir::at(url.replace("port=5432", "port=5432,5432"));
    let service = dir.serve(arguments);
    (primary, standby, service, dir)
}

/// Asserts that reads return the latest writes, so they go to the same server.
#[track_caller]
fn reads_what_it_writes(service: &Service) {
    for number in 1..=10 {
        assert_eq!(create(service, "cus_9").status, 201);
        let total = list(service, "cus_9");
        assert_eq!(total.header("X-Total-Count"), number.to_string());
    }
}

#[test]
fn the_service_uses_the_standby_after_a_crash_of_the_primary() {
    let (primary, standby, service, _dir) = pair(&["--workers", "1"]);
    under_load(&service, |load| {
        primary.crash();
        until_readiness_is(&service, 503);
        load.until_refused();
        standby.promote();
        until_readiness_is(&service, 200);
    });
    reads_what_it_writes(&service);
}

#[test]
fn the_service_uses_the_standby_after_the_primary_becomes_read_only() {
    let (primary, standby, service, _dir) = pair(&["--workers", "1"]);
    under_load(&service, |_| {
        primary.set("default_transaction_read_only", "on");
        standby.promote();
        let deadline = Instant::now() + 2 * LIMIT;
        while create(&service, "cus_8").status != 201 {
            assert!(Instant::now() < deadline, "no write succeeds");
        }
    });
    reads_what_it_writes(&service);
}

fn terminate_waiting_commit(primary: &mut PostgresServer) {
    let waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let sql = format!("SELECT count(pg_terminate_backend(pid)) {waiting}");
    assert_eq!(primary.run_sql(&sql), "1");
}

fn crash_and_restart(primary: &mut PostgresServer) {
    primary.crash();
    primary.restart();
}

#[rstest]
#[case::was_terminated(terminate_waiting_commit)]
#[case::was_interrupted_by_a_crash(crash_and_restart)]
fn a_creation_is_acknowledged_only_when_the_standby_has_it_even_if_its_commit(
    #[case] interrupt: fn(&mut PostgresServer),
) {
    let (mut primary, mut standby, service, _dir) = pair(&IMPATIENT);
    let create = || ask(&service, "POST", &book("cus_1"), "key", ADDRESS);
    standby.crash();
    // No timeout acknowledges the commit, or cancels it.
    is_refused(&create(), "unavailable");
    interrupt(&mut primary);
    // The primary shows the address now. If it is lost before the standby returns, nobody has it.
    until_readiness_is(&service, 200);
    assert_eq!(list(&service, "cus_1").header("X-Total-Count"), "1");
    is_refused(&create(), "unavailable");
    standby.restart();
    let deadline = Instant::now() + LIMIT;
    let created = loop {
        let response = create();
        if response.status == 201 {
            break response;
        }
        assert!(Instant::now() < deadline, "{}", response.body);
    };
    assert_eq!(created.header("Idempotent-Replayed"), "true");
    assert_eq!(list(&service, "cus_1").header("X-Total-Count"), "1");
}

#[cfg(target_os = "linux")]
#[track_caller]
fn fill_disk(server: &PostgresServer, service: &Service) {
    server.fill_disk();
    // Existing pages still have space, so a creation may succeed after another was refused.
    // Therefore this asserts on the first refused response.
    let mut responses = std::iter::repeat_with(|| create(service, "cus_9"));
    let refused = responses.find(|response| response.status != 201);
    is_refused(&refused.unwrap(), "unavailable");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_of_the_server_refuses_writes_until_there_is_space() {
    let server = PostgresServer::on_a_disk_of("80m");
    let dir = TestDir::at(server.create_database());
    let service = dir.serve(&[]);
    under_load(&service, |load| {
        fill_disk(&server, &service);
        assert_eq!(list(&service, "cus_9").status, 200, "reads continue");
        assert_eq!(service.get("/readyz").0, 200);
        load.until_refused();
        server.make_room();
    });
    assert_eq!(create(&service, "cus_9").status, 201);
}

#[cfg(target_os = "linux")]
#[test]
fn the_service_recovers_after_the_server_had_no_space_for_its_wal() {
    let mut server = PostgresServer::on_a_disk_of("80m");
    let dir = TestDir::at(server.create_database());
    let service = dir.serve(&[]);
    under_load(&service, |load| {
        fill_disk(&server, &service);
        // The next write needs a new WAL file, and the server stops. This session may be the first
        // to fail.
        let _ = server.query(&dir.database_url, "SELECT pg_switch_wal()");
        until_readiness_is(&service, 503);
        is_refused(&create(&service, "cus_9"), "unavailable");
        is_refused(&list(&service, "cus_9"), "unavailable");
        load.until_refused();
        // The server stops by itself, if it has not stopped already.
        server.crash();
        server.make_room();
        server.restart();
        until_readiness_is(&service, 200);
    });
    assert_eq!(create(&service, "cus_9").status, 201);
}

const IMPATIENT: [&str; 4] = [
    "--statement-timeout-ms=1000",
    "--lock-timeout-ms=1000",
    "--pool-timeout-ms=500",
    "--pool-size=4",
];

#[rstest]
#[case::that_recovers(Network::recover)]
#[case::that_recovers_only_for_new_connections(Network::recover_for_new_connections)]
fn the_service_recovers_from_a_silent_network(#[case] recover: fn(&Network)) {
    let server = PostgresServer::own();
    let network = Network::to(&server);
    let dir = TestDir::at(network.url(&server.create_database()));
    let service = dir.serve(&IMPATIENT);
    under_load(&service, |load| {
        network.fall_silent();
        until_readiness_is(&service, 503);
        is_refused(&create(&service, "cus_9"), "unavailable");
        is_refused(&list(&service, "cus_9"), "unavailable");
        load.until_refused();
        recover(&network);
        until_readiness_is(&service, 200);
    });
}

#[rstest]
#[case::before_it_arrives(Network::cut_before_commit, "")]
#[case::after_it_arrived(Network::cut_after_commit, "true")]
fn a_commit_that_loses_its_connection_can_be_retried_with_its_key(
    #[case] cut: fn(&Network),
    #[case] replayed: &str,
) {
    let server = PostgresServer::own();
    let network = Network::to(&server);
    let dir = TestDir::at(network.url(&server.create_database()));
    let service = dir.serve(&[]);
    let create = || ask(&service, "POST", &book("cus_1"), "key", ADDRESS);
    let count = |customer| list(&service, customer).header("X-Total-Count").to_owned();
    // Uses the connection first: a failure of a used connection must not repeat the commit either.
    assert_eq!(super::create(&service, "cus_2").status, 201);

    cut(&network);
    is_refused(&create(), "unavailable");
    // A commit in progress succeeds or fails shortly after its connection is lost.
    let deadline = Instant::now() + LIMIT;
    let expected = if replayed.is_empty() { "0" } else { "1" };
    while count("cus_1") != expected {
        assert!(Instant::now() < deadline, "expected {expected} addresses");
    }

    let first = create();
    assert_eq!(
        (first.status, first.header("Idempotent-Replayed")),
        (201, replayed)
    );
    let again = create();
    assert_eq!((again.status, again.body), (201, first.body));
    assert_eq!(count("cus_1"), "1");
}

/// Holds a lock until it is dropped.
struct Lock<'a> {
    database_url: &'a str,
    holder: Option<thread::JoinHandle<()>>,
}

impl<'a> Lock<'a> {
    fn take(database_url: &'a str, statement: &str) -> Self {
        let sql = format!("BEGIN; {statement}; SELECT pg_sleep(300)");
        let url = database_url.to_owned();
        let holder = thread::spawn(move || {
            // Fails when `drop` terminates the session.
            let _ = PostgresServer::shared().query(&url, &sql);
        });
        until_true(
            database_url,
            "SELECT EXISTS (SELECT FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event = 'PgSleep')",
        );
        let holder = Some(holder);
        Self {
            database_url,
            holder,
        }
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event = 'PgSleep'";
        let _ = PostgresServer::shared().query(self.database_url, sql);
        let _ = self.holder.take().map(thread::JoinHandle::join);
    }
}

#[track_caller]
fn until_true(database_url: &str, sql: &str) {
    let deadline = Instant::now() + LIMIT;
    while PostgresServer::shared().query(database_url, sql) != Ok("t".into()) {
        assert!(Instant::now() < deadline, "timed out: {sql}");
        sleep(Duration::from_millis(10));
    }
}

const BOOK_OF_CUS_1: &str = "SELECT FROM address_books WHERE customer_id = 'cus_1' FOR UPDATE";

#[rstest]
#[case::by_the_lock_timeout("--lock-timeout-ms=300")]
#[case::by_the_statement_timeout("--statement-timeout-ms=300")]
fn a_statement_that_takes_too_long_is_busy_and_others_continue(#[case] timeout: &str) {
    let dir = TestDir::postgres();
    let service = dir.serve(&["--workers", "1", timeout]);
    assert_eq!(create(&service, "cus_1").status, 201);

    let lock = Lock::take(&dir.database_url, BOOK_OF_CUS_1);
    is_refused(&create(&service, "cus_1"), "busy");
    assert_eq!(list(&service, "cus_1").header("X-Total-Count"), "1");
    assert_eq!(create(&service, "cus_2").status, 201);
    drop(lock);
    assert_eq!(create(&service, "cus_1").status, 201);

    // Fast reads have their own connection.
    let lock = Lock::take(&dir.database_url, "LOCK TABLE addresses");
    is_refused(&list(&service, "cus_1"), "busy");
    assert_eq!(service.get("/readyz").0, 200);
    drop(lock);
    assert_eq!(list(&service, "cus_1").header("X-Total-Count"), "2");
}

#[test]
fn an_exhausted_pool_is_busy_until_a_connection_is_free() {
    let dir = TestDir::postgres();
    let patient = "--lock-timeout-ms=60000";
    let service = dir.serve(&[
        patient,
        "--statement-timeout-ms=60000",
        "--pool-size=1",
        "--pool-timeout-ms=300",
    ]);
    assert_eq!(create(&service, "cus_1").status, 201);
    let lock = Lock::take(&dir.database_url, BOOK_OF_CUS_1);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| service.send("POST", &book("cus_1"), &[], ADDRESS).status);
        until_true(
            &dir.database_url,
            "SELECT EXISTS (SELECT FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock')",
        );
        is_refused(&create(&service, "cus_2"), "busy");
        // Fast reads do not use the pool, so the service stays ready.
        assert_eq!(list(&service, "cus_1").status, 200);
        assert_eq!(service.get("/readyz").0, 200);
        drop(lock);
        assert_eq!(waiting.join().unwrap(), 201);
    });
    assert_eq!(create(&service, "cus_2").status, 201);
    assert_eq!(list(&service, "cus_1").header("X-Total-Count"), "2");
}
