//! Clients that continue whatever fails, as the guide on retries recommends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::{ADDRESS, LIMIT, ask, book, list};
use crate::support::{Response, Service};

const WRITERS: usize = 4;
const READERS: usize = 2;
const PAUSE: Duration = Duration::from_millis(20);

/// State that the clients share with the test that causes the failure.
#[derive(Default)]
pub(super) struct Load {
    over: AtomicBool,
    refused: AtomicUsize,
}

impl Load {
    /// Waits until the clients notice the failure, too: until another request is refused.
    #[track_caller]
    pub(super) fn until_refused(&self) {
        let (before, deadline) = (self.refused(), Instant::now() + 2 * LIMIT);
        while self.refused() == before {
            assert!(Instant::now() < deadline, "no request is refused");
            sleep(PAUSE);
        }
    }

    fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Asserts that a response is a refusal, and counts it.
    #[track_caller]
    fn note_refusal(&self, response: &Response) {
        super::is_refused(response, kind(&response.body));
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs `cause_failures` while clients read and write. Then asserts that the acknowledged addresses
/// are stored, and no others.
#[track_caller]
pub(super) fn under_load(service: &Service, cause_failures: impl FnOnce(&Load)) {
    let load = Load::default();
    let customers: Vec<_> = (0..WRITERS).map(|n| format!("cus_{n}")).collect();
    let created: Vec<_> = thread::scope(|scope| {
        let writers: Vec<_> = customers
            .iter()
            .map(|customer| scope.spawn(|| create_many(service, customer, &load)))
            .collect();
        for customer in customers.iter().take(READERS) {
            scope.spawn(|| read_many(service, customer, &load));
        }
        // Ends the load even if `cause_failures` panics. Otherwise the test would wait for ever.
        let end = EndOfLoad(&load);
        for customer in &customers {
            while list(service, customer).header("X-Total-Count") == "0" {
                sleep(PAUSE);
            }
        }
        cause_failures(&load);
        drop(end);
        writers.into_iter().map(|w| w.join().unwrap()).collect()
    });
    for (customer, ids) in customers.iter().zip(created) {
        assert!(!ids.is_empty());
        let stored = list(service, customer);
        assert_eq!(stored.header("X-Total-Count"), ids.len().to_string());
        for id in ids {
            let path = format!("{}/{id}", book(customer));
            assert_eq!(
                service.get(&path).0,
                200,
                "{path} was acknowledged but is not stored"
            );
        }
    }
}

struct EndOfLoad<'a>(&'a Load);

impl Drop for EndOfLoad<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// Creates addresses, each with its own idempotency key, and retries each until it is created.
/// Returns their ids.
fn create_many(service: &Service, customer: &str, load: &Load) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let key = format!("{customer}-{}", ids.len());
        let started = Instant::now();
        let id = loop {
            assert!(started.elapsed() < 2 * LIMIT, "the address is not created");
            let response = ask(service, "POST", &book(customer), &key, ADDRESS);
            if response.status == 201 {
                break response.json()["id"].as_str().unwrap().to_owned();
            }
            load.note_refusal(&response);
            sleep(PAUSE);
        };
        ids.push(id);
        if load.is_over() {
            return ids;
        }
        sleep(PAUSE);
    }
}

/// Reads until the load ends.
fn read_many(service: &Service, customer: &str, load: &Load) {
    while !load.is_over() {
        let response = list(service, customer);
        if response.status != 200 {
            load.note_refusal(&response);
        }
        sleep(PAUSE);
    }
}

/// The kind of a refusal. During a failure, both are correct.
fn kind(body: &str) -> &'static str {
    if body.contains(":busy") {
        "busy"
    } else {
        "unavailable"
    }
}
