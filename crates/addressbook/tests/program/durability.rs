//! Acknowledged writes survive a full disk. `killed.rs` tests crashes.

use crate::support::{Response, Service, TestDir};

/// Creates addresses with custom data of this size, until a request does not return 201. Returns
/// the paths of the created addresses, and the last response if there was one.
fn create_until_it_fails(
    service: &Service,
    customer_id: &str,
    landmark_bytes: usize,
) -> (Vec<String>, Option<Response>) {
    let book = format!("/v1/customers/{customer_id}/addresses");
    let landmark = "x".repeat(landmark_bytes);
    let body = format!(
        r#"{{"region":"Kigali","city":"Kigali","country":"RW","custom_data":{{"landmark":"{landmark}"}}}}"#
    );
    let mut created = Vec::new();
    loop {
        match service.try_send("POST", &book, &[], &body) {
            Ok(response) if response.status == 201 => {
                let id = response.json()["id"].as_str().unwrap().to_owned();
                created.push(format!("{book}/{id}"));
            }
            other => return (created, other.ok()),
        }
    }
}

#[track_caller]
fn assert_all_there(service: &Service, paths: &[String]) {
    for path in paths {
        assert_eq!(service.get(path).0, 200, "{path}");
    }
}

/// A limit on the size of files simulates a full disk: it also fails in the middle of a write.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_returns_503_until_there_is_space() {
    use std::process::Command;

    let dir = TestDir::sqlite();
    dir.run(&["migrate"]).succeeds();
    let limits = "trap '' XFSZ; ulimit -S -f 8192";
    let program = dir.program_under(limits, &["serve", "--listen", "127.0.0.1:0"]);
    let service = Service::start(program);
    let (created, refused) = create_until_it_fails(&service, "cus_1", 16_000);
    let refused = refused.unwrap();
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.body.contains("unavailable"), "{}", refused.body);
    assert!(!created.is_empty());
    assert_all_there(&service, &created);

    let pid = service.child.id().to_string();
    let mut make_room = Command::new("prlimit");
    make_room.args(["--pid", &pid, "--fsize=unlimited"]);
    assert!(make_room.status().unwrap().success());
    let again = service.send(
        "POST",
        "/v1/customers/cus_1/addresses",
        &[],
        r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#,
    );
    assert_eq!(again.status, 201, "{}", again.body);
    assert_all_there(&service, &created);
}
