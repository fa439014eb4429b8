use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use addressbook_testkit::postgres::PostgresServer;
use rstest::rstest;

use crate::support::{
    EXAMPLE, EXAMPLE_PATH, EXAMPLE_RESPONSE, RawResponse, Service, TestDir, wait_until,
};

/// In seconds. Much longer than any of these tests takes.
const LONG: &str = "600";

#[rstest]
#[case::sigterm("TERM")]
#[case::sigint("INT")]
#[case::sighup("HUP")]
fn a_signal_stops_it_with_success(#[case] signal: &str) {
    let dir = TestDir::sqlite();
    let delay = if signal == "INT" { LONG } else { "0" };
    let mut service = dir.serve(&["--shutdown-delay-s", delay]);
    service.get("/livez");
    service.signal(signal);
    let status = service.child.wait().unwrap();
    assert!(status.success(), "{status}");
}

#[cfg(target_os = "linux")]
#[test]
fn started_with_nohup_it_ignores_sighup() {
    let dir = TestDir::sqlite();
    let program = dir.program_under("trap '' HUP", &["serve", "--listen=127.0.0.1:0"]);
    let mut service = Service::start(program);
    service.signal("HUP");
    thread::sleep(Duration::from_millis(200));
    assert_eq!(service.get("/readyz").0, 200);
    service.signal("INT");
    assert!(service.child.wait().unwrap().success());
}

/// The results of a client that sends one request after another until it cannot connect.
#[derive(Debug, Default)]
struct ClientResults {
    answered: u32,
    /// Sent, but without a complete response.
    failed: u32,
}

impl ClientResults {
    fn until_refused(service: &Service, keep_alive: bool) -> Self {
        let mut results = Self::default();
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let request =
            format!("GET {EXAMPLE_PATH} HTTP/1.1\r\nhost: a\r\nconnection: {connection}\r\n\r\n");
        while let Ok(stream) = TcpStream::connect(&service.address) {
            let mut stream = BufReader::new(stream);
            // Reuses the connection until a response closes it.
            loop {
                let sent = stream.get_mut().write_all(request.as_bytes());
                match sent.and_then(|()| RawResponse::read(&mut stream)) {
                    Ok(response) => {
                        results.answered += 1;
                        if response.header("connection") == Some("close") {
                            break;
                        }
                    }
                    Err(_) => {
                        results.failed += 1;
                        break;
                    }
                }
            }
        }
        results
    }
}

#[rstest]
#[case::sigterm("TERM")]
#[case::sigint("INT")]
fn one_signal_under_load_fails_no_request(#[case] signal: &str) {
    let dir = TestDir::sqlite();
    let mut service = dir.serve(&["--shutdown-delay-s", "1", "--demo"]);
    let results: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..16)
            .map(|number| {
                scope.spawn({
                    let service = &service;
                    move || ClientResults::until_refused(service, number % 2 == 0)
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(500));
        service.signal(signal);
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    assert!(service.child.wait().unwrap().success());
    for results in &results {
        assert!(results.answered > 0 && results.failed == 0, "{results:?}");
    }
}

#[test]
fn during_the_delay_readyz_fails_and_all_requests_are_answered() {
    let dir = TestDir::sqlite();
    let mut service = dir.serve(&["--shutdown-delay-s", LONG]);
    assert_eq!(service.get("/readyz").0, 200);
    service.signal("TERM");
    wait_until("/readyz fails", || service.get("/readyz").0 == 503);
    assert_eq!(service.get("/livez").0, 200);
    let list = service.send("GET", EXAMPLE_PATH, &[], "");
    assert_eq!((list.status, list.header("connection")), (200, "close"));
    let created = service.send(
        "POST",
        "/v1/customers/cus_1/addresses",
        &[],
        r#"{"region":"Kigali","city":"Huye","country":"RW"}"#,
    );
    assert_eq!(created.status, 201);
    assert!(service.child.try_wait().unwrap().is_none());
    // A second signal skips the delay.
    service.signal("TERM");
    let status = service.child.wait().unwrap();
    assert!(status.success(), "{status}");
}

/// A service on PostgreSQL, whose table of addresses another session can lock.
struct Locked {
    dir: TestDir,
    service: Service,
}

impl Locked {
    fn new(arguments: &[&str]) -> Self {
        let dir = TestDir::postgres();
        dir.run_with_input(&["import", "-"], EXAMPLE).succeeds();
        let service = dir.serve(arguments);
        // Connects now: a connection that is opened while the table is locked fails sooner.
        service.get(EXAMPLE_PATH);
        Self { dir, service }
    }

    fn query(&self, sql: &str) -> String {
        PostgresServer::shared()
            .query(&self.dir.database_url, sql)
            .unwrap()
    }

    fn lock<'scope>(&'scope self, scope: &'scope thread::Scope<'scope, '_>, seconds: u32) {
        let lock = format!("BEGIN; LOCK TABLE addresses; SELECT pg_sleep({seconds})");
        scope.spawn(move || {
            // `unlock` may terminate the session.
            let _ = PostgresServer::shared().query(&self.dir.database_url, &lock);
        });
        wait_until("the table is locked", || {
            self.query(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE granted \
                 AND relation = 'addresses'::regclass AND mode = 'AccessExclusiveLock')",
            ) == "t"
        });
    }

    /// Sends a request that waits for the lock.
    fn waiting<'scope>(
        &'scope self,
        scope: &'scope thread::Scope<'scope, '_>,
    ) -> ScopedJoinHandle<'scope, Option<(u16, String)>> {
        let response = scope.spawn(|| {
            let response = self.service.try_send("GET", EXAMPLE_PATH, &[], "").ok()?;
            Some((response.status, response.body))
        });
        wait_until("the request waits", || {
            self.query(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted \
                 AND relation = 'addresses'::regclass)",
            ) == "t"
        });
        response
    }

    fn unlock(&self) {
        self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_locks \
             WHERE granted AND relation = 'addresses'::regclass AND mode = 'AccessExclusiveLock'",
        );
    }
}

#[test]
fn requests_in_progress_are_answered_before_it_stops() {
    let mut locked = Locked::new(&["--workers", "1", "--shutdown-delay-s", "0"]);
    thread::scope(|scope| {
        let locked = &locked;
        locked.lock(scope, 2);
        let response = locked.waiting(scope);
        locked.service.signal("TERM");
        let (status, body) = response.join().unwrap().unwrap();
        assert_eq!((status, body.as_str()), (200, EXAMPLE_RESPONSE.trim_end()));
    });
    assert!(locked.service.child.wait().unwrap().success());
}

#[test]
fn requests_that_exceed_the_shutdown_timeout_are_cut_off() {
    let mut locked = Locked::new(&[
        "--workers=1",
        "--shutdown-delay-s=0",
        "--shutdown-timeout-s=1",
        "--statement-timeout-ms=600000",
        "--lock-timeout-ms=600000",
        "--request-timeout-ms=600000",
    ]);
    thread::scope(|scope| {
        let locked = &locked;
        locked.lock(scope, 600);
        let response = locked.waiting(scope);
        locked.service.signal("TERM");
        assert_eq!(response.join().unwrap(), None);
        locked.unlock();
    });
    assert!(locked.service.child.wait().unwrap().success());
}

#[test]
fn requests_above_max_in_flight_get_503_at_once() {
    let locked = Locked::new(&["--max-in-flight", "1", "--shutdown-delay-s", "0"]);
    thread::scope(|scope| {
        let locked = &locked;
        locked.lock(scope, 600);
        let response = locked.waiting(scope);
        let refused = locked.service.send("GET", EXAMPLE_PATH, &[], "");
        assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
        assert_eq!(
            refused.json()["type"],
            "urn:addressbook:problem:busy",
            "{}",
            refused.body
        );
        assert_eq!(locked.service.get("/livez").0, 200);
        locked.unlock();
        assert_eq!(response.join().unwrap().unwrap().0, 200);
    });
    assert_eq!(locked.service.get(EXAMPLE_PATH).0, 200);
}
