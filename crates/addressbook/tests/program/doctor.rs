//! `addressbook doctor`: what it finds, and that it changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use addressbook_testkit::postgres::PostgresServer;
use rstest::rstest;

use crate::support::{Place, exists};

/// The line about one thing, and the exit code.
#[track_caller]
fn finding(place: &Place, arguments: &[&str], what: &str) -> (String, i32) {
    let told = place.run(&[&["doctor"], arguments].concat());
    let line = told
        .stdout
        .lines()
        .find(|line| line.get(9..).is_some_and(|rest| rest.starts_with(what)))
        .unwrap_or_else(|| panic!("nothing about {what}: {}{}", told.stdout, told.stderr));
    (line.to_owned(), told.code)
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
#[case::sqlite(Place::sqlite())]
#[case::postgres(Place::postgres())]
fn all_is_well_while_the_service_runs(#[case] place: Place) {
    let _service = place.serve(&["--demo"]);
    for arguments in [&["doctor"][..], &["doctor", "--full"]] {
        let told = place.run(arguments).succeeds();
        assert!(told.stdout.lines().count() >= 7, "{}", told.stdout);
        assert!(!told.stdout.contains("failed"), "{}", told.stdout);
        assert!(!told.stdout.contains("cus_"), "{}", told.stdout);
    }
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let place = Place::sqlite();
    let found = finding(&place, &[], "database");
    assert_says(&found, "failed", "addressbook migrate");
    assert!(!exists(&place, "data"));
    let url = "postgres://me:s3cret@127.0.0.1:1/x";
    let found = finding(&place, &["--database-url", url], "database");
    assert_says(&found, "failed", "cannot be reached");
    assert!(!found.0.contains("s3cret"), "{}", found.0);
    let missing = PostgresServer::shared()
        .create_database()
        .replacen("?", "-not-there?", 1);
    let found = finding(&place, &["--database-url", &missing], "database");
    assert_says(&found, "failed", "cannot be reached");
    let still = PostgresServer::shared().query(&missing, "SELECT 1");
    assert!(still.unwrap_err().contains("does not exist"));
}

#[rstest]
#[case::sqlite(Place::sqlite())]
#[case::postgres(Place::postgres())]
fn what_is_wrong_is_named_with_what_to_do(#[case] place: Place) {
    drop(place.serve(&["--demo"]));
    place.query("UPDATE address_books SET addresses = addresses + 1");
    assert_says(&finding(&place, &[], "books"), "failed", "backup");
    place.query("UPDATE address_books SET revision = 4102444800000");
    assert_says(&finding(&place, &[], "clock"), "failed", "NTP");
    place.query("DELETE FROM __diesel_schema_migrations WHERE version > '0001'");
    let found = finding(&place, &[], "schema");
    assert_says(&found, "warning", "addressbook migrate");
    place.query("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')");
    let found = finding(&place, &[], "schema");
    assert_says(&found, "failed", "migration 9999");
    place.query("DROP TABLE __diesel_schema_migrations");
    assert_says(
        &finding(&place, &[], "schema"),
        "failed",
        "not Addressbook's",
    );
}

#[test]
fn a_damaged_file_is_found() {
    let place = Place::sqlite();
    drop(place.serve(&["--demo"]));
    // Else the log still holds the page.
    place.query("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = fs::read(place.database()).unwrap();
    bytes[5 * 4096..6 * 4096].fill(0xff);
    fs::write(place.database(), bytes).unwrap();
    let told = place.run(&["doctor"]);
    assert_eq!(told.code, 1, "{}", told.stdout);
    assert!(
        told.stdout.contains("failed   integrity"),
        "{}",
        told.stdout
    );
}

#[test]
fn a_file_that_others_may_open_and_a_misspelt_variable_are_warned_of() {
    let place = Place::sqlite();
    place.run(&["migrate"]).succeeds();
    fs::set_permissions(place.database(), fs::Permissions::from_mode(0o644)).unwrap();
    assert_says(&finding(&place, &[], "permissions"), "warning", "chmod go=");
    let output = place
        .program(&["doctor"])
        .env("ADDRESSBOOK_POOLSIZE", "9")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("warning  configuration   no setting is called ADDRESSBOOK_POOLSIZE"),
        "{told}"
    );
    assert!(output.status.success());
}
