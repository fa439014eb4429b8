//! What is asked of the store, told to those who count and to those who trace.

use std::time::Instant;

use addressbook_domain::{
    Address, AddressId, AddressPage, AddressRepository, AddressRevision, ApiKey, ApiKeyId,
    ApiKeyRepository, BookHead, Change, Commit, CustomerId, Erased, IdempotencyKey,
    IdempotencyRecord, Listing, Lookup, PageRequest, RepositoryError, RevisionRange, Scan,
    Timestamp, TokenDigest,
};
use async_trait::async_trait;

use crate::metrics::StoreMetrics;
use crate::traces::StoreTracer;

/// What is asked of a store, by the names of the ports' methods.
pub(crate) const OPERATIONS: [&str; 15] = [
    "list",
    "page_of",
    "head",
    "find",
    "commit",
    "revisions",
    "idempotency_record",
    "prune_idempotency_records",
    "erase",
    "scan",
    "add_key",
    "find_key",
    "list_keys",
    "revoke_key",
    "record_uses",
];

/// How a store fails.
pub(crate) const KINDS: [&str; 7] = [
    "conflict",
    "book_full",
    "key_taken",
    "busy",
    "unavailable",
    "corrupt",
    "internal",
];

/// A repository of which is counted and traced what is asked. Whether it is ready is not: that is
/// asked by whoever watches.
pub(crate) struct Observed<R> {
    pub(crate) repository: R,
    pub(crate) metrics: Option<StoreMetrics>,
    pub(crate) tracer: Option<StoreTracer>,
}

impl<R> Observed<R> {
    async fn observe<T>(
        &self,
        operation: usize,
        asked: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        let span = self.tracer.as_ref();
        let span = span.and_then(|tracer| tracer.begin(OPERATIONS[operation]));
        let started = Instant::now();
        let answer = asked.await;
        let failure = answer.as_ref().err().map(kind_of);
        if let Some(metrics) = &self.metrics {
            metrics.asked(operation, started.elapsed(), failure);
        }
        if let (Some(mut span), Some(kind)) = (span, failure) {
            span.failed(KINDS[kind]);
        }
        answer
    }

    fn written(&self, write: usize, count: u64) {
        if let Some(metrics) = &self.metrics {
            metrics.written(write, count);
        }
    }
}

/// The place of a failure among [`KINDS`].
fn kind_of(error: &RepositoryError) -> usize {
    match error {
        RepositoryError::Conflict { .. } => 0,
        RepositoryError::BookFull { .. } => 1,
        RepositoryError::KeyTaken => 2,
        RepositoryError::Busy(_) => 3,
        RepositoryError::Unavailable(_) => 4,
        RepositoryError::Corrupt(_) => 5,
        RepositoryError::Internal(_) => 6,
    }
}

#[async_trait]
impl<R: AddressRepository> AddressRepository for Observed<R> {
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<AddressPage, RepositoryError> {
        let asked = self.repository.list(customer_id, page);
        self.observe(0, asked).await
    }

    async fn page_of(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError> {
        let asked = self.repository.page_of(customer_id, listing);
        self.observe(1, asked).await
    }

    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        let asked = self.repository.head(customer_id);
        self.observe(2, asked).await
    }

    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Option<Address>>, RepositoryError> {
        let asked = self.repository.find(lookups);
        self.observe(3, asked).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), RepositoryError> {
        let mut writes = [0; 3];
        for change in &commit.changes {
            match change {
                Change::Create(_) => writes[0] += 1,
                Change::Replace { .. } => writes[1] += 1,
                Change::Remove(_) => writes[2] += 1,
            }
        }
        let asked = self.repository.commit(commit);
        self.observe(4, asked).await?;
        for (write, count) in writes.into_iter().enumerate() {
            self.written(write, count);
        }
        Ok(())
    }

    async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
    ) -> Result<Vec<AddressRevision>, RepositoryError> {
        let asked = self.repository.revisions(customer_id, id, range);
        self.observe(5, asked).await
    }

    async fn idempotency_record(
        &self,
        customer_id: &CustomerId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, RepositoryError> {
        let asked = self.repository.idempotency_record(customer_id, key);
        self.observe(6, asked).await
    }

    async fn prune_idempotency_records(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, RepositoryError> {
        let asked = self.repository.prune_idempotency_records(before, limit);
        self.observe(7, asked).await
    }

    async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError> {
        let asked = self.repository.erase(customer_id);
        let erased = self.observe(8, asked).await?;
        self.written(3, 1);
        Ok(erased)
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError> {
        let asked = self.repository.scan(scan);
        self.observe(9, asked).await
    }

    async fn ready(&self) -> Result<(), RepositoryError> {
        self.repository.ready().await
    }
}

#[async_trait]
impl<R: ApiKeyRepository> ApiKeyRepository for Observed<R> {
    async fn add(&self, key: ApiKey) -> Result<(), RepositoryError> {
        self.observe(10, self.repository.add(key)).await
    }

    async fn find(&self, digest: &TokenDigest) -> Result<Option<ApiKey>, RepositoryError> {
        self.observe(11, self.repository.find(digest)).await
    }

    async fn list(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, RepositoryError> {
        let asked = self.repository.list(after, limit);
        self.observe(12, asked).await
    }

    async fn revoke(
        &self,
        id: &ApiKeyId,
        at: Timestamp,
    ) -> Result<Option<ApiKey>, RepositoryError> {
        self.observe(13, self.repository.revoke(id, at)).await
    }

    async fn record_uses(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), RepositoryError> {
        self.observe(14, self.repository.record_uses(uses)).await
    }
}
