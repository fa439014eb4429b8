use crate::address::Address;
use crate::address::address_id::AddressId;
use crate::address::match_key::MatchKey;
use crate::customer_id::CustomerId;
use crate::inconsistency::Inconsistency;
use crate::listing::pagination::Limit;
use crate::listing::{Filter, Listing, PageRequest};
use crate::repository::RepositoryError;
use crate::service::{AddressService, find};

/// Whether a book has an address with some key.
pub(super) enum Search {
    /// It has none at this book revision.
    NoneAt(u64),
    /// The first such address by id, in its current state.
    Found {
        /// The address.
        address: Address,
        /// The revision of the book in which it has this state.
        book_revision: u64,
    },
    /// It had one, which was changed or removed before it could be read.
    Changed,
}

impl AddressService {
    /// Looks for an address with this key. Takes time in proportion to the book.
    pub(super) async fn search(
        &self,
        customer_id: &CustomerId,
        key: &MatchKey,
    ) -> Result<Search, RepositoryError> {
        let listing = Listing {
            page: PageRequest {
                limit: Limit::ONE,
                ..PageRequest::default()
            },
            filter: Filter {
                match_key: Some(key.clone()),
                ..Filter::default()
            },
            ..Listing::default()
        };
        let page = self.repository.page_of(customer_id, &listing).await?;
        let Some(listed) = page.iter().next() else {
            return Ok(Search::NoneAt(page.head().revision));
        };
        let id = AddressId::parse(listed.id).map_err(|_| Inconsistency {
            record: "address",
            key: listed.id.to_owned(),
            field: "id",
        })?;
        // A page has no revisions of its addresses.
        let found = find(&*self.repository, customer_id, &id).await?;
        let book_revision = found.book_revision;
        let unchanged = |address: &Address| MatchKey::of(&address.content) == *key;
        Ok(match found.address.filter(unchanged) {
            Some(address) => Search::Found {
                address,
                book_revision,
            },
            None => Search::Changed,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use mockall::Sequence;

    use super::*;
    use crate::create::{CreateError, Created, NewAddress, OnDuplicate, Origin};
    use crate::listing::page::{AddressPage, BookHead};
    use crate::repository::{Lookup, MockAddressRepository, Refusal};
    use crate::service::MAX_DECISIONS;
    use crate::testing::{
        committed, content, customer, entry, found, imported_address, reports_each_failure, service,
    };

    /// A page of these addresses, from a book at this revision.
    fn page(revision: u64, addresses: &[Address]) -> AddressPage {
        let mut page = AddressPage::new(BookHead {
            addresses: 9,
            revision,
        });
        for address in addresses {
            page.push(address.into()).unwrap();
        }
        page
    }

    /// Creates an address in the city of Kigali.
    async fn create(
        service: AddressService,
        on_duplicate: OnDuplicate,
    ) -> Result<Created, CreateError> {
        let new = NewAddress {
            content: &content("KIGALI"),
            on_duplicate,
            default_for: BTreeSet::new(),
        };
        service.create(&customer(), &new, None).await
    }

    fn expect_no_duplicate(repository: &mut MockAddressRepository) {
        repository
            .expect_page_of()
            .returning(|customer_id, listing| {
                assert_eq!(*customer_id, customer());
                let key = MatchKey::of(&content("Kigali"));
                assert_eq!(listing.filter.match_key, Some(key));
                assert_eq!(listing.page.limit, Limit::ONE);
                Ok(page(7, &[]))
            });
    }

    #[tokio::test]
    async fn create_reports_each_failure_of_the_search() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_page_of()
                    .times(1)
                    .returning(move |_, _| Err(failure()));
            },
            |service| create(service, OnDuplicate::Return),
        )
        .await;
        reports_each_failure(
            |repository, failure| {
                let found = [imported_address(&entry("Kigali"))];
                repository
                    .expect_page_of()
                    .returning(move |_, _| Ok(page(7, &found)));
                repository
                    .expect_find()
                    .times(1)
                    .returning(move |_| Err(failure()));
            },
            |service| create(service, OnDuplicate::Reject),
        )
        .await;
    }

    #[tokio::test]
    async fn a_creation_without_a_duplicate_expects_the_book_that_was_searched() {
        for on_duplicate in [OnDuplicate::Return, OnDuplicate::Reject] {
            let mut repository = MockAddressRepository::new();
            expect_no_duplicate(&mut repository);
            repository.expect_commit().times(1).returning(|commit| {
                let expected = BTreeMap::from([(customer(), 7)]);
                assert_eq!(commit.expected_revisions, expected);
                Ok(committed(8))
            });
            let created = create(service(repository), on_duplicate).await.unwrap();
            assert_eq!(created.origin, Origin::New);
        }
    }

    #[tokio::test]
    async fn duplicates_are_not_searched_if_they_are_allowed() {
        let mut repository = MockAddressRepository::new();
        repository.expect_commit().times(1).returning(|commit| {
            assert_eq!(commit.expected_revisions, BTreeMap::new());
            Ok(committed(8))
        });
        let created = create(service(repository), OnDuplicate::Allow).await;
        assert_eq!(created.unwrap().origin, Origin::New);
    }

    /// A book that has Kigali, in this order of reads: listed, then found.
    fn with_duplicate() -> MockAddressRepository {
        let mut repository = MockAddressRepository::new();
        let there = imported_address(&entry("Kigali"));
        let listed = [there.clone()];
        repository
            .expect_page_of()
            .times(1)
            .returning(move |_, _| Ok(page(7, &listed)));
        repository.expect_find().times(1).returning(move |lookups| {
            let by_id = Lookup::Id(customer(), there.id.clone());
            assert_eq!(lookups, [by_id]);
            Ok(vec![found(7, Some(there.clone()))])
        });
        repository
    }

    #[tokio::test]
    async fn a_duplicate_is_returned_or_rejected_and_nothing_is_committed() {
        let found = imported_address(&entry("Kigali"));
        let returned = create(service(with_duplicate()), OnDuplicate::Return).await;
        let expected = Created {
            address: found.clone(),
            origin: Origin::Duplicate,
            book_revision: 7,
        };
        assert_eq!(returned.unwrap(), expected);
        let rejected = create(service(with_duplicate()), OnDuplicate::Reject).await;
        assert!(
            matches!(&rejected, Err(CreateError::Duplicate { id, book_revision: 7 }) if *id == found.id),
            "{rejected:?}"
        );
    }

    #[tokio::test]
    async fn a_creation_is_decided_again_if_the_book_has_changed() {
        let mut repository = MockAddressRepository::new();
        let mut sequence = Sequence::new();
        repository
            .expect_page_of()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|_, _| Ok(page(7, &[])));
        repository
            .expect_commit()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|_| Err(Refusal::BookChanged.into()));
        let there = imported_address(&entry("Kigali"));
        let (listed, id) = ([there.clone()], there.id.clone());
        repository
            .expect_page_of()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(move |_, _| Ok(page(8, &listed)));
        repository
            .expect_find()
            .return_once(move |_| Ok(vec![found(7, Some(there))]));
        let rejected = create(service(repository), OnDuplicate::Reject).await;
        assert!(
            matches!(&rejected, Err(CreateError::Duplicate { id: of, .. }) if *of == id),
            "{rejected:?}"
        );
    }

    #[tokio::test]
    async fn an_address_that_changed_since_it_was_listed_is_no_duplicate() {
        let of = |city| imported_address(&entry(city));
        for now in [None, Some(of("Huye"))] {
            let mut repository = MockAddressRepository::new();
            let mut pages = vec![page(8, &[]), page(7, &[of("Kigali")])];
            repository
                .expect_page_of()
                .times(2)
                .returning(move |_, _| Ok(pages.pop().unwrap()));
            repository
                .expect_find()
                .return_once(|_| Ok(vec![found(7, now)]));
            repository.expect_commit().times(1).returning(|commit| {
                let expected = BTreeMap::from([(customer(), 8)]);
                assert_eq!(commit.expected_revisions, expected);
                Ok(committed(8))
            });
            let created = create(service(repository), OnDuplicate::Reject).await;
            assert_eq!(created.unwrap().origin, Origin::New);
        }
    }

    #[tokio::test]
    async fn create_fails_as_busy_if_the_book_keeps_changing() {
        let mut repository = MockAddressRepository::new();
        expect_no_duplicate(&mut repository);
        repository
            .expect_commit()
            .times(MAX_DECISIONS)
            .returning(|_| Err(Refusal::BookChanged.into()));
        let error = create(service(repository), OnDuplicate::Reject).await;
        let busy = matches!(
            error,
            Err(CreateError::Repository(RepositoryError::Busy(_)))
        );
        assert!(busy, "{error:?}");
    }
}
