//! Logging of panics. Runs in a separate process, because the panic hook is global.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
)]

mod support;

use std::io;
use std::sync::{Arc, Mutex};
use std::{panic, thread};

use actix_web::web;
use addressbook_domain::{MockAddressRepository, RepositoryError};
use addressbook_http::{AppParts, ServerOptions, log_panics};
use addressbook_testkit::{SequenceIds, service};
use serde_json::Value;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    /// The lines of panics since the last call.
    fn panics(&self) -> Vec<Value> {
        let text = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(text).unwrap();
        let lines = text
            .lines()
            .filter(|line| line.contains("panicked") || line.contains("canary"));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn status(url: &str) -> u16 {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.proxy(None).build().into();
    agent.get(url).call().unwrap().status().as_u16()
}

#[actix_web::test]
async fn each_panic_is_logged_once_without_its_message_and_the_service_continues() {
    let log = Log::start();
    log_panics();

    let mut repository = MockAddressRepository::new();
    let check = || -> Result<(), RepositoryError> { panic!("a canary of a customer") };
    repository.expect_ready().returning(check);
    let parts = AppParts::new(
        service(Arc::new(repository)),
        Arc::new(SequenceIds::default()),
    );
    let options = ServerOptions {
        workers: 1,
        ..ServerOptions::default()
    };
    let address = support::serve(parts, options);
    let url = |path| format!("http://{address}{path}");

    // On a thread that handles requests, on one that may block, and on any other.
    let ready = url("/readyz");
    let answered = web::block(move || [status(&ready), status(&ready)]).await;
    let of_requests = log.panics();
    let waited = web::block(|| panic!("a canary of a customer")).await;
    let other = thread::Builder::new().name("other".into());
    let other = other.spawn(|| panic!("a canary of a customer")).unwrap();
    let other = other.join();
    let of_others = log.panics();
    // From here on, failures of this test are printed.
    drop(panic::take_hook());

    let all = format!("{of_requests:?} {of_others:?}");
    assert!(!all.contains("canary"), "{all}");
    assert_eq!(answered.unwrap(), [500, 500]);
    assert!(waited.is_err() && other.is_err());
    assert_eq!(of_requests.len(), 2, "{of_requests:?}");
    for line in &of_requests {
        assert_eq!(line["message"], "request failed");
        assert!(line["request_id"].is_string());
        let cause = line["cause"].as_str().unwrap();
        assert!(
            cause.starts_with("panicked at ") && cause.contains(".rs:"),
            "{cause}"
        );
    }
    assert_eq!(of_others.len(), 2, "{of_others:?}");
    for line in &of_others {
        assert_eq!(
            (&line["level"], &line["message"]),
            (&"ERROR".into(), &"panicked".into())
        );
        assert!(
            line["place"].as_str().unwrap().contains("panics.rs:"),
            "{line}"
        );
    }
    assert_eq!(of_others[1]["thread"], "other");
    let alive = url("/livez");
    assert_eq!(web::block(move || status(&alive)).await.unwrap(), 200);
}
