//! Decides the outcome of each entry of a batch, and commits the changes.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::batch::Batch;
use super::books::{Books, Keys};
use super::defaults::{DecidedDefaults, StoredDefaults};
use super::{
    ImportEntry, ImportError, ImportOptions, ImportOutcome, OnConflict, OnDuplicateEntry, OnError,
};
use crate::address::Address;
use crate::address::address_id::AddressId;
use crate::address::content::AddressContent;
use crate::commit::{Change, Commit};
use crate::customer_id::CustomerId;
use crate::default_addresses::DefaultAddressChange;
use crate::default_addresses::patch::TooManyPurposes;
use crate::repository::{CommitError, Refusal, RepositoryError};
use crate::service::AddressService;
use crate::timestamp::Timestamp;

/// A batch to import, and what is known of the store.
pub(super) struct Import<'a> {
    service: &'a AddressService,
    entries: &'a [ImportEntry],
    options: ImportOptions,
    /// For each entry the addresses that it may match: by its id, or by its content.
    found: Vec<Vec<Address>>,
    /// Whether they must be looked up before the next decision.
    must_look_up: bool,
    /// How many more addresses each customer may have. `None`: all creations fit.
    room: Option<HashMap<CustomerId, u64>>,
    /// The customers that have reached the limit of past revisions, with the first entry beyond it.
    full_histories: HashMap<CustomerId, usize>,
    /// The books in which duplicates are found. `None`: they are created.
    books: Option<Books>,
    defaults: StoredDefaults,
    /// How many commits were refused because a book had changed.
    pub(super) book_changes: u32,
}

/// The outcome of each entry, and the changes to make.
struct Decision {
    outcomes: Vec<ImportOutcome>,
    batch: Batch,
    default_changes: Vec<DefaultAddressChange>,
    /// Customers whose books must be read to find duplicates. If there are any, the rest does not
    /// count.
    unread: HashSet<CustomerId>,
}

impl<'a> Import<'a> {
    pub(super) fn new(
        service: &'a AddressService,
        entries: &'a [ImportEntry],
        options: ImportOptions,
    ) -> Self {
        let skips_duplicates = options.on_duplicate == OnDuplicateEntry::Skip;
        Self {
            service,
            entries,
            options,
            found: vec![Vec::new(); entries.len()],
            // Most entries are new addresses. So look up existing ones only after a conflict, or
            // if an entry has no id. But an address is not a duplicate of itself.
            must_look_up: skips_duplicates || entries.iter().any(|entry| entry.id.is_none()),
            room: None,
            full_histories: HashMap::new(),
            books: skips_duplicates.then(|| Books::of(entries)),
            defaults: StoredDefaults::default(),
            book_changes: 0,
        }
    }

    /// Decides and commits. Returns `None` if the stored state was another than expected, and the
    /// batch must be decided again.
    pub(super) async fn attempt(&mut self) -> Result<Option<Vec<ImportOutcome>>, ImportError> {
        if self.must_look_up {
            self.found = self.look_up().await?;
            self.must_look_up = false;
        }
        self.defaults = StoredDefaults::read(self.service, self.entries).await?;
        loop {
            let at = self.service.clock.now();
            let Decision {
                outcomes,
                batch,
                default_changes,
                ..
            } = self.decide_with_books(at).await?;
            if self.options.on_error == OnError::Stop {
                self.reject_any(&outcomes)?;
            }
            if batch.changes.is_empty() && default_changes.is_empty() {
                return Ok(Some(outcomes));
            }
            let commit = self.commit_of(at, batch.changes, default_changes);
            let entry_of = |index: usize| batch.entry_of_change[index];
            match self.service.repository.commit(commit).await {
                Ok(_) => return Ok(Some(outcomes)),
                // Happens once per customer, so it does not count as an attempt.
                Err(CommitError::Refused(Refusal::HistoryFull { index }))
                    if self.options.on_error == OnError::Skip =>
                {
                    let entry = entry_of(index);
                    let customer_id = self.entries[entry].customer_id.clone();
                    self.full_histories.insert(customer_id, entry);
                }
                Err(CommitError::Refused(refusal)) => {
                    self.learn(refusal, entry_of).await?;
                    return Ok(None);
                }
                Err(CommitError::Repository(error)) => return Err(error.into()),
            }
        }
    }

    fn commit_of(
        &self,
        at: Timestamp,
        changes: Vec<Change>,
        default_addresses: Vec<DefaultAddressChange>,
    ) -> Commit {
        let books = self.books.as_ref();
        let mut expected = books.map_or_else(BTreeMap::new, |books| books.revisions(&changes));
        self.defaults.expect(&default_addresses, &mut expected);
        Commit {
            default_addresses,
            expected_revisions: expected,
            ..self.service.commit_of(at, changes, None)
        }
    }

    /// Reads what the next decision needs to know after a refusal. `entry_of` is the entry of a
    /// change.
    async fn learn(
        &mut self,
        refusal: Refusal,
        entry_of: impl Fn(usize) -> usize,
    ) -> Result<(), ImportError> {
        let limits = &self.service.limits;
        self.must_look_up = true;
        self.room = None;
        match refusal {
            Refusal::Conflict { .. } | Refusal::NotInBook { .. } => {}
            Refusal::BookChanged => {
                self.book_changes += 1;
                if let Some(books) = &mut self.books {
                    books.forget_changed(self.service).await?;
                }
            }
            // Decide again without the entries that do not fit. The look-up finds those that exist
            // already, which need no room.
            Refusal::BookFull { .. } if self.options.on_error == OnError::Skip => {
                self.room = Some(self.read_room().await?);
            }
            Refusal::BookFull { index } => {
                return Err(ImportError::BookFull {
                    index: entry_of(index),
                    max_addresses: limits.max_addresses,
                });
            }
            Refusal::HistoryFull { index } => {
                return Err(ImportError::HistoryFull {
                    index: entry_of(index),
                    max_past_revisions: limits.max_past_revisions,
                });
            }
            Refusal::KeyTaken => return Err(RepositoryError::Internal(refusal.into()).into()),
        }
        Ok(())
    }

    /// Rejects a batch with an entry that cannot be imported.
    fn reject_any(&self, outcomes: &[ImportOutcome]) -> Result<(), ImportError> {
        for (index, outcome) in outcomes.iter().enumerate() {
            match outcome {
                ImportOutcome::Conflict => return Err(ImportError::Conflict { index }),
                ImportOutcome::TooManyRevisions => {
                    return Err(ImportError::TooManyRevisions {
                        index,
                        max_revisions: self.service.limits.max_revisions,
                    });
                }
                ImportOutcome::TooManyPurposes => {
                    let error = TooManyPurposes;
                    return Err(ImportError::TooManyPurposes { index, error });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns for each entry the addresses that it may match.
    ///
    /// If several addresses have the same content, the store finds any one of them. If an earlier
    /// entry names that one by id, all of them are returned.
    async fn look_up(&self) -> Result<Vec<Vec<Address>>, RepositoryError> {
        let lookups = self.entries.iter().map(ImportEntry::lookup).collect();
        let found = self.service.repository.find(lookups).await?;
        let found = found.into_iter().map(|found| Vec::from_iter(found.address));
        let mut found: Vec<_> = found.collect();
        let mut named = HashSet::new();
        for (entry, found) in self.entries.iter().zip(&mut found) {
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
        let scanned = self.service.scan_book(customer_id, |address| {
            if address.content == *content {
                found.push(address);
            }
        });
        scanned.await?;
        Ok(found)
    }

    /// Returns how many more addresses each customer of these entries may have.
    async fn read_room(&self) -> Result<HashMap<CustomerId, u64>, RepositoryError> {
        let mut room = HashMap::new();
        for entry in self.entries {
            if !room.contains_key(&entry.customer_id) {
                let held = self
                    .service
                    .repository
                    .head(&entry.customer_id)
                    .await?
                    .addresses;
                let left = u64::from(self.service.limits.max_addresses).saturating_sub(held);
                room.insert(entry.customer_id.clone(), left);
            }
        }
        Ok(room)
    }

    /// Decides, and reads the books that are needed for it.
    async fn decide_with_books(&mut self, at: Timestamp) -> Result<Decision, RepositoryError> {
        loop {
            let decision = self.decide(at);
            match &mut self.books {
                Some(books) if !decision.unread.is_empty() => {
                    books.read(self.service, decision.unread).await?;
                }
                _ => return Ok(decision),
            }
        }
    }

    /// Decides the outcome of each entry and collects the changes.
    fn decide(&self, at: Timestamp) -> Decision {
        let limits = &self.service.limits;
        let on_conflict = self.options.on_conflict;
        let mut batch = Batch::of(self.entries);
        let mut defaults = DecidedDefaults::of(&self.defaults);
        let mut keys = self.books.as_ref().map(Keys::of);
        let mut room = self.room.clone();
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
            let from = self.full_histories.get(&entry.customer_id);
            from.is_some_and(|from| index >= *from)
        };
        let mut decide = |(index, (entry, found)): (usize, (&'a ImportEntry, &Vec<Address>))| {
            let current = batch.current(entry, found);
            let id = current.map(|current| &current.id).or(entry.id.as_ref());
            let id = id.cloned();
            let id = id.unwrap_or_else(|| AddressId::from_ulid(self.service.ids.next()));
            let Ok(after) = defaults.after(entry, &id) else {
                return ImportOutcome::TooManyPurposes;
            };
            let outcome = match current {
                Some(current) if entry.repeats(current) && after.is_none() => {
                    ImportOutcome::Unchanged
                }
                Some(_) if on_conflict == OnConflict::Reject => ImportOutcome::Conflict,
                Some(current) if entry.repeats(current) => ImportOutcome::Updated,
                None if keys.as_mut().is_some_and(|keys| keys.has(index, entry)) => {
                    ImportOutcome::Duplicate
                }
                _ if is_full(index, entry) => ImportOutcome::HistoryFull,
                Some(current) if current.revision.get() >= limits.max_revisions => {
                    ImportOutcome::TooManyRevisions
                }
                Some(current) => {
                    let (address, expected) = (entry.replacing(current, at), current.revision);
                    if let Some(keys) = &mut keys {
                        keys.replace(current, &address);
                    }
                    batch.replace(index, address, expected);
                    ImportOutcome::Updated
                }
                None if !has_room(entry) => ImportOutcome::BookFull,
                None => {
                    let address = entry.creating(id, at);
                    if let Some(keys) = &mut keys {
                        keys.add(&address);
                    }
                    batch.add(index, Change::Create(address));
                    ImportOutcome::Created
                }
            };
            if let ImportOutcome::Created | ImportOutcome::Updated = outcome {
                defaults.set(entry, after);
            }
            outcome
        };
        let outcomes = self
            .entries
            .iter()
            .zip(&self.found)
            .enumerate()
            .map(&mut decide)
            .collect();
        Decision {
            outcomes,
            batch,
            default_changes: defaults.changes(),
            unread: keys.map(|keys| keys.unread).unwrap_or_default(),
        }
    }
}
