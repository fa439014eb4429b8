use std::fs;
use std::path::PathBuf;

use super::load::under_load;
use super::{create, is_refused, list, until_readiness_is};
use crate::support::{Place, Service};

#[cfg(target_os = "linux")]
#[test]
fn a_small_file_system_that_fills_up() {
    let place = Place::sqlite();
    let confined = place.program_on_a_disk_of("4m", &["serve", "--listen", "127.0.0.1:0"]);
    let service = Service::start(confined);
    // The same file system, as the service's process sees it.
    let data = place.folder.path().join("data");
    let ballast = format!(
        "/proc/{}/root{}/ballast",
        service.child.id(),
        data.display()
    );
    under_load(&service, |load| {
        // Fails when there is no more room.
        fs::write(&ballast, vec![0; 8 << 20]).unwrap_err();
        while create(&service, "cus_9").status == 201 {}
        is_refused(&create(&service, "cus_9"), "unavailable");
        assert_eq!(list(&service, "cus_9").status, 200, "reads go on");
        assert_eq!(service.get("/readyz").0, 200);
        load.until_refused();
        fs::remove_file(&ballast).unwrap();
    });
    assert_eq!(create(&service, "cus_9").status, 201);
}

#[test]
fn a_file_that_is_taken_away_and_put_back() {
    let place = Place::sqlite();
    let service = place.serve(&["--pool-timeout-ms=300"]);
    let file = PathBuf::from(place.database_url.strip_prefix("sqlite://").unwrap());
    let elsewhere = place.folder.path().join("elsewhere.db");
    under_load(&service, |load| {
        fs::rename(&file, &elsewhere).unwrap();
        is_refused(&create(&service, "cus_9"), "unavailable");
        until_readiness_is(&service, 503);
        load.until_refused();
        assert!(!file.exists(), "no other file is made in its place");
        fs::rename(&elsewhere, &file).unwrap();
        until_readiness_is(&service, 200);
    });
}

#[test]
fn a_file_that_is_replaced_is_not_written_to() {
    let place = Place::sqlite();
    let service = place.serve(&["--pool-timeout-ms=300"]);
    assert_eq!(create(&service, "cus_1").status, 201);
    let file = place.database_url.strip_prefix("sqlite://").unwrap();
    let backup = format!("{file}.backup");
    fs::copy(file, &backup).unwrap();
    fs::rename(&backup, file).unwrap();
    is_refused(&create(&service, "cus_1"), "unavailable");
    until_readiness_is(&service, 503);
    assert_eq!(service.get("/livez").0, 200);
    assert_eq!(list(&service, "cus_1").header("X-Total-Count"), "1");
}
