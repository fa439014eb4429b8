use std::fs;
use std::path::PathBuf;

use super::load::under_load;
use super::{create, is_refused, list, until_readiness_is};
use crate::support::Place;

#[test]
fn a_file_that_is_taken_away_and_put_back() {
    let place = Place::sqlite();
    let service = place.serve(&["--pool-timeout-ms=300"]);
    let file = PathBuf::from(place.database_url.strip_prefix("sqlite://").unwrap());
    let elsewhere = place.folder.path().join("elsewhere.db");
    let refused = under_load(&service, || {
        fs::rename(&file, &elsewhere).unwrap();
        is_refused(&create(&service, "cus_9"), "unavailable");
        until_readiness_is(&service, 503);
        assert!(!file.exists(), "no other file is made in its place");
        fs::rename(&elsewhere, &file).unwrap();
        until_readiness_is(&service, 200);
    });
    assert!(refused > 0);
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
