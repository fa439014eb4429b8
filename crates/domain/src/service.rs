use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::address::address_id::AddressId;
use crate::address::{Address, AddressRevision, Revision};
use crate::clock::Clock;
use crate::commit::{Change, Commit, NewIdempotencyKey};
use crate::countries::address_rules::AddressRules;
use crate::customer_id::CustomerId;
use crate::default_addresses::ExportedAddress;
use crate::id_source::IdSource;
use crate::limits::ServiceLimits;
use crate::listing::Listing;
use crate::listing::page::{AddressPage, BookHead};
use crate::min_revision::MinRevision;
use crate::reads::ReadError;
use crate::replicas::Replicas;
use crate::repository::{
    AddressRepository, AddressRevisions, Erased, Found, Lookup, RepositoryError, RevisionRange,
    Scan,
};
use crate::timestamp::Timestamp;

/// How many times a use case decides when concurrent requests change what its decision depends on.
/// One of them succeeds in each round, so this many clients can change one address, or one book, at
/// once without an error.
pub(crate) const MAX_DECISIONS: usize = 50;

/// The number of addresses of a book that are scanned in one step.
const SCANNED: u32 = 1_000;

/// The use cases for customers' addresses. HTTP, import and export all use them. Cheap to clone:
/// all clones share their state.
#[derive(Clone)]
pub struct AddressService {
    pub(crate) repository: Arc<dyn AddressRepository>,
    pub(crate) replicas: Option<Arc<Replicas>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) limits: ServiceLimits,
}

impl AddressService {
    /// Creates the use cases on these ports.
    pub fn new(
        repository: Arc<dyn AddressRepository>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        limits: ServiceLimits,
    ) -> Self {
        Self {
            repository,
            replicas: None,
            clock,
            ids,
            limits,
        }
    }

    /// The same use cases, with reads of one book from replicas. The repository remains the
    /// primary store, for everything else and for what the replicas cannot return.
    #[must_use]
    pub fn with_replicas(mut self, replicas: Arc<Replicas>) -> Self {
        self.replicas = Some(replicas);
        self
    }

    /// The limits of the service.
    pub fn limits(&self) -> &ServiceLimits {
        &self.limits
    }

    /// The same use cases with strict [rules](crate::AddressRules) of countries.
    #[must_use]
    pub fn with_strict_rules(&self) -> Self {
        let mut service = self.clone();
        service.limits.content.rules = AddressRules::Strict;
        service
    }

    /// Creates a commit of changes, with the limits of the service.
    pub(crate) fn commit_of(
        &self,
        at: Timestamp,
        changes: Vec<Change>,
        idempotency: Option<NewIdempotencyKey>,
    ) -> Commit {
        Commit {
            at,
            changes,
            max_addresses: self.limits.max_addresses,
            max_past_revisions: self.limits.max_past_revisions,
            default_addresses: Vec::new(),
            expected_revisions: BTreeMap::new(),
            idempotency,
        }
    }

    /// Returns a page of a customer's addresses, by default all of them by ascending id. The
    /// service does not manage customers: an unknown customer has an empty book.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn list(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
        min_revision: MinRevision,
    ) -> Result<AddressPage, ReadError> {
        self.read(min_revision, |repository| async move {
            page(&*repository, customer_id, listing).await
        })
        .await
    }

    /// Returns one address, if it is in this customer's book, with the revision of the book.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn find(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        min_revision: MinRevision,
    ) -> Result<Found, ReadError> {
        self.read(min_revision, |repository| async move {
            find(&*repository, customer_id, id).await
        })
        .await
    }

    /// Returns revisions of an address, newest first, with the revision of the book.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
        min_revision: MinRevision,
    ) -> Result<AddressRevisions, ReadError> {
        self.read(min_revision, |repository| async move {
            repository.revisions(customer_id, id, range).await
        })
        .await
    }

    /// Returns the revision of an address with this number, or none, with the revision of the book.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn revision(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        revision: Revision,
        min_revision: MinRevision,
    ) -> Result<AddressRevisions, ReadError> {
        let range = RevisionRange {
            before: Some(revision.next()),
            limit: 1,
        };
        let found = self.revisions(customer_id, id, range, min_revision);
        let mut found = found.await?;
        let is_it = |found: &AddressRevision| found.address.revision == revision;
        found.revisions.retain(is_it);
        Ok(found)
    }

    /// Returns the number of a customer's addresses and the book revision: enough to check whether
    /// a client's page is still current.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn head(
        &self,
        customer_id: &CustomerId,
        min_revision: MinRevision,
    ) -> Result<BookHead, ReadError> {
        self.read(min_revision, |repository| async move {
            repository.head(customer_id).await
        })
        .await
    }

    /// Returns the next addresses of an export. Each call reads one snapshot of addresses, and then
    /// one of default addresses. A change in between appears in a later read or not at all. No
    /// address appears twice.
    ///
    /// # Errors
    /// The error of the [repository](AddressRepository::scan).
    pub async fn export(&self, scan: Scan) -> Result<Vec<ExportedAddress>, RepositoryError> {
        let addresses = self.repository.scan(scan).await?;
        let mut customers: Vec<_> = addresses
            .iter()
            .map(|address| address.customer_id.clone())
            .collect();
        customers.dedup();
        let defaults = self.repository.default_addresses(customers.clone()).await?;
        let defaults: HashMap<_, _> = customers.into_iter().zip(defaults).collect();
        let exported = |address: Address| {
            let defaults = defaults.get(&address.customer_id);
            let purposes = defaults.map(|book| book.addresses.purposes_of(address.id.as_str()));
            ExportedAddress {
                default_for: purposes.into_iter().flatten().cloned().collect(),
                address,
            }
        };
        Ok(addresses.into_iter().map(exported).collect())
    }

    /// Visits all addresses of a customer, in steps, each of which reads one snapshot.
    pub(crate) async fn scan_book(
        &self,
        customer_id: &CustomerId,
        mut visit: impl FnMut(Address),
    ) -> Result<(), RepositoryError> {
        let mut scan = Scan {
            customer_id: Some(customer_id.clone()),
            after: None,
            limit: SCANNED,
        };
        loop {
            let addresses = self.repository.scan(scan.clone()).await?;
            let is_last = addresses.len() < SCANNED as usize;
            let last_id = addresses.last().map(|last| last.id.clone());
            addresses.into_iter().for_each(&mut visit);
            match last_id {
                Some(id) if !is_last => scan.after = Some((customer_id.clone(), id)),
                _ => return Ok(()),
            }
        }
    }

    /// Permanently deletes all data about a customer: the right to erasure.
    ///
    /// # Errors
    /// The error of the [repository](crate::AddressRepository::erase).
    pub async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError> {
        self.repository.erase(customer_id).await
    }

    /// Checks whether the service can serve requests now. A busy repository counts as ready:
    /// sending requests to another instance would not make it less busy.
    ///
    /// # Errors
    /// Any other error of the [repository](AddressRepository::ready).
    pub async fn ready(&self) -> Result<(), RepositoryError> {
        match self.repository.ready().await {
            Err(RepositoryError::Busy(_)) => Ok(()),
            outcome => outcome,
        }
    }
}

/// Reads a page of a listing.
pub(crate) async fn page(
    repository: &dyn AddressRepository,
    customer_id: &CustomerId,
    listing: &Listing,
) -> Result<AddressPage, RepositoryError> {
    match listing.plain() {
        Some(page) => repository.list(customer_id, page).await,
        None => repository.page_of(customer_id, listing).await,
    }
}

/// Reads one address.
pub(crate) async fn find(
    repository: &dyn AddressRepository,
    customer_id: &CustomerId,
    id: &AddressId,
) -> Result<Found, RepositoryError> {
    let lookup = Lookup::Id(customer_id.clone(), id.clone());
    let mut found = repository.find(vec![lookup]).await?;
    Ok(found.pop().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::ChangeKind;
    use crate::repository::MockAddressRepository;
    use crate::testing::{
        FAILURES, customer, entry, imported_address, reports_each_failure, service,
    };

    #[tokio::test]
    async fn list_reports_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_list()
                    .times(1)
                    .returning(move |_, _| Err(failure()));
            },
            |service| async move {
                service
                    .list(&customer(), &Listing::default(), MinRevision::default())
                    .await
            },
        )
        .await;
    }

    #[tokio::test]
    async fn head_reports_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_head()
                    .times(1)
                    .returning(move |_| Err(failure()));
            },
            |service| async move { service.head(&customer(), MinRevision::default()).await },
        )
        .await;
    }

    #[tokio::test]
    async fn export_reports_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_scan()
                    .times(1)
                    .returning(move |_| Err(failure()));
            },
            |service| async move {
                service
                    .export(Scan {
                        customer_id: None,
                        after: None,
                        limit: 1,
                    })
                    .await
            },
        )
        .await;
    }

    #[tokio::test]
    async fn a_busy_repository_is_ready_and_any_other_failure_is_not() {
        for failure in FAILURES {
            let mut repository = MockAddressRepository::new();
            repository
                .expect_ready()
                .times(1)
                .returning(move || Err(failure()));
            let busy = matches!(failure(), RepositoryError::Busy(_));
            assert_eq!(service(repository).ready().await.is_ok(), busy);
        }
    }

    #[tokio::test]
    async fn find_reports_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_find()
                    .times(1)
                    .returning(move |_| Err(failure()));
            },
            |service| async move {
                service
                    .find(
                        &customer(),
                        &entry("Kigali").id.unwrap(),
                        MinRevision::default(),
                    )
                    .await
            },
        )
        .await;
    }

    #[tokio::test]
    async fn filtered_lists_report_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_page_of()
                    .times(1)
                    .returning(move |_, _| Err(failure()));
            },
            |service| async move {
                let listing = Listing {
                    as_of: Some(Timestamp::MAX),
                    ..Listing::default()
                };
                service
                    .list(&customer(), &listing, MinRevision::default())
                    .await
            },
        )
        .await;
    }

    #[tokio::test]
    async fn revisions_report_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_revisions()
                    .times(1)
                    .returning(move |_, _, _| Err(failure()));
            },
            |service| async move {
                let id = entry("Kigali").id.unwrap();
                service
                    .revision(&customer(), &id, Revision::FIRST, MinRevision::default())
                    .await
            },
        )
        .await;
    }

    #[tokio::test]
    async fn a_revision_is_found_only_by_its_number() {
        let mut repository = MockAddressRepository::new();
        repository.expect_revisions().returning(|_, _, range| {
            assert_eq!(
                range,
                RevisionRange {
                    before: Revision::new(8),
                    limit: 1
                }
            );
            let address = Address {
                revision: Revision::new(6).unwrap(),
                ..imported_address(&entry("Huye"))
            };
            let change = ChangeKind::Updated;
            Ok(AddressRevisions {
                revisions: vec![AddressRevision {
                    change,
                    changed_at: address.updated_at,
                    address,
                }],
                book_revision: 9,
            })
        });
        let id = entry("Kigali").id.unwrap();
        let seventh = Revision::new(7).unwrap();
        assert_eq!(
            service(repository)
                .revision(&customer(), &id, seventh, MinRevision::default())
                .await
                .unwrap(),
            AddressRevisions {
                revisions: Vec::new(),
                book_revision: 9
            }
        );
    }

    #[tokio::test]
    async fn erase_reports_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_erase()
                    .times(1)
                    .returning(move |_| Err(failure()));
            },
            |service| async move { service.erase(&customer()).await },
        )
        .await;
    }
}
