use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::load::under_load;
use super::{create, erase, is_refused, list, until_readiness_is};
use crate::support::{Service, TestDir};

#[cfg(target_os = "linux")]
#[test]
fn a_full_file_system_refuses_writes_until_there_is_space() {
    let dir = TestDir::sqlite();
    let confined = dir.program_on_a_disk_of("4m", &["serve", "--listen", "127.0.0.1:0"]);
    let service = Service::start(confined);
    // The same file system, as the service's process sees it.
    let data = dir.folder.path().join("data");
    let ballast = format!(
        "/proc/{}/root{}/ballast",
        service.child.id(),
        data.display()
    );
    assert_eq!(create(&service, "cus_9").status, 201);
    under_load(&service, |load| {
        // Fails when no space is left.
        fs::write(&ballast, vec![0; 8 << 20]).unwrap_err();
        while create(&service, "cus_9").status == 201 {}
        is_refused(&create(&service, "cus_9"), "unavailable");
        let not_erased = erase(&service, "cus_9");
        is_refused(&not_erased, "unavailable");
        assert!(not_erased.body.contains("disk"), "{}", not_erased.body);
        let there = list(&service, "cus_9");
        assert_eq!(there.status, 200, "reads continue");
        assert_ne!(there.header("X-Total-Count"), "0", "nothing was erased");
        assert_eq!(service.get("/readyz").0, 200);
        load.until_refused();
        fs::remove_file(&ballast).unwrap();
    });
    assert_eq!(erase(&service, "cus_9").status, 200);
    assert_eq!(create(&service, "cus_9").status, 201);
    assert_eq!(list(&service, "cus_9").header("X-Total-Count"), "1");
}

/// The program has no capabilities, so that even root cannot write the file.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_file_refuses_writes_and_allows_reads() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TestDir::sqlite();
    let unprivileged = |arguments: &[&str]| {
        let program = dir.program(arguments);
        let mut confined = Command::new("unshare");
        confined
            .arg("--user")
            .arg(program.get_program())
            .args(program.get_args())
            .env("ADDRESSBOOK_DATABASE_URL", &dir.database_url);
        confined
    };
    let allow = |mode: u32| {
        let data = dir.database().parent().unwrap();
        for entry in fs::read_dir(data).unwrap() {
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(entry.unwrap().path(), permissions).unwrap();
        }
    };
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let service = Service::start(unprivileged(&serve));
    under_load(&service, |_| {
        allow(0o400);
        for _ in 0..50 {
            // Succeeds only through files that are already open.
            let created = create(&service, "cus_9");
            if created.status != 201 {
                is_refused(&created, "unavailable");
            }
            assert_eq!(list(&service, "cus_9").status, 200);
        }
        allow(0o600);
    });
    drop(service);
    allow(0o400);
    let reading = Service::start(unprivileged(&serve));
    assert_eq!(list(&reading, "cus_0").status, 200);
    is_refused(&create(&reading, "cus_0"), "unavailable");
    let doctor = unprivileged(&["doctor"]).output().unwrap();
    let findings = String::from_utf8(doctor.stdout).unwrap();
    assert!(findings.contains("this user may not write"), "{findings}");
    drop(reading);
    allow(0o600);
    let writing = Service::start(unprivileged(&serve));
    assert_eq!(create(&writing, "cus_0").status, 201);
    drop(writing);
    dir.assert_consistent();
}

#[test]
fn the_service_recovers_when_a_moved_file_is_put_back() {
    let dir = TestDir::sqlite();
    let service = dir.serve(&["--pool-timeout-ms=300"]);
    let file = PathBuf::from(dir.database_url.strip_prefix("sqlite://").unwrap());
    let elsewhere = dir.folder.path().join("elsewhere.db");
    under_load(&service, |load| {
        fs::rename(&file, &elsewhere).unwrap();
        is_refused(&create(&service, "cus_9"), "unavailable");
        until_readiness_is(&service, 503);
        load.until_refused();
        assert!(!file.exists(), "no other file is created in its place");
        fs::rename(&elsewhere, &file).unwrap();
        until_readiness_is(&service, 200);
    });
}

#[test]
fn a_replaced_file_is_not_written() {
    let dir = TestDir::sqlite();
    let service = dir.serve(&["--pool-timeout-ms=300"]);
    assert_eq!(create(&service, "cus_1").status, 201);
    let file = dir.database_url.strip_prefix("sqlite://").unwrap();
    let backup = format!("{file}.backup");
    fs::copy(file, &backup).unwrap();
    fs::rename(&backup, file).unwrap();
    is_refused(&create(&service, "cus_1"), "unavailable");
    until_readiness_is(&service, 503);
    assert_eq!(service.get("/livez").0, 200);
    assert_eq!(list(&service, "cus_1").header("X-Total-Count"), "1");
}
