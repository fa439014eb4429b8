//! The log contains nothing that clients send or customers store, at any level and after any
//! failure.

mod recorded_service;
mod requests;

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::process::Command;
use std::thread;

use addressbook_testkit::postgres::PostgresServer;
use addressbook_testkit::sqlite::WriteLock;
use rstest::rstest;

pub(crate) use self::recorded_service::RecordedService;
use crate::support::{TestDir, wait_until};

/// A text that all planted data contains, and nothing else: as text, as the bytes that `Debug`
/// prints, and in hexadecimal. Last, the planted telephone number.
const CANARIES: [&str; 4] = [
    "canary",
    "99, 97, 110, 97, 114, 121",
    "63616e617279",
    "7357 0199 7357",
];

const BOOK: &str = "/v1/customers/cus_canary_customer/addresses";
const ID: &str = "add_canary0address0id000000000";
const BODY: &str = r#"{"description":"canary description","region":"canary region","city":"canary city","country":"RW","recipient":"canary recipient","organization":"canary organization","first_line":"canary street","second_line":"canary floor","district":"canary district","postal_code":"canary code","sorting_code":"canary sorting","phone":"7357 0199 7357","custom_data":{"canary key":"canary value"}}"#;

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
    let dir = TestDir::sqlite();
    let mut recorded = RecordedService::start(&dir, format, &[]);
    recorded.send_all_requests();
    if cfg!(target_os = "linux") {
        // Simulates a full disk.
        let pid = recorded.service.child.id().to_string();
        let limit = |bytes: &str| {
            let mut limit = Command::new("prlimit");
            limit.args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]);
            assert!(limit.status().unwrap().success());
        };
        limit("0");
        recorded.send_during_failure();
        assert!(recorded.statuses.contains(&503));
        limit("unlimited");
    }
    // Simulates another program that never ends its write.
    let database = dir.database();
    let lock = WriteLock::take(database);
    recorded.send_during_failure();
    drop(lock);
    // Simulates an invalid row.
    dir.query("PRAGMA ignore_check_constraints = ON; UPDATE addresses SET custom_data = 'canary'");
    recorded.send_during_failure();
    dir.query("UPDATE addresses SET custom_data = NULL");
    recorded.erase();
    // Simulates a file that is moved away.
    let elsewhere = dir.folder.path().join("canary.db");
    fs::rename(database, &elsewhere).unwrap();
    recorded.send_during_failure();
    fs::rename(&elsewhere, database).unwrap();
    // Simulates a disk that lost its data, except for the first page, which has the schema.
    assert_eq!(recorded.send("POST", BOOK, &[], BODY).status, 201);
    dir.query("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut pages = File::options().write(true).open(database).unwrap();
    let bytes = pages.metadata().unwrap().len();
    pages.seek(SeekFrom::Start(4096)).unwrap();
    let garbage: Vec<u8> = "canary"
        .bytes()
        .cycle()
        .take(bytes as usize - 4096)
        .collect();
    pages.write_all(&garbage).unwrap();
    assert_eq!(recorded.send("GET", BOOK, &[], "").status, 500);
    recorded.send_during_failure();
    let statuses = [
        200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 500, 503,
    ];
    recorded.assert_no_canary(&statuses, String::new);
}

#[rstest]
#[case::text("text")]
#[case::json("json")]
fn on_postgres_no_canary_is_logged(#[case] format: &str) {
    let mut server = PostgresServer::own();
    let dir = TestDir::at(server.create_database());
    let mut recorded = RecordedService::start(&dir, format, &[]);
    recorded.send_all_requests();

    server.crash();
    recorded.send_during_failure();
    server.restart();
    wait_until("the service is ready", || {
        recorded.service.get("/readyz").0 == 200
    });

    let query = |sql: &str| server.query(&dir.database_url, sql).unwrap();
    // Errors whose details contain whole rows and keys.
    query("ALTER TABLE addresses ADD CHECK (city <> 'canary patch') NOT VALID");
    recorded.send_during_failure();
    query("ALTER TABLE addresses DROP CONSTRAINT addresses_city_check");
    query("CREATE TABLE places (city text PRIMARY KEY)");
    query("ALTER TABLE addresses ADD FOREIGN KEY (city) REFERENCES places NOT VALID");
    recorded.send_during_failure();
    query("DROP TABLE places CASCADE");
    // A lock that is not released.
    thread::scope(|scope| {
        let lock = "BEGIN; LOCK TABLE addresses; SELECT pg_sleep(600)";
        scope.spawn(|| server.query(&dir.database_url, lock));
        let sleeps = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
        wait_until("the table is locked", || !query(sleeps).is_empty());
        recorded.send_during_failure();
        query(&format!(
            "SELECT pg_terminate_backend(pid) FROM ({sleeps}) AS sleeping"
        ));
    });
    // Invalid rows and tables.
    query("ALTER TABLE addresses DROP CONSTRAINT addresses_country_check");
    query("UPDATE addresses SET country = 'canary'");
    recorded.send_during_failure();
    query("UPDATE addresses SET country = 'RW'");
    query("ALTER TABLE address_revisions RENAME TO canaries");
    recorded.send_during_failure();
    query("ALTER TABLE canaries RENAME TO address_revisions");
    recorded.erase();
    // A database that was dropped.
    let name = query("SELECT current_database()");
    let elsewhere = server.create_database();
    let drop = format!("DROP DATABASE \"{name}\" WITH (FORCE)");
    server.query(&elsewhere, &drop).unwrap();
    recorded.send_during_failure();
    let statuses = [
        200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 500, 503,
    ];
    recorded.assert_no_canary(&statuses, String::new);
}
