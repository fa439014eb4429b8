use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard};

use addressbook_domain::{
    Address, AddressId, AddressPage, AddressRepository, AddressRevision, AddressRevisions,
    BookDefaults, BookHead, Change, ChangeKind, Commit, CommitError, Committed, CustomerId,
    DefaultAddressChange, Erased, Found, IdempotencyKey, IdempotencyRecord, Listing, Lookup,
    PageRequest, PageStart, Purpose, Refusal, RepositoryError, Revision, RevisionRange, Scan,
    Timestamp,
};
use async_trait::async_trait;

/// Stores addresses in memory: the simplest repository that fulfils the contract, for tests of code
/// that uses the port. A clone is an independent copy.
#[derive(Debug, Default)]
pub struct InMemoryRepository {
    books: Mutex<Books>,
}

impl Clone for InMemoryRepository {
    fn clone(&self) -> Self {
        Self {
            books: Mutex::new(self.books().clone()),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Books {
    by_customer: BTreeMap<CustomerId, Book>,
    /// The greatest revision of all erased books. New books begin above it.
    last_erased_revision: u64,
}

#[derive(Clone, Debug, Default)]
struct Book {
    revision: u64,
    addresses: BTreeMap<AddressId, Address>,
    revisions: BTreeMap<AddressId, Vec<AddressRevision>>,
    /// How many of `revisions` are not the current state of an address.
    past_revisions: u64,
    records: BTreeMap<String, IdempotencyRecord>,
    default_addresses: BTreeMap<Purpose, AddressId>,
}

impl Book {
    fn head(&self) -> BookHead {
        BookHead {
            addresses: self.addresses.len() as u64,
            revision: self.revision,
        }
    }

    fn as_of(&self, at: Timestamp) -> Vec<Address> {
        let latest = |revisions: &Vec<AddressRevision>| {
            let revision = revisions
                .iter()
                .rfind(|revision| revision.changed_at <= at)?;
            (revision.change != ChangeKind::Removed).then(|| revision.address.clone())
        };
        self.revisions.values().filter_map(latest).collect()
    }

    fn apply(&mut self, commit: &Commit, index: usize) -> Result<(), Refusal> {
        let conflict = Refusal::Conflict { index };
        let change = &commit.changes[index];
        let id = &change.address().id;
        let revisions = self.revisions.entry(id.clone()).or_default();
        let next = revisions
            .last()
            .map_or(Revision::FIRST, |last| last.address.revision.next());
        let current = self.addresses.get(id).map(|address| address.revision);
        let kind = match change {
            Change::Create(_) if self.addresses.contains_key(id) => return Err(conflict),
            Change::Create(_) if self.addresses.len() >= commit.max_addresses as usize => {
                return Err(Refusal::BookFull { index });
            }
            Change::Create(_) => ChangeKind::Created,
            Change::Replace { expected, .. } if current == Some(*expected) => ChangeKind::Updated,
            Change::Remove { expected, .. } if current == Some(*expected) => ChangeKind::Removed,
            _ => return Err(conflict),
        };
        if self.past_revisions >= commit.max_past_revisions.into() && kind != ChangeKind::Removed {
            return Err(Refusal::HistoryFull { index });
        }
        // The repository assigns the revision and ignores that of the change.
        let address = Address {
            revision: next,
            ..change.address().clone()
        };
        self.past_revisions += match kind {
            ChangeKind::Created => 0,
            ChangeKind::Updated => 1,
            ChangeKind::Removed => 2,
        };
        match kind {
            ChangeKind::Removed => {
                self.addresses.remove(id);
                self.default_addresses.retain(|_, default| default != id);
            }
            _ => drop(self.addresses.insert(id.clone(), address.clone())),
        }
        revisions.push(AddressRevision {
            address,
            change: kind,
            changed_at: commit.at,
        });
        Ok(())
    }

    fn set_default(&mut self, change: &DefaultAddressChange, index: usize) -> Result<(), Refusal> {
        match &change.address_id {
            Some(id) if !self.addresses.contains_key(id) => {
                return Err(Refusal::NotInBook { index });
            }
            Some(id) => drop(
                self.default_addresses
                    .insert(change.purpose.clone(), id.clone()),
            ),
            None => drop(self.default_addresses.remove(&change.purpose)),
        }
        Ok(())
    }

    fn store_record(
        &mut self,
        record: IdempotencyRecord,
        expired_before: Timestamp,
    ) -> Result<(), Refusal> {
        match self.records.entry(record.key.as_str().to_owned()) {
            Entry::Occupied(entry) if entry.get().created_at >= expired_before => {
                return Err(Refusal::KeyTaken);
            }
            Entry::Occupied(mut entry) => drop(entry.insert(record)),
            Entry::Vacant(entry) => drop(entry.insert(record)),
        }
        Ok(())
    }
}

impl InMemoryRepository {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books
            .lock()
            .expect("no test panicked while it held the books")
    }
}

#[async_trait]
impl AddressRepository for InMemoryRepository {
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<AddressPage, RepositoryError> {
        let books = self.books();
        let Some(book) = books.by_customer.get(customer_id) else {
            return Ok(AddressPage::default());
        };
        let is_before = |address: &&Address| match &page.start {
            PageStart::Offset(_) => false,
            PageStart::After(position) => address.id <= position.id,
        };
        let skipped = match &page.start {
            PageStart::Offset(offset) => usize::try_from(offset.get()).unwrap_or(usize::MAX),
            PageStart::After(_) => 0,
        };
        let mut found = AddressPage::new(book.head());
        let addresses = book.addresses.values().skip_while(is_before).skip(skipped);
        for address in addresses.take(page.limit.get().into()) {
            found.push(address.into())?;
        }
        Ok(found)
    }

    async fn page_of(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError> {
        let books = self.books();
        let Some(book) = books.by_customer.get(customer_id) else {
            return Ok(AddressPage::default());
        };
        let addresses = match listing.as_of {
            Some(at) => book.as_of(at),
            None => book.addresses.values().cloned().collect(),
        };
        Ok(listing.apply(book.head(), addresses)?)
    }

    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        Ok(self
            .books()
            .by_customer
            .get(customer_id)
            .map(Book::head)
            .unwrap_or_default())
    }

    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Found>, RepositoryError> {
        let books = self.books();
        let find = |lookup: &Lookup| {
            let (Lookup::Id(customer_id, _) | Lookup::Content(customer_id, _)) = lookup;
            let book = books.by_customer.get(customer_id)?;
            let address = match lookup {
                Lookup::Id(_, id) => book.addresses.get(id),
                Lookup::Content(_, content) => {
                    let mut addresses = book.addresses.values();
                    addresses.find(|address| address.content == *content)
                }
            };
            Some(Found {
                address: address.cloned(),
                book_revision: book.revision,
            })
        };
        let found = lookups
            .iter()
            .map(|lookup| find(lookup).unwrap_or_default());
        Ok(found.collect())
    }

    async fn default_addresses(
        &self,
        customers: Vec<CustomerId>,
    ) -> Result<Vec<BookDefaults>, RepositoryError> {
        let books = self.books();
        let defaults = |customer_id: &CustomerId| {
            let book = books.by_customer.get(customer_id);
            book.map_or_else(BookDefaults::default, |book| BookDefaults {
                revision: book.revision,
                addresses: book.default_addresses.clone().into_iter().collect(),
            })
        };
        Ok(customers.iter().map(defaults).collect())
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let mut books = self.books();
        let mut touched = BTreeMap::new();
        let begin = |id: &CustomerId| books.by_customer.get(id).cloned().unwrap_or_default();
        for customer_id in commit.customers() {
            let expected = commit.expected_revisions.get(customer_id);
            if expected.is_some_and(|expected| *expected != begin(customer_id).revision) {
                return Err(Refusal::BookChanged.into());
            }
        }
        for (index, change) in commit.changes.iter().enumerate() {
            let customer_id = change.address().customer_id.clone();
            touched
                .entry(customer_id)
                .or_insert_with_key(begin)
                .apply(&commit, index)?;
        }
        for (index, change) in commit.default_addresses.iter().enumerate() {
            touched
                .entry(change.customer_id.clone())
                .or_insert_with_key(begin)
                .set_default(change, index)?;
        }
        if let Some((record, expired_before)) = commit.record() {
            let customer_id = record.customer_id.clone();
            touched
                .entry(customer_id)
                .or_insert_with_key(begin)
                .store_record(record, expired_before)?;
        }
        for book in touched.values_mut() {
            book.revision = book.revision.max(books.last_erased_revision) + 1;
        }
        let revision = |(id, book): (&CustomerId, &Book)| (id.clone(), book.revision);
        let book_revisions = touched.iter().map(revision).collect();
        books.by_customer.append(&mut touched);
        Ok(Committed { book_revisions })
    }

    async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
    ) -> Result<AddressRevisions, RepositoryError> {
        let books = self.books();
        let book = books.by_customer.get(customer_id);
        let revisions = book.and_then(|book| book.revisions.get(id));
        let is_wanted = |revision: &&AddressRevision| {
            range
                .before
                .is_none_or(|before| revision.address.revision < before)
        };
        let newest_first = revisions.into_iter().flatten().rev().filter(is_wanted);
        Ok(AddressRevisions {
            revisions: newest_first.take(range.limit as usize).cloned().collect(),
            book_revision: book.map_or(0, |book| book.revision),
        })
    }

    async fn idempotency_record(
        &self,
        customer_id: &CustomerId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, RepositoryError> {
        let books = self.books();
        Ok(books
            .by_customer
            .get(customer_id)
            .and_then(|book| book.records.get(key.as_str()))
            .cloned())
    }

    async fn prune_idempotency_records(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, RepositoryError> {
        let mut pruned = 0;
        for book in self.books().by_customer.values_mut() {
            book.records.retain(|_, record| {
                let goes = record.created_at < before && pruned < u64::from(limit);
                pruned += u64::from(goes);
                !goes
            });
        }
        Ok(pruned)
    }

    async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError> {
        let mut books = self.books();
        let Some(book) = books.by_customer.remove(customer_id) else {
            return Ok(Erased::default());
        };
        books.last_erased_revision = books.last_erased_revision.max(book.revision);
        Ok(Erased {
            addresses: book.addresses.len() as u64,
            revisions: book
                .revisions
                .values()
                .map(|revisions| revisions.len() as u64)
                .sum(),
            idempotency_records: book.records.len() as u64,
            default_addresses: book.default_addresses.len() as u64,
        })
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError> {
        let key = |address: &Address| (address.customer_id.clone(), address.id.clone());
        let wanted = |address: &&Address| {
            scan.customer_id
                .as_ref()
                .is_none_or(|id| *id == address.customer_id)
                && scan
                    .after
                    .as_ref()
                    .is_none_or(|after| key(address) > *after)
        };
        let books = self.books();
        let addresses = books
            .by_customer
            .values()
            .flat_map(|book| book.addresses.values());
        Ok(addresses
            .filter(wanted)
            .take(scan.limit as usize)
            .cloned()
            .collect())
    }

    async fn ready(&self) -> Result<(), RepositoryError> {
        Ok(())
    }
}
