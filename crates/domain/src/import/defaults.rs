//! The default addresses of the customers in a batch.

use std::collections::{BTreeMap, HashMap};

use super::ImportEntry;
use crate::address::address_id::AddressId;
use crate::customer_id::CustomerId;
use crate::default_addresses::patch::TooManyPurposes;
use crate::default_addresses::{BookDefaults, DefaultAddressChange, DefaultAddresses};
use crate::repository::RepositoryError;
use crate::service::AddressService;

/// The default addresses in the store, of the customers for whom an entry states any.
#[derive(Default)]
pub(super) struct StoredDefaults(HashMap<CustomerId, BookDefaults>);

impl StoredDefaults {
    pub(super) async fn read(
        service: &AddressService,
        entries: &[ImportEntry],
    ) -> Result<Self, RepositoryError> {
        let stating = entries.iter().filter(|entry| entry.default_for.is_some());
        let mut customers: Vec<_> = stating.map(|entry| entry.customer_id.clone()).collect();
        if customers.is_empty() {
            return Ok(Self::default());
        }
        customers.sort_unstable();
        customers.dedup();
        let repository = &service.repository;
        let found = repository.default_addresses(customers.clone()).await?;
        Ok(Self(customers.into_iter().zip(found).collect()))
    }

    /// Adds the revisions of the books in which default addresses change. If one is expected already,
    /// the earlier revision stays, so that the commit is refused.
    pub(super) fn expect(
        &self,
        changes: &[DefaultAddressChange],
        revisions: &mut BTreeMap<CustomerId, u64>,
    ) {
        for customer_id in changes.iter().map(|change| &change.customer_id) {
            if let Some(book) = self.0.get(customer_id) {
                let expected = revisions.entry(customer_id.clone());
                let expected = expected.or_insert(book.revision);
                *expected = (*expected).min(book.revision);
            }
        }
    }
}

/// The default addresses after the entries decided so far.
pub(super) struct DecidedDefaults<'a> {
    stored: &'a StoredDefaults,
    decided: HashMap<&'a CustomerId, DefaultAddresses>,
}

impl<'a> DecidedDefaults<'a> {
    /// Nothing is decided yet.
    pub(super) fn of(stored: &'a StoredDefaults) -> Self {
        Self {
            stored,
            decided: HashMap::new(),
        }
    }

    /// Returns the default addresses that an entry leads to. `None` if it changes none.
    pub(super) fn after(
        &self,
        entry: &'a ImportEntry,
        id: &AddressId,
    ) -> Result<Option<DefaultAddresses>, TooManyPurposes> {
        let Some(purposes) = &entry.default_for else {
            return Ok(None);
        };
        let stored = self.stored.0.get(&entry.customer_id);
        let stored = stored.map(|book| &book.addresses);
        let Some(before) = self.decided.get(&entry.customer_id).or(stored) else {
            return Ok(None);
        };
        let after = before.with_purposes(id, purposes)?;
        Ok((after != *before).then_some(after))
    }

    pub(super) fn set(&mut self, entry: &'a ImportEntry, defaults: Option<DefaultAddresses>) {
        if let Some(defaults) = defaults {
            self.decided.insert(&entry.customer_id, defaults);
        }
    }

    /// The changes to commit.
    pub(super) fn changes(self) -> Vec<DefaultAddressChange> {
        let stored = &self.stored.0;
        let changes = self.decided.into_iter().map(|(customer_id, after)| {
            let before = stored.get(customer_id).map(|book| &book.addresses);
            before.map(|before| before.changes_to(&after, customer_id))
        });
        changes.flatten().flatten().collect()
    }
}
