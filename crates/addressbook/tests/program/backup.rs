//! `addressbook backup` and `addressbook restore`, as their users run them.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Place, Service, exists};

fn export(place: &Place) -> String {
    place.run(&["export"]).succeeds().stdout
}

/// A place with a database that is restored from a file.
fn restored(file: &str) -> Place {
    let place = Place::sqlite();
    place.run(&["restore", file]).succeeds();
    place
}

fn path_in(place: &Place, name: &str) -> String {
    place.folder.path().join(name).display().to_string()
}

#[test]
fn a_restored_database_exports_the_same_bytes() {
    let place = Place::sqlite();
    let service = place.serve(&["--demo"]);
    let file = path_in(&place, "kept.db");
    let printed = place.run(&["backup", &file]).succeeds().stdout;
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
    assert_eq!(export(&copy), export(&place));
    copy.assert_consistent();
    assert_eq!(copy.serve(&[]).get("/readyz").0, 200);
}

const BOOKS: [&str; 4] = ["cus_1", "cus_2", "cus_3", "cus_4"];

/// Creates and updates addresses until `stop` is set. Records the ids of acknowledged ones.
fn write_until(service: &Service, book: &str, stop: &AtomicBool, created: &Mutex<HashSet<String>>) {
    let book = format!("/v1/customers/{book}/addresses");
    while !stop.load(Ordering::Relaxed) {
        let body = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;
        let answer = service.send("POST", &book, &[], body);
        if answer.status == 201 {
            let id = answer.json()["id"].as_str().unwrap().to_owned();
            service.send("PATCH", &format!("{book}/{id}"), &[], r#"{"city":"Huye"}"#);
            created.lock().unwrap().insert(id);
        }
    }
}

#[test]
fn a_backup_under_load_is_a_consistent_snapshot() {
    let place = Place::sqlite();
    let service = place.serve(&["--max-addresses", "1000000", "--demo"]);
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
            let file = path_in(&place, &format!("{number}.db"));
            place.run(&["backup", &file]).succeeds();
            let copy = restored(&file);
            copy.assert_consistent();
            let ids = copy.query("SELECT id FROM addresses");
            let ids: HashSet<&str> = ids.lines().collect();
            assert!(before.iter().all(|id| ids.contains(id.as_str())));
        }
        stop.store(true, Ordering::Relaxed);
    });
    place.assert_consistent();
}

#[test]
fn existing_files_are_not_overwritten() {
    let place = Place::sqlite();
    place.run(&["migrate"]).succeeds();
    place.write("kept.db", "mine");
    let refused = place.run(&["backup", "kept.db"]);
    refused.fails_saying(&["nothing was backed up", "kept.db exists"]);
    place.run(&["backup", "other.db"]).succeeds();
    let refused = place.run(&["restore", "other.db"]);
    refused.fails_saying(&["nothing was restored", "a.db exists"]);
}

#[test]
fn a_backup_does_not_create_a_missing_database() {
    let place = Place::sqlite();
    let refused = place.run(&["backup", "kept.db"]);
    refused.fails_saying(&["nothing was backed up", "no database at", "a.db"]);
    assert!(!exists(&place, "data") && !exists(&place, "kept.db"));
}

#[test]
fn for_postgresql_the_error_names_its_tools_without_the_password() {
    let place = Place::sqlite();
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
        let refused = place
            .run(&[command, "it's.dump", "--database-url", url])
            .fails_saying(&words);
        assert_eq!(refused.code, 2);
        assert!(!refused.stderr.contains("s3cret"), "{}", refused.stderr);
    }
}
