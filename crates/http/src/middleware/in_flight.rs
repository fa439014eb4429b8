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
    requests: AtomicUsize,
    rejected: AtomicU64,
    waiting_bodies: Shares,
    unsent_bytes: Shares,
    hasher: RandomState,
}

/// Counts a request as in flight. Released on drop: when the response is ready, or when the client
/// no longer waits for it.
pub(crate) struct InFlightGuard(Rc<InFlight>);

/// A request's permission to wait for its body. Released on drop.
pub(crate) struct BodyGuard {
    in_flight: Rc<InFlight>,
    client: u64,
}

/// The bytes of a response that its client has not read yet. Released on drop.
pub(crate) struct UnsentGuard {
    in_flight: Rc<InFlight>,
    client: u64,
    bytes: usize,
}

impl InFlight {
    /// Counts a request as in flight. Returns `None` if `max` already are.
    ///
    /// Each thread has its own `Rc`: also counting references on the `Arc` would double the traffic
    /// between the threads.
    pub(crate) fn try_enter(self: &Rc<Self>, max: usize) -> Option<InFlightGuard> {
        let one_more = |requests| (requests < max).then_some(requests + 1);
        let entered = self
            .0
            .requests
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.ok().map(|_| InFlightGuard(Rc::clone(self)))
    }

    /// Permits a request to wait for its body. Returns `None` if `max` requests wait already, or if
    /// the client has used its share of them.
    pub(crate) fn try_receive(
        self: &Rc<Self>,
        request: &HttpRequest,
        max: usize,
    ) -> Option<BodyGuard> {
        let client = Client::number(request, &self.0.hasher);
        let taken = self.0.waiting_bodies.take(client, 1, max);
        let in_flight = Rc::clone(self);
        taken.then(|| BodyGuard { in_flight, client })
    }

    /// Counts bytes of the response to a request. Returns `None` if there would be more than `max`,
    /// or if the client has used its share of them.
    pub(crate) fn try_send(
        self: &Rc<Self>,
        request: &HttpRequest,
        bytes: usize,
        max: usize,
    ) -> Option<UnsentGuard> {
        let client = Client::number(request, &self.0.hasher);
        let taken = self.0.unsent_bytes.take(client, bytes, max);
        let in_flight = Rc::clone(self);
        taken.then(|| UnsentGuard {
            in_flight,
            client,
            bytes,
        })
    }

    /// Counts a request as rejected because of one of these limits, and returns its problem.
    pub(crate) fn reject(&self) -> Problem {
        self.0.rejected.fetch_add(1, Ordering::Relaxed);
        Problem::of(BUSY)
    }

    /// The number of requests in flight.
    pub(crate) fn requests(&self) -> usize {
        self.0.requests.load(Ordering::Relaxed)
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
    pub(crate) fn rejected(&self) -> u64 {
        self.0.rejected.load(Ordering::Relaxed)
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for BodyGuard {
    fn drop(&mut self) {
        self.in_flight.0.waiting_bodies.release(self.client, 1);
    }
}

impl Drop for UnsentGuard {
    fn drop(&mut self) {
        let unsent_bytes = &self.in_flight.0.unsent_bytes;
        unsent_bytes.release(self.client, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_requests_than_the_maximum_are_in_flight() {
        let in_flight = Rc::new(InFlight::default());
        let of_another_thread = Rc::new(InFlight::clone(&in_flight));
        let first = in_flight.try_enter(2);
        let second = of_another_thread.try_enter(2);
        assert!(first.is_some() && second.is_some());
        assert!(in_flight.try_enter(2).is_none());
        assert_eq!(of_another_thread.requests(), 2);
        drop(first);
        let third = of_another_thread.try_enter(2);
        assert!(third.is_some() && in_flight.try_enter(2).is_none());
    }
}
