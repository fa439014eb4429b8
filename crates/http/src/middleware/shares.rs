use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Something of which there is so much for all clients together, and a part of that for each.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    /// By each client that has any.
    by_client: HashMap<u64, usize>,
}

/// Of what there is, a client may have one part in so many.
const CLIENT_PARTS: usize = 4;

impl Shares {
    /// Takes so much for a client, unless there is not so much left of `max`, or of the client's
    /// part of it.
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

    /// Gives back what a client took.
    pub(crate) fn give_back(&self, client: u64, amount: usize) {
        let mut taken = self.taken();
        taken.total -= amount;
        if let Entry::Occupied(mut of_client) = taken.by_client.entry(client) {
            *of_client.get_mut() -= amount;
            if *of_client.get() == 0 {
                of_client.remove();
            }
        }
    }

    /// How much is taken by all clients.
    pub(crate) fn total(&self) -> usize {
        self.taken().total
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // The amounts are right even if a thread panicked meanwhile.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_part() {
        let shares = Shares::default();
        let (greedy, other) = (1, 2);
        assert!(shares.take(greedy, 1, 8) && shares.take(greedy, 1, 8));
        assert!(!shares.take(greedy, 1, 8));
        assert!(shares.take(other, 2, 8));
        assert!(!shares.take(other, 1, 8));
        assert!(!shares.take(3, 1, 4));
        assert_eq!(shares.total(), 4);
        shares.give_back(greedy, 1);
        assert!(shares.take(greedy, 1, 8));
        shares.give_back(greedy, 2);
        shares.give_back(other, 2);
        assert_eq!(shares.total(), 0);
        assert!(shares.taken().by_client.is_empty());
    }
}
