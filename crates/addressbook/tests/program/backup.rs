//! `addressbook backup` and `addressbook restore`, as their users run them.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Service, TestDir, exists};

fn export(dir: &TestDir) -> String {
    dir.run(&["export"]).succeeds().stdout
}

/// A folder with a database that is restored from a file.
fn restored(file: &str) -> TestDir {
    let dir = TestDir::sqlite();
    dir.run(&["restore", file]).succeeds();
    dir
}

fn path_in(dir: &TestDir, name: &str) -> String {
    dir.folder.path().join(name).display().to_string()
}

#[test]
fn a_restored_database_exports_the_same_bytes() {
    let dir = TestDir::sqlite();
    let service = dir.serve(&["--demo"]);
    let file = path_in(&dir, "kept.db");
    let printed = dir.run(&["backup", &file]).succeeds().stdout;
    for words in [
        "kept.db: ",
        " bytes, checked: ",
        " of 301 customers",
        "SHA-256 ",
    ] {
        assert!(printed.contains(words), "{printed}");
    }
    drop(service);
    let copy = restored(&file);
    assert_eq!(export(&copy), export(&dir));
    copy.assert_consistent();
    assert_eq!(copy.serve(&[]).get("/readyz").0, 200);
}

const BOOKS: [&str; 4] = ["cus_1", "cus_2", "cus_3", "cus_4"];

/// Creates and updates addresses until `stop` is set. Records the ids of acknowledged ones.
fn write_until(service: &Service, book: &str, stop: &AtomicBool, created: &Mutex<HashSet<String>>) {
    let book = format!("/v1/customers/{book}/addresses");
    while !stop.load(Ordering::Relaxed) {
        let body = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;
        let response = service.send("POST", &book, &[], body);
        if response.status == 201 {
            let id = response.json()["id"].as_str().unwrap().to_owned();
            service.send("PATCH", &format!("{book}/{id}"), &[], r#"{"city":"Huye"}"#);
            created.lock().unwrap().insert(id);
        }
    }
}

#[test]
fn a_backup_under_load_is_a_consistent_snapshot() {
    let dir = TestDir::sqlite();
    let service = dir.serve(&["--max-addresses", "1000000", "--demo"]);
    let (stop, created) = (AtomicBool::new(false), Mutex::new(HashSet::new()));
    thread::scope(|scope| {
        for book in BOOKS {
            let (service, stop, created) = (&service, &stop, &created);
            scope.spawn(move || write_until(service, book, stop, created));
        }
        for number in 0..4 {
            while created.lock().unwrap().len() < 20 * (number + 1) {
                thread::yield_now();
            }
            let before = created.lock().unwrap().clone();
            let file = path_in(&dir, &format!("{number}.db"));
            dir.run(&["backup", &file]).succeeds();
            let copy = restored(&file);
            copy.assert_consistent();
            let ids = copy.query("SELECT id FROM addresses");
            let ids: HashSet<&str> = ids.lines().collect();
            assert!(before.iter().all(|id| ids.contains(id.as_str())));
        }
        stop.store(true, Ordering::Relaxed);
    });
    dir.assert_consistent();
}

#[test]
fn existing_files_are_not_overwritten() {
    let dir = TestDir::sqlite();
    dir.run(&["migrate"]).succeeds();
    dir.write("kept.db", "mine");
    let refused = dir.run(&["backup", "kept.db"]);
    refused.fails_with(&["nothing was backed up", "kept.db exists"]);
    dir.run(&["backup", "other.db"]).succeeds();
    let refused = dir.run(&["restore", "other.db"]);
    refused.fails_with(&["nothing was restored", "a.db exists"]);
}

#[test]
fn a_backup_does_not_create_a_missing_database() {
    let dir = TestDir::sqlite();
    let refused = dir.run(&["backup", "kept.db"]);
    refused.fails_with(&["nothing was backed up", "no database at", "a.db"]);
    assert!(!exists(&dir, "data") && !exists(&dir, "kept.db"));
}

#[test]
fn for_postgresql_the_error_names_its_tools_without_the_password() {
    let dir = TestDir::sqlite();
    let url = "postgres://me:s3cret@host/book?sslmode=prefer";
    for (command, words) in [
        (
            "backup",
            [
                "nothing was backed up",
                "pg_dump --format=custom --file='it'\\''s.dump' 'postgres://me@host/book?sslmode=prefer'",
                "pg_basebackup",
            ],
        ),
        (
            "restore",
            [
                "nothing was restored",
                "pg_restore",
                "--dbname='postgres://me@host/book?sslmode=prefer' 'it'\\''s.dump'",
            ],
        ),
    ] {
        let refused = dir
            .run(&[command, "it's.dump", "--database-url", url])
            .fails_with(&words);
        assert_eq!(refused.code, 2);
        assert!(!refused.stderr.contains("s3cret"), "{}", refused.stderr);
    }
}
