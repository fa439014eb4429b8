use crate::{Address, IdempotencyRecord, IdempotentRequest, Revision, Timestamp};

/// Changes that [`AddressRepository::commit`](crate::AddressRepository::commit) makes together.
///
/// They may be of addresses of several customers, and there may be up to
/// [`MAX_CHANGES`](Self::MAX_CHANGES) of them: an import commits a batch of lines at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// When the changes were decided.
    pub at: Timestamp,
    /// The changes, in the order in which they are to be made.
    pub changes: Vec<Change>,
    /// The most addresses that each book may hold to which a change adds one.
    pub max_addresses: u32,
    /// The most past revisions that each book may have in which a change creates or replaces an
    /// address: all revisions of its addresses, but for those that are their current states.
    /// Removals are always made.
    pub max_past_revisions: u32,
    /// The idempotency key to remember, if the request had one.
    pub idempotency: Option<KeptKey>,
}

/// An idempotency key to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptKey {
    /// The request that the client may repeat.
    pub request: IdempotentRequest,
    /// A record of the same key that was created before this has expired.
    pub expired_before: Timestamp,
}

/// A change of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The address is new.
    Create(Address),
    /// The address takes the place of its own earlier state.
    Replace {
        /// The new state.
        address: Address,
        /// The revision that the decision was based on.
        expected: Revision,
    },
    /// The address leaves the book, which is a revision of its own.
    Remove(Address),
}

impl Commit {
    /// The most changes that the service puts into one commit: the upper limit of
    /// `--import-batch-lines`.
    pub const MAX_CHANGES: u32 = 100_000;

    /// The idempotency record to store with the changes, and the time before which an earlier
    /// record of the same key has expired. `None` without a key or without changes.
    ///
    /// The record is of the address of the first change, so it is always of a customer whose book
    /// the commit changes.
    pub fn record(&self) -> Option<(IdempotencyRecord, Timestamp)> {
        let kept = self.idempotency.as_ref()?;
        let address = self.changes.first()?.address();
        let record = IdempotencyRecord {
            customer_id: address.customer_id.clone(),
            key: kept.request.key.clone(),
            fingerprint: kept.request.fingerprint,
            address_id: address.id.clone(),
            created_at: self.at,
        };
        Some((record, kept.expired_before))
    }
}

impl Change {
    /// The address as it will be, or was.
    pub fn address(&self) -> &Address {
        match self {
            Self::Create(address) | Self::Replace { address, .. } | Self::Remove(address) => {
                address
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Frozen, customer, entry, kept};
    use crate::{Clock, CustomerId, Fingerprint, IdempotencyKey};

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
            idempotency: Some(KeptKey {
                request,
                expired_before: Timestamp::MAX,
            }),
        }
    }

    #[test]
    fn a_record_is_of_the_first_changed_address() {
        let first = kept(&entry("Kigali"));
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
            "customer and address of the first change, at the time of the commit"
        );
    }

    #[test]
    fn without_a_key_or_a_change_there_is_no_record() {
        assert_eq!(commit(vec![]).record(), None, "no change");
        let keyless = Commit {
            idempotency: None,
            ..commit(vec![Change::Create(kept(&entry("Kigali")))])
        };
        assert_eq!(keyless.record(), None, "no key");
    }
}
