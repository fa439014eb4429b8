use std::collections::BTreeMap;

use crate::address::{Address, Revision};
use crate::customer_id::CustomerId;
use crate::default_addresses::DefaultAddressChange;
use crate::idempotency::IdempotencyRecord;
use crate::idempotency::IdempotentRequest;
use crate::timestamp::Timestamp;

/// Changes that [`AddressRepository::commit`](crate::repository::AddressRepository::commit) makes together.
///
/// A commit has up to [`MAX_CHANGES`](Self::MAX_CHANGES) changes, of one or several customers: an
/// import commits a batch of lines at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// When the changes were decided.
    pub at: Timestamp,
    /// The changes, in the order in which to make them.
    pub changes: Vec<Change>,
    /// The maximum number of addresses in a book. Limits creations.
    pub max_addresses: u32,
    /// The maximum number of past revisions in a book: all revisions that are not the current state
    /// of an address. Limits creations and replacements, but not removals.
    pub max_past_revisions: u32,
    /// Default addresses to set or clear after the changes, in their order. Each is of a customer
    /// whose book has addresses before or after the changes.
    pub default_addresses: Vec<DefaultAddressChange>,
    /// Book revisions that the decision was based on, for books that the commit changes; 0 for a
    /// book that did not exist. Needed only if the decision depends on more than the changed
    /// addresses, such as that no other address is the same.
    pub expected_revisions: BTreeMap<CustomerId, u64>,
    /// The idempotency key to store, if the request had one.
    pub idempotency: Option<NewIdempotencyKey>,
}

/// The revisions that a commit gave to the books of its customers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The revision of each book that the commit changed, by customer.
    pub book_revisions: BTreeMap<CustomerId, u64>,
}

impl Committed {
    /// The revision that the commit gave to a book; 0 if it did not change the book.
    pub(crate) fn revision_of(&self, customer_id: &CustomerId) -> u64 {
        self.book_revisions
            .get(customer_id)
            .copied()
            .unwrap_or_default()
    }
}

/// An idempotency key to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIdempotencyKey {
    /// The request that the client may repeat.
    pub request: IdempotentRequest,
    /// An existing record of the same key has expired if it was created before this time.
    pub expired_before: Timestamp,
}

/// A change of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Creates the address.
    Create(Address),
    /// Replaces the current state of the address.
    Replace {
        /// The new state.
        address: Address,
        /// The revision that the decision was based on.
        expected: Revision,
    },
    /// Removes the address from the book. The removal is a revision, too.
    Remove {
        /// The state in which it is removed.
        address: Address,
        /// The revision that the decision was based on.
        expected: Revision,
    },
}

impl Commit {
    /// The maximum number of changes that the service puts into one commit: the upper limit of
    /// `--import-batch-lines`.
    pub const MAX_CHANGES: u32 = 100_000;

    /// Returns the idempotency record to store with the changes, and the time before which an
    /// earlier record of the same key has expired. `None` without a key or without changes.
    ///
    /// The record refers to the address of the first change, so its customer is always one whose
    /// book the commit changes.
    pub fn record(&self) -> Option<(IdempotencyRecord, Timestamp)> {
        let new_key = self.idempotency.as_ref()?;
        let address = self.changes.first()?.address();
        let record = IdempotencyRecord {
            customer_id: address.customer_id.clone(),
            key: new_key.request.key.clone(),
            fingerprint: new_key.request.fingerprint,
            address_id: address.id.clone(),
            created_at: self.at,
        };
        Some((record, new_key.expired_before))
    }
}

impl Commit {
    /// The customers whose books the commit changes. A customer may occur several times.
    pub fn customers(&self) -> impl Iterator<Item = &CustomerId> {
        let of_changes = self
            .changes
            .iter()
            .map(|change| &change.address().customer_id);
        let of_defaults = self
            .default_addresses
            .iter()
            .map(|change| &change.customer_id);
        of_changes.chain(of_defaults)
    }
}

impl Change {
    /// The address in its new state, or in its last state before a removal.
    pub fn address(&self) -> &Address {
        match self {
            Self::Create(address)
            | Self::Replace { address, .. }
            | Self::Remove { address, .. } => address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::idempotency::{Fingerprint, IdempotencyKey};
    use crate::testing::{Frozen, customer, entry, imported_address};

    fn commit(changes: Vec<Change>) -> Commit {
        let request = IdempotentRequest {
            key: IdempotencyKey::parse(b"key").unwrap(),
            fingerprint: Fingerprint([1; 32]),
        };
        Commit {
            at: Frozen.now(),
            changes,
            max_addresses: 1_000,
            max_past_revisions: 20_000,
            default_addresses: Vec::new(),
            expected_revisions: BTreeMap::new(),
            idempotency: Some(NewIdempotencyKey {
                request,
                expired_before: Timestamp::MAX,
            }),
        }
    }

    #[test]
    fn the_record_refers_to_the_first_changed_address() {
        let first = imported_address(&entry("Kigali"));
        let other = Address {
            customer_id: CustomerId::parse("cus_2").unwrap(),
            ..first.clone()
        };
        let changes = vec![Change::Create(first.clone()), Change::Create(other)];
        let expected = IdempotencyRecord {
            customer_id: customer(),
            key: IdempotencyKey::parse(b"key").unwrap(),
            fingerprint: Fingerprint([1; 32]),
            address_id: first.id,
            created_at: Frozen.now(),
        };
        assert_eq!(
            commit(changes).record(),
            Some((expected, Timestamp::MAX)),
            "expected customer and address of the first change, at the time of the commit"
        );
    }

    #[test]
    fn a_commit_without_key_or_changes_has_no_record() {
        assert_eq!(commit(vec![]).record(), None, "no change");
        let keyless = Commit {
            idempotency: None,
            ..commit(vec![Change::Create(imported_address(&entry("Kigali")))])
        };
        assert_eq!(keyless.record(), None, "no key");
    }
}
