//! The metrics for Prometheus.

use rstest::rstest;

use crate::support::{TestDir, get};

const BOOK: &str = "/v1/customers/cus_canary/addresses";
const ADDRESS: &str = r#"{"region":"canary","city":"canary","country":"RW"}"#;

/// The names and types of all metrics.
fn names(text: &str) -> Vec<&str> {
    let mut names: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    names.sort_unstable();
    names
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn metrics_are_served_on_a_separate_address(#[case] dir: TestDir) {
    let service = dir.serve(&["--metrics-listen", "127.0.0.1:0"]);
    let key = [("Idempotency-Key", "canary")];
    for status in [201, 201] {
        assert_eq!(service.send("POST", BOOK, &key, ADDRESS).status, status);
    }
    assert_eq!(service.send("DELETE", BOOK, &[], "").status, 200);
    let bad = format!("{BOOK}/canary?canary=canary");
    assert_eq!(service.send("GET", &bad, &[], "").status, 400);
    assert_eq!(service.get("/metrics").0, 404);

    let url = service.metrics_url();
    let (status, text) = get(&url);
    assert_eq!(status, 200);
    assert_eq!(get(&url.replace("/metrics", BOOK)).0, 404);
    assert!(!text.contains("canary"), "{text}");
    for line in [
        "addressbook_store_writes_total{operation=\"create\"} 1",
        "addressbook_store_writes_total{operation=\"erase\"} 1",
        "addressbook_idempotent_replays_total 1",
        "addressbook_http_requests_total{route=\"unknown\",method=\"GET\",status=\"404\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let mut expected = vec![
        "addressbook_build_info gauge",
        "addressbook_http_problems_total counter",
        "addressbook_http_request_duration_seconds histogram",
        "addressbook_http_requests_in_flight gauge",
        "addressbook_http_requests_shed_total counter",
        "addressbook_http_requests_total counter",
        "addressbook_http_unsent_bytes gauge",
        "addressbook_http_waiting_bodies gauge",
        "addressbook_idempotent_replays_total counter",
        "addressbook_store_errors_total counter",
        "addressbook_store_operation_duration_seconds histogram",
        "addressbook_store_pool_checkouts_total counter",
        "addressbook_store_pool_connections gauge",
        "addressbook_store_pool_connections_in_use gauge",
        "addressbook_store_pool_max_connections gauge",
        "addressbook_store_pool_timeouts_total counter",
        "addressbook_store_pool_wait_seconds_total counter",
        "addressbook_store_writes_total counter",
    ];
    if cfg!(target_os = "linux") {
        expected.extend([
            "process_cpu_seconds_total counter",
            "process_max_fds gauge",
            "process_open_fds gauge",
            "process_resident_memory_bytes gauge",
            "process_start_time_seconds gauge",
            "process_threads gauge",
            "process_virtual_memory_bytes gauge",
        ]);
    }
    assert_eq!(names(&text), expected);
}

#[test]
fn without_the_setting_there_are_no_metrics() {
    let dir = TestDir::sqlite();
    let service = dir.serve(&[]);
    assert!(!service.banner.contains("metrics"));
    assert_eq!(service.get("/metrics").0, 404);
}

#[test]
fn an_address_in_use_is_reported_with_its_setting() {
    let dir = TestDir::sqlite();
    let service = dir.serve(&[]);
    dir.run(&[
        "serve",
        "--listen=127.0.0.1:0",
        "--metrics-listen",
        &service.address,
    ])
    .fails_with(&[
        &service.address,
        "--metrics-listen",
        "Address already in use",
    ]);
}

#[test]
fn queries_for_keys_are_counted() {
    let dir = TestDir::sqlite();
    let key = dir.run(&[
        "keys",
        "create",
        "--name=checkout",
        "--scope=addresses:read",
        "--create-database",
    ]);
    let authorization = format!("Bearer {}", key.succeeds().stdout.trim());
    let service = dir.serve(&["--metrics-listen", "127.0.0.1:0"]);
    let headers = [("Authorization", &*authorization)];
    assert_eq!(service.send("GET", BOOK, &headers, "").status, 200);
    let (_, text) = get(&service.metrics_url());
    let expected = "addressbook_store_operation_duration_seconds_count{operation=\"find_key\"} 1\n";
    assert!(text.contains(expected), "{text}");
}
