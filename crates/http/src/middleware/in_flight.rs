use std::collections::hash_map::RandomState;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use actix_web::HttpRequest;

use crate::middleware::shares::Shares;
use crate::request::client::Client;
use crate::response::problem::Problem;
use crate::response::problem_kind::BUSY;

/// Counts the requests in flight, the request bodies that have not fully arrived, the bytes of
/// responses that clients have not read yet, and the requests rejected because of one of these
/// limits. Clones count together, so that all threads share the limits.
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

/// A request's place among those in flight. Released on drop: when the response is ready, or when
/// the client no longer waits for it.
pub(crate) struct Place(Rc<InFlight>);

/// A request's permission to wait for its body. Released on drop.
pub(crate) struct Turn {
    in_flight: Rc<InFlight>,
    client: u64,
}

/// The bytes of a response that its client has not read yet. Released on drop.
pub(crate) struct Unsent {
    in_flight: Rc<InFlight>,
    client: u64,
    bytes: usize,
}

impl InFlight {
    /// Takes a place, or returns `None` if `max` are taken.
    ///
    /// Each thread has its own `Rc`: also counting references on the `Arc` would double the traffic
    /// between the threads.
    pub(crate) fn enter(self: &Rc<Self>, max: usize) -> Option<Place> {
        let one_more = |taken| (taken < max).then_some(taken + 1);
        let entered = self
            .0
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.ok().map(|_| Place(Rc::clone(self)))
    }

    /// Permits a request to wait for its body. Returns `None` if `max` requests wait already, or if
    /// the client has used its share of them.
    pub(crate) fn wait(self: &Rc<Self>, request: &HttpRequest, max: usize) -> Option<Turn> {
        let client = Client::number(request, &self.0.hasher);
        let taken = self.0.waiting_bodies.take(client, 1, max);
        let in_flight = Rc::clone(self);
        taken.then(|| Turn { in_flight, client })
    }

    /// Counts bytes of the response to a request. Returns `None` if there would be more than `max`,
    /// or if the client has used its share of them.
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

    /// Counts a request as rejected because of one of these limits, and returns its problem.
    pub(crate) fn refuse(&self) -> Problem {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        Problem::of(BUSY)
    }

    /// The number of requests in flight.
    pub(crate) fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// The number of request bodies that have not fully arrived.
    pub fn waiting_bodies(&self) -> usize {
        self.0.waiting_bodies.total()
    }

    /// The number of bytes of long responses that clients have not read yet.
    pub fn unsent_bytes(&self) -> usize {
        self.0.unsent_bytes.total()
    }

    /// The number of rejected requests.
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
    fn no_more_requests_than_the_maximum_are_in_flight() {
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
