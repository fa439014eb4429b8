mod commit;
mod default_addresses;
mod read;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use addressbook_domain::{
    Address, AddressId, AddressPage, AddressRepository, AddressRevision, AddressRevisions,
    BookDefaults, BookHead, Commit, CommitError, Committed, CustomerId, DefaultAddressChange,
    Erased, Found, IdempotencyKey, IdempotencyRecord, Listing, Lookup, PageRequest,
    RepositoryError, Revision, RevisionRange, Scan, Timestamp,
};
use addressbook_testkit::InMemoryRepository;
use addressbook_testkit::contract::Subject;
use async_trait::async_trait;
use tokio::time::sleep;

use super::table::Fault::{self, *};

pub(super) async fn faulty(fault: Fault) -> (Subject, ()) {
    let faulty = Faulty {
        fault,
        store: Mutex::default(),
        past: Mutex::default(),
        books: Mutex::default(),
        commits: tokio::sync::Mutex::default(),
    };
    (Arc::new(faulty), ())
}

/// The in-memory repository with one fault.
struct Faulty {
    fault: Fault,
    store: Mutex<Arc<InMemoryRepository>>,
    past: Mutex<Past>,
    /// Locks for the faults that lock: one for each book, and one for all commits.
    books: Mutex<HashMap<CustomerId, Arc<tokio::sync::Mutex<()>>>>,
    commits: tokio::sync::Mutex<()>,
}

/// What the faults remember of commits and reads.
#[derive(Default)]
struct Past {
    /// Every state of every address, in the order of the commits.
    states: Vec<Address>,
    /// Every record of a commit.
    committed_records: Vec<IdempotencyRecord>,
    /// The store after the first commit.
    first: Option<InMemoryRepository>,
    /// The time of the last commit to each book.
    last_at: HashMap<CustomerId, Timestamp>,
    commits: u64,
    reads: u64,
    /// The revision numbers in the changes that created an address.
    stated_revisions: HashMap<(CustomerId, AddressId), Revision>,
    /// The book revision at which each book was erased.
    erased_at: HashMap<CustomerId, u64>,
    left_revisions: Vec<AddressRevision>,
    left_records: Vec<IdempotencyRecord>,
    cache: HashMap<String, Vec<Option<Address>>>,
    /// Default addresses that the store does not have.
    left_defaults: Vec<DefaultAddressChange>,
}

impl Past {
    fn created(&self, customer_id: &CustomerId) -> Vec<AddressId> {
        let mut ids: Vec<AddressId> = Vec::new();
        for state in &self.states {
            if state.customer_id == *customer_id && !ids.contains(&state.id) {
                ids.push(state.id.clone());
            }
        }
        ids
    }
}

impl Faulty {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn store(&self) -> Arc<InMemoryRepository> {
        Arc::clone(&self.store.lock().unwrap())
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap()
    }

    /// Pauses in the middle of a call, so that other calls run in between.
    async fn pause(&self) {
        sleep(Duration::from_millis(3)).await;
    }

    /// Returns the addresses of one customer, or of all.
    async fn all(&self, customer_id: Option<&CustomerId>) -> Vec<Address> {
        let all = Scan {
            customer_id: customer_id.cloned(),
            after: None,
            limit: u32::MAX,
        };
        self.store().scan(all).await.unwrap()
    }

    async fn revisions_of(&self, customer_id: &CustomerId, id: &AddressId) -> Vec<AddressRevision> {
        let all = RevisionRange {
            before: None,
            limit: u32::MAX,
        };
        let found = self.store().revisions(customer_id, id, all).await;
        found.unwrap().revisions
    }

    fn head_of(&self, customer_id: &CustomerId, head: BookHead) -> BookHead {
        let mut past = self.past();
        let BookHead {
            mut addresses,
            mut revision,
        } = head;
        match self.fault {
            _ if head == BookHead::default() => {}
            CountsCreations => addresses = past.created(customer_id).len() as u64,
            UsesTheCountAsTheRevision => revision = addresses,
            UsesTheTimeAsTheRevision => {
                revision = past.last_at[customer_id].unix_ms().unsigned_abs();
            }
            GrowsWithReads => {
                past.reads += 1;
                revision += past.reads;
            }
            GrowsWithOtherBooks => revision = past.commits,
            RestartsBookRevisions => {
                revision -= past.erased_at.get(customer_id).copied().unwrap_or_default();
            }
            _ => {}
        }
        BookHead {
            addresses,
            revision,
        }
    }

    fn with_head(page: &AddressPage, head: BookHead) -> AddressPage {
        let mut same = AddressPage::with_total(head, page.total());
        page.iter().for_each(|address| same.push(address).unwrap());
        same
    }
}

#[async_trait]
impl AddressRepository for Faulty {
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<AddressPage, RepositoryError> {
        let page = self.faulty_list(customer_id, page).await?;
        let head = self.head_of(customer_id, page.head());
        Ok(Self::with_head(&page, head))
    }

    async fn page_of(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError> {
        let page = self.faulty_page_of(customer_id, listing).await?;
        let head = self.head_of(customer_id, page.head());
        Ok(Self::with_head(&page, head))
    }

    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        let head = self.store().head(customer_id).await?;
        Ok(self.head_of(customer_id, head))
    }

    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Found>, RepositoryError> {
        self.find_with_faulty_revisions(lookups).await
    }

    async fn default_addresses(
        &self,
        customers: Vec<CustomerId>,
    ) -> Result<Vec<BookDefaults>, RepositoryError> {
        self.faulty_default_addresses(customers).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.faulty_commit(commit).await
    }

    async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
    ) -> Result<AddressRevisions, RepositoryError> {
        self.faulty_revisions(customer_id, id, range).await
    }

    async fn idempotency_record(
        &self,
        customer_id: &CustomerId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, RepositoryError> {
        let mut found = self.store().idempotency_record(customer_id, key).await?;
        let past = self.past();
        let of = |records: &[IdempotencyRecord], is_it: &dyn Fn(&IdempotencyRecord) -> bool| {
            records.iter().find(|record| is_it(record)).cloned()
        };
        found = found.or(of(&past.left_records, &|record| {
            record.customer_id == *customer_id && record.key == *key
        }));
        match self.fault {
            ForgetsTheFingerprint => {
                if let Some(record) = &mut found {
                    record.fingerprint.0 = [0; 32];
                }
            }
            FindsKeysRegardlessOfCase => {
                found = found.or(of(&past.committed_records, &|record| {
                    let same = record.key.as_str().eq_ignore_ascii_case(key.as_str());
                    same && record.customer_id == *customer_id
                }));
            }
            FindsRecordsAcrossCustomers => {
                found = found.or(of(&past.committed_records, &|record| record.key == *key));
            }
            _ => {}
        }
        Ok(found)
    }

    async fn prune_idempotency_records(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, RepositoryError> {
        let (before, limit) = match self.fault {
            PrunesMoreThanTheLimit => (before, u32::MAX),
            PrunesTheTimeItself => (before.plus(Duration::from_millis(1)), limit),
            PrunesYoungRecords => (Timestamp::MAX, limit),
            _ => (before, limit),
        };
        let pruned = self
            .store()
            .prune_idempotency_records(before, limit)
            .await?;
        match self.fault {
            CountsTheLimitAsPruned => Ok(limit.into()),
            _ => Ok(pruned),
        }
    }

    async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError> {
        let created = self.past().created(customer_id);
        let defaults = self.default_changes(customer_id).await;
        let revision = self.store().head(customer_id).await?.revision;
        let mut revisions = Vec::new();
        for id in created {
            revisions.extend(self.revisions_of(customer_id, &id).await);
        }
        let mut erased = self.store().erase(customer_id).await?;
        let mut others = Vec::new();
        {
            let mut past = self.past();
            let is_theirs = |record: &IdempotencyRecord| record.customer_id == *customer_id;
            match self.fault {
                LeavesDefaultAddresses => past.left_defaults.extend(defaults),
                CountsNoDefaultAddresses => erased.default_addresses = 0,
                LeavesRevisions => past.left_revisions = revisions,
                LeavesRecords => past.left_records = past.committed_records.clone(),
                ErasesByPrefix => {
                    let all = past.states.iter().map(|state| state.customer_id.clone());
                    others = all
                        .filter(|id| id.as_str().starts_with(customer_id.as_str()))
                        .collect();
                }
                CountsOnlyAddresses => erased.revisions = 0,
                RecordsKeysLater => past.left_records.retain(|record| !is_theirs(record)),
                _ => {}
            }
            past.erased_at.insert(customer_id.clone(), revision);
        }
        for other in others {
            self.store().erase(&other).await?;
        }
        Ok(erased)
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError> {
        self.faulty_scan(scan).await
    }

    async fn ready(&self) -> Result<(), RepositoryError> {
        match self.fault {
            IsNeverReady => Err(RepositoryError::Unavailable("not yet".into())),
            _ => self.store().ready().await,
        }
    }
}
