//! The store is unavailable or slow: what the service responds meanwhile, and that its data is
//! correct afterwards.

mod load;
mod network;
mod postgres;
mod sqlite;

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Response, Service};

const ADDRESS: &str = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;

/// No response may take longer, whatever fails. Much longer than responses take, because machines
/// that run tests may be busy.
const LIMIT: Duration = Duration::from_secs(90);

fn book(customer_id: &str) -> String {
    format!("/v1/customers/{customer_id}/addresses")
}

/// Sends a request, and asserts that its response arrives within [`LIMIT`].
#[track_caller]
fn ask(service: &Service, method: &str, path: &str, key: &str, body: &str) -> Response {
    let started = Instant::now();
    let headers = [("Idempotency-Key", key)];
    let headers = if key.is_empty() { &[][..] } else { &headers };
    let response = service.send(method, path, headers, body);
    let taken = started.elapsed();
    assert!(taken < LIMIT, "{method} {path} took {taken:?}");
    response
}

#[track_caller]
fn create(service: &Service, customer_id: &str) -> Response {
    ask(service, "POST", &book(customer_id), "", ADDRESS)
}

#[track_caller]
fn erase(service: &Service, customer_id: &str) -> Response {
    ask(service, "DELETE", &book(customer_id), "", "")
}

#[track_caller]
fn list(service: &Service, customer_id: &str) -> Response {
    ask(service, "GET", &book(customer_id), "", "")
}

/// Asserts that a response is a 503 of this kind, with `Retry-After`.
#[track_caller]
fn is_refused(response: &Response, kind: &str) {
    assert_eq!(response.status, 503, "{}", response.body);
    assert_eq!(response.header("Retry-After"), "1");
    assert_eq!(response.header("Content-Type"), "application/problem+json");
    let uri = format!("urn:addressbook:problem:{kind}");
    assert_eq!(response.json()["type"], uri.as_str(), "{}", response.body);
}

/// Waits until `/readyz` returns this status. Meanwhile `/livez` succeeds.
#[track_caller]
fn until_readiness_is(service: &Service, status: u16) {
    let deadline = Instant::now() + 2 * LIMIT;
    while ask(service, "GET", "/readyz", "", "").status != status {
        assert!(
            Instant::now() < deadline,
            "/readyz does not return {status}"
        );
        assert_eq!(service.get("/livez").0, 200);
        sleep(Duration::from_millis(50));
    }
}
