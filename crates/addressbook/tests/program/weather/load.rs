//! Clients who go on whatever the weather is, as the guide on retries tells them to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::{ADDRESS, LIMIT, ask, book, list};
use crate::support::{Answer, Service};

const WRITERS: usize = 4;
const READERS: usize = 2;
const PAUSE: Duration = Duration::from_millis(20);

/// The clients, as the weather sees them.
#[derive(Default)]
pub(super) struct Load {
    over: AtomicBool,
    refused: AtomicUsize,
}

impl Load {
    /// Waits until the clients have met the weather, too: until another request was refused.
    #[track_caller]
    pub(super) fn until_refused(&self) {
        let (before, deadline) = (self.refused(), Instant::now() + 2 * LIMIT);
        while self.refused() == before {
            assert!(Instant::now() < deadline, "no client is refused");
            sleep(PAUSE);
        }
    }

    fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Expects an answer to be a refusal, and counts it.
    #[track_caller]
    fn note_refusal(&self, answer: &Answer) {
        super::is_refused(answer, kind(&answer.body));
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Has clients read and write, lets something happen meanwhile, and afterwards holds what is
/// there against what they were told.
#[track_caller]
pub(super) fn under_load(service: &Service, weather: impl FnOnce(&Load)) {
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
        // Also when the weather fails the test, which would else wait for them for ever.
        let end = EndOfLoad(&load);
        for customer in &customers {
            while list(service, customer).header("X-Total-Count") == "0" {
                sleep(PAUSE);
            }
        }
        weather(&load);
        drop(end);
        writers.into_iter().map(|w| w.join().unwrap()).collect()
    });
    for (customer, ids) in customers.iter().zip(created) {
        assert!(!ids.is_empty());
        let kept = list(service, customer);
        assert_eq!(kept.header("X-Total-Count"), ids.len().to_string());
        for id in ids {
            let path = format!("{}/{id}", book(customer));
            assert_eq!(service.get(&path).0, 200, "{path} was acknowledged");
        }
    }
}

struct EndOfLoad<'a>(&'a Load);

impl Drop for EndOfLoad<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// Creates addresses, each under a key of its own, and repeats each until it is created. Gives
/// their ids.
fn create_many(service: &Service, customer: &str, load: &Load) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let key = format!("{customer}-{}", ids.len());
        let started = Instant::now();
        let id = loop {
            assert!(started.elapsed() < 2 * LIMIT, "it does not get through");
            let answer = ask(service, "POST", &book(customer), &key, ADDRESS);
            if answer.status == 201 {
                break answer.json()["id"].as_str().unwrap().to_owned();
            }
            load.note_refusal(&answer);
            sleep(PAUSE);
        };
        ids.push(id);
        if load.is_over() {
            return ids;
        }
        sleep(PAUSE);
    }
}

/// Reads until it is over.
fn read_many(service: &Service, customer: &str, load: &Load) {
    while !load.is_over() {
        let answer = list(service, customer);
        if answer.status != 200 {
            load.note_refusal(&answer);
        }
        sleep(PAUSE);
    }
}

/// Either is right as long as the weather is bad.
fn kind(body: &str) -> &'static str {
    if body.contains(":busy") {
        "busy"
    } else {
        "unavailable"
    }
}
