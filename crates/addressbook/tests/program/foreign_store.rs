//! A store that `examples/foreign-store.rs` plugs in with one function.

use std::path::Path;
use std::process::Command;

use crate::support::{EXAMPLE_PATH, EXAMPLE_RESPONSE, Finished, Service, TestDir, get};

/// The example program. Cargo builds it together with these tests, into a folder beside the
/// program.
fn example(dir: &TestDir, arguments: &[&str]) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_addressbook"));
    let example = program.with_file_name("examples").join("foreign-store");
    let mut command = Command::new(example);
    command
        .args(arguments)
        .current_dir(&dir.folder)
        .env("ADDRESSBOOK_DATABASE_URL", &dir.database_url);
    command
}

#[test]
fn a_foreign_store_serves_under_its_own_name() {
    let dir = TestDir::at("memory://try".into());
    let arguments = [
        "serve",
        "--demo",
        "--listen=127.0.0.1:0",
        "--metrics-listen=127.0.0.1:0",
    ];
    let service = Service::start(example(&dir, &arguments));
    let banner = &service.banner;
    assert!(banner.contains("memory://try (Memory)"), "{banner}");
    let (status, body) = service.get(EXAMPLE_PATH);
    assert_eq!((status, body.as_str()), (200, EXAMPLE_RESPONSE.trim_end()));
    let metrics = get(&service.metrics_url()).1;
    assert!(metrics.contains(r#"store="Memory""#), "{metrics}");
    assert!(!metrics.contains("store_pool"), "it has no pool: {metrics}");
    assert_eq!(service.get("/readyz").0, 200);
}

#[test]
fn every_command_names_the_foreign_store() {
    let dir = TestDir::at("memory://try".into());
    let run = |arguments: &[&str]| Finished::from(example(&dir, arguments).output().unwrap());
    let migrated = run(&["migrate"]).succeeds();
    assert_eq!(migrated.stdout, "memory://try: Memory has no migrations\n");
    let backup = run(&["backup", "copy"]);
    assert_eq!(backup.code, 2);
    assert!(backup.stderr.contains("copy Memory with its own tools"));
    let doctor = run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    let words = "memory://try (Memory): there is no database at memory://try";
    assert!(doctor.stdout.contains(words), "{}", doctor.stdout);
    run(&["export"]).fails_with(&["there is no database at memory://try"]);
    let key = run(&[
        "keys",
        "create",
        "--name=a",
        "--scope=addresses:read",
        "--create-database",
    ])
    .succeeds();
    assert!(key.stderr.contains("in memory://try"), "{}", key.stderr);
}

#[test]
fn the_built_in_stores_remain_available() {
    let dir = TestDir::sqlite();
    let arguments = ["serve", "--listen=127.0.0.1:0"];
    let service = Service::start(example(&dir, &arguments));
    assert!(service.banner.contains("(SQLite)"), "{}", service.banner);
}
