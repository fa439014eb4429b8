use thiserror::Error;

use crate::{
    Address, AddressContent, AddressId, AddressPatch, AddressService, Change, Commit, CustomerId,
    Erased, Faults, Fingerprint, IdempotencyKey, IdempotencyRecord, KeptKey, RepositoryError,
    Revision, RevisionRange, Timestamp, Version,
};

/// A creation that the client may repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// What the client calls it.
    pub key: IdempotencyKey,
    /// What it says.
    pub fingerprint: Fingerprint,
}

/// What came of a creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The address as it was created.
    pub address: Address,
    /// Whether that was done by an earlier request with the same key.
    pub replayed: bool,
}

/// Why an address was not created. Nothing was changed.
#[derive(Debug, Error)]
pub enum CreateError {
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The book holds as many addresses as it may.
    #[error("the book holds {max_addresses} addresses, which is the most")]
    BookFull {
        /// How many.
        max_addresses: u32,
    },
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Which state of an address a change is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Whichever there is: the last writer wins.
    Any,
    /// One of these.
    OneOf(Vec<Version>),
    /// None of these.
    NoneOf(Vec<Version>),
    /// None at all: an address that exists fails it.
    Absent,
}

impl Precondition {
    fn holds_for(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
            Self::NoneOf(versions) => !versions.contains(&version),
            Self::Absent => false,
        }
    }
}

/// Why an address was not changed or removed. Nothing was changed.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// There is no such address in this customer's book.
    #[error("there is no such address")]
    NotFound,
    /// The address is in another state than the client expected.
    #[error("the address is in another state")]
    PreconditionFailed {
        /// The state that it is in.
        current: Version,
    },
    /// The address would not be acceptable.
    #[error(transparent)]
    Invalid(#[from] Faults),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// How often a change is decided anew when others change the same address meanwhile.
const ATTEMPTS: usize = 50;

impl AddressService {
    /// Creates an address, with a new id. A request that is repeated with its key creates
    /// nothing: it is answered as it was the first time.
    ///
    /// # Errors
    /// [`CreateError`]; nothing was changed then.
    pub async fn create(
        &self,
        customer_id: &CustomerId,
        content: &AddressContent,
        request: Option<&IdempotentRequest>,
    ) -> Result<Created, CreateError> {
        let at = self.clock.now();
        let expired_before = at.minus(self.limits.idempotency_retention);
        for _ in 0..ATTEMPTS {
            if let Some(request) = request
                && let Some(address) = self.replay(customer_id, request, expired_before).await?
            {
                return Ok(Created {
                    address,
                    replayed: true,
                });
            }
            let address = Address {
                customer_id: customer_id.clone(),
                id: AddressId::from_ulid(self.ids.next()),
                content: content.clone(),
                created_at: at,
                updated_at: at,
                revision: Revision::FIRST,
            };
            let idempotency = request.map(|request| KeptKey {
                record: IdempotencyRecord {
                    customer_id: customer_id.clone(),
                    key: request.key.clone(),
                    fingerprint: request.fingerprint,
                    address_id: address.id.clone(),
                    created_at: at,
                },
                expired_before,
            });
            let changes = vec![Change::Create(address.clone())];
            let max_addresses = self.limits.max_addresses;
            match self
                .repository
                .commit(Commit {
                    at,
                    changes,
                    max_addresses,
                    idempotency,
                })
                .await
            {
                Ok(()) => {
                    return Ok(Created {
                        address,
                        replayed: false,
                    });
                }
                Err(RepositoryError::BookFull { .. }) => {
                    return Err(CreateError::BookFull { max_addresses });
                }
                // Another request with this key was faster: answer as it was answered.
                Err(RepositoryError::KeyTaken) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(too_many_attempts().into())
    }

    /// What a request with this key created, if one did lately.
    async fn replay(
        &self,
        customer_id: &CustomerId,
        request: &IdempotentRequest,
        expired_before: Timestamp,
    ) -> Result<Option<Address>, CreateError> {
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
        // None is left when the customer was erased a moment ago, and the record with them.
        Ok(revisions
            .into_iter()
            .next()
            .map(|revision| revision.address))
    }

    /// Changes an address by a merge patch. One that changes nothing leaves no trace.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn patch(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        patch: &AddressPatch,
        precondition: &Precondition,
    ) -> Result<Address, ChangeError> {
        for _ in 0..ATTEMPTS {
            let current = self.expect(customer_id, id, precondition).await?;
            let content = patch.apply(&current.content)?;
            if content == current.content {
                return Ok(current);
            }
            let at = self.clock.now().max(current.updated_at);
            let expected = current.revision;
            let address = Address {
                content,
                updated_at: at,
                revision: expected.next(),
                ..current
            };
            let change = Change::Replace {
                address: address.clone(),
                expected,
            };
            if self.try_change(change, at).await? {
                return Ok(address);
            }
        }
        Err(too_many_attempts().into())
    }

    /// Takes an address out of its book. Its revisions stay.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn remove(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        precondition: &Precondition,
    ) -> Result<(), ChangeError> {
        for _ in 0..ATTEMPTS {
            let current = self.expect(customer_id, id, precondition).await?;
            let at = self.clock.now().max(current.updated_at);
            if self.try_change(Change::Remove(current), at).await? {
                return Ok(());
            }
        }
        Err(too_many_attempts().into())
    }

    /// Erases all that is kept of a customer, for good: the right to erasure.
    ///
    /// # Errors
    /// What the [repository](crate::AddressRepository::erase) reports.
    pub async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError> {
        self.repository.erase(customer_id).await
    }

    /// Forgets idempotency keys that are older than they are kept, some at a time, and
    /// returns how many. Fewer than `limit` are the last.
    ///
    /// # Errors
    /// What the [repository](crate::AddressRepository::prune_idempotency_records) reports.
    pub async fn prune(&self, limit: u32) -> Result<u64, RepositoryError> {
        let before = self.clock.now().minus(self.limits.idempotency_retention);
        self.repository
            .prune_idempotency_records(before, limit)
            .await
    }

    async fn expect(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        precondition: &Precondition,
    ) -> Result<Address, ChangeError> {
        let current = self
            .find(customer_id, id)
            .await?
            .ok_or(ChangeError::NotFound)?;
        match current.version() {
            version if precondition.holds_for(version) => Ok(current),
            current => Err(ChangeError::PreconditionFailed { current }),
        }
    }

    /// Commits a change, unless somebody else was faster.
    async fn try_change(&self, change: Change, at: Timestamp) -> Result<bool, RepositoryError> {
        let max_addresses = self.limits.max_addresses;
        let commit = Commit {
            at,
            changes: vec![change],
            max_addresses,
            idempotency: None,
        };
        match self.repository.commit(commit).await {
            Ok(()) => Ok(true),
            Err(RepositoryError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn too_many_attempts() -> RepositoryError {
    RepositoryError::Busy("others kept changing the same address".into())
}
