use std::collections::HashMap;

use super::ImportEntry;
use crate::{Address, AddressContent, AddressId, Change, CustomerId, Revision};

/// The changes decided so far, and where each address's latest one is.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Change>,
    pub(super) entry_of_change: Vec<usize>,
    by_id: HashMap<(CustomerId, AddressId), usize>,
    /// Where addresses got each content, which they may have lost since. Kept only where some
    /// entry has no id.
    by_content: Option<HashMap<(CustomerId, AddressContent), Vec<usize>>>,
}

impl Batch {
    /// The batch of these entries, before any change.
    pub(super) fn of(entries: &[ImportEntry]) -> Self {
        let by_content = entries.iter().any(|entry| entry.id.is_none());
        Self {
            by_content: by_content.then(HashMap::new),
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, entry: usize, change: Change) {
        self.note(&change, self.changes.len());
        self.changes.push(change);
        self.entry_of_change.push(entry);
    }

    /// Replaces an address by its next state. One that this batch creates is created as it
    /// comes last: only the store knows at which revision it begins.
    pub(super) fn replace(&mut self, entry: usize, address: Address, expected: Revision) {
        let key = (address.customer_id.clone(), address.id.clone());
        let latest = self.by_id.get(&key).copied();
        match latest.map(|index| (index, &self.changes[index])) {
            Some((index, Change::Create(_))) => {
                let change = Change::Create(Address {
                    revision: Revision::FIRST,
                    ..address
                });
                self.note(&change, index);
                self.changes[index] = change;
            }
            _ => self.add(entry, Change::Replace { address, expected }),
        }
    }

    fn note(&mut self, change: &Change, index: usize) {
        let address = change.address();
        let customer_id = || address.customer_id.clone();
        self.by_id
            .insert((customer_id(), address.id.clone()), index);
        if let Some(by_content) = &mut self.by_content {
            let key = (customer_id(), address.content.clone());
            by_content.entry(key).or_default().push(index);
        }
    }

    /// The address that an entry speaks of, as it stands after the changes so far;
    /// `found` are those in question as the store has them.
    pub(super) fn current<'a>(
        &'a self,
        entry: &ImportEntry,
        found: &'a [Address],
    ) -> Option<&'a Address> {
        let latest = |customer_id: &CustomerId, id: &AddressId| {
            let index = *self.by_id.get(&(customer_id.clone(), id.clone()))?;
            Some(self.changes[index].address())
        };
        match &entry.id {
            Some(id) => latest(&entry.customer_id, id).or(found.first()),
            None => {
                let key = (entry.customer_id.clone(), entry.content.of_new_address());
                let by_content = self.by_content.as_ref();
                let changed = by_content.and_then(|by_content| by_content.get(&key));
                let changed = changed.into_iter().flatten();
                changed
                    .map(|index| self.changes[*index].address())
                    .chain(found)
                    .map(|address| latest(&address.customer_id, &address.id).unwrap_or(address))
                    .find(|address| address.content == key.1)
            }
        }
    }
}
