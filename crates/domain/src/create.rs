mod duplicate;

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use self::duplicate::Search;
use crate::address::address_id::AddressId;
use crate::address::content::AddressContent;
use crate::address::match_key::MatchKey;
use crate::address::{Address, Revision};
use crate::commit::{Change, Commit, NewIdempotencyKey};
use crate::customer_id::CustomerId;
use crate::default_addresses::patch::{DefaultAddressesPatch, TooManyPurposes};
use crate::default_addresses::purpose::Purpose;
use crate::default_addresses::{BookDefaults, DefaultAddressChange};
use crate::field_error::FieldErrors;
use crate::idempotency::IdempotentRequest;
use crate::repository::{CommitError, Refusal, RepositoryError, RevisionRange};
use crate::service::{AddressService, MAX_DECISIONS};
use crate::timestamp::Timestamp;

/// An address to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAddress<'a> {
    /// What the customer entered.
    pub content: &'a AddressContent,
    /// What to do if the customer has the same address already.
    pub on_duplicate: OnDuplicate,
    /// The purposes for which it becomes the default address. A duplicate that is returned becomes
    /// it, too.
    pub default_for: BTreeSet<Purpose>,
}

/// What to do with a new address if the customer has one with the same [`MatchKey`] already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// Create it. The customer's addresses are not read.
    #[default]
    Allow,
    /// Create nothing and return the address that the customer has.
    Return,
    /// Reject the creation.
    Reject,
}

/// The result of a creation: an address that the customer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The address as it was created. A duplicate is in its current state.
    pub address: Address,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where the address comes from that a creation returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This request created it.
    New,
    /// An earlier request with the same idempotency key created it.
    Replayed,
    /// The customer had it already ([`OnDuplicate::Return`]). At most, default addresses were
    /// changed.
    Duplicate,
}

/// Why an address was not created. Nothing was changed.
#[derive(Debug, Error)]
pub enum CreateError {
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The content exceeds a limit.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The customer has the same address already ([`OnDuplicate::Reject`]).
    #[error("the customer has the same address already")]
    Duplicate {
        /// The id of that address, the first one if there are several.
        id: AddressId,
    },
    /// The customer would have default addresses for too many purposes.
    #[error(transparent)]
    TooManyPurposes(#[from] TooManyPurposes),
    /// The book has reached its limit of addresses.
    #[error("the book has reached the limit of {max_addresses} addresses")]
    BookFull {
        /// The limit.
        max_addresses: u32,
    },
    /// The customer's addresses have reached the limit of past revisions.
    #[error("the addresses have reached the limit of {max_past_revisions} past revisions")]
    HistoryFull {
        /// The limit.
        max_past_revisions: u32,
    },
    /// The new address's id exists already. Ids are random, so the same request succeeds.
    #[error("the new address's id exists already")]
    IdTaken,
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl AddressService {
    /// Creates an address with a new id. A request that is repeated with its key creates nothing
    /// and returns the same result as the first time, whatever it says about duplicates. Only a
    /// creation uses a key.
    ///
    /// # Errors
    /// [`CreateError`]. Nothing was changed.
    pub async fn create(
        &self,
        customer_id: &CustomerId,
        new: &NewAddress<'_>,
        request: Option<&IdempotentRequest>,
    ) -> Result<Created, CreateError> {
        self.limits.content.check(new.content)?;
        let at = self.clock.now();
        let creation = Creation {
            service: self,
            customer_id,
            new,
            match_key: (new.on_duplicate != OnDuplicate::Allow).then(|| MatchKey::of(new.content)),
            request,
            at,
            expired_before: at.minus(self.limits.idempotency_retention),
        };
        for _ in 0..MAX_DECISIONS {
            if let Some(created) = creation.attempt().await? {
                return Ok(created);
            }
        }
        Err(RepositoryError::Busy("other requests kept changing the same book".into()).into())
    }

    /// Removes up to `limit` idempotency records that have expired. Returns how many it removed:
    /// if fewer than `limit`, none remain.
    ///
    /// # Errors
    /// The error of the [repository](crate::AddressRepository::prune_idempotency_records).
    pub async fn prune(&self, limit: u32) -> Result<u64, RepositoryError> {
        let before = self.clock.now().minus(self.limits.idempotency_retention);
        self.repository
            .prune_idempotency_records(before, limit)
            .await
    }
}

/// A creation in progress.
struct Creation<'a> {
    service: &'a AddressService,
    customer_id: &'a CustomerId,
    new: &'a NewAddress<'a>,
    /// The key of the new address, unless duplicates are allowed.
    match_key: Option<MatchKey>,
    request: Option<&'a IdempotentRequest>,
    at: Timestamp,
    expired_before: Timestamp,
}

impl Creation<'_> {
    /// Decides and commits. Returns `None` if a concurrent request came first.
    async fn attempt(&self) -> Result<Option<Created>, CreateError> {
        if let Some(created) = self.replay().await? {
            return Ok(Some(created));
        }
        let defaults = match self.new.default_for.is_empty() {
            true => None,
            false => Some(self.service.book_defaults(self.customer_id).await?),
        };
        let defaults_revision = defaults.as_ref().map(|defaults| defaults.revision);
        let expected_revision = match &self.match_key {
            None => defaults_revision,
            Some(key) => match self.service.search(self.customer_id, key).await? {
                Search::NoneAt(revision) if defaults_revision.is_none_or(|at| at == revision) => {
                    Some(revision)
                }
                Search::Found(address) => return self.duplicate(address, defaults).await,
                Search::NoneAt(_) | Search::Changed => return Ok(None),
            },
        };
        self.commit(defaults, expected_revision).await
    }

    /// Commits the new address, if the book is still at this revision.
    async fn commit(
        &self,
        defaults: Option<BookDefaults>,
        expected_revision: Option<u64>,
    ) -> Result<Option<Created>, CreateError> {
        let limits = &self.service.limits;
        let address = Address {
            customer_id: self.customer_id.clone(),
            id: AddressId::from_ulid(self.service.ids.next()),
            content: self.new.content.clone(),
            created_at: self.at,
            updated_at: self.at,
            revision: Revision::FIRST,
        };
        let idempotency = self.request.cloned().map(|request| NewIdempotencyKey {
            request,
            expired_before: self.expired_before,
        });
        let expected = expected_revision.map(|revision| (self.customer_id.clone(), revision));
        let changes = vec![Change::Create(address.clone())];
        let commit = Commit {
            default_addresses: self.default_changes(&address.id, defaults)?,
            expected_revisions: BTreeMap::from_iter(expected),
            ..self.service.commit_of(self.at, changes, idempotency)
        };
        match self.service.repository.commit(commit).await {
            Ok(()) => Ok(Some(Created {
                address,
                origin: Origin::New,
            })),
            Err(CommitError::Refused(Refusal::BookFull { .. })) => {
                let max_addresses = limits.max_addresses;
                let full = CreateError::BookFull { max_addresses };
                self.replay_or(full).await.map(Some)
            }
            Err(CommitError::Refused(Refusal::HistoryFull { .. })) => {
                let max_past_revisions = limits.max_past_revisions;
                let full = CreateError::HistoryFull { max_past_revisions };
                self.replay_or(full).await.map(Some)
            }
            // A concurrent request changed the book, or used this key.
            Err(CommitError::Refused(
                Refusal::BookChanged | Refusal::NotInBook { .. } | Refusal::KeyTaken,
            )) => Ok(None),
            Err(CommitError::Refused(Refusal::Conflict { .. })) => Err(CreateError::IdTaken),
            Err(CommitError::Repository(error)) => Err(error.into()),
        }
    }

    /// The changes that make an address the default.
    fn default_changes(
        &self,
        id: &AddressId,
        defaults: Option<BookDefaults>,
    ) -> Result<Vec<DefaultAddressChange>, TooManyPurposes> {
        let Some(BookDefaults { addresses, .. }) = defaults else {
            return Ok(Vec::new());
        };
        let purposes = self.new.default_for.iter().cloned();
        let patch = purposes
            .map(|purpose| (purpose, Some(id.clone())))
            .collect();
        let patched = DefaultAddressesPatch(patch).apply(&addresses)?;
        Ok(addresses.changes_to(&patched, self.customer_id))
    }

    /// Returns or rejects a duplicate. Returns `None` if a concurrent request changed the book.
    async fn duplicate(
        &self,
        address: Address,
        defaults: Option<BookDefaults>,
    ) -> Result<Option<Created>, CreateError> {
        let duplicate = match self.new.on_duplicate {
            OnDuplicate::Reject => Err(CreateError::Duplicate { id: address.id }),
            OnDuplicate::Allow | OnDuplicate::Return => Ok(address),
        };
        // A concurrent request with this key may have created the duplicate.
        if let Some(replayed) = self.replay().await? {
            return Ok(Some(replayed));
        }
        let address = duplicate?;
        let revision = defaults.as_ref().map(|defaults| defaults.revision);
        let changes = self.default_changes(&address.id, defaults)?;
        let is_made = match (revision, changes.is_empty()) {
            (Some(revision), false) => {
                let service = self.service;
                service
                    .try_defaults(self.customer_id, revision, changes, self.at)
                    .await?
            }
            _ => true,
        };
        Ok(is_made.then_some(Created {
            address,
            origin: Origin::Duplicate,
        }))
    }

    /// Returns what a concurrent request with this key created, because it may have created the last
    /// address that fits.
    async fn replay_or(&self, full: CreateError) -> Result<Created, CreateError> {
        self.replay().await?.ok_or(full)
    }

    /// Returns what an earlier request with this key created, if its record has not expired.
    async fn replay(&self) -> Result<Option<Created>, CreateError> {
        let Some(request) = self.request else {
            return Ok(None);
        };
        let repository = &self.service.repository;
        let record = repository
            .idempotency_record(self.customer_id, &request.key)
            .await?;
        let Some(record) = record.filter(|record| record.created_at >= self.expired_before) else {
            return Ok(None);
        };
        if record.fingerprint != request.fingerprint {
            return Err(CreateError::KeyReused);
        }
        let first = RevisionRange {
            before: Some(Revision::FIRST.next()),
            limit: 1,
        };
        let revisions = repository
            .revisions(self.customer_id, &record.address_id, first)
            .await?;
        // No revision is left if the customer was erased since the record was read.
        Ok(revisions.into_iter().next().map(|revision| Created {
            address: revision.address,
            origin: Origin::Replayed,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{AddressRevision, ChangeKind};
    use crate::clock::Clock;
    use crate::default_addresses::DefaultAddresses;
    use crate::idempotency::IdempotencyRecord;
    use crate::idempotency::{Fingerprint, IdempotencyKey};
    use crate::listing::page::AddressPage;
    use crate::repository::MockAddressRepository;
    use crate::testing::{
        Frozen, content, customer, defaults, entry, imported_address, purpose,
        reports_each_failure, service,
    };

    fn new(content: &AddressContent) -> NewAddress<'_> {
        NewAddress {
            content,
            on_duplicate: OnDuplicate::Allow,
            default_for: BTreeSet::new(),
        }
    }

    fn request() -> IdempotentRequest {
        IdempotentRequest {
            key: IdempotencyKey::parse(b"key").unwrap(),
            fingerprint: Fingerprint([1; 32]),
        }
    }

    fn record() -> IdempotencyRecord {
        IdempotencyRecord {
            customer_id: customer(),
            key: request().key,
            fingerprint: request().fingerprint,
            address_id: entry("Kigali").id.unwrap(),
            created_at: Frozen.now(),
        }
    }

    fn first_revision() -> AddressRevision {
        let address = imported_address(&entry("Kigali"));
        AddressRevision {
            change: ChangeKind::Created,
            changed_at: address.created_at,
            address,
        }
    }

    #[tokio::test]
    async fn create_reports_each_failure_of_the_commit() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_commit()
                    .times(1)
                    .returning(move |_| Err(failure().into()));
            },
            |service| async move {
                let content = content("Kigali");
                service.create(&customer(), &new(&content), None).await
            },
        )
        .await;
    }

    #[tokio::test]
    async fn create_reports_each_failure_of_the_key_look_up() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_idempotency_record()
                    .times(1)
                    .returning(move |_, _| Err(failure()));
            },
            |service| async move {
                let content = content("Kigali");
                service
                    .create(&customer(), &new(&content), Some(&request()))
                    .await
            },
        )
        .await;
    }

    #[tokio::test]
    async fn create_reports_a_full_book() {
        let mut repository = MockAddressRepository::new();
        repository.expect_commit().returning(|commit| {
            assert_eq!(commit.max_addresses, 1_000);
            Err(Refusal::BookFull { index: 0 }.into())
        });
        let error = service(repository)
            .create(&customer(), &new(&content("Kigali")), None)
            .await;
        assert!(matches!(
            error,
            Err(CreateError::BookFull {
                max_addresses: 1_000
            })
        ));
    }

    #[tokio::test]
    async fn create_reports_a_full_history() {
        let mut repository = MockAddressRepository::new();
        repository.expect_commit().returning(|commit| {
            assert_eq!(commit.max_past_revisions, 20_000);
            Err(Refusal::HistoryFull { index: 0 }.into())
        });
        let error = service(repository)
            .create(&customer(), &new(&content("Kigali")), None)
            .await;
        let is_full = matches!(
            error,
            Err(CreateError::HistoryFull {
                max_past_revisions: 20_000
            })
        );
        assert!(is_full, "{error:?}");
    }

    #[tokio::test]
    async fn create_replays_a_concurrent_request_with_the_same_key() {
        // The second and third: that request filled the book or the history.
        let refusals = [
            || Refusal::KeyTaken,
            || Refusal::BookFull { index: 0 },
            || Refusal::HistoryFull { index: 0 },
        ];
        for refusal in refusals {
            let mut repository = MockAddressRepository::new();
            let mut sequence = mockall::Sequence::new();
            repository
                .expect_idempotency_record()
                .times(1)
                .in_sequence(&mut sequence)
                .returning(|_, _| Ok(None));
            repository
                .expect_commit()
                .times(1)
                .in_sequence(&mut sequence)
                .returning(move |commit| {
                    assert!(commit.idempotency.is_some());
                    Err(refusal().into())
                });
            repository
                .expect_idempotency_record()
                .times(1)
                .in_sequence(&mut sequence)
                .returning(|_, _| Ok(Some(record())));
            repository
                .expect_revisions()
                .times(1)
                .in_sequence(&mut sequence)
                .returning(|_, _, _| Ok(vec![first_revision()]));
            let content = content("Huye");
            let created = service(repository)
                .create(&customer(), &new(&content), Some(&request()))
                .await;
            let expected = Created {
                address: first_revision().address,
                origin: Origin::Replayed,
            };
            assert_eq!(created.unwrap(), expected);
        }
    }

    /// A concurrent request with the same key created what would be a duplicate of itself.
    #[tokio::test]
    async fn create_replays_its_key_before_it_returns_or_rejects_a_duplicate() {
        for on_duplicate in [OnDuplicate::Return, OnDuplicate::Reject] {
            let mut repository = MockAddressRepository::new();
            let mut records = vec![Some(record()), None];
            repository
                .expect_idempotency_record()
                .times(2)
                .returning(move |_, _| Ok(records.pop().unwrap()));
            let mut page = AddressPage::default();
            page.push((&first_revision().address).into()).unwrap();
            repository
                .expect_page_of()
                .return_once(move |_, _| Ok(page));
            repository
                .expect_find()
                .returning(|_| Ok(vec![Some(first_revision().address)]));
            repository
                .expect_revisions()
                .times(1)
                .returning(|_, _, _| Ok(vec![first_revision()]));
            let content = content("Kigali");
            let new = NewAddress {
                on_duplicate,
                ..new(&content)
            };
            let created = service(repository)
                .create(&customer(), &new, Some(&request()))
                .await;
            assert_eq!(created.unwrap().origin, Origin::Replayed);
        }
    }

    /// A repository with a book at this revision.
    fn with_defaults(revision: u64, addresses: DefaultAddresses) -> MockAddressRepository {
        let mut repository = MockAddressRepository::new();
        let book = BookDefaults {
            revision,
            addresses,
        };
        repository
            .expect_default_addresses()
            .returning(move |_| Ok(vec![book.clone()]));
        repository
    }

    fn shipping(content: &AddressContent) -> NewAddress<'_> {
        NewAddress {
            default_for: BTreeSet::from([purpose("shipping")]),
            ..new(content)
        }
    }

    #[tokio::test]
    async fn create_makes_the_address_the_default_in_the_same_commit() {
        let content = content("Kigali");
        let current = defaults(&[("shipping", entry("Kigali").id.unwrap())]);
        let mut repository = with_defaults(7, current);
        let mut outcomes = [Ok(()), Err(Refusal::BookChanged.into())].into_iter();
        repository
            .expect_commit()
            .times(2)
            .returning(move |commit| {
                assert_eq!(commit.expected_revisions, BTreeMap::from([(customer(), 7)]));
                let created = commit.changes[0].address();
                let expected = DefaultAddressChange {
                    customer_id: customer(),
                    purpose: purpose("shipping"),
                    address_id: Some(created.id.clone()),
                };
                assert_eq!(commit.default_addresses, [expected]);
                outcomes.next_back().unwrap()
            });
        let created = service(repository)
            .create(&customer(), &shipping(&content), None)
            .await;
        assert_eq!(created.unwrap().origin, Origin::New);
    }

    #[tokio::test]
    async fn create_reports_too_many_purposes() {
        let content = content("Kigali");
        let id = || entry("Kigali").id.unwrap();
        let full = (0..DefaultAddresses::MAX_PURPOSES)
            .map(|number| (purpose(&format!("p{number}")), id()));
        let error = service(with_defaults(7, full.collect()))
            .create(&customer(), &shipping(&content), None)
            .await;
        assert!(matches!(error, Err(CreateError::TooManyPurposes(_))));
    }

    #[tokio::test]
    async fn a_duplicate_that_is_returned_becomes_the_default() {
        let content = content("Kigali");
        let there = first_revision().address;
        let mut repository = with_defaults(7, DefaultAddresses::default());
        let mut page = AddressPage::default();
        page.push((&there).into()).unwrap();
        repository
            .expect_page_of()
            .returning(move |_, _| Ok(page.clone()));
        repository
            .expect_find()
            .returning(|_| Ok(vec![Some(first_revision().address)]));
        repository
            .expect_commit()
            .times(1)
            .returning(move |commit| {
                assert_eq!(commit.changes, []);
                assert_eq!(
                    commit.default_addresses[0].address_id.as_ref(),
                    Some(&there.id)
                );
                assert_eq!(commit.expected_revisions, BTreeMap::from([(customer(), 7)]));
                Ok(())
            });
        let new = NewAddress {
            on_duplicate: OnDuplicate::Return,
            ..shipping(&content)
        };
        let created = service(repository).create(&customer(), &new, None).await;
        assert_eq!(created.unwrap().origin, Origin::Duplicate);
    }

    #[tokio::test]
    async fn create_rejects_a_key_that_was_used_for_another_request() {
        let mut repository = MockAddressRepository::new();
        repository
            .expect_idempotency_record()
            .returning(|_, _| Ok(Some(record())));
        let other = IdempotentRequest {
            fingerprint: Fingerprint([2; 32]),
            ..request()
        };
        let content = content("Kigali");
        let error = service(repository)
            .create(&customer(), &new(&content), Some(&other))
            .await;
        assert!(matches!(error, Err(CreateError::KeyReused)));
    }

    #[tokio::test]
    async fn create_ignores_an_expired_key() {
        let mut repository = MockAddressRepository::new();
        let just_expired = Frozen
            .now()
            .minus(std::time::Duration::from_millis(86_400_001));
        repository
            .expect_idempotency_record()
            .returning(move |_, _| {
                Ok(Some(IdempotencyRecord {
                    created_at: just_expired,
                    ..record()
                }))
            });
        repository.expect_commit().times(1).returning(|_| Ok(()));
        let content = content("Kigali");
        let created = service(repository)
            .create(&customer(), &new(&content), Some(&request()))
            .await;
        assert_eq!(created.unwrap().origin, Origin::New);
    }

    #[tokio::test]
    async fn prune_reports_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_prune_idempotency_records()
                    .times(1)
                    .returning(move |_, _| Err(failure()));
            },
            |service| async move { service.prune(1).await },
        )
        .await;
    }
}
