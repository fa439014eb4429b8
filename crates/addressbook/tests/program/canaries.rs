//! What customers have and send is in no log, at any level, whatever goes wrong.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use addressbook_testkit::postgres::PostgresServer;
use rstest::rstest;

use crate::support::{Answer, Place, Service, wait_until};

/// A part of all that is planted and of nothing else: as text, as the bytes that a `Debug`
/// prints, and in hexadecimal digits.
const CANARIES: [&str; 3] = ["canary", "99, 97, 110, 97, 114, 121", "63616e617279"];

const BOOK: &str = "/v1/customers/cus_canary_customer/addresses";
const ID: &str = "add_canary0address0id000000000";
const BODY: &str = r#"{"description":"canary description","region":"canary region","city":"canary city","country":"RW","custom_data":{"canary key":"canary value"}}"#;

/// What comes with every request.
const HEADERS: [(&str, &str); 9] = [
    ("User-Agent", "canary-agent"),
    ("Cookie", "session=canary"),
    ("Referer", "https://canary.example/"),
    ("Origin", "https://canary.example"),
    ("Forwarded", "for=canary"),
    ("X-Forwarded-For", "canary"),
    ("X-Request-Id", "canary id"),
    ("X-Canary", "canary"),
    ("traceparent", "00-canary-00f067aa0ba902b7-01"),
];

/// The service, with all that it says.
pub(crate) struct Watched {
    service: Service,
    log: JoinHandle<String>,
    /// What the service made up itself and gave to clients.
    made: Vec<String>,
    /// The statuses that it answered with.
    statuses: BTreeSet<u16>,
}

impl Watched {
    pub(crate) fn start(place: &Place, format: &str, settings: &[&str]) -> Self {
        let entry = BODY.replacen(
            '{',
            &format!(r#"{{"customer_id":"cus_canary_customer","id":"{ID}","#),
            1,
        );
        place.run_with_input(&["import", "-"], &entry).succeeds();
        let mut program = place.program(&[
            "serve",
            "--listen=127.0.0.1:0",
            "--log=trace,actix_http=trace,actix_http::h1=trace,mio=trace",
            "--log-format",
            format,
            "--require-if-match",
            "--max-addresses=3",
            "--pool-timeout-ms=300",
            "--lock-timeout-ms=300",
            "--statement-timeout-ms=300",
        ]);
        program.args(settings);
        // A file that may not grow is an error then, and not the end.
        let mut patient = Command::new("sh");
        patient
            .args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#])
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(&place.folder)
            .env("ADDRESSBOOK_DATABASE_URL", &place.database_url);
        let mut service = Service::start_with_log(patient, Stdio::piped());
        let mut stderr = service.child.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        });
        Self {
            service,
            log,
            made: Vec::new(),
            statuses: BTreeSet::new(),
        }
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = [&HEADERS, headers].concat();
        let answer = self.service.send(method, path, &headers, body);
        self.statuses.insert(answer.status);
        answer
    }

    /// A request that no client would make. Whatever the answer is, it is waited for.
    fn send_raw(&self, bytes: &[u8]) {
        let mut stream = TcpStream::connect(&self.service.address).unwrap();
        // The service may hang up in the middle.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }

    /// Everything that one may ask for, rightly and wrongly.
    pub(crate) fn ask_everything(&mut self) {
        let address = format!("{BOOK}/{ID}");
        let tag = self
            .send("GET", &address, &[], "")
            .header("ETag")
            .to_owned();
        let match_tag: &[(&str, &str)] = &[("If-Match", &tag)];
        self.send("GET", &address, &[("If-None-Match", &tag)], "");
        self.send("HEAD", &address, &[], "");
        self.send("GET", &format!("/api{address}/revisions"), &[], "");
        self.send("GET", &format!("{address}/revisions/1"), &[], "");
        self.send("GET", &format!("{address}/revisions?after=canary"), &[], "");
        self.send("GET", &format!("{address}/revisions/canary"), &[], "");
        self.send("PATCH", &address, match_tag, BODY);
        self.send("PATCH", &address, match_tag, r#"{"city":"canary city 2"}"#);
        self.send("PATCH", &address, match_tag, r#"{"city":"canary city 3"}"#);
        self.send("PATCH", &address, &[("If-Match", "\"canary\"")], BODY);
        self.send("PATCH", &address, &[("If-Match", "canary")], BODY);
        self.send("PATCH", &address, &[], BODY);
        self.send(
            "PATCH",
            &address,
            &[("If-Match", "*")],
            r#"{"city":null,"canary":1}"#,
        );
        self.send(
            "PATCH",
            &address,
            &[("Content-Type", "text/canary")],
            "canary",
        );

        let key: &[(&str, &str)] = &[("Idempotency-Key", "canary-key")];
        let created = self.send("POST", BOOK, key, BODY).json();
        self.made.push(created["id"].as_str().unwrap().to_owned());
        self.send("POST", BOOK, key, BODY);
        self.send("POST", BOOK, key, &BODY.replace("RW", "UG"));
        self.send("POST", BOOK, &[("Idempotency-Key", "canary key")], BODY);
        self.send("POST", BOOK, &[("Content-Type", "text/canary")], BODY);
        self.send("POST", BOOK, &[], BODY);
        self.send("POST", BOOK, &[], BODY);
        for body in [
            r#"{"city":"canary","city":"canary"}"#,
            r#"{"region":"canary\u0000","city":7,"country":"canary","custom_data":"canary"}"#,
            r#"{"canary":"#,
            r#"["canary"]"#,
            &format!(r#"{{"city":"{}"}}"#, "canary".repeat(100)),
            &"canary".repeat(20_000),
        ] {
            self.send("POST", BOOK, &[], body);
        }

        let page = self.send("GET", &format!("{BOOK}?limit=1&after="), &[], "");
        let (_, next) = page
            .header("Link")
            .rsplit_once("after=")
            .unwrap_or_default();
        let cursor = next.split(['&', '>']).next().unwrap_or_default();
        self.made.push(cursor.to_owned());
        for query in [
            "",
            &format!("after={cursor}"),
            "after=canary",
            "limit=canary&offset=canary&order=canary&country=canary&as_of=canary&updated_since=canary",
            "q=canary+city&country=RW&order=-updated_at&canary=canary",
            "q=%FFcanary",
            "as_of=2026-01-01T00:00:00Z&q=canary",
        ] {
            self.send("GET", &format!("{BOOK}?{query}"), &[], "");
        }

        for path in [
            "/canary",
            "/v1/customers/canary!/addresses",
            "/v1/customers/add_canary/addresses/canary",
            "/v1/customers/cus_canary%2Fcus_canary/addresses",
            "/docs/canary",
        ] {
            self.send("GET", path, &[], "");
        }
        for credential in ["Bearer canary", "Basic Y2FuYXJ5OmNhbmFyeQ==", "canary"] {
            self.send("GET", BOOK, &[("Authorization", credential)], "");
        }
        self.send("PUT", BOOK, &[], BODY);
        self.send("CANARY", &address, &[], "");
        for bytes in [
            &b"canary\r\n\r\n"[..],
            b"GET /canary HTTP/9.9\r\n\r\n",
            b"GET /canary\xff HTTP/1.1\r\n\r\n",
            b"GET /canary HTTP/1.1\r\nHost: canary\r\ncanary header\r\n\r\n",
            b"GET /canary HTTP/1.1\r\nHost: canary\r\nX: canary\x01\r\n\r\n",
            b"POST /canary HTTP/1.1\r\nHost: canary\r\nContent-Length: canary\r\n\r\n",
            b"POST /canary HTTP/1.1\r\nHost: canary\r\nContent-Length: 100\r\n\r\ncanary",
            b"POST /canary HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ncanary",
            &[
                b"GET /",
                &b"canary".repeat(50_000)[..],
                b" HTTP/1.1\r\n\r\n",
            ]
            .concat(),
        ] {
            self.send_raw(bytes);
        }
    }

    pub(crate) fn erase(&mut self) {
        let address = format!("{BOOK}/{ID}");
        self.send("DELETE", &address, &[], "");
        self.send("DELETE", &address, &[("If-Match", "*")], "");
        self.send("DELETE", &address, &[("If-Match", "*")], "");
        self.send("DELETE", BOOK, &[("If-Match", "\"canary\"")], "");
        self.send("DELETE", BOOK, &[], "");
    }

    /// What a store that fails does to requests of all kinds.
    pub(crate) fn meet_failure(&mut self) {
        self.send("GET", BOOK, &[], "");
        self.send("GET", &format!("{BOOK}?q=canary"), &[], "");
        self.send("GET", &format!("{BOOK}/{ID}"), &[], "");
        self.send("GET", &format!("{BOOK}/{ID}/revisions"), &[], "");
        let patch = r#"{"city":"canary patch"}"#;
        self.send(
            "PATCH",
            &format!("{BOOK}/{ID}"),
            &[("If-Match", "*")],
            patch,
        );
        self.send("POST", "/v1/customers/cus_canary_2/addresses", &[], BODY);
        self.send("DELETE", "/v1/customers/cus_canary_2/addresses", &[], "");
        self.send("GET", "/readyz", &[], "");
    }

    /// Ends it, and looks through all that it said, and `sent` elsewhere.
    pub(crate) fn end_without_a_canary(mut self, statuses: &[u16], sent: impl FnOnce() -> String) {
        self.service.signal("TERM");
        assert!(self.service.child.wait().unwrap().success());
        let mut said = self.log.join().unwrap();
        self.service.stdout.read_to_string(&mut said).unwrap();
        for status in statuses {
            assert!(self.statuses.contains(status), "no {status} was provoked");
            let line = said.lines().any(|line| {
                line.contains(&format!("status={status}"))
                    || line.contains(&format!("\"status\":{status}"))
            });
            assert!(line, "no line tells of {status}:\n{said}");
        }
        assert!(
            self.made.iter().all(|made| made.len() > 20),
            "{:?}",
            self.made
        );
        said.push_str(&sent());
        let planted = || {
            CANARIES
                .into_iter()
                .chain(self.made.iter().map(String::as_str))
        };
        let leaks: Vec<&str> = said
            .lines()
            .filter(|line| {
                planted().any(|planted| line.to_lowercase().contains(&planted.to_lowercase()))
            })
            .collect();
        assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    }
}

#[rstest]
#[case::text("text")]
#[case::json("json")]
fn on_sqlite_no_canary_sings(#[case] format: &str) {
    let place = Place::sqlite();
    let mut watched = Watched::start(&place, format, &[]);
    watched.ask_everything();
    if cfg!(target_os = "linux") {
        // As a full disk.
        let pid = watched.service.child.id().to_string();
        let limit = |bytes: &str| {
            let mut limit = Command::new("prlimit");
            limit.args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]);
            assert!(limit.status().unwrap().success());
        };
        limit("0");
        watched.meet_failure();
        assert!(watched.statuses.contains(&503));
        limit("unlimited");
    }
    watched.erase();
    watched.end_without_a_canary(
        &[
            200, 201, 204, 304, 400, 404, 405, 409, 412, 413, 415, 422, 428,
        ],
        String::new,
    );
}

#[rstest]
#[case::text("text")]
#[case::json("json")]
fn on_postgres_no_canary_sings(#[case] format: &str) {
    let place = Place::postgres();
    let mut watched = Watched::start(&place, format, &[]);
    watched.ask_everything();

    let server = PostgresServer::shared();
    let url = place.database_url.clone();
    let query = move |sql: &str| server.query(&url, sql).unwrap();
    // Errors whose details hold whole rows and keys.
    query("ALTER TABLE addresses ADD CHECK (city <> 'canary patch') NOT VALID");
    watched.meet_failure();
    query("ALTER TABLE addresses DROP CONSTRAINT addresses_city_check1");
    query("CREATE TABLE places (city text PRIMARY KEY)");
    query("ALTER TABLE addresses ADD FOREIGN KEY (city) REFERENCES places NOT VALID");
    watched.meet_failure();
    query("DROP TABLE places CASCADE");
    // A lock that is not given up.
    thread::scope(|scope| {
        let lock = "BEGIN; LOCK TABLE addresses; SELECT pg_sleep(600)";
        scope.spawn(|| server.query(&place.database_url, lock));
        let sleeps = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
        wait_until("the table is locked", || !query(sleeps).is_empty());
        watched.meet_failure();
        query(&format!(
            "SELECT pg_terminate_backend(pid) FROM ({sleeps}) AS sleeping"
        ));
    });
    // Rows and tables that cannot be.
    query("ALTER TABLE addresses DROP CONSTRAINT addresses_country_check");
    query("UPDATE addresses SET country = 'canary'");
    watched.meet_failure();
    query("UPDATE addresses SET country = 'RW'");
    query("ALTER TABLE address_revisions RENAME TO canaries");
    watched.meet_failure();
    query("ALTER TABLE canaries RENAME TO address_revisions");
    watched.erase();
    // A database that is gone.
    let name = query("SELECT current_database()");
    let elsewhere = server.create_database();
    let drop = format!("DROP DATABASE \"{name}\" WITH (FORCE)");
    server.query(&elsewhere, &drop).unwrap();
    watched.meet_failure();
    watched.end_without_a_canary(
        &[
            200, 201, 204, 304, 400, 404, 405, 409, 412, 413, 415, 422, 428, 500, 503,
        ],
        String::new,
    );
}
