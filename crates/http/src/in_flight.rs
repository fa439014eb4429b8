use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::HttpRequest;

use crate::client::Client;
use crate::problem::Problem;
use crate::problem_kind::BUSY;

/// How many requests are being answered at the moment, how many wait for their bodies before
/// that, and how many were refused because of either. Clones count together, so that all threads
/// share one bound.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicUsize,
    refused: AtomicU64,
    waiting: Mutex<Waiting>,
    hasher: RandomState,
}

/// The bodies that are waited for.
#[derive(Debug, Default)]
struct Waiting {
    bodies: usize,
    /// Of each client that has any.
    by_client: HashMap<u64, usize>,
}

/// A request's place among those in flight, given back when this is dropped: when the answer is
/// there, or when nobody waits for it any more.
pub(crate) struct Place(Rc<InFlight>);

/// A request's turn to wait for its body, given back when this is dropped.
pub(crate) struct Turn {
    in_flight: Rc<InFlight>,
    client: u64,
}

/// Of the bodies that may be waited for, a client may have one in so many.
const CLIENT_SHARE: usize = 4;

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

    /// A turn to wait for the body of a request, unless `max` have one or the client has its share
    /// of those.
    pub(crate) fn wait(self: &Rc<Self>, request: &HttpRequest, max: usize) -> Option<Turn> {
        let client = Client::number(request, &self.0.hasher);
        let mut waiting = self.waiting();
        let Waiting { bodies, by_client } = &mut *waiting;
        let of_client = by_client.get(&client).copied().unwrap_or_default();
        if *bodies >= max || of_client >= max.div_ceil(CLIENT_SHARE) {
            return None;
        }
        *bodies += 1;
        by_client.insert(client, of_client + 1);
        let in_flight = Rc::clone(self);
        Some(Turn { in_flight, client })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // The counts are right even if a thread panicked meanwhile.
        let waiting = self.0.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a request for want of a place or a turn.
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
        self.waiting().bodies
    }

    /// How many requests were turned away.
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
        let mut waiting = self.in_flight.waiting();
        waiting.bodies -= 1;
        if let Entry::Occupied(mut of_client) = waiting.by_client.entry(self.client) {
            *of_client.get_mut() -= 1;
            if *of_client.get() == 0 {
                of_client.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn each_client_has_its_share_of_the_turns() {
        let from = |address: &str| {
            let peer = format!("{address}:1").parse().unwrap();
            TestRequest::default().peer_addr(peer).to_http_request()
        };
        let (greedy, other) = (from("192.0.2.1"), from("192.0.2.2"));
        let in_flight = Rc::new(InFlight::default());
        let first = in_flight.wait(&greedy, 8);
        let second = in_flight.wait(&greedy, 8);
        assert!(first.is_some() && second.is_some());
        assert!(in_flight.wait(&greedy, 8).is_none());
        let of_other = in_flight.wait(&other, 8);
        assert!(of_other.is_some());
        assert!(in_flight.wait(&other, 3).is_none());
        assert_eq!(in_flight.waiting_bodies(), 3);
        drop(first);
        assert!(in_flight.wait(&greedy, 8).is_some());
        drop((second, of_other));
        assert_eq!(in_flight.waiting_bodies(), 0);
        assert!(in_flight.waiting().by_client.is_empty());
    }

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
