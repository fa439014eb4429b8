use thiserror::Error;

use crate::address::address_id::AddressId;
use crate::address::content::AddressContent;
use crate::address::{Address, Revision};
use crate::commit::{Change, NewIdempotencyKey};
use crate::customer_id::CustomerId;
use crate::field_error::FieldErrors;
use crate::idempotency::IdempotentRequest;
use crate::repository::{CommitError, Refusal, RepositoryError, RevisionRange};
use crate::service::AddressService;
use crate::timestamp::Timestamp;

/// The result of a creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The address as it was created.
    pub address: Address,
    /// Whether an earlier request with the same key created it.
    pub replayed: bool,
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

/// How many times a creation is tried while concurrent requests use the same key.
const ATTEMPTS: usize = 5;

impl AddressService {
    /// Creates an address with a new id. A request that is repeated with its key creates nothing
    /// and returns the same result as the first time.
    ///
    /// # Errors
    /// [`CreateError`]. Nothing was changed.
    pub async fn create(
        &self,
        customer_id: &CustomerId,
        content: &AddressContent,
        request: Option<&IdempotentRequest>,
    ) -> Result<Created, CreateError> {
        self.limits.content.check(content)?;
        let at = self.clock.now();
        let expired_before = at.minus(self.limits.idempotency_retention);
        for _ in 0..ATTEMPTS {
            if let Some(created) = self.replay(customer_id, request, expired_before).await? {
                return Ok(created);
            }
            let address = Address {
                customer_id: customer_id.clone(),
                id: AddressId::from_ulid(self.ids.next()),
                content: content.clone(),
                created_at: at,
                updated_at: at,
                revision: Revision::FIRST,
            };
            let idempotency = request.cloned().map(|request| NewIdempotencyKey {
                request,
                expired_before,
            });
            let changes = vec![Change::Create(address.clone())];
            let commit = self.commit_of(at, changes, idempotency);
            match self.repository.commit(commit).await {
                Ok(()) => {
                    return Ok(Created {
                        address,
                        replayed: false,
                    });
                }
                // A concurrent request with this key may have created the last address that fits.
                Err(CommitError::Refused(Refusal::BookFull { .. })) => {
                    let replayed = self.replay(customer_id, request, expired_before).await?;
                    return replayed.ok_or(CreateError::BookFull {
                        max_addresses: self.limits.max_addresses,
                    });
                }
                // A concurrent request with this key may have filled the history.
                Err(CommitError::Refused(Refusal::HistoryFull { .. })) => {
                    let replayed = self.replay(customer_id, request, expired_before).await?;
                    return replayed.ok_or(CreateError::HistoryFull {
                        max_past_revisions: self.limits.max_past_revisions,
                    });
                }
                // A concurrent request with this key came first: replay it.
                Err(CommitError::Refused(Refusal::BookChanged | Refusal::KeyTaken)) => {}
                Err(CommitError::Refused(Refusal::Conflict { .. })) => {
                    return Err(CreateError::IdTaken);
                }
                Err(CommitError::Repository(error)) => return Err(error.into()),
            }
        }
        Err(RepositoryError::Busy("other requests kept using the same key".into()).into())
    }

    /// Returns what an earlier request with this key created, if its record has not expired.
    async fn replay(
        &self,
        customer_id: &CustomerId,
        request: Option<&IdempotentRequest>,
        expired_before: Timestamp,
    ) -> Result<Option<Created>, CreateError> {
        let Some(request) = request else {
            return Ok(None);
        };
        let record = self
            .repository
            .idempotency_record(customer_id, &request.key)
            .await?;
        let Some(record) = record.filter(|record| record.created_at >= expired_before) else {
            return Ok(None);
        };
        if record.fingerprint != request.fingerprint {
            return Err(CreateError::KeyReused);
        }
        let first = RevisionRange {
            before: Some(Revision::FIRST.next()),
            limit: 1,
        };
        let revisions = self
            .repository
            .revisions(customer_id, &record.address_id, first)
            .await?;
        // No revision is left if the customer was erased since the record was read.
        Ok(revisions.into_iter().next().map(|revision| Created {
            address: revision.address,
            replayed: true,
        }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{AddressRevision, ChangeKind};
    use crate::clock::Clock;
    use crate::idempotency::IdempotencyRecord;
    use crate::idempotency::{Fingerprint, IdempotencyKey};
    use crate::repository::MockAddressRepository;
    use crate::testing::{
        Frozen, content, customer, entry, imported_address, reports_each_failure, service,
    };

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
            |service| async move { service.create(&customer(), &content("Kigali"), None).await },
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
                service
                    .create(&customer(), &content("Kigali"), Some(&request()))
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
            .create(&customer(), &content("Kigali"), None)
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
            .create(&customer(), &content("Kigali"), None)
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
                .create(&customer(), &content, Some(&request()))
                .await;
            let expected = Created {
                address: first_revision().address,
                replayed: true,
            };
            assert_eq!(created.unwrap(), expected);
        }
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
            .create(&customer(), &content, Some(&other))
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
            .create(&customer(), &content, Some(&request()))
            .await;
        assert!(!created.unwrap().replayed);
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
