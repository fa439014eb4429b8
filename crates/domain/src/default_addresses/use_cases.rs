use std::collections::BTreeMap;

use thiserror::Error;

use crate::address::address_id::AddressId;
use crate::change::Precondition;
use crate::commit::Commit;
use crate::customer_id::CustomerId;
use crate::default_addresses::patch::{DefaultAddressesPatch, TooManyPurposes};
use crate::default_addresses::purpose::Purpose;
use crate::default_addresses::{
    BookDefaults, DefaultAddressChange, DefaultAddresses, DefaultAddressesVersion,
};
use crate::listing::Listing;
use crate::listing::page::AddressPage;
use crate::min_revision::MinRevision;
use crate::reads::{OfBook, ReadError};
use crate::repository::{AddressRepository, CommitError, Found, Lookup, Refusal, RepositoryError};
use crate::service::{AddressService, MAX_DECISIONS, find, page};
use crate::timestamp::Timestamp;

/// Why default addresses were not changed. Nothing was changed.
#[derive(Debug, Error)]
pub enum DefaultAddressesError {
    /// The default addresses are in another state than the client expected.
    #[error("the default addresses are in another state")]
    PreconditionFailed {
        /// The current version of the default addresses.
        current: DefaultAddressesVersion,
        /// The current revision of the book.
        book_revision: u64,
    },
    /// The customer would have default addresses for too many purposes.
    #[error(transparent)]
    TooManyPurposes(#[from] TooManyPurposes),
    /// The addresses for some purposes are not in this customer's book.
    #[error("an address is not in this customer's book")]
    NoSuchAddress {
        /// These purposes, in their order.
        purposes: Vec<Purpose>,
    },
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl AddressService {
    /// Returns the default addresses of a customer, with the revision of the book. A customer
    /// without a book has none.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn default_addresses(
        &self,
        customer_id: &CustomerId,
        min_revision: MinRevision,
    ) -> Result<BookDefaults, ReadError> {
        self.read(min_revision, |repository| async move {
            book_defaults(&*repository, customer_id).await
        })
        .await
    }

    /// Changes the default addresses of a customer by a merge patch, and returns them. A patch that
    /// changes nothing stores nothing.
    ///
    /// # Errors
    /// [`DefaultAddressesError`]. Nothing was changed.
    pub async fn patch_default_addresses(
        &self,
        customer_id: &CustomerId,
        patch: &DefaultAddressesPatch,
        precondition: &Precondition<DefaultAddressesVersion>,
    ) -> Result<BookDefaults, DefaultAddressesError> {
        for _ in 0..MAX_DECISIONS {
            let current = self.book_defaults(customer_id).await?;
            let version = current.addresses.version();
            if !precondition.holds_for(version) {
                return Err(DefaultAddressesError::PreconditionFailed {
                    current: version,
                    book_revision: current.revision,
                });
            }
            self.expect_addresses(customer_id, patch).await?;
            let patched = patch.apply(&current.addresses)?;
            let changes = current.addresses.changes_to(&patched, customer_id);
            if changes.is_empty() {
                return Ok(current);
            }
            let at = self.clock.now();
            if let Some(revision) = self
                .try_defaults(customer_id, current.revision, changes, at)
                .await?
            {
                return Ok(BookDefaults {
                    revision,
                    addresses: patched,
                });
            }
        }
        Err(kept_changing().into())
    }

    /// Commits changes of default addresses, if the book is still at this revision, and returns its
    /// new revision. Returns `None` if a concurrent change came first.
    pub(crate) async fn try_defaults(
        &self,
        customer_id: &CustomerId,
        revision: u64,
        changes: Vec<DefaultAddressChange>,
        at: Timestamp,
    ) -> Result<Option<u64>, RepositoryError> {
        let commit = Commit {
            default_addresses: changes,
            expected_revisions: BTreeMap::from([(customer_id.clone(), revision)]),
            ..self.commit_of(at, Vec::new(), None)
        };
        match self.repository.commit(commit).await {
            Ok(committed) => Ok(Some(committed.revision_of(customer_id))),
            Err(CommitError::Refused(Refusal::BookChanged | Refusal::NotInBook { .. })) => Ok(None),
            Err(CommitError::Refused(refusal)) => Err(RepositoryError::Internal(refusal.into())),
            Err(CommitError::Repository(error)) => Err(error),
        }
    }

    /// Returns a page of addresses together with the default addresses of the same moment. With
    /// purposes, the page contains only addresses that are the default for one of them.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn list_with_defaults(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
        purposes: &[Purpose],
        min_revision: MinRevision,
    ) -> Result<(AddressPage, DefaultAddresses), ReadError> {
        self.read(min_revision, |repository| async move {
            let repository = &*repository;
            with_defaults(repository, customer_id, |addresses| {
                let mut listing = listing.clone();
                if !purposes.is_empty() {
                    let ids = purposes.iter().filter_map(|purpose| addresses.get(purpose));
                    listing.filter.ids = Some(ids.cloned().collect());
                }
                async move { page(repository, customer_id, &listing).await }
            })
            .await
        })
        .await
    }

    /// Returns one address together with the default addresses of the same moment.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn find_with_defaults(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        min_revision: MinRevision,
    ) -> Result<(Found, DefaultAddresses), ReadError> {
        self.read(min_revision, |repository| async move {
            let repository = &*repository;
            with_defaults(repository, customer_id, |_| {
                find(repository, customer_id, id)
            })
            .await
        })
        .await
    }

    /// Expects each address of a patch in the customer's book.
    async fn expect_addresses(
        &self,
        customer_id: &CustomerId,
        patch: &DefaultAddressesPatch,
    ) -> Result<(), DefaultAddressesError> {
        let named = || {
            let entries = patch.0.iter();
            entries.filter_map(|(purpose, id)| Some((purpose, id.as_ref()?)))
        };
        let lookup = |(_, id): (&Purpose, &AddressId)| Lookup::Id(customer_id.clone(), id.clone());
        let lookups: Vec<_> = named().map(lookup).collect();
        if lookups.is_empty() {
            return Ok(());
        }
        let found = self.repository.find(lookups).await?;
        let missing = named()
            .zip(found)
            .filter(|(_, found)| found.address.is_none());
        let purposes: Vec<_> = missing.map(|((purpose, _), _)| purpose.clone()).collect();
        match purposes.is_empty() {
            true => Ok(()),
            false => Err(DefaultAddressesError::NoSuchAddress { purposes }),
        }
    }

    /// Returns the default addresses of a customer, with the revision of the book.
    pub(crate) async fn book_defaults(
        &self,
        customer_id: &CustomerId,
    ) -> Result<BookDefaults, RepositoryError> {
        book_defaults(&*self.repository, customer_id).await
    }
}

async fn book_defaults(
    repository: &dyn AddressRepository,
    customer_id: &CustomerId,
) -> Result<BookDefaults, RepositoryError> {
    let customers = vec![customer_id.clone()];
    let mut defaults = repository.default_addresses(customers).await?;
    Ok(defaults.pop().unwrap_or_default())
}

/// Reads the default addresses of a customer and something else of the same moment.
async fn with_defaults<T: OfBook, F>(
    repository: &dyn AddressRepository,
    customer_id: &CustomerId,
    read: impl Fn(&DefaultAddresses) -> F,
) -> Result<(T, DefaultAddresses), RepositoryError>
where
    F: Future<Output = Result<T, RepositoryError>>,
{
    for _ in 0..MAX_DECISIONS {
        let defaults = book_defaults(repository, customer_id).await?;
        let found = read(&defaults.addresses).await?;
        if found.book_revision() == defaults.revision {
            return Ok((found, defaults.addresses));
        }
    }
    Err(kept_changing())
}

fn kept_changing() -> RepositoryError {
    RepositoryError::Busy("other requests kept changing the same book".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::MockAddressRepository;
    use crate::testing::{
        committed, customer, defaults, entry, found, imported_address, purpose,
        reports_each_failure, service,
    };

    fn id() -> AddressId {
        entry("Kigali").id.unwrap()
    }

    fn to_ship_to(id: Option<AddressId>) -> DefaultAddressesPatch {
        DefaultAddressesPatch(BTreeMap::from([(purpose("shipping"), id)]))
    }

    fn holding(book: BookDefaults) -> MockAddressRepository {
        let mut repository = MockAddressRepository::new();
        repository
            .expect_default_addresses()
            .returning(move |_| Ok(vec![book.clone()]));
        repository
    }

    #[tokio::test]
    async fn a_change_is_decided_again_when_the_book_has_changed() {
        let mut repository = holding(BookDefaults {
            revision: 7,
            addresses: DefaultAddresses::default(),
        });
        repository
            .expect_find()
            .times(2)
            .returning(|_| Ok(vec![found(7, Some(imported_address(&entry("Kigali"))))]));
        let mut sequence = mockall::Sequence::new();
        for outcome in [Err(Refusal::BookChanged.into()), Ok(committed(8))] {
            repository
                .expect_commit()
                .times(1)
                .in_sequence(&mut sequence)
                .return_once(|commit| {
                    assert_eq!(commit.expected_revisions, BTreeMap::from([(customer(), 7)]));
                    assert_eq!(commit.changes, []);
                    assert_eq!(commit.default_addresses.len(), 1);
                    outcome
                });
        }
        let patched = service(repository)
            .patch_default_addresses(&customer(), &to_ship_to(Some(id())), &Precondition::Any)
            .await;
        let expected = BookDefaults {
            revision: 8,
            addresses: defaults(&[("shipping", id())]),
        };
        assert_eq!(patched.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_change_that_changes_nothing_stores_nothing() {
        let current = defaults(&[("billing", id())]);
        let repository = holding(BookDefaults {
            revision: 7,
            addresses: current.clone(),
        });
        let patched = service(repository)
            .patch_default_addresses(&customer(), &to_ship_to(None), &Precondition::Any)
            .await;
        assert_eq!(patched.unwrap().addresses, current);
    }

    #[tokio::test]
    async fn a_customer_has_a_limited_number_of_purposes() {
        let full = (0..DefaultAddresses::MAX_PURPOSES)
            .map(|number| (purpose(&format!("p{number}")), id()))
            .collect();
        let mut repository = holding(BookDefaults {
            revision: 7,
            addresses: full,
        });
        repository
            .expect_find()
            .returning(|_| Ok(vec![found(7, Some(imported_address(&entry("Kigali"))))]));
        let error = service(repository)
            .patch_default_addresses(&customer(), &to_ship_to(Some(id())), &Precondition::Any)
            .await;
        assert!(matches!(
            error,
            Err(DefaultAddressesError::TooManyPurposes(_))
        ));
    }

    #[tokio::test]
    async fn a_default_address_is_in_the_book() {
        let mut repository = holding(BookDefaults::default());
        repository
            .expect_find()
            .returning(|_| Ok(vec![found(7, None)]));
        let error = service(repository)
            .patch_default_addresses(&customer(), &to_ship_to(Some(id())), &Precondition::Any)
            .await;
        assert!(matches!(
            error,
            Err(DefaultAddressesError::NoSuchAddress { purposes }) if purposes == [purpose("shipping")]
        ));
    }

    #[tokio::test]
    async fn a_page_and_the_defaults_are_of_one_moment() {
        let mut repository = MockAddressRepository::new();
        let mut revisions = [6, 7].into_iter();
        repository
            .expect_default_addresses()
            .times(2)
            .returning(move |_| {
                Ok(vec![BookDefaults {
                    revision: revisions.next().unwrap(),
                    addresses: defaults(&[("shipping", id())]),
                }])
            });
        repository
            .expect_page_of()
            .times(2)
            .returning(|_, listing| {
                assert_eq!(listing.filter.ids.as_deref(), Some(&[id()][..]));
                let head = crate::listing::page::BookHead {
                    addresses: 1,
                    revision: 7,
                };
                Ok(AddressPage::new(head))
            });
        let (page, _) = service(repository)
            .list_with_defaults(
                &customer(),
                &Listing::default(),
                &[purpose("shipping")],
                MinRevision::default(),
            )
            .await
            .unwrap();
        assert_eq!(page.head().revision, 7);
    }

    #[tokio::test]
    async fn an_address_and_the_defaults_are_of_one_moment() {
        let mut repository = MockAddressRepository::new();
        let mut revisions = [6, 7].into_iter();
        repository
            .expect_default_addresses()
            .times(2)
            .returning(move |_| {
                Ok(vec![BookDefaults {
                    revision: revisions.next().unwrap(),
                    addresses: defaults(&[("shipping", id())]),
                }])
            });
        repository
            .expect_find()
            .times(2)
            .returning(|_| Ok(vec![found(7, Some(imported_address(&entry("Kigali"))))]));
        let (found, _) = service(repository)
            .find_with_defaults(&customer(), &id(), MinRevision::default())
            .await
            .unwrap();
        assert_eq!(found.book_revision, 7);
    }

    #[tokio::test]
    async fn default_addresses_report_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_default_addresses()
                    .times(1)
                    .returning(move |_| Err(failure()));
            },
            |service| async move {
                service
                    .default_addresses(&customer(), MinRevision::default())
                    .await
            },
        )
        .await;
    }
}
