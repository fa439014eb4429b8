use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A resource that is limited for all clients together, and to a share of that for each client.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    /// For each client that uses any.
    by_client: HashMap<u64, usize>,
}

/// A client's share is the maximum divided by this.
const CLIENT_PARTS: usize = 4;

impl Shares {
    /// Takes an amount for a client. Returns `false`, and takes nothing, if that would exceed `max`
    /// or the client's share of it.
    #[must_use]
    pub(crate) fn take(&self, client: u64, amount: usize, max: usize) -> bool {
        let mut taken = self.taken();
        let Taken { total, by_client } = &mut *taken;
        let of_client = by_client.get(&client).copied().unwrap_or_default();
        let fits = *total + amount <= max && of_client + amount <= max.div_ceil(CLIENT_PARTS);
        if fits {
            *total += amount;
            by_client.insert(client, of_client + amount);
        }
        fits
    }

    /// Releases an amount that a client took.
    pub(crate) fn release(&self, client: u64, amount: usize) {
        let mut taken = self.taken();
        taken.total -= amount;
        if let Entry::Occupied(mut of_client) = taken.by_client.entry(client) {
            *of_client.get_mut() -= amount;
            if *of_client.get() == 0 {
                of_client.remove();
            }
        }
    }

    /// The amount taken by all clients.
    pub(crate) fn total(&self) -> usize {
        self.taken().total
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // The amounts stay correct even if a thread panicked while holding the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_limited_to_its_share() {
        let shares = Shares::default();
        let (greedy, other) = (1, 2);
        assert!(shares.take(greedy, 1, 8) && shares.take(greedy, 1, 8));
        assert!(!shares.take(greedy, 1, 8));
        assert!(shares.take(other, 2, 8));
        assert!(!shares.take(other, 1, 8));
        assert!(!shares.take(3, 1, 4));
        assert_eq!(shares.total(), 4);
        shares.release(greedy, 1);
        assert!(shares.take(greedy, 1, 8));
        shares.release(greedy, 2);
        shares.release(other, 2);
        assert_eq!(shares.total(), 0);
        assert!(shares.taken().by_client.is_empty());
    }
}
