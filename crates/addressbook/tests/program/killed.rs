//! What remains after `kill -9` at random moments.

use std::collections::HashSet;
use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::process::{Output, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::support::{Service, TestDir, exists};

/// Prints a line even if the test harness captures output.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "killed: {line}");
}

/// Random moments. Set `ADDRESSBOOK_TEST_SEED` to repeat those of another run.
struct Moments(u64);

impl Moments {
    fn new(test: &str) -> Self {
        let seed = match env::var("ADDRESSBOOK_TEST_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            // The standard library's only source of randomness.
            Err(_) => RandomState::new().build_hasher().finish() >> 32,
        };
        say(&format!("{test}, ADDRESSBOOK_TEST_SEED={seed}"));
        Self(seed)
    }

    /// A random duration of at most `most`.
    fn within(&mut self, most: Duration) -> Duration {
        // A pseudorandom number (SplitMix64).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        most.mul_f64((number ^ (number >> 31)) as f64 / u64::MAX as f64)
    }
}

impl TestDir {
    /// Runs the program, and kills it after this time unless it has exited.
    fn run_and_kill(&self, arguments: &[&str], after: Duration) -> Output {
        let mut command = self.program(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        sleep(after);
        child.kill().unwrap();
        child.wait_with_output().unwrap()
    }
}

const ROUNDS: u32 = 5;
const CLIENTS: usize = 16;

/// Creates addresses until the service is gone. Returns the ids that it acknowledged.
fn create_until_gone(service: &Service, book: &str) -> Vec<String> {
    let body = r#"{"region":"Kigali","city":"Kigali","country":"RW","custom_data":{"whole":true}}"#;
    let mut ids = Vec::new();
    while let Ok(response) = service.try_send("POST", book, &[], body) {
        if response.status == 201 {
            ids.push(response.json()["id"].as_str().unwrap().to_owned());
        }
    }
    ids
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn every_acknowledged_write_is_stored_completely(#[case] dir: TestDir) {
    let mut moments = Moments::new("writes");
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let service = dir.serve(&["--max-addresses", "1000000"]);
        thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let book = format!("/v1/customers/cus_{client}/addresses");
                    let service = &service;
                    scope.spawn(move || create_until_gone(service, &book))
                })
                .collect();
            // Kills it only when there is something to lose.
            while service.get("/v1/customers/cus_0/addresses?limit=1").1.len() < 200 {}
            sleep(moments.within(Duration::from_millis(1_500)));
            service.signal("KILL");
            for client in clients {
                acknowledged.extend(client.join().unwrap());
            }
        });
        assert!(acknowledged.len() > round as usize);
    }
    let exported = dir.run(&["export"]).succeeds().stdout;
    let whole: HashSet<String> = exported
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|address| address["city"] == "Kigali" && address["custom_data"]["whole"] == true)
        .map(|address| address["id"].as_str().unwrap().to_owned())
        .collect();
    for id in &acknowledged {
        assert!(
            whole.contains(id),
            "{id} was acknowledged but is not stored"
        );
    }
    dir.assert_consistent();
    say(&format!(
        "{} acknowledged writes are stored after {ROUNDS} kills",
        acknowledged.len()
    ));
}

#[rstest]
#[case::sqlite(TestDir::sqlite)]
#[case::postgres(TestDir::postgres)]
fn a_killed_import_says_where_to_resume(#[case] dir: fn() -> TestDir) {
    const LINES: u32 = 3_000;
    const BATCH: usize = 50;
    let file: String = (1..=LINES)
        .map(|number| {
            let customer = number % 97;
            format!("{{\"customer_id\":\"cus_{customer}\",\"id\":\"add_{number:026}\",\"region\":\"R\",\"city\":\"Kigali\",\"country\":\"RW\",\"created_at\":\"2024-08-01T10:15:30.000Z\"}}\n")
        })
        .collect();
    let undisturbed = dir();
    undisturbed.write("a.ndjson", &file);
    let import = ["import", "a.ndjson", "--import-batch-lines", "50"];
    let started = Instant::now();
    undisturbed.run(&import).succeeds();
    let duration = started.elapsed();
    let expected = undisturbed.run(&["export"]).succeeds().stdout;
    let mut moments = Moments::new("import");
    for _ in 0..ROUNDS {
        let dir = dir();
        dir.write("a.ndjson", &file);
        let killed = dir.run_and_kill(&import, moments.within(duration));
        // The program may be killed before the schema is complete.
        dir.run(&["migrate"]).succeeds();
        let there = dir.run(&["export"]).succeeds().stdout.lines().count();
        assert_eq!(there % BATCH, 0, "batches are whole");
        // The program may be killed before it prints anything.
        let printed = String::from_utf8(killed.stderr).unwrap();
        let from_line = printed
            .rsplit_once("--from-line ")
            .map_or("1", |(_, rest)| rest.split_whitespace().next().unwrap());
        assert!(
            from_line.parse::<usize>().unwrap() <= there + 1,
            "{printed}"
        );
        dir.run(&[&import[..], &["--from-line", from_line]].concat())
            .succeeds();
        assert_eq!(dir.run(&["export"]).succeeds().stdout, expected);
        dir.assert_consistent();
        say(&format!(
            "import: {there} of {LINES} lines were stored, resumed from {from_line}"
        ));
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite)]
#[case::postgres(TestDir::postgres)]
fn an_interrupted_migration_is_completed(#[case] dir: fn() -> TestDir) {
    let tables = match dir().database_url.starts_with("sqlite://") {
        true => "SELECT count(*) FROM sqlite_schema WHERE type = 'table'",
        false => "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'",
    };
    let undisturbed = dir();
    let started = Instant::now();
    undisturbed.run(&["migrate"]).succeeds();
    let duration = started.elapsed();
    let all = undisturbed.query(tables);
    let mut moments = Moments::new("migration");
    let mut interrupted = 0;
    for _ in 0..ROUNDS {
        let dir = dir();
        dir.run_and_kill(&["migrate"], moments.within(duration));
        let there = dir.try_query(tables).unwrap_or_else(|_| "0".to_owned());
        assert!(there == "0" || there == all, "{there} of {all} tables");
        interrupted += u32::from(there == "0");
        dir.run(&["migrate"]).succeeds();
        assert_eq!(dir.query(tables), all);
        dir.assert_consistent();
    }
    say(&format!(
        "{interrupted} of {ROUNDS} migrations were interrupted, all are complete"
    ));
}

#[test]
fn an_interrupted_backup_leaves_no_incomplete_file() {
    let dir = TestDir::sqlite();
    let service = dir.serve(&["--max-addresses", "1000000", "--demo"]);
    let started = Instant::now();
    dir.run(&["backup", "first.db"]).succeeds();
    let duration = started.elapsed();
    let mut moments = Moments::new("backup");
    let written: usize = thread::scope(|scope| {
        let writer = scope.spawn(|| create_until_gone(&service, "/v1/customers/cus_1/addresses"));
        let mut interrupted = 0;
        for round in 0..2 * ROUNDS {
            let file = format!("{round}.db");
            dir.run_and_kill(&["backup", &file], moments.within(duration));
            if !exists(&dir, &file) {
                interrupted += 1;
                dir.run(&["backup", &file]).succeeds();
            }
            let copy = TestDir::sqlite();
            let path = dir.folder.path().join(&file).display().to_string();
            copy.run(&["restore", &path]).succeeds();
            copy.assert_consistent();
        }
        say(&format!(
            "{interrupted} of {} backups were interrupted, no file is incomplete",
            2 * ROUNDS
        ));
        service.signal("KILL");
        writer.join().unwrap().len()
    });
    let there = dir.query("SELECT count(*) FROM addresses WHERE customer_id = 'cus_1'");
    assert!(written > 0 && there.parse::<usize>().unwrap() >= written);
    assert_eq!(dir.query("PRAGMA integrity_check"), "ok");
    dir.assert_consistent();
}
