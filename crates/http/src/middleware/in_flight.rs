use std::collections::hash_map::RandomState;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use actix_web::HttpRequest;

use crate::middleware::shares::Shares;
use crate::request::client::Client;
use crate::response::problem::Problem;
use crate::response::problem_kind::BUSY;

/// How many requests are being answered at the moment, how many wait for their bodies before
/// that, how many bytes of answers wait for their clients after it, and how many requests were
/// refused because of one of these. Clones count together, so that all threads share one bound.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicUsize,
    refused: AtomicU64,
    waiting_bodies: Shares,
    unsent_bytes: Shares,
    hasher: RandomState,
}

/// A request's place among those in flight, given back when this is dropped: when the answer is
/// there, or when nobody waits for it any more.
pub(crate) struct Place(Rc<InFlight>);

/// A request's turn to wait for its body, given back when this is dropped.
pub(crate) struct Turn {
    in_flight: Rc<InFlight>,
    client: u64,
}

/// The bytes of an answer that wait for its client, until this is dropped.
pub(crate) struct Unsent {
    in_flight: Rc<InFlight>,
    client: u64,
    bytes: usize,
}

impl InFlight {
    /// A place, unless `max` are taken.
    ///
    /// Each thread has its own `Rc`: to count on the `Arc` as well would double the traffic
    /// between the threads.
    pub(crate) fn enter(self: &Rc<Self>, max: usize) -> Option<Place> {
        let one_more = |taken| (taken < max).then_some(taken + 1);
        let entered = self
            .0
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.ok().map(|_| Place(Rc::clone(self)))
    }

    /// A turn to wait for the body of a request, unless `max` have one or the client has its part
    /// of those.
    pub(crate) fn wait(self: &Rc<Self>, request: &HttpRequest, max: usize) -> Option<Turn> {
        let client = Client::number(request, &self.0.hasher);
        let taken = self.0.waiting_bodies.take(client, 1, max);
        let in_flight = Rc::clone(self);
        taken.then(|| Turn { in_flight, client })
    }

    /// Holds bytes of the answer to a request, unless there would be more than `max`, or the client
    /// has its part of those.
    pub(crate) fn hold(
        self: &Rc<Self>,
        request: &HttpRequest,
        bytes: usize,
        max: usize,
    ) -> Option<Unsent> {
        let client = Client::number(request, &self.0.hasher);
        let taken = self.0.unsent_bytes.take(client, bytes, max);
        let in_flight = Rc::clone(self);
        taken.then(|| Unsent {
            in_flight,
            client,
            bytes,
        })
    }

    /// Refuses a request for want of one of these.
    pub(crate) fn refuse(&self) -> Problem {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        Problem::of(BUSY)
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// How many bodies are waited for.
    pub fn waiting_bodies(&self) -> usize {
        self.0.waiting_bodies.total()
    }

    /// How many bytes of long answers wait for their clients.
    pub fn unsent_bytes(&self) -> usize {
        self.0.unsent_bytes.total()
    }

    /// How many requests were rejected.
    pub(crate) fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.in_flight.0.waiting_bodies.give_back(self.client, 1);
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        let unsent_bytes = &self.in_flight.0.unsent_bytes;
        unsent_bytes.give_back(self.client, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places_and_no_more() {
        let in_flight = Rc::new(InFlight::default());
        let of_another_thread = Rc::new(InFlight::clone(&in_flight));
        let first = in_flight.enter(2);
        let second = of_another_thread.enter(2);
        assert!(first.is_some() && second.is_some());
        assert!(in_flight.enter(2).is_none());
        assert_eq!(of_another_thread.taken(), 2);
        drop(first);
        let third = of_another_thread.enter(2);
        assert!(third.is_some() && in_flight.enter(2).is_none());
    }
}
