use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use addressbook_domain::{
    Address, AddressRepository, Change, City, Commit, CommitError, Committed, CustomData,
    CustomerId, Description, Lookup, PostalDetails, Refusal, Region, RepositoryError, Timestamp,
};

use super::Faulty;
use crate::addresses::table::Fault::*;

fn internal(cause: &str) -> RepositoryError {
    RepositoryError::Internal(cause.into())
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_unix_ms(time.unix_ms().div_euclid(1_000) * 1_000).unwrap()
}

impl Faulty {
    pub(super) async fn faulty_commit(&self, mut commit: Commit) -> Result<Committed, CommitError> {
        for change in &mut commit.changes {
            let (Change::Create(address)
            | Change::Replace { address, .. }
            | Change::Remove { address, .. }) = change;
            self.alter_address(address);
        }
        self.reject_early(&commit).await?;
        self.alter_key(&mut commit).await?;
        self.alter_changes(&mut commit).await?;
        let left_defaults = self.alter_defaults(&mut commit).await?;
        let mut made = self.commit_with_fault(commit.clone()).await;
        if self.has(ChecksDefaultAddressesBeforeItCommits)
            && matches!(&made, Err(CommitError::Refused(Refusal::NotInBook { .. })))
        {
            self.past()
                .left_defaults
                .extend(commit.default_addresses.clone());
            made = Ok(());
        }
        if made.is_ok() {
            self.past().left_defaults.extend(left_defaults);
        }
        match (self.fault, made) {
            (_, Ok(())) => {
                self.record_commit(&commit);
                self.committed(&commit).await
            }
            (NamesTheLastChange, Err(CommitError::Refused(Refusal::BookFull { .. }))) => {
                let index = commit.changes.len() - 1;
                Err(Refusal::BookFull { index }.into())
            }
            (LeavesTheRecordOfARefusedCommit, Err(error)) => {
                let record = commit.record().map(|(record, _)| record);
                self.past().left_records.extend(record);
                Err(error)
            }
            (_, Err(error)) => Err(error),
        }
    }

    /// The revisions of the books that a commit has changed.
    async fn committed(&self, commit: &Commit) -> Result<Committed, CommitError> {
        let mut committed = Committed::default();
        for customer_id in commit.customers() {
            let revision = self.store().head(customer_id).await?.revision;
            let revision = match self.fault {
                ReturnsTheRevisionsBeforeTheCommit => revision - 1,
                _ => revision,
            };
            let book_revisions = &mut committed.book_revisions;
            book_revisions.insert(customer_id.clone(), revision);
            if self.has(ReturnsTheRevisionOfTheFirstBook) {
                break;
            }
        }
        Ok(committed)
    }

    fn alter_address(&self, address: &mut Address) {
        let change_text = |change: &dyn Fn(&str) -> String, address: &mut Address| {
            let content = &mut address.content;
            if let Some(text) = &mut content.description {
                *text = Description::parse_stored(&change(text.as_str())).unwrap();
            }
            content.city = City::parse_stored(&change(content.city.as_str())).unwrap();
        };
        match self.fault {
            StoresOnlyThreeByteCharacters => change_text(
                &|text| {
                    let three = |char| if char > '\u{ffff}' { '?' } else { char };
                    text.chars().map(three).collect()
                },
                address,
            ),
            ReplacesLigatures => change_text(&|text| text.replace('ﬁ', "fi"), address),
            StoresOnly255Characters => {
                change_text(&|text| text.chars().take(255).collect(), address);
            }
            TrimsInvisibleCharacters => {
                change_text(&|text| text.trim_matches('\u{2800}').to_owned(), address);
            }
            StoresNullAsText => {
                let null = Description::parse("null").unwrap();
                address.content.description.get_or_insert(null);
            }
            DropsPhones => {
                let json = address.content.details.as_json().unwrap_or_default();
                if let Some((rest, _)) = json.split_once(",\"phone\"") {
                    let rest = PostalDetails::from_json(&format!("{rest}}}"));
                    address.content.details = rest.unwrap();
                }
            }
            FillsTheRegion if address.content.region.as_str().is_empty() => {
                address.content.region = Region::parse("-").unwrap();
            }
            RespellsNumbers => {
                if let Some(data) = &mut address.content.custom_data {
                    let spelled = data.as_str().replace("1E3", "1000.0");
                    *data = CustomData::parse(&spelled).unwrap();
                }
            }
            StoresSeconds => {
                address.created_at = seconds(address.created_at);
                address.updated_at = seconds(address.updated_at);
            }
            StoresTimesSince1970 => {
                let epoch = Timestamp::from_unix_ms(0).unwrap();
                address.created_at = address.created_at.max(epoch);
                address.updated_at = address.updated_at.max(epoch);
            }
            IgnoresTheCaseOfCustomers => {
                let lower = address.customer_id.as_str().to_lowercase();
                address.customer_id = CustomerId::parse(&lower).unwrap();
            }
            _ => {}
        }
    }

    /// Returns the current state of an address.
    async fn current(&self, address: &Address) -> Option<Address> {
        let lookup = Lookup::Id(address.customer_id.clone(), address.id.clone());
        self.store()
            .find(vec![lookup])
            .await
            .unwrap()
            .remove(0)
            .address
    }

    /// Returns the number of a customer's past revisions.
    async fn past_revisions(&self, customer_id: &CustomerId) -> u64 {
        let mut past = 0;
        let created = self.past().created(customer_id);
        for id in created {
            past += self.revisions_of(customer_id, &id).await.len();
        }
        (past - self.all(Some(customer_id)).await.len()) as u64
    }

    /// Rejects a commit too early, or one that should not be rejected.
    async fn reject_early(&self, commit: &Commit) -> Result<(), CommitError> {
        let store = self.store();
        let alone = |change: &Change| Commit {
            changes: vec![change.clone()],
            ..commit.clone()
        };
        match self.fault {
            ChecksExpectedRevisionsLast => {
                let unexpected = Commit {
                    expected_revisions: BTreeMap::new(),
                    ..commit.clone()
                };
                InMemoryCopy::clone(&store).commit(unexpected).await?;
            }
            CommitsAtMost500Changes if commit.changes.len() > 500 => {
                return Err(internal("too many changes").into());
            }
            FailsWithoutChanges if commit.changes.is_empty() => {
                return Err(internal("no changes").into());
            }
            ChecksConflictsFirst => {
                let roomy = Commit {
                    max_addresses: u32::MAX,
                    idempotency: None,
                    ..commit.clone()
                };
                InMemoryCopy::clone(&store).commit(roomy).await?;
            }
            ChecksTheKeyFirst => {
                if let Some((record, expired_before)) = commit.record()
                    && let Some(known) = store
                        .idempotency_record(&record.customer_id, &record.key)
                        .await?
                    && known.created_at >= expired_before
                {
                    return Err(Refusal::KeyTaken.into());
                }
            }
            _ => {}
        }
        for (index, change) in commit.changes.iter().enumerate() {
            let address = change.address();
            let held = store.head(&address.customer_id).await?.addresses;
            let is_full = held >= commit.max_addresses.into();
            let is_creation = matches!(change, Change::Create(_));
            match self.fault {
                ChecksRoomFirst if is_full && is_creation => {
                    return Err(Refusal::BookFull { index }.into());
                }
                RefusesToChangeFullBooks if is_full && !is_creation => {
                    return Err(Refusal::BookFull { index }.into());
                }
                RefusesRemovalsInFullHistories if matches!(change, Change::Remove { .. }) => {
                    let past = self.past_revisions(&address.customer_id).await;
                    if past >= commit.max_past_revisions.into() {
                        return Err(Refusal::HistoryFull { index }.into());
                    }
                }
                ChecksTheHistoryFirst if is_creation => {
                    let past = self.past_revisions(&address.customer_id).await;
                    if past >= commit.max_past_revisions.into() {
                        return Err(Refusal::HistoryFull { index }.into());
                    }
                }
                ComparesChangesWithTheStart => {
                    let copy = InMemoryCopy::clone(&store);
                    copy.commit(alone(change))
                        .await
                        .map_err(|_| Refusal::Conflict { index })?;
                }
                RequiresIdsUniqueAcrossBooks => {
                    let earlier = commit.changes[..index].iter().map(Change::address);
                    let past = self.past();
                    let mut others = past.states.iter().chain(earlier);
                    let is_other = |other: &Address| {
                        other.id == address.id && other.customer_id != address.customer_id
                    };
                    if others.any(is_other) {
                        return Err(Refusal::Conflict { index }.into());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn alter_key(&self, commit: &mut Commit) -> Result<(), CommitError> {
        let Some((record, expired_before)) = commit.record() else {
            return Ok(());
        };
        let store = self.store();
        let known = store
            .idempotency_record(&record.customer_id, &record.key)
            .await?;
        let known_since = known.map(|known| known.created_at);
        let Some(new_key) = &mut commit.idempotency else {
            return Ok(());
        };
        match self.fault {
            AcceptsTakenKeys => new_key.expired_before = Timestamp::MAX,
            ExpiresKeysAtTheMoment => {
                new_key.expired_before = expired_before.plus(Duration::from_millis(1));
            }
            NeverExpiresKeys => new_key.expired_before = Timestamp::from_unix_ms(0).unwrap(),
            LeavesExpiredRecords if known_since.is_some_and(|since| since < expired_before) => {
                commit.idempotency = None;
            }
            ChecksTheKeyBeforeItCommits => {
                if known_since.is_some_and(|since| since >= expired_before) {
                    return Err(Refusal::KeyTaken.into());
                }
                new_key.expired_before = Timestamp::MAX;
                self.pause().await;
            }
            _ => {}
        }
        Ok(())
    }

    async fn alter_changes(&self, commit: &mut Commit) -> Result<(), CommitError> {
        let book = commit
            .changes
            .first()
            .map(|change| change.address().customer_id.clone());
        match self.fault {
            IgnoresExpectedRevisions => commit.expected_revisions.clear(),
            ExpectsNothingOfMissingBooks => {
                if let Some(book) = book
                    && self.store().head(&book).await?.revision == 0
                {
                    commit.expected_revisions.clear();
                }
            }
            ChecksTheBookBeforeItCommits => {
                if let Some(book) = book
                    && let Some(expected) = commit.expected_revisions.remove(&book)
                {
                    if self.store().head(&book).await?.revision != expected {
                        return Err(Refusal::BookChanged.into());
                    }
                    self.pause().await;
                }
            }
            CommitsTheFirst10000Changes => commit.changes.truncate(10_000),
            IgnoresTheAddressLimit => commit.max_addresses = u32::MAX,
            IgnoresTheHistoryLimit => commit.max_past_revisions = u32::MAX,
            CountsRemovalsOnce => {
                if let Some(book) = book {
                    let created = self.past().created(&book).len();
                    let removed = created - self.all(Some(&book)).await.len();
                    let most = commit.max_past_revisions;
                    commit.max_past_revisions = most.saturating_add(removed as u32);
                }
            }
            ChecksTheHistoryBeforeItReplaces => {
                if let Some(book) = book
                    && self.past_revisions(&book).await < commit.max_past_revisions.into()
                {
                    commit.max_past_revisions = u32::MAX;
                    self.pause().await;
                }
            }
            ChecksRoomBeforeItCreates => {
                if let Some(book) = book
                    && self.store().head(&book).await?.addresses < commit.max_addresses.into()
                {
                    commit.max_addresses = u32::MAX;
                    self.pause().await;
                }
            }
            _ => {}
        }
        let mut changes = Vec::new();
        for (index, change) in commit.changes.drain(..).enumerate() {
            let current = self.current(change.address()).await;
            let revision = current.as_ref().map(|current| current.revision);
            changes.extend(match (self.fault, change, revision) {
                (OverwritesExistingAddresses, Change::Create(address), Some(expected))
                | (ReplacesAnyRevision, Change::Replace { address, .. }, Some(expected)) => {
                    Some(Change::Replace { address, expected })
                }
                (RemovesAnyRevision, Change::Remove { .. }, Some(_)) => {
                    current.map(addressbook_testkit::fixtures::removal)
                }
                (RemovesMissingAddresses, Change::Remove { .. }, None) => None,
                (ChecksTheIdBeforeItCreates, Change::Create(address), revision) => {
                    if revision.is_some() {
                        return Err(Refusal::Conflict { index }.into());
                    }
                    self.pause().await;
                    let current = self.current(&address).await;
                    Some(match current.map(|current| current.revision) {
                        Some(expected) => Change::Replace { address, expected },
                        None => Change::Create(address),
                    })
                }
                (
                    ChecksTheRevisionBeforeItReplaces,
                    Change::Replace { address, expected },
                    revision,
                ) => {
                    if revision != Some(expected) {
                        return Err(Refusal::Conflict { index }.into());
                    }
                    self.pause().await;
                    let current = self.current(&address).await;
                    current.map(|current| Change::Replace {
                        address,
                        expected: current.revision,
                    })
                }
                (_, change, _) => Some(change),
            });
        }
        commit.changes = changes;
        Ok(())
    }

    async fn commit_with_fault(&self, commit: Commit) -> Result<(), CommitError> {
        let store = self.store();
        let keyless = Commit {
            idempotency: None,
            ..commit.clone()
        };
        match self.fault {
            LeavesTheChangesBeforeAConflict => {
                for (index, change) in commit.changes.iter().enumerate() {
                    let alone = Commit {
                        changes: vec![change.clone()],
                        ..keyless.clone()
                    };
                    store.commit(alone).await.map_err(|error| match error {
                        CommitError::Refused(Refusal::BookFull { .. }) => {
                            Refusal::BookFull { index }
                        }
                        CommitError::Refused(Refusal::HistoryFull { .. }) => {
                            Refusal::HistoryFull { index }
                        }
                        _ => Refusal::Conflict { index },
                    })?;
                }
                Ok(())
            }
            LeavesTheChangesOfATakenKey => {
                let copy = InMemoryCopy::clone(&store);
                store.commit(keyless).await?;
                copy.commit(commit).await.map(drop)
            }
            CommitsBookByBook => {
                let mut rest = keyless.changes.clone();
                while let Some(first) = rest.first() {
                    let book = first.address().customer_id.clone();
                    let (of_book, others) = rest
                        .into_iter()
                        .partition(|change| change.address().customer_id == book);
                    let part = Commit {
                        changes: of_book,
                        ..keyless.clone()
                    };
                    store.commit(part).await?;
                    self.pause().await;
                    rest = others;
                }
                Ok(())
            }
            WritesTheWholeStoreBack => {
                let copy = InMemoryCopy::clone(&store);
                copy.commit(commit).await?;
                self.pause().await;
                *self.store.lock().unwrap() = Arc::new(copy);
                Ok(())
            }
            GivesUpWhenOthersCommit => {
                let Ok(_alone) = self.commits.try_lock() else {
                    return Err(RepositoryError::Busy("others commit".into()).into());
                };
                self.pause().await;
                store.commit(commit).await.map(drop)
            }
            LocksBooksInTheOrderOfTheChanges => {
                let mut locked = Vec::new();
                for change in &commit.changes {
                    let book = change.address().customer_id.clone();
                    let lock = Arc::clone(self.books.lock().unwrap().entry(book).or_default());
                    locked.push(lock.lock_owned().await);
                    self.pause().await;
                }
                store.commit(commit).await.map(drop)
            }
            RecordsTheLastChange | RecordsKeysLater => {
                store.commit(keyless).await?;
                self.pause().await;
                if self.has(RecordsTheLastChange) {
                    let mut backwards = commit;
                    backwards.changes.reverse();
                    let record = backwards.record().map(|(record, _)| record);
                    self.past().left_records.extend(record);
                } else {
                    let record = commit.record().map(|(record, _)| record);
                    self.past().left_records.extend(record);
                }
                Ok(())
            }
            _ => store.commit(commit).await.map(drop),
        }
    }

    fn record_commit(&self, commit: &Commit) {
        let store = self.store();
        let mut past = self.past();
        for change in &commit.changes {
            let address = change.address();
            let key = (address.customer_id.clone(), address.id.clone());
            match change {
                Change::Create(address) => past.stated_revisions.insert(key, address.revision),
                Change::Replace { .. } | Change::Remove { .. } => {
                    past.stated_revisions.remove(&key)
                }
            };
            past.states.push(address.clone());
            past.last_at.insert(address.customer_id.clone(), commit.at);
        }
        past.commits += 1;
        past.committed_records
            .extend(commit.record().map(|(record, _)| record));
        past.first
            .get_or_insert_with(|| InMemoryCopy::clone(&store));
    }
}

/// An independent copy of the store.
type InMemoryCopy = addressbook_testkit::InMemoryRepository;
