//! Clients who go on whatever the weather is, as the guide on retries tells them to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::{ADDRESS, LIMIT, ask, book, list};
use crate::support::Service;

const WRITERS: usize = 4;
const READERS: usize = 2;
const PAUSE: Duration = Duration::from_millis(20);

/// Has clients read and write, lets something happen meanwhile, and afterwards holds what is there against
/// what they were told. Gives how many requests were refused.
#[track_caller]
pub(super) fn under_load(service: &Service, weather: impl FnOnce()) -> usize {
    let over = AtomicBool::new(false);
    let customers: Vec<_> = (0..WRITERS).map(|n| format!("cus_{n}")).collect();
    let (created, refused) = thread::scope(|scope| {
        let writers: Vec<_> = customers
            .iter()
            .map(|customer| scope.spawn(|| create_many(service, customer, &over)))
            .collect();
        let readers: Vec<_> = (customers.iter().take(READERS))
            .map(|customer| scope.spawn(|| read_many(service, customer, &over)))
            .collect();
        // Also when the weather fails the test, which would else wait for them for ever.
        let end = EndOfLoad(&over);
        for customer in &customers {
            while list(service, customer).header("X-Total-Count") == "0" {
                sleep(PAUSE);
            }
        }
        weather();
        drop(end);
        let written: Vec<_> = writers.into_iter().map(|w| w.join().unwrap()).collect();
        let read = readers.into_iter().map(|r| r.join().unwrap());
        let refused = read.sum::<usize>() + written.iter().map(|(_, n)| n).sum::<usize>();
        let created: Vec<_> = written.into_iter().map(|(ids, _)| ids).collect();
        (created, refused)
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
    refused
}

struct EndOfLoad<'a>(&'a AtomicBool);

impl Drop for EndOfLoad<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Creates addresses, each under a key of its own, and repeats each until it is created. Gives
/// their ids, and how often a request was refused.
fn create_many(service: &Service, customer: &str, over: &AtomicBool) -> (Vec<String>, usize) {
    let (mut ids, mut refused) = (Vec::new(), 0);
    loop {
        let key = format!("{customer}-{}", ids.len());
        let started = Instant::now();
        let id = loop {
            assert!(started.elapsed() < 2 * LIMIT, "it does not get through");
            let answer = ask(service, "POST", &book(customer), &key, ADDRESS);
            if answer.status == 201 {
                break answer.json()["id"].as_str().unwrap().to_owned();
            }
            super::is_refused(&answer, kind(&answer.body));
            refused += 1;
            sleep(PAUSE);
        };
        ids.push(id);
        if over.load(Ordering::Relaxed) {
            return (ids, refused);
        }
        sleep(PAUSE);
    }
}

/// Reads until it is over. Gives how often that was refused.
fn read_many(service: &Service, customer: &str, over: &AtomicBool) -> usize {
    let mut refused = 0;
    while !over.load(Ordering::Relaxed) {
        let answer = list(service, customer);
        if answer.status != 200 {
            super::is_refused(&answer, kind(&answer.body));
            refused += 1;
        }
        sleep(PAUSE);
    }
    refused
}

/// Either is right as long as the weather is bad.
fn kind(body: &str) -> &'static str {
    if body.contains(":busy") {
        "busy"
    } else {
        "unavailable"
    }
}
