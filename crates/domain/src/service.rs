use std::sync::Arc;

use crate::{
    Address, AddressId, AddressPage, AddressRepository, AddressRevision, BookHead, Change, Clock,
    Commit, CustomerId, Erased, IdSource, KeptKey, Listing, Lookup, RepositoryError, Revision,
    RevisionRange, Scan, ServiceLimits, Timestamp,
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

    /// How much the service takes.
    pub fn limits(&self) -> &ServiceLimits {
        &self.limits
    }

    /// Changes that the repository makes together, within the limits.
    pub(crate) fn commit_of(
        &self,
        at: Timestamp,
        changes: Vec<Change>,
        idempotency: Option<KeptKey>,
    ) -> Commit {
        Commit {
            at,
            changes,
            max_addresses: self.limits.max_addresses,
            max_past_revisions: self.limits.max_past_revisions,
            idempotency,
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
            None => self.repository.page_of(customer_id, listing).await,
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

    /// Erases all that is kept of a customer, for good: the right to erasure.
    ///
    /// # Errors
    /// What the [repository](crate::AddressRepository::erase) reports.
    pub async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError> {
        self.repository.erase(customer_id).await
    }

    /// Whether requests could be answered now. A repository that is busy is there: to send
    /// requests elsewhere would not make it less so.
    ///
    /// # Errors
    /// What else the [repository](AddressRepository::ready) reports.
    pub async fn ready(&self) -> Result<(), RepositoryError> {
        match self.repository.ready().await {
            Err(RepositoryError::Busy(_)) => Ok(()),
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FAILURES, customer, entry, kept, reports_each_failure, service};
    use crate::{ChangeKind, MockAddressRepository};

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
    async fn only_a_repository_that_is_busy_is_ready_though_it_fails() {
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
                    .find(&customer(), &entry("Kigali").id.unwrap())
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
                service.list(&customer(), &listing).await
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
                service.revision(&customer(), &id, Revision::FIRST).await
            },
        )
        .await;
    }

    #[tokio::test]
    async fn a_revision_is_found_by_its_own_number_alone() {
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
                ..kept(&entry("Huye"))
            };
            let change = ChangeKind::Updated;
            Ok(vec![AddressRevision {
                change,
                changed_at: address.updated_at,
                address,
            }])
        });
        let id = entry("Kigali").id.unwrap();
        let seventh = Revision::new(7).unwrap();
        assert_eq!(
            service(repository)
                .revision(&customer(), &id, seventh)
                .await
                .unwrap(),
            None
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
