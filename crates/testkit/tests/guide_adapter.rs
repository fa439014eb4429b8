//! A complete small storage adapter, and the proof that it fulfils the contract.
//!
//! `docs/guides/write-a-storage-adapter.md` walks through the code between the two marks
//! below. The last test here sees to it that the guide shows this very code.

// guide: begin
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use addressbook_domain::{
    Address, AddressId, AddressPage, AddressRepository, AddressRevision, BookHead, Change,
    ChangeKind, Commit, CustomerId, Erased, IdempotencyKey, IdempotencyRecord, Listing, Lookup,
    PageRequest, PageStart, RepositoryError, Revision, RevisionRange, Scan, Timestamp,
};
use async_trait::async_trait;

/// Keeps everything that ever happened to an address, one after the other.
#[derive(Default)]
struct LogRepository {
    log: Mutex<Log>,
}

#[derive(Clone, Default)]
struct Log {
    entries: Vec<Entry>,
    records: Vec<IdempotencyRecord>,
    /// The number of the last entry. None is given twice, also not after an erasure.
    last_number: u64,
}

#[derive(Clone)]
struct Entry {
    number: u64,
    revision: AddressRevision,
}

impl LogRepository {
    /// The log, for as long as one call takes: that makes each call a transaction.
    fn log(&self) -> Result<MutexGuard<'_, Log>, RepositoryError> {
        self.log
            .lock()
            .map_err(|_| RepositoryError::Internal("a thread panicked at work on the log".into()))
    }
}

/// What tells addresses apart and orders them. Both ids compare by bytes, as the port asks.
type Key<'a> = (&'a CustomerId, &'a AddressId);

fn key(address: &Address) -> Key<'_> {
    (&address.customer_id, &address.id)
}

impl Log {
    fn entries_of<'a>(&'a self, customer_id: &'a CustomerId) -> impl Iterator<Item = &'a Entry> {
        let is_theirs = |entry: &&Entry| entry.revision.address.customer_id == *customer_id;
        self.entries.iter().filter(is_theirs)
    }

    /// The revisions of an address, oldest first.
    fn revisions<'a>(
        &'a self,
        customer_id: &'a CustomerId,
        id: &'a AddressId,
    ) -> impl DoubleEndedIterator<Item = &'a AddressRevision> {
        let revisions = self.entries.iter().map(|entry| &entry.revision);
        revisions.filter(move |revision| key(&revision.address) == (customer_id, id))
    }

    /// A book as it stands. Each change adds an entry, so the number of the last one is a
    /// revision.
    fn book<'a>(
        &'a self,
        customer_id: &'a CustomerId,
    ) -> (BookHead, BTreeMap<Key<'a>, &'a Address>) {
        let addresses = standing(self.entries_of(customer_id));
        let last = self.entries_of(customer_id).last();
        let head = BookHead {
            addresses: addresses.len() as u64,
            revision: last.map_or(0, |entry| entry.number),
        };
        (head, addresses)
    }

    fn record(&self, customer_id: &CustomerId, key: &IdempotencyKey) -> Option<&IdempotencyRecord> {
        let mut records = self.records.iter();
        records.find(|record| record.customer_id == *customer_id && record.key == *key)
    }
}

/// The addresses that stand after these entries, by ascending key: of each address the last
/// entry counts.
fn standing<'a>(entries: impl Iterator<Item = &'a Entry>) -> BTreeMap<Key<'a>, &'a Address> {
    let mut standing = BTreeMap::new();
    for entry in entries {
        let address = &entry.revision.address;
        match entry.revision.change {
            ChangeKind::Removed => standing.remove(&key(address)),
            ChangeKind::Created | ChangeKind::Updated => standing.insert(key(address), address),
        };
    }
    standing
}

impl Log {
    /// Makes one change of a commit, if it fits what is there.
    fn make(&mut self, commit: &Commit, index: usize) -> Result<(), RepositoryError> {
        let change = &commit.changes[index];
        let (kind, expected) = match change {
            Change::Create(_) => (ChangeKind::Created, None),
            Change::Replace { expected, .. } => (ChangeKind::Updated, Some(*expected)),
            Change::Remove(address) => (ChangeKind::Removed, Some(address.revision)),
        };
        let address = change.address();
        let last = self.revisions(&address.customer_id, &address.id).last();
        let current = last.filter(|last| last.change != ChangeKind::Removed);
        if current.map(|current| current.address.revision) != expected {
            return Err(RepositoryError::Conflict { index });
        }
        let is_full = || self.book(&address.customer_id).0.addresses >= commit.max_addresses.into();
        if kind == ChangeKind::Created && is_full() {
            return Err(RepositoryError::BookFull { index });
        }
        let address = Address {
            revision: last.map_or(Revision::FIRST, |last| last.address.revision.next()),
            ..address.clone()
        };
        self.last_number += 1;
        self.entries.push(Entry {
            number: self.last_number,
            revision: AddressRevision {
                address,
                change: kind,
                changed_at: commit.at,
            },
        });
        Ok(())
    }

    /// Keeps the record of a commit, unless its key is taken.
    fn keep(
        &mut self,
        record: IdempotencyRecord,
        expired_before: Timestamp,
    ) -> Result<(), RepositoryError> {
        let known = self.record(&record.customer_id, &record.key);
        if known.is_some_and(|known| known.created_at >= expired_before) {
            return Err(RepositoryError::KeyTaken);
        }
        self.records
            .retain(|known| known.customer_id != record.customer_id || known.key != record.key);
        self.records.push(record);
        Ok(())
    }
}

#[async_trait]
impl AddressRepository for LogRepository {
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<AddressPage, RepositoryError> {
        let log = self.log()?;
        let (head, book) = log.book(customer_id);
        let (skipped, after) = match &page.start {
            PageStart::Offset(offset) => {
                (usize::try_from(offset.get()).unwrap_or(usize::MAX), None)
            }
            PageStart::After(id) => (0, Some(id)),
        };
        // `None` is less than any id.
        let wanted = book.values().filter(|address| Some(&address.id) > after);
        let mut listed = AddressPage::new(head);
        for &address in wanted.skip(skipped).take(page.limit.get().into()) {
            listed.push(address.into())?;
        }
        Ok(listed)
    }

    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        Ok(self.log()?.book(customer_id).0)
    }

    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Option<Address>>, RepositoryError> {
        let log = self.log()?;
        let answer = |lookup: &Lookup| {
            let (Lookup::Id(customer_id, _) | Lookup::Content(customer_id, _)) = lookup;
            let (_, book) = log.book(customer_id);
            let found = book.into_values().find(|address| match lookup {
                Lookup::Id(_, id) => address.id == *id,
                Lookup::Content(_, content) => address.content == *content,
            });
            found.cloned()
        };
        Ok(lookups.iter().map(answer).collect())
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError> {
        let log = self.log()?;
        let addresses = standing(log.entries.iter()).into_values();
        let wanted = addresses.filter(|address| {
            let is_theirs = |customer_id: &CustomerId| *customer_id == address.customer_id;
            let is_after = |(customer_id, id): &(_, _)| key(address) > (customer_id, id);
            scan.customer_id.as_ref().is_none_or(is_theirs)
                && scan.after.as_ref().is_none_or(is_after)
        });
        Ok(wanted.take(scan.limit as usize).cloned().collect())
    }

    async fn page_of(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError> {
        let log = self.log()?;
        let changed_at = |entry: &Entry| entry.revision.changed_at;
        let until_then = |entry: &&Entry| listing.as_of.is_none_or(|at| changed_at(entry) <= at);
        let addresses = standing(log.entries_of(customer_id).filter(until_then));
        let head = log.book(customer_id).0;
        Ok(listing.page(head, addresses.into_values().cloned())?)
    }

    async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
    ) -> Result<Vec<AddressRevision>, RepositoryError> {
        let log = self.log()?;
        let newest_first = log.revisions(customer_id, id).rev();
        let wanted = newest_first.filter(|revision| {
            let number = revision.address.revision;
            range.before.is_none_or(|before| number < before)
        });
        Ok(wanted.take(range.limit as usize).cloned().collect())
    }

    async fn commit(&self, commit: Commit) -> Result<(), RepositoryError> {
        let mut log = self.log()?;
        let mut changed = log.clone(); // all or nothing
        for index in 0..commit.changes.len() {
            changed.make(&commit, index)?; // from here on, later changes see it
        }
        if let Some((record, expired_before)) = commit.record() {
            changed.keep(record, expired_before)?;
        }
        *log = changed;
        Ok(())
    }

    async fn idempotency_record(
        &self,
        customer_id: &CustomerId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, RepositoryError> {
        Ok(self.log()?.record(customer_id, key).cloned())
    }

    async fn prune_idempotency_records(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, RepositoryError> {
        let is_old = |record: &mut IdempotencyRecord| record.created_at < before;
        let mut log = self.log()?;
        let pruned = log.records.extract_if(.., is_old).take(limit as usize);
        Ok(pruned.count() as u64)
    }

    async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError> {
        let mut log = self.log()?;
        let addresses = log.book(customer_id).0.addresses;
        let (entries, records) = (log.entries.len(), log.records.len());
        log.entries
            .retain(|entry| entry.revision.address.customer_id != *customer_id);
        log.records
            .retain(|record| record.customer_id != *customer_id);
        Ok(Erased {
            addresses,
            revisions: (entries - log.entries.len()) as u64,
            idempotency_records: (records - log.records.len()) as u64,
        })
    }

    async fn ready(&self) -> Result<(), RepositoryError> {
        self.log().map(drop)
    }
}

/// An empty repository for one test, and whatever has to live as long as it does: the folder
/// of its files, for instance. Nothing here.
async fn subject() -> (Arc<dyn AddressRepository>, ()) {
    (Arc::new(LogRepository::default()), ())
}

addressbook_testkit::address_repository_contract!(subject);
// guide: end

#[test]
fn the_guide_shows_this_code() {
    let between = |text: &'static str, start: &str, end: &str| -> Vec<_> {
        let pieces = text.split(start).skip(1);
        let pieces = pieces.map(|piece| piece.split(end).next().unwrap_or_default());
        pieces.map(|piece| piece.trim_matches('\n')).collect()
    };
    let source = between(
        include_str!("guide_adapter.rs"),
        "// guide: begin\n",
        "// guide: end\n",
    );
    let guide = between(
        include_str!("../../../docs/guides/write-a-storage-adapter.md"),
        "```rust title=\"crates/testkit/tests/guide_adapter.rs\"\n",
        "```\n",
    );
    assert_eq!(
        guide.join("\n\n"),
        source.concat(),
        "the guide (left) has to show the code of this file (right)"
    );
}
