mod duplicate;
#[cfg(test)]
mod tests;

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
    /// A revision of the book that contains the creation; of a duplicate, its current state.
    pub book_revision: u64,
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
        /// The current revision of the book.
        book_revision: u64,
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
                Search::Found {
                    address,
                    book_revision,
                } => return self.duplicate(address, book_revision, defaults).await,
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
            Ok(committed) => Ok(Some(Created {
                address,
                origin: Origin::New,
                book_revision: committed.revision_of(self.customer_id),
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
        book_revision: u64,
        defaults: Option<BookDefaults>,
    ) -> Result<Option<Created>, CreateError> {
        let duplicate = match self.new.on_duplicate {
            OnDuplicate::Reject => Err(CreateError::Duplicate {
                id: address.id,
                book_revision,
            }),
            OnDuplicate::Allow | OnDuplicate::Return => Ok(address),
        };
        // A concurrent request with this key may have created the duplicate.
        if let Some(replayed) = self.replay().await? {
            return Ok(Some(replayed));
        }
        let address = duplicate?;
        let revision = defaults.as_ref().map(|defaults| defaults.revision);
        let changes = self.default_changes(&address.id, defaults)?;
        let made_at = match (revision, changes.is_empty()) {
            (Some(revision), false) => {
                let service = self.service;
                service
                    .try_defaults(self.customer_id, revision, changes, self.at)
                    .await?
            }
            _ => Some(book_revision),
        };
        Ok(made_at.map(|book_revision| Created {
            address,
            origin: Origin::Duplicate,
            book_revision,
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
        let found = repository
            .revisions(self.customer_id, &record.address_id, first)
            .await?;
        // No revision is left if the customer was erased since the record was read.
        Ok(found.revisions.into_iter().next().map(|first| Created {
            address: first.address,
            origin: Origin::Replayed,
            book_revision: found.book_revision,
        }))
    }
}
