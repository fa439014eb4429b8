//! The log contains nothing that clients send or customers store, at any level and after any
//! failure.

mod requests;
mod watched;

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::process::Command;
use std::thread;

use addressbook_testkit::postgres::PostgresServer;
use addressbook_testkit::sqlite::WriteLock;
use rstest::rstest;

pub(crate) use self::watched::Watched;
use crate::support::{Place, wait_until};

/// A text that all planted data contains, and nothing else: as text, as the bytes that `Debug`
/// prints, and in hexadecimal.
const CANARIES: [&str; 3] = ["canary", "99, 97, 110, 97, 114, 121", "63616e617279"];

const BOOK: &str = "/v1/customers/cus_canary_customer/addresses";
const ID: &str = "add_canary0address0id000000000";
const BODY: &str = r#"{"description":"canary description","region":"canary region","city":"canary city","country":"RW","custom_data":{"canary key":"canary value"}}"#;

/// The headers of every request.
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

#[rstest]
#[case::text("text")]
#[case::json("json")]
fn on_sqlite_no_canary_is_logged(#[case] format: &str) {
    let place = Place::sqlite();
    let mut watched = Watched::start(&place, format, &[]);
    watched.ask_everything();
    if cfg!(target_os = "linux") {
        // Simulates a full disk.
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
    // Simulates another program that never ends its write.
    let database = place.database();
    let lock = WriteLock::take(database);
    watched.meet_failure();
    drop(lock);
    // Simulates an invalid row.
    place
        .query("PRAGMA ignore_check_constraints = ON; UPDATE addresses SET custom_data = 'canary'");
    watched.meet_failure();
    place.query("UPDATE addresses SET custom_data = NULL");
    watched.erase();
    // Simulates a file that is moved away.
    let elsewhere = place.folder.path().join("canary.db");
    fs::rename(database, &elsewhere).unwrap();
    watched.meet_failure();
    fs::rename(&elsewhere, database).unwrap();
    // Simulates a disk that lost its data, except for the first page, which has the schema.
    assert_eq!(watched.send("POST", BOOK, &[], BODY).status, 201);
    place.query("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut pages = File::options().write(true).open(database).unwrap();
    let bytes = pages.metadata().unwrap().len();
    pages.seek(SeekFrom::Start(4096)).unwrap();
    let garbage: Vec<u8> = "canary"
        .bytes()
        .cycle()
        .take(bytes as usize - 4096)
        .collect();
    pages.write_all(&garbage).unwrap();
    assert_eq!(watched.send("GET", BOOK, &[], "").status, 500);
    watched.meet_failure();
    let statuses = [
        200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 500, 503,
    ];
    watched.end_without_a_canary(&statuses, String::new);
}

#[rstest]
#[case::text("text")]
#[case::json("json")]
fn on_postgres_no_canary_is_logged(#[case] format: &str) {
    let mut server = PostgresServer::own();
    let place = Place::at(server.create_database());
    let mut watched = Watched::start(&place, format, &[]);
    watched.ask_everything();

    server.crash();
    watched.meet_failure();
    server.restart();
    wait_until("the service is ready", || {
        watched.service.get("/readyz").0 == 200
    });

    let query = |sql: &str| server.query(&place.database_url, sql).unwrap();
    // Errors whose details contain whole rows and keys.
    query("ALTER TABLE addresses ADD CHECK (city <> 'canary patch') NOT VALID");
    watched.meet_failure();
    query("ALTER TABLE addresses DROP CONSTRAINT addresses_city_check1");
    query("CREATE TABLE places (city text PRIMARY KEY)");
    query("ALTER TABLE addresses ADD FOREIGN KEY (city) REFERENCES places NOT VALID");
    watched.meet_failure();
    query("DROP TABLE places CASCADE");
    // A lock that is not released.
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
    // Invalid rows and tables.
    query("ALTER TABLE addresses DROP CONSTRAINT addresses_country_check");
    query("UPDATE addresses SET country = 'canary'");
    watched.meet_failure();
    query("UPDATE addresses SET country = 'RW'");
    query("ALTER TABLE address_revisions RENAME TO canaries");
    watched.meet_failure();
    query("ALTER TABLE canaries RENAME TO address_revisions");
    watched.erase();
    // A database that was dropped.
    let name = query("SELECT current_database()");
    let elsewhere = server.create_database();
    let drop = format!("DROP DATABASE \"{name}\" WITH (FORCE)");
    server.query(&elsewhere, &drop).unwrap();
    watched.meet_failure();
    let statuses = [
        200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 500, 503,
    ];
    watched.end_without_a_canary(&statuses, String::new);
}
