use thiserror::Error;

use crate::address::address_id::AddressId;
use crate::address::patch::AddressPatch;
use crate::address::{Address, Version};
use crate::commit::Change;
use crate::customer_id::CustomerId;
use crate::field_error::FieldErrors;
use crate::repository::{CommitError, Found, Refusal, RepositoryError};
use crate::service::{AddressService, MAX_DECISIONS, find};
use crate::timestamp::Timestamp;

/// The state in which something must be for a change: by default, an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition<V = Version> {
    /// Any state: the last writer wins.
    Any,
    /// One of these versions.
    OneOf(Vec<V>),
    /// None of these versions.
    NoneOf(Vec<V>),
    /// It must not exist. Always fails for what exists.
    Absent,
}

impl<V: PartialEq> Precondition<V> {
    pub(crate) fn holds_for(&self, version: V) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
            Self::NoneOf(versions) => !versions.contains(&version),
            Self::Absent => false,
        }
    }
}

/// An address after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The address in its current state.
    pub address: Address,
    /// The revision of the book in which it has this state.
    pub book_revision: u64,
}

/// Why an address was not changed or removed. Nothing was changed.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// There is no such address in this customer's book.
    #[error("there is no such address")]
    NotFound {
        /// The current revision of the book.
        book_revision: u64,
    },
    /// The address is in another state than the client expected.
    #[error("the address is in another state")]
    PreconditionFailed {
        /// The current version of the address.
        current: Version,
        /// The current revision of the book.
        book_revision: u64,
    },
    /// The address would be invalid.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The address has reached its limit of revisions.
    #[error("the address has reached the limit of {max_revisions} revisions")]
    TooManyRevisions {
        /// The limit.
        max_revisions: u32,
    },
    /// The customer's addresses have reached the limit of past revisions.
    #[error("the addresses have reached the limit of {max_past_revisions} past revisions")]
    HistoryFull {
        /// The limit.
        max_past_revisions: u32,
    },
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl AddressService {
    /// Changes an address by a merge patch. A patch that changes nothing stores no revision.
    ///
    /// The field errors of a patch that is not valid are returned only after the address was found
    /// and the precondition was met.
    ///
    /// # Errors
    /// [`ChangeError`]. Nothing was changed.
    pub async fn patch(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        patch: &Result<AddressPatch, FieldErrors>,
        precondition: &Precondition,
    ) -> Result<Changed, ChangeError> {
        for _ in 0..MAX_DECISIONS {
            let expected = self.expect(customer_id, id, precondition).await?;
            let current = expected.address;
            let patch = patch.as_ref().map_err(Clone::clone)?;
            let content = patch.apply(&current.content)?;
            if content == current.content {
                return Ok(Changed {
                    address: current,
                    book_revision: expected.book_revision,
                });
            }
            self.limits
                .content
                .check_change(&current.content, &content)?;
            let max_revisions = self.limits.max_revisions;
            if current.revision.get() >= max_revisions {
                return Err(ChangeError::TooManyRevisions { max_revisions });
            }
            let at = self.clock.now();
            let updated_at = at.max(current.updated_at);
            let expected = current.revision;
            let address = Address {
                content,
                updated_at,
                revision: expected.next(),
                ..current
            };
            let change = Change::Replace {
                address: address.clone(),
                expected,
            };
            if let Some(book_revision) = self.try_change(change, at).await? {
                return Ok(Changed {
                    address,
                    book_revision,
                });
            }
        }
        Err(too_many_attempts().into())
    }

    /// Removes an address from its book, and returns the new revision of the book. The revisions of
    /// the address remain.
    ///
    /// # Errors
    /// [`ChangeError`]. Nothing was changed.
    pub async fn remove(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        precondition: &Precondition,
    ) -> Result<u64, ChangeError> {
        for _ in 0..MAX_DECISIONS {
            let current = self.expect(customer_id, id, precondition).await?.address;
            let at = self.clock.now();
            let expected = current.revision;
            let change = Change::Remove {
                address: current,
                expected,
            };
            if let Some(book_revision) = self.try_change(change, at).await? {
                return Ok(book_revision);
            }
        }
        Err(too_many_attempts().into())
    }

    async fn expect(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        precondition: &Precondition,
    ) -> Result<Changed, ChangeError> {
        let Found {
            address,
            book_revision,
        } = find(&*self.repository, customer_id, id).await?;
        let address = address.ok_or(ChangeError::NotFound { book_revision })?;
        match address.version() {
            version if precondition.holds_for(version) => Ok(Changed {
                address,
                book_revision,
            }),
            current => Err(ChangeError::PreconditionFailed {
                current,
                book_revision,
            }),
        }
    }

    /// Commits a change and returns the new revision of the book. Returns `None` if a concurrent
    /// change came first.
    async fn try_change(&self, change: Change, at: Timestamp) -> Result<Option<u64>, ChangeError> {
        let customer_id = change.address().customer_id.clone();
        let commit = self.commit_of(at, vec![change], None);
        match self.repository.commit(commit).await {
            Ok(committed) => Ok(Some(committed.revision_of(&customer_id))),
            Err(CommitError::Refused(Refusal::HistoryFull { .. })) => {
                let max_past_revisions = self.limits.max_past_revisions;
                Err(ChangeError::HistoryFull { max_past_revisions })
            }
            // Concurrent requests came first.
            Err(CommitError::Refused(_)) => Ok(None),
            Err(CommitError::Repository(error)) => Err(error.into()),
        }
    }
}

fn too_many_attempts() -> RepositoryError {
    RepositoryError::Busy("other requests kept changing the same address".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Revision;
    use crate::address::content::{AddressInput, Input};
    use crate::address::member::Member;
    use crate::repository::MockAddressRepository;
    use crate::testing::{
        committed, customer, entry, found, imported_address, reports_each_failure, service,
    };

    fn id() -> AddressId {
        entry("Kigali").id.unwrap()
    }

    fn to_huye() -> Result<AddressPatch, FieldErrors> {
        let mut input = AddressInput::default();
        input[Member::City] = Input::Value("Huye".into());
        let mut errors = FieldErrors::default();
        AddressPatch::parse(&input, &mut errors).ok_or(errors)
    }

    #[tokio::test]
    async fn patch_reports_each_failure() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_find()
                    .returning(|_| Ok(vec![found(7, Some(imported_address(&entry("Kigali"))))]));
                repository
                    .expect_commit()
                    .times(1)
                    .returning(move |_| Err(failure().into()));
            },
            |service| async move {
                service
                    .patch(&customer(), &id(), &to_huye(), &Precondition::Any)
                    .await
            },
        )
        .await;
    }

    #[tokio::test]
    async fn a_patch_that_changes_nothing_commits_nothing() {
        let mut repository = MockAddressRepository::new();
        repository
            .expect_find()
            .returning(|_| Ok(vec![found(7, Some(imported_address(&entry("Huye"))))]));
        let patched = service(repository)
            .patch(&customer(), &id(), &to_huye(), &Precondition::Any)
            .await;
        let unchanged = Changed {
            address: imported_address(&entry("Huye")),
            book_revision: 7,
        };
        assert_eq!(patched.unwrap(), unchanged);
    }

    #[tokio::test]
    async fn patch_decides_again_after_a_conflict() {
        let mut repository = MockAddressRepository::new();
        let mut reads = 0;
        repository.expect_find().times(2).returning(move |_| {
            reads += 1;
            let revision = Revision::new(reads).unwrap();
            Ok(vec![found(
                7,
                Some(Address {
                    revision,
                    ..imported_address(&entry("Kigali"))
                }),
            )])
        });
        repository
            .expect_commit()
            .times(2)
            .returning(|commit| match &commit.changes[..] {
                [Change::Replace { expected, .. }] if expected.get() == 2 => Ok(committed(8)),
                _ => Err(Refusal::Conflict { index: 0 }.into()),
            });
        let patched = service(repository)
            .patch(&customer(), &id(), &to_huye(), &Precondition::Any)
            .await
            .unwrap();
        assert_eq!(patched.address.revision.get(), 3);
        assert_eq!(patched.address.content.city.as_str(), "Huye");
        assert_eq!(patched.book_revision, 8);
    }

    #[tokio::test]
    async fn an_address_at_its_revision_limit_can_only_be_removed() {
        let mut repository = MockAddressRepository::new();
        repository.expect_find().returning(|_| {
            Ok(vec![found(
                7,
                Some(Address {
                    revision: Revision::new(1_000).unwrap(),
                    ..imported_address(&entry("Kigali"))
                }),
            )])
        });
        repository
            .expect_commit()
            .times(1)
            .returning(|commit| match &commit.changes[..] {
                [Change::Remove { .. }] => Ok(committed(8)),
                others => panic!("{others:?}"),
            });
        let service = service(repository);
        let any = Precondition::Any;
        let patched = service.patch(&customer(), &id(), &to_huye(), &any).await;
        let too_many = matches!(
            patched,
            Err(ChangeError::TooManyRevisions {
                max_revisions: 1_000
            })
        );
        assert!(too_many, "{patched:?}");
        let removed = service.remove(&customer(), &id(), &any).await;
        assert!(removed.is_ok(), "{removed:?}");
    }

    #[tokio::test]
    async fn patch_reports_a_full_history() {
        let mut repository = MockAddressRepository::new();
        repository
            .expect_find()
            .returning(|_| Ok(vec![found(7, Some(imported_address(&entry("Kigali"))))]));
        repository.expect_commit().returning(|commit| {
            assert_eq!(commit.max_past_revisions, 20_000);
            Err(Refusal::HistoryFull { index: 0 }.into())
        });
        let patched = service(repository)
            .patch(&customer(), &id(), &to_huye(), &Precondition::Any)
            .await;
        let is_full = matches!(
            patched,
            Err(ChangeError::HistoryFull {
                max_past_revisions: 20_000
            })
        );
        assert!(is_full, "{patched:?}");
    }

    #[tokio::test]
    async fn a_failed_precondition_prevents_the_change() {
        let current = imported_address(&entry("Kigali")).version();
        let other = Version {
            revision: current.revision.next(),
            ..current
        };
        for (precondition, holds) in [
            (Precondition::Any, true),
            (Precondition::OneOf(vec![other, current]), true),
            (Precondition::OneOf(vec![other]), false),
            (Precondition::OneOf(vec![]), false),
            (Precondition::NoneOf(vec![other]), true),
            (Precondition::NoneOf(vec![current]), false),
            (Precondition::Absent, false),
        ] {
            let mut repository = MockAddressRepository::new();
            repository
                .expect_find()
                .returning(|_| Ok(vec![found(7, Some(imported_address(&entry("Kigali"))))]));
            repository
                .expect_commit()
                .times(usize::from(holds))
                .returning(|_| Ok(committed(8)));
            let removed = service(repository)
                .remove(&customer(), &id(), &precondition)
                .await;
            match removed {
                Ok(revision) => assert!(holds && revision == 8, "{precondition:?}"),
                Err(ChangeError::PreconditionFailed {
                    current: found,
                    book_revision: 7,
                }) => {
                    assert!(!holds && found == current, "{precondition:?}");
                }
                Err(error) => panic!("{precondition:?}: {error}"),
            }
        }
    }

    #[tokio::test]
    async fn a_missing_address_can_be_neither_changed_nor_removed() {
        let absent = || {
            let mut repository = MockAddressRepository::new();
            repository
                .expect_find()
                .returning(|_| Ok(vec![found(7, None)]));
            service(repository)
        };
        let any = Precondition::Any;
        let patched = absent().patch(&customer(), &id(), &to_huye(), &any).await;
        assert!(matches!(
            patched,
            Err(ChangeError::NotFound { book_revision: 7 })
        ));
        let removed = absent().remove(&customer(), &id(), &any).await;
        assert!(matches!(
            removed,
            Err(ChangeError::NotFound { book_revision: 7 })
        ));
    }
}
