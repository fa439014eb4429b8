use std::collections::HashMap;

use thiserror::Error;

use crate::{
    Address, AddressContent, AddressId, AddressService, Change, Commit, CustomerId, Lookup,
    RepositoryError, Revision, Timestamp,
};

/// An address from elsewhere. What it does not say is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportEntry {
    /// Whose address this is.
    pub customer_id: CustomerId,
    /// Its id. Without one, an address of the customer with the same content is the
    /// same address; if there is none, it gets a new id.
    pub id: Option<AddressId>,
    /// What the customer entered.
    pub content: AddressContent,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it last changed; not before `created_at`.
    pub updated_at: Option<Timestamp>,
}

/// What to do with an entry whose id exists with other content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Import none of the batch.
    Stop,
    /// Leave the address as it is and go on.
    Skip,
    /// Give the address the entry's content.
    Update,
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
    /// Its id exists with other content, and was left so ([`OnConflict::Skip`]).
    Conflict,
}

/// Why a batch was not imported. Nothing of it was.
#[derive(Debug, Error)]
pub enum ImportError {
    /// An entry's id exists with other content ([`OnConflict::Stop`]).
    #[error("entry {index} has the id of an address with other content")]
    Conflict {
        /// Which of the entries, from 0.
        index: usize,
    },
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// How often a batch is decided anew when others change the same addresses meanwhile.
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
        on_conflict: OnConflict,
    ) -> Result<Vec<ImportOutcome>, ImportError> {
        // Most imports are of new addresses: look only once the store says otherwise,
        // or where an entry without id leaves no other way.
        let mut found = vec![None; entries.len()];
        let mut look = entries.iter().any(|entry| entry.id.is_none());
        for _ in 0..ATTEMPTS {
            if look {
                let lookups = entries.iter().map(ImportEntry::lookup).collect();
                found = self.repository.find(lookups).await?;
            }
            let (outcomes, commit) = self.decide(entries, &found, on_conflict);
            if on_conflict == OnConflict::Stop
                && let Some(index) = outcomes
                    .iter()
                    .position(|outcome| *outcome == ImportOutcome::Conflict)
            {
                return Err(ImportError::Conflict { index });
            }
            if commit.changes.is_empty() {
                return Ok(outcomes);
            }
            match self.repository.commit(commit).await {
                Ok(()) => return Ok(outcomes),
                Err(RepositoryError::Conflict { .. }) => look = true,
                Err(error) => return Err(error.into()),
            }
        }
        Err(RepositoryError::Busy("others kept changing the imported addresses".into()).into())
    }

    fn decide(
        &self,
        entries: &[ImportEntry],
        found: &[Option<Address>],
        on_conflict: OnConflict,
    ) -> (Vec<ImportOutcome>, Commit) {
        let at = self.clock.now();
        let mut batch = Batch::default();
        let outcomes = entries
            .iter()
            .zip(found)
            .map(
                |(entry, found)| match (batch.current(entry, found.as_ref()), &entry.id) {
                    (Some(current), _) if entry.repeats(current) => ImportOutcome::Unchanged,
                    (Some(current), _) if on_conflict == OnConflict::Update => {
                        let expected = current.revision;
                        let address = entry.replacing(current, at);
                        batch.add(Change::Replace { address, expected });
                        ImportOutcome::Updated
                    }
                    (Some(_), _) => ImportOutcome::Conflict,
                    (None, id) => {
                        let id = id
                            .clone()
                            .unwrap_or_else(|| AddressId::from_ulid(self.ids.next()));
                        batch.add(Change::Create(entry.creating(id, at)));
                        ImportOutcome::Created
                    }
                },
            )
            .collect();
        (
            outcomes,
            Commit {
                at,
                changes: batch.changes,
            },
        )
    }
}

/// The changes decided so far, and where each address's latest one is.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    by_id: HashMap<(CustomerId, AddressId), usize>,
    by_content: HashMap<(CustomerId, AddressContent), usize>,
}

impl Batch {
    fn add(&mut self, change: Change) {
        let (address, index) = (change.address(), self.changes.len());
        let customer_id = || address.customer_id.clone();
        self.by_id
            .insert((customer_id(), address.id.clone()), index);
        self.by_content
            .insert((customer_id(), address.content.clone()), index);
        self.changes.push(change);
    }

    /// The address that an entry speaks of, as it stands after the changes so far;
    /// `found` is as the store has it.
    fn current<'a>(
        &'a self,
        entry: &ImportEntry,
        found: Option<&'a Address>,
    ) -> Option<&'a Address> {
        let latest = |customer_id: &CustomerId, id: &AddressId| {
            let index = *self.by_id.get(&(customer_id.clone(), id.clone()))?;
            Some(self.changes[index].address())
        };
        match &entry.id {
            Some(id) => latest(&entry.customer_id, id).or(found),
            None => {
                let key = (entry.customer_id.clone(), entry.content.clone());
                let added = self
                    .by_content
                    .get(&key)
                    .map(|index| self.changes[*index].address());
                let still = |address: &'a Address| {
                    latest(&address.customer_id, &address.id).unwrap_or(address)
                };
                [added, found]
                    .into_iter()
                    .flatten()
                    .map(still)
                    .find(|address| address.content == entry.content)
            }
        }
    }
}

impl ImportEntry {
    fn lookup(&self) -> Lookup {
        match &self.id {
            Some(id) => Lookup::Id(self.customer_id.clone(), id.clone()),
            None => Lookup::Content(self.customer_id.clone(), self.content.clone()),
        }
    }

    /// Whether the entry says nothing that the address does not hold. Without an id,
    /// the same content is the same address whenever it was entered.
    fn repeats(&self, address: &Address) -> bool {
        let same = |said: Option<Timestamp>, kept| said.is_none_or(|said| said == kept);
        self.content == address.content
            && (self.id.is_none()
                || same(self.created_at, address.created_at)
                    && same(self.updated_at, address.updated_at))
    }

    fn creating(&self, id: AddressId, now: Timestamp) -> Address {
        let created_at = self.created_at.or(self.updated_at).unwrap_or(now);
        Address {
            customer_id: self.customer_id.clone(),
            id,
            content: self.content.clone(),
            created_at,
            updated_at: self.updated_at.unwrap_or(created_at),
            revision: Revision::FIRST,
        }
    }

    fn replacing(&self, current: &Address, now: Timestamp) -> Address {
        let created_at = self.created_at.unwrap_or(current.created_at);
        let updated_at = self.updated_at.unwrap_or(now.max(created_at));
        Address {
            content: self.content.clone(),
            created_at: created_at.min(updated_at),
            updated_at,
            revision: current.revision.next(),
            ..current.clone()
        }
    }
}
