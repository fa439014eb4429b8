//! Tests of the throwaway PostgreSQL.
#![cfg(feature = "postgres")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use addressbook_testkit::postgres::PostgresServer;

#[test]
fn two_databases_are_distinct() {
    let server = PostgresServer::shared();
    let (one, other) = (server.create_database(), server.create_database());

    server.query(&one, "CREATE TABLE mark (n int)").unwrap();

    assert_ne!(one, other);
    let missing = server.query(&other, "SELECT n FROM mark").unwrap_err();
    assert!(missing.contains("does not exist"), "{missing}");
}

#[test]
fn a_copy_has_the_data_of_its_template_and_is_independent() {
    let server = PostgresServer::shared();
    let template = server.create_database();
    let fill = "CREATE TABLE mark (n int); INSERT INTO mark VALUES (7)";
    server.query(&template, fill).unwrap();

    let copy = server.copy_database(&template);
    assert_eq!(server.query(&copy, "SELECT n FROM mark").unwrap(), "7");
    server.query(&copy, "DELETE FROM mark").unwrap();

    assert_eq!(server.query(&template, "SELECT n FROM mark").unwrap(), "7");
}

#[test]
fn a_killed_test_process_leaves_nothing_behind() {
    let server = PostgresServer::shared();
    let mut tests = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "hold_a_database"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let url = BufReader::new(tests.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .find(|line| line.starts_with("postgres"))
        .expect("the test process prints its database's URL");
    assert_eq!(server.query(&url, "SELECT 1").unwrap(), "1");
    let started_here = env::var_os("TEST_DATABASE_URL").is_none();
    let cluster =
        started_here.then(|| cluster(&url).expect("a folder with a running server's lock file"));
    if let Some((_, server_process)) = &cluster {
        assert!(is_running(server_process));
    }

    tests.kill().unwrap(); // SIGKILL
    tests.wait().unwrap();

    wait_until("the database is gone", || {
        server.query(&url, "SELECT 1").is_err()
    });
    if let Some((folder, server_process)) = cluster {
        wait_until("the folder is removed", || !folder.exists());
        wait_until("the server has ended", || !is_running(&server_process));
    }
}

#[test]
#[ignore = "not a test: the process that a_killed_test_process_leaves_nothing_behind kills"]
fn hold_a_database() {
    // The test harness has begun a line, so begin a new one.
    println!("\n{}", PostgresServer::shared().create_database());
    sleep(Duration::from_secs(60));
}

/// Returns the folder and the process id of the server at `url`.
fn cluster(url: &str) -> Option<(PathBuf, String)> {
    let (_, host) = url.split_once("host=")?;
    let folder = Path::new(host.split('&').next()?).to_owned();
    let lock_file = fs::read_to_string(folder.join("data/postmaster.pid")).ok()?;
    let process = lock_file.lines().next()?.to_owned();
    Some((folder, process))
}

fn is_running(process: &str) -> bool {
    let kill = Command::new("kill").args(["-0", process]).output();
    kill.is_ok_and(|kill| kill.status.success())
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn acknowledged_writes_survive_a_crash_and_a_failover() {
    let mut server = PostgresServer::own();
    let database = server.create_database();
    let fill = "CREATE TABLE mark (n int); INSERT INTO mark VALUES (7)";
    server.query(&database, fill).unwrap();
    server.crash();
    server.restart();
    assert_eq!(server.query(&database, "SELECT n FROM mark").unwrap(), "7");

    let standby = server.standby();
    server.query(&database, "UPDATE mark SET n = 8").unwrap();
    server.crash();
    let database = database.replace(&server.folder(), &standby.folder());
    let refused = standby.query(&database, "DELETE FROM mark").unwrap_err();
    assert!(refused.contains("read-only"), "{refused}");
    standby.promote();
    let deleted = standby.query(&database, "DELETE FROM mark RETURNING n");
    assert_eq!(deleted.unwrap(), "8");
}
