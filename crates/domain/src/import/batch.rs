use std::collections::HashMap;

use super::ImportEntry;
use crate::address::address_id::AddressId;
use crate::address::content::AddressContent;
use crate::address::{Address, Revision};
use crate::commit::Change;
use crate::customer_id::CustomerId;

/// The changes decided so far, with an index of the latest change of each address.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Change>,
    pub(super) entry_of_change: Vec<usize>,
    by_id: HashMap<(CustomerId, AddressId), usize>,
    /// The changes that set each content, even if a later change replaced it. Only if an entry has
    /// no id.
    by_content: Option<HashMap<(CustomerId, AddressContent), Vec<usize>>>,
}

impl Batch {
    /// Creates the batch of these entries, without changes.
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

    /// Replaces an address by its next state. If this batch creates the address, the creation
    /// itself is changed, because only the store knows at which revision the address begins.
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

    /// Returns the address that an entry matches, in its state after the changes so far. `found`
    /// are the candidates in the store.
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
                let key = (
                    entry.customer_id.clone(),
                    entry.content.new_content().clone(),
                );
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
