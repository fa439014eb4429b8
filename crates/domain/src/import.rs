mod batch;
mod entry;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use self::batch::Batch;
pub use self::entry::{ImportContent, ImportEntry};
use crate::{
    Address, AddressContent, AddressId, AddressService, Change, CustomerId, RepositoryError, Scan,
    Timestamp,
};

/// What to do with an entry whose id exists with other content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// It cannot be imported.
    Refuse,
    /// The address gets the entry's content.
    Update,
}

/// What to do with an entry that cannot be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Import none of the batch.
    Stop,
    /// Leave it out and go on.
    Skip,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It is a new address.
    Created,
    /// It changed an address.
    Updated,
    /// It was there already.
    Unchanged,
    /// Its id exists with other content, and was left so ([`OnError::Skip`]).
    Conflict,
    /// The customer has as many addresses as may be ([`OnError::Skip`]).
    BookFull,
    /// The address has as many revisions as may be ([`OnError::Skip`]).
    TooManyRevisions,
    /// The customer's addresses have had as many revisions as may be ([`OnError::Skip`]).
    HistoryFull,
}

/// Why a batch was not imported. Nothing of it was.
#[derive(Debug, Error)]
pub enum ImportError {
    /// An entry's id exists with other content ([`OnError::Stop`]).
    #[error("entry {index} has the id of an address with other content")]
    Conflict {
        /// Which of the entries, from 0.
        index: usize,
    },
    /// The customer of an entry has as many addresses as may be ([`OnError::Stop`]).
    #[error("entry {index} is one address more than the {max_addresses} a customer may have")]
    BookFull {
        /// Which of the entries, from 0.
        index: usize,
        /// How many a customer may have.
        max_addresses: u32,
    },
    /// The address of an entry has as many revisions as may be ([`OnError::Stop`]).
    #[error("entry {index} changes an address that has {max_revisions} revisions, the most")]
    TooManyRevisions {
        /// Which of the entries, from 0.
        index: usize,
        /// How many an address may have.
        max_revisions: u32,
    },
    /// The addresses of an entry's customer have had as many revisions as may be
    /// ([`OnError::Stop`]).
    #[error("entry {index} is one past revision more than the {max_past_revisions} of a customer")]
    HistoryFull {
        /// Which of the entries, from 0.
        index: usize,
        /// How many the addresses of a customer may have had.
        max_past_revisions: u32,
    },
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// How often a batch is decided again when others change the same addresses meanwhile.
const ATTEMPTS: usize = 5;

impl AddressService {
    /// Imports a batch, all of it or nothing: the outcome of each entry. Importing the
    /// same entries again changes nothing.
    ///
    /// # Errors
    /// [`ImportError`]; nothing of the batch was imported then.
    pub async fn import(
        &self,
        entries: &[ImportEntry],
        on_error: OnError,
        on_conflict: OnConflict,
    ) -> Result<Vec<ImportOutcome>, ImportError> {
        // Most imports are of new addresses: look only once the store says otherwise,
        // or where an entry without id leaves no other way.
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
                Err(RepositoryError::Conflict { .. }) => look = true,
                // Decide again without what is too much. What exists already is not, and has to be
                // told apart.
                Err(RepositoryError::BookFull { .. }) if on_error == OnError::Skip => {
                    look = true;
                    room = Some(self.room(entries).await?);
                }
                Err(RepositoryError::BookFull { index }) => {
                    return Err(ImportError::BookFull {
                        index: entry_of_change[index],
                        max_addresses: self.limits.max_addresses,
                    });
                }
                // Of one customer at a time, so this is none of the attempts.
                Err(RepositoryError::HistoryFull { index }) if on_error == OnError::Skip => {
                    let entry = entry_of_change[index];
                    full.insert(entries[entry].customer_id.clone(), entry);
                    room = room_now;
                    attempts -= 1;
                }
                Err(RepositoryError::HistoryFull { index }) => {
                    return Err(ImportError::HistoryFull {
                        index: entry_of_change[index],
                        max_past_revisions: self.limits.max_past_revisions,
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(RepositoryError::Busy("others kept changing the imported addresses".into()).into())
    }

    /// Refuses a batch with an entry that cannot be imported.
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

    /// For each entry the addresses that it may speak of: the one of its id, or of its content.
    ///
    /// Of several with the same content, the store finds any. Where an entry before changes that
    /// one, all of them are in question.
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

    /// All addresses of a customer with that content.
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

    /// How many addresses each customer of these entries may have besides those of now.
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

    /// Without `room`, there is enough for all.
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
                Some(_) if on_conflict == OnConflict::Refuse => ImportOutcome::Conflict,
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

/// How many addresses more each customer may have.
type Room = HashMap<CustomerId, u64>;

/// The customers whose addresses have had as many revisions as may be, and from which entry on.
type FullHistories = HashMap<CustomerId, usize>;

/// How many addresses of a customer are read at a time.
const SCANNED: u32 = 1_000;
