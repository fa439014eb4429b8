//! `addressbook doctor`: what it finds, and that it changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use addressbook_testkit::postgres::PostgresServer;
use rstest::rstest;

use crate::support::{Finished, TestDir, exists, wait_until};

/// The line about one check, and the exit code.
#[track_caller]
fn finding(dir: &TestDir, arguments: &[&str], what: &str) -> (String, i32) {
    finding_in(dir.run(&[&["doctor"], arguments].concat()), what)
}

#[track_caller]
fn finding_in(report: Finished, what: &str) -> (String, i32) {
    let line = report
        .stdout
        .lines()
        .find(|line| line.get(9..).is_some_and(|rest| rest.starts_with(what)))
        .unwrap_or_else(|| panic!("no line about {what}: {}{}", report.stdout, report.stderr));
    (line.to_owned(), report.code)
}

#[track_caller]
fn assert_says(found: &(String, i32), verdict: &str, words: &str) {
    let (line, code) = found;
    assert!(line.starts_with(verdict) && line.contains(words), "{line}");
    if verdict == "failed" {
        assert_eq!(*code, 1);
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn a_healthy_service_has_no_failures(#[case] dir: TestDir) {
    let _service = dir.serve(&["--demo"]);
    for arguments in [&["doctor"][..], &["doctor", "--full"]] {
        let report = dir.run(arguments).succeeds();
        assert!(report.stdout.lines().count() >= 7, "{}", report.stdout);
        assert!(!report.stdout.contains("failed"), "{}", report.stdout);
        assert!(!report.stdout.contains("cus_"), "{}", report.stdout);
    }
}

#[test]
fn a_missing_database_is_reported_and_not_created() {
    let dir = TestDir::sqlite();
    let found = finding(&dir, &[], "database");
    assert_says(&found, "failed", "addressbook migrate");
    assert!(!exists(&dir, "data"));
    let url = "postgres://me:s3cret@127.0.0.1:1/x";
    let found = finding(&dir, &["--database-url", url], "database");
    assert_says(&found, "failed", "cannot be reached");
    assert!(!found.0.contains("s3cret"), "{}", found.0);
    let missing = PostgresServer::shared()
        .create_database()
        .replacen("?", "-not-there?", 1);
    let found = finding(&dir, &["--database-url", &missing], "database");
    assert_says(&found, "failed", "cannot be reached");
    let still = PostgresServer::shared().query(&missing, "SELECT 1");
    assert!(still.unwrap_err().contains("does not exist"));
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn each_failure_says_what_to_do(#[case] dir: TestDir) {
    drop(dir.serve(&["--demo"]));
    dir.query("INSERT INTO address_book_parts SELECT customer_id, '', 1 FROM address_books");
    assert_says(&finding(&dir, &[], "books"), "failed", "backup");
    dir.query("DELETE FROM address_book_parts");
    assert_says(&finding(&dir, &[], "books"), "ok", "agree");
    dir.query("UPDATE address_books SET past_revisions = past_revisions + 1");
    assert_says(&finding(&dir, &[], "books"), "failed", "past revisions");
    dir.query("UPDATE address_books SET past_revisions = past_revisions - 1");
    assert_says(&finding(&dir, &[], "books"), "ok", "agree");
    dir.query("UPDATE address_books SET addresses = addresses + 1");
    assert_says(&finding(&dir, &[], "books"), "failed", "backup");
    dir.query("UPDATE address_books SET revision = 4102444800000");
    assert_says(&finding(&dir, &[], "clock"), "failed", "NTP");
    dir.query("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')");
    let found = finding(&dir, &[], "schema");
    assert_says(&found, "failed", "migration 9999");
    dir.query("DROP TABLE __diesel_schema_migrations");
    assert_says(&finding(&dir, &[], "schema"), "failed", "not Addressbook's");
}

#[test]
fn a_damaged_file_is_reported() {
    let dir = TestDir::sqlite();
    drop(dir.serve(&["--demo"]));
    // Otherwise the WAL still contains the page.
    dir.query("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = fs::read(dir.database()).unwrap();
    bytes[5 * 4096..6 * 4096].fill(0xff);
    fs::write(dir.database(), bytes).unwrap();
    let report = dir.run(&["doctor"]);
    assert_eq!(report.code, 1, "{}", report.stdout);
    assert!(
        report.stdout.contains("failed   integrity"),
        "{}",
        report.stdout
    );
}

#[test]
fn foreign_triggers_rules_and_policies_on_postgres_are_reported() {
    let dir = TestDir::postgres();
    dir.run(&["migrate"]).succeeds();
    assert_says(&finding(&dir, &[], "additions"), "ok", "no trigger");
    for (added, name) in [
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
             CREATE TRIGGER mine BEFORE INSERT ON addresses FOR EACH ROW EXECUTE FUNCTION f()",
            "the trigger mine on addresses",
        ),
        (
            "CREATE RULE \"My rule\" AS ON DELETE TO address_revisions DO INSTEAD NOTHING",
            "the rule \"My rule\" on address_revisions",
        ),
        (
            "CREATE POLICY own ON address_books USING (true)",
            "the policy own on address_books",
        ),
    ] {
        dir.query(added);
        assert_says(&finding(&dir, &[], "additions"), "warning", name);
    }
}

#[test]
fn foreign_objects_in_the_schema_are_reported() {
    let dir = TestDir::sqlite();
    dir.run(&["migrate"]).succeeds();
    assert_says(&finding(&dir, &[], "schema"), "ok", "");
    dir.query("CREATE VIEW mine AS SELECT * FROM addresses");
    let found = finding(&dir, &[], "schema");
    assert_says(&found, "failed", "contains the view \"mine\"");
}

#[cfg(target_os = "linux")]
#[test]
fn too_few_file_descriptors_for_the_workers_are_a_failure() {
    let dir = TestDir::sqlite();
    dir.run(&["migrate"]).succeeds();
    let doctor = dir
        .program_under("ulimit -n 100", &["doctor", "--workers=20"])
        .output();
    let report = String::from_utf8(doctor.unwrap().stdout).unwrap();
    let failed = "failed   file descriptors the system's limit of 100 file descriptors is too low";
    assert!(report.contains(failed), "{report}");
}

#[test]
fn a_file_that_others_may_open_and_a_misspelt_variable_are_warnings() {
    let dir = TestDir::sqlite();
    dir.run(&["migrate"]).succeeds();
    fs::set_permissions(dir.database(), fs::Permissions::from_mode(0o644)).unwrap();
    assert_says(&finding(&dir, &[], "permissions"), "warning", "chmod go=");
    let output = dir
        .program(&["doctor"])
        .env("ADDRESSBOOK_POOLSIZE", "9")
        .output()
        .unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(
        report.contains("warning  configuration   no setting is called ADDRESSBOOK_POOLSIZE (did you mean ADDRESSBOOK_POOL_SIZE?): "),
        "{report}"
    );
    assert!(output.status.success());
}

#[test]
fn invalid_settings_are_reported_with_all_other_checks() {
    let dir = TestDir::sqlite();
    dir.run(&["migrate"]).succeeds();
    let url = "mysql://me:s3cret@localhost/x";
    let report = dir.run(&["doctor", "--log=addressbook=loud", "--database-url", url]);
    let all = report.stdout.clone() + &report.stderr;
    assert!(!all.contains("s3cret"), "{all}");
    let found = finding_in(report, "database");
    assert_says(&found, "failed", "expected sqlite://PATH");
    let found = finding(&dir, &["--log=addressbook=loud"], "log filter");
    assert_says(&found, "failed", "expected a level (error, warn");
    let found = finding(&dir, &["--log=addressbook=loud"], "database");
    assert_says(&found, "ok", "can be read");
    let found = finding(&dir, &["--jwt-keys", "missing.pem"], "token keys");
    assert_says(&found, "failed", "set all three");
    let keys = [
        "--jwt-keys=missing.pem",
        "--jwt-issuer=i",
        "--jwt-audience=a",
    ];
    let found = finding(&dir, &keys, "token keys");
    assert_says(&found, "failed", "missing.pem");
}

#[test]
fn a_long_wal_is_a_warning() {
    let dir = TestDir::sqlite();
    // A running service truncates the WAL, and the last process to close the database removes it.
    // A suspended service does neither.
    let service = dir.serve(&[]);
    service.signal("STOP");
    let wal = format!("{}-wal", dir.database().display());
    let wal = fs::File::options().write(true).open(wal).unwrap();
    wal.set_len(256 << 20).unwrap();
    assert_says(&finding(&dir, &[], "WAL  "), "ok", "256 MiB");
    wal.set_len(257 << 20).unwrap();
    assert_says(
        &finding(&dir, &[], "WAL  "),
        "warning",
        "long read transaction",
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_small_disk_is_reported() {
    let dir = TestDir::sqlite();
    let mut confined = dir.program_on_a_disk_of("64m", &["doctor"]);
    let found = finding_in(confined.output().unwrap().into(), "disk");
    assert_says(&found, "failed", "64 MiB are free");
}

#[test]
fn an_unsuitable_postgresql_database_is_reported_with_what_to_do() {
    let dir = TestDir::postgres();
    dir.run(&["migrate"]).succeeds();
    let found = finding(&dir, &["--pool-size=1000"], "connections");
    assert_says(&found, "warning", "raise max_connections");
    dir.query("ALTER TABLE addresses ALTER COLUMN id TYPE text COLLATE \"POSIX\"");
    let found = finding(&dir, &[], "collation");
    assert_says(&found, "failed", "COLLATE \"C\"");
}

#[test]
fn a_standby_is_a_warning() {
    let primary = PostgresServer::own();
    let standby = primary.standby();
    let url = primary.create_database();
    let url = url.replace(&primary.folder(), &standby.folder());
    wait_until("the standby has the database", || {
        standby.query(&url, "SELECT 1").is_ok()
    });
    let found = finding(&TestDir::at(url), &[], "role");
    assert_says(&found, "warning", "target_session_attrs");
}
