use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many requests are being answered at the moment, and how many were not because of that.
/// Clones count together, so that all threads share one bound.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicUsize,
    refused: AtomicU64,
}

/// A request's place among those in flight, given back when this is dropped: when the answer is
/// there, or when nobody waits for it any more.
pub(crate) struct Place(Rc<InFlight>);

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

    /// A request was turned away for want of a place.
    pub(crate) fn refuse(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
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
