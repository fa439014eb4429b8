use std::sync::Arc;
use std::time::Duration;

use crate::{
    Address, AddressId, AddressPage, AddressRepository, AddressRevision, BookHead, Clock,
    CustomerId, IdSource, Listing, Lookup, RepositoryError, Revision, RevisionRange, Scan,
};

/// What can be done with customers' addresses. Every door (HTTP, import, export) comes
/// through here. Cheap to clone: the clones share everything.
#[derive(Clone)]
pub struct AddressService {
    pub(crate) repository: Arc<dyn AddressRepository>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) limits: ServiceLimits,
}

/// How much the service takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceLimits {
    /// The most addresses that a customer may have. Default: 1,000.
    pub max_addresses: u32,
    /// How long an idempotency key is remembered. Default: 24 hours.
    pub idempotency_retention: Duration,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self {
            max_addresses: 1_000,
            idempotency_retention: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl AddressService {
    /// The use cases on these ports.
    pub fn new(
        repository: Arc<dyn AddressRepository>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        limits: ServiceLimits,
    ) -> Self {
        Self {
            repository,
            clock,
            ids,
            limits,
        }
    }

    /// A page of a customer's addresses, by default all of them by ascending id. The
    /// service owns no customers: one without addresses has an empty book.
    ///
    /// # Errors
    /// What the [repository](AddressRepository::list) reports.
    pub async fn list(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError> {
        match listing.plain() {
            Some(page) => self.repository.list(customer_id, &page).await,
            None => {
                let book = self.repository.book(customer_id, listing.as_of).await?;
                Ok(listing.page(book.head, book.addresses)?)
            }
        }
    }

    /// One address, or `None` when it is not in this customer's book.
    ///
    /// # Errors
    /// What the [repository](AddressRepository::find) reports.
    pub async fn find(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
    ) -> Result<Option<Address>, RepositoryError> {
        let lookup = Lookup::Id(customer_id.clone(), id.clone());
        Ok(self.repository.find(vec![lookup]).await?.pop().flatten())
    }

    /// What an address was, newest first, or `None` when this customer never had such an
    /// address. An empty range of one that there was is no `None`.
    ///
    /// # Errors
    /// What the [repository](AddressRepository::revisions) reports.
    pub async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
    ) -> Result<Option<Vec<AddressRevision>>, RepositoryError> {
        let revisions = self.repository.revisions(customer_id, id, range).await?;
        Ok((!revisions.is_empty() || range.before.is_some()).then_some(revisions))
    }

    /// One revision of an address, or `None` when there is none of that number.
    ///
    /// # Errors
    /// What the [repository](AddressRepository::revisions) reports.
    pub async fn revision(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        revision: Revision,
    ) -> Result<Option<AddressRevision>, RepositoryError> {
        let range = RevisionRange {
            before: Some(revision.next()),
            limit: 1,
        };
        let found = self
            .repository
            .revisions(customer_id, id, range)
            .await?
            .pop();
        Ok(found.filter(|found| found.address.revision == revision))
    }

    /// How many addresses a customer has and at which revision the book is: enough to
    /// tell whether a page that somebody holds is still true.
    ///
    /// # Errors
    /// What the [repository](AddressRepository::head) reports.
    pub async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        self.repository.head(customer_id).await
    }

    /// The next addresses of an export. Each call sees one moment; what changes between
    /// two calls shows up in the later one or not at all, and no address comes twice.
    ///
    /// # Errors
    /// What the [repository](AddressRepository::scan) reports.
    pub async fn export(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError> {
        self.repository.scan(scan).await
    }

    /// Whether requests could be answered now.
    ///
    /// # Errors
    /// What the [repository](AddressRepository::ready) reports.
    pub async fn ready(&self) -> Result<(), RepositoryError> {
        self.repository.ready().await
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use ulid::Ulid;

    use super::*;
    use crate::{
        AddressContent, AddressId, Change, City, Country, ImportEntry, ImportError, ImportOutcome,
        Inconsistency, Lookup, MockAddressRepository, OnConflict, Region, Revision, Timestamp,
    };

    struct Frozen;

    impl Clock for Frozen {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_ms(1_722_507_330_000).unwrap()
        }
    }

    impl IdSource for Frozen {
        fn next(&self) -> Ulid {
            Ulid::from_parts(1, 2)
        }
    }

    fn service(repository: MockAddressRepository) -> AddressService {
        AddressService::new(
            Arc::new(repository),
            Arc::new(Frozen),
            Arc::new(Frozen),
            ServiceLimits::default(),
        )
    }

    fn customer() -> CustomerId {
        CustomerId::parse("cus_1").unwrap()
    }

    fn entry(city: &str) -> ImportEntry {
        ImportEntry {
            customer_id: customer(),
            id: Some(AddressId::from_ulid(Ulid::from_parts(1, 1))),
            content: AddressContent {
                description: None,
                region: Region::parse("Kigali").unwrap(),
                city: City::parse(city).unwrap(),
                country: Country::parse("RW").unwrap(),
                custom_data: None,
            },
            created_at: None,
            updated_at: None,
        }
    }

    fn kept(entry: &ImportEntry) -> Address {
        let now = Frozen.now();
        Address {
            customer_id: entry.customer_id.clone(),
            id: entry.id.clone().unwrap(),
            content: entry.content.clone(),
            created_at: now,
            updated_at: now,
            revision: Revision::FIRST,
        }
    }

    type Failure = fn() -> RepositoryError;

    /// Every failure that the port can report, but for the conflict of a commit.
    const FAILURES: [Failure; 4] = [
        || RepositoryError::Busy("locked".into()),
        || RepositoryError::Unavailable("no connection".into()),
        || RepositoryError::Internal("a defect".into()),
        || {
            RepositoryError::Corrupt(Inconsistency {
                record: "address",
                key: "add_1".into(),
                field: "country",
            })
        },
    ];

    /// Lets the repository fail in each way and expects the use case to report it so.
    async fn reports_each_failure<T, E: ToString, F: Future<Output = Result<T, E>>>(
        expect: impl Fn(&mut MockAddressRepository, Failure),
        call: impl Fn(AddressService) -> F,
    ) {
        for failure in FAILURES {
            let mut repository = MockAddressRepository::new();
            expect(&mut repository, failure);
            let error = call(service(repository)).await.err().unwrap();
            assert_eq!(error.to_string(), failure().to_string());
        }
    }

    #[tokio::test]
    async fn list_reports_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_list()
                    .times(1)
                    .returning(move |_, _| Err(failure()));
            },
            |service| async move { service.list(&customer(), &Listing::default()).await },
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
            |service| async move { service.head(&customer()).await },
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
    async fn ready_reports_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_ready()
                    .times(1)
                    .returning(move || Err(failure()));
            },
            |service| async move { service.ready().await },
        )
        .await;
    }

    #[tokio::test]
    async fn import_reports_each_failure_of_the_commit() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_commit()
                    .times(1)
                    .returning(move |_| Err(failure()));
            },
            |service| async move { service.import(&[entry("Kigali")], OnConflict::Stop).await },
        )
        .await;
    }

    #[tokio::test]
    async fn import_reports_each_failure_of_the_look_up() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_find()
                    .times(1)
                    .returning(move |_| Err(failure()));
            },
            |service| async move {
                let without_id = ImportEntry {
                    id: None,
                    ..entry("Kigali")
                };
                service.import(&[without_id], OnConflict::Stop).await
            },
        )
        .await;
    }

    #[tokio::test]
    async fn import_of_new_addresses_reads_nothing() {
        let mut repository = MockAddressRepository::new();
        repository.expect_commit().times(1).returning(|commit| {
            assert_eq!(commit.at, Frozen.now());
            assert_eq!(commit.changes, [Change::Create(kept(&entry("Kigali")))]);
            Ok(())
        });
        let outcomes = service(repository)
            .import(&[entry("Kigali")], OnConflict::Stop)
            .await;
        assert_eq!(outcomes.unwrap(), [ImportOutcome::Created]);
    }

    #[tokio::test]
    async fn import_looks_and_decides_anew_after_a_conflict() {
        let mut repository = MockAddressRepository::new();
        let mut sequence = mockall::Sequence::new();
        repository
            .expect_commit()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|_| Err(RepositoryError::Conflict { index: 0 }));
        repository
            .expect_find()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|lookups| {
                assert_eq!(
                    lookups,
                    [Lookup::Id(customer(), entry("Kigali").id.unwrap())]
                );
                Ok(vec![Some(kept(&entry("Huye")))])
            });
        repository
            .expect_commit()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|commit| {
                let revision = Revision::FIRST.next();
                let address = Address {
                    revision,
                    ..kept(&entry("Kigali"))
                };
                assert_eq!(
                    commit.changes,
                    [Change::Replace {
                        address,
                        expected: Revision::FIRST
                    }]
                );
                Ok(())
            });
        let outcomes = service(repository)
            .import(&[entry("Kigali")], OnConflict::Update)
            .await;
        assert_eq!(outcomes.unwrap(), [ImportOutcome::Updated]);
    }

    #[tokio::test]
    async fn import_gives_up_as_busy_when_the_conflicts_do_not_end() {
        let mut repository = MockAddressRepository::new();
        repository
            .expect_commit()
            .returning(|_| Err(RepositoryError::Conflict { index: 0 }));
        repository
            .expect_find()
            .returning(|lookups| Ok(vec![None; lookups.len()]));
        let error = service(repository)
            .import(&[entry("Kigali")], OnConflict::Stop)
            .await;
        assert!(matches!(
            error,
            Err(ImportError::Repository(RepositoryError::Busy(_)))
        ));
    }
}
