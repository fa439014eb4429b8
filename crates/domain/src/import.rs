mod batch;
mod entry;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use self::batch::Batch;
pub use self::entry::{ImportContent, ImportEntry};
use crate::address::Address;
use crate::address::address_id::AddressId;
use crate::address::content::AddressContent;
use crate::commit::Change;
use crate::customer_id::CustomerId;
use crate::repository::{CommitError, Refusal, RepositoryError, Scan};
use crate::service::AddressService;
use crate::timestamp::Timestamp;

/// What to do with entries that are not simply new. The default imports none of a batch with an entry
/// that cannot be imported, and changes no address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// What to do with an entry that cannot be imported.
    pub on_error: OnError,
    /// What to do with an entry whose id exists with other content.
    pub on_conflict: OnConflict,
}

/// What to do with an entry whose id exists with other content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The entry cannot be imported.
    #[default]
    Reject,
    /// The entry replaces the content of the address.
    Update,
}

/// What to do with an entry that cannot be imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Import none of the batch.
    #[default]
    Stop,
    /// Skip the entry and continue.
    Skip,
}

/// The result of importing an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The entry created an address.
    Created,
    /// The entry changed an address.
    Updated,
    /// The address already exists with this content.
    Unchanged,
    /// Skipped: the id exists with other content ([`OnError::Skip`]).
    Conflict,
    /// Skipped: the customer has reached the limit of addresses ([`OnError::Skip`]).
    BookFull,
    /// Skipped: the address has reached the limit of revisions ([`OnError::Skip`]).
    TooManyRevisions,
    /// Skipped: the customer has reached the limit of past revisions ([`OnError::Skip`]).
    HistoryFull,
}

/// Why a batch was not imported. Nothing was changed.
#[derive(Debug, Error)]
pub enum ImportError {
    /// An entry's id exists with other content ([`OnError::Stop`]).
    #[error("entry {index} has the id of an address with other content")]
    Conflict {
        /// The index of the entry, from 0.
        index: usize,
    },
    /// The customer of an entry has reached the limit of addresses ([`OnError::Stop`]).
    #[error("entry {index} exceeds the limit of {max_addresses} addresses of a customer")]
    BookFull {
        /// The index of the entry, from 0.
        index: usize,
        /// The limit.
        max_addresses: u32,
    },
    /// The address of an entry has reached the limit of revisions ([`OnError::Stop`]).
    #[error("entry {index} exceeds the limit of {max_revisions} revisions of an address")]
    TooManyRevisions {
        /// The index of the entry, from 0.
        index: usize,
        /// The limit.
        max_revisions: u32,
    },
    /// The customer of an entry has reached the limit of past revisions ([`OnError::Stop`]).
    #[error("entry {index} exceeds the limit of {max_past_revisions} past revisions of a customer")]
    HistoryFull {
        /// The index of the entry, from 0.
        index: usize,
        /// The limit.
        max_past_revisions: u32,
    },
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// How many times a batch is decided when concurrent requests change the same addresses.
const ATTEMPTS: usize = 5;

impl AddressService {
    /// Imports a batch as a whole or not at all. Returns the outcome of each entry. Importing the
    /// same entries again changes nothing.
    ///
    /// # Errors
    /// [`ImportError`]. Nothing of the batch was imported.
    pub async fn import(
        &self,
        entries: &[ImportEntry],
        options: ImportOptions,
    ) -> Result<Vec<ImportOutcome>, ImportError> {
        let ImportOptions {
            on_error,
            on_conflict,
        } = options;
        // Most entries are new addresses. So look up existing ones only after a conflict, or if
        // an entry has no id.
        let mut found = vec![Vec::new(); entries.len()];
        let mut look = entries.iter().any(|entry| entry.id.is_none());
        let mut room = None;
        let mut full = FullHistories::new();
        let mut attempts = 0;
        while attempts < ATTEMPTS {
            attempts += 1;
            if look {
                found = self.found(entries).await?;
            }
            let at = self.clock.now();
            let room_now: Option<Room> = room.take();
            let (outcomes, batch) =
                self.decide(entries, &found, on_conflict, room_now.clone(), &full, at);
            if on_error == OnError::Stop {
                self.refuse_any(&outcomes)?;
            }
            if batch.changes.is_empty() {
                return Ok(outcomes);
            }
            let Batch {
                changes,
                entry_of_change,
                ..
            } = batch;
            let commit = self.commit_of(at, changes, None);
            match self.repository.commit(commit).await {
                Ok(()) => return Ok(outcomes),
                Err(CommitError::Refused(Refusal::Conflict { .. })) => look = true,
                // Decide again without the entries that do not fit. The look-up finds those that
                // exist already, which need no room.
                Err(CommitError::Refused(Refusal::BookFull { .. }))
                    if on_error == OnError::Skip =>
                {
                    look = true;
                    room = Some(self.room(entries).await?);
                }
                Err(CommitError::Refused(Refusal::BookFull { index })) => {
                    return Err(ImportError::BookFull {
                        index: entry_of_change[index],
                        max_addresses: self.limits.max_addresses,
                    });
                }
                // Happens once per customer, so it does not count as an attempt.
                Err(CommitError::Refused(Refusal::HistoryFull { index }))
                    if on_error == OnError::Skip =>
                {
                    let entry = entry_of_change[index];
                    full.insert(entries[entry].customer_id.clone(), entry);
                    room = room_now;
                    attempts -= 1;
                }
                Err(CommitError::Refused(Refusal::HistoryFull { index })) => {
                    return Err(ImportError::HistoryFull {
                        index: entry_of_change[index],
                        max_past_revisions: self.limits.max_past_revisions,
                    });
                }
                Err(CommitError::Refused(refusal @ (Refusal::BookChanged | Refusal::KeyTaken))) => {
                    return Err(RepositoryError::Internal(refusal.into()).into());
                }
                Err(CommitError::Repository(error)) => return Err(error.into()),
            }
        }
        Err(RepositoryError::Busy("other requests kept changing the same addresses".into()).into())
    }

    /// Rejects a batch with an entry that cannot be imported.
    fn refuse_any(&self, outcomes: &[ImportOutcome]) -> Result<(), ImportError> {
        for (index, outcome) in outcomes.iter().enumerate() {
            match outcome {
                ImportOutcome::Conflict => return Err(ImportError::Conflict { index }),
                ImportOutcome::TooManyRevisions => {
                    return Err(ImportError::TooManyRevisions {
                        index,
                        max_revisions: self.limits.max_revisions,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns for each entry the addresses that it may match: by its id, or by its content.
    ///
    /// If several addresses have the same content, the store finds any one of them. If an earlier
    /// entry names that one by id, all of them are returned.
    async fn found(&self, entries: &[ImportEntry]) -> Result<Vec<Vec<Address>>, RepositoryError> {
        let lookups = entries.iter().map(ImportEntry::lookup).collect();
        let found = self.repository.find(lookups).await?;
        let mut found: Vec<_> = found.into_iter().map(Vec::from_iter).collect();
        let mut named = HashSet::new();
        for (entry, found) in entries.iter().zip(&mut found) {
            match (&entry.id, found.first()) {
                (Some(id), _) => {
                    named.insert((&entry.customer_id, id));
                }
                (None, Some(address)) if named.contains(&(&entry.customer_id, &address.id)) => {
                    let content = address.content.clone();
                    *found = self.with_content(&entry.customer_id, &content).await?;
                }
                (None, _) => {}
            }
        }
        Ok(found)
    }

    /// Returns all addresses of a customer with this content.
    async fn with_content(
        &self,
        customer_id: &CustomerId,
        content: &AddressContent,
    ) -> Result<Vec<Address>, RepositoryError> {
        let mut found = Vec::new();
        let mut scan = Scan {
            customer_id: Some(customer_id.clone()),
            after: None,
            limit: SCANNED,
        };
        loop {
            let addresses = self.repository.scan(scan.clone()).await?;
            let Some(last) = addresses.last() else {
                return Ok(found);
            };
            scan.after = Some((customer_id.clone(), last.id.clone()));
            found.extend(
                addresses
                    .into_iter()
                    .filter(|address| address.content == *content),
            );
        }
    }

    /// Returns how many more addresses each customer of these entries may have.
    async fn room(&self, entries: &[ImportEntry]) -> Result<Room, RepositoryError> {
        let mut room = Room::new();
        for entry in entries {
            if !room.contains_key(&entry.customer_id) {
                let there = self.repository.head(&entry.customer_id).await?.addresses;
                let left = u64::from(self.limits.max_addresses).saturating_sub(there);
                room.insert(entry.customer_id.clone(), left);
            }
        }
        Ok(room)
    }

    /// Decides the outcome of each entry and collects the changes. Without `room`, all creations
    /// fit.
    fn decide(
        &self,
        entries: &[ImportEntry],
        found: &[Vec<Address>],
        on_conflict: OnConflict,
        mut room: Option<Room>,
        full: &FullHistories,
        at: Timestamp,
    ) -> (Vec<ImportOutcome>, Batch) {
        let mut batch = Batch::of(entries);
        let mut has_room = |entry: &ImportEntry| {
            let left = room
                .as_mut()
                .and_then(|room| room.get_mut(&entry.customer_id));
            left.is_none_or(|left| {
                let has_room = *left > 0;
                *left = left.saturating_sub(1);
                has_room
            })
        };
        let is_full = |index: usize, entry: &ImportEntry| {
            let from = full.get(&entry.customer_id);
            from.is_some_and(|from| index >= *from)
        };
        let mut decide =
            |(index, (entry, found)): (usize, (&ImportEntry, &Vec<Address>))| match batch
                .current(entry, found)
            {
                Some(current) if entry.repeats(current) => ImportOutcome::Unchanged,
                Some(_) if on_conflict == OnConflict::Reject => ImportOutcome::Conflict,
                _ if is_full(index, entry) => ImportOutcome::HistoryFull,
                Some(current) if current.revision.get() >= self.limits.max_revisions => {
                    ImportOutcome::TooManyRevisions
                }
                Some(current) => {
                    let (address, expected) = (entry.replacing(current, at), current.revision);
                    batch.replace(index, address, expected);
                    ImportOutcome::Updated
                }
                None if !has_room(entry) => ImportOutcome::BookFull,
                None => {
                    let id = entry.id.clone();
                    let id = id.unwrap_or_else(|| AddressId::from_ulid(self.ids.next()));
                    batch.add(index, Change::Create(entry.creating(id, at)));
                    ImportOutcome::Created
                }
            };
        let outcomes = entries
            .iter()
            .zip(found)
            .enumerate()
            .map(&mut decide)
            .collect();
        (outcomes, batch)
    }
}

/// How many more addresses each customer may have.
type Room = HashMap<CustomerId, u64>;

/// The customers that have reached the limit of past revisions, with the first entry beyond it.
type FullHistories = HashMap<CustomerId, usize>;

/// The number of addresses of a customer that are read at a time.
const SCANNED: u32 = 1_000;
