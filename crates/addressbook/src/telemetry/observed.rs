//! Records metrics and traces of store operations.

use std::sync::Arc;
use std::time::Instant;

use addressbook_domain::{
    Address, AddressId, AddressPage, AddressRepository, AddressRevisions, ApiKey, ApiKeyId,
    ApiKeyRepository, BookDefaults, BookHead, Change, Commit, CommitError, Committed, CustomerId,
    Erased, Found, IdempotencyKey, IdempotencyRecord, Listing, Lookup, PageRequest,
    RepositoryError, RevisionRange, Scan, Store, Timestamp, TokenDigest,
};
use async_trait::async_trait;

use crate::telemetry::labels::{ErrorKind, Operation, Write};
use crate::telemetry::metrics::StoreMetrics;
use crate::telemetry::traces::StoreTracer;

/// A repository that records metrics and traces of its operations. `ready` is not recorded, because
/// monitoring calls it.
pub(crate) struct Observed<R: ?Sized> {
    pub(crate) repository: Arc<R>,
    pub(crate) metrics: Option<StoreMetrics>,
    pub(crate) tracer: Option<StoreTracer>,
}

/// Wraps a store to record metrics and traces. Returns it unchanged if neither is on.
pub(crate) fn observe(
    store: Store,
    metrics: Option<StoreMetrics>,
    tracer: Option<StoreTracer>,
) -> Store {
    if metrics.is_none() && tracer.is_none() {
        return store;
    }
    Store {
        addresses: Arc::new(Observed {
            repository: store.addresses,
            metrics: metrics.clone(),
            tracer: tracer.clone(),
        }),
        api_keys: Arc::new(Observed {
            repository: store.api_keys,
            metrics,
            tracer,
        }),
        pool: store.pool,
        replication: store.replication,
    }
}

impl<R: ?Sized> Observed<R> {
    async fn observe<T, E>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E>
    where
        for<'e> ErrorKind: From<&'e E>,
    {
        let span = self.tracer.as_ref();
        let span = span.and_then(|tracer| tracer.begin(operation.as_str()));
        let started = Instant::now();
        let result = call.await;
        let error = result.as_ref().err().map(ErrorKind::from);
        if let Some(metrics) = &self.metrics {
            metrics.record_operation(operation, started.elapsed(), error);
        }
        if let (Some(mut span), Some(error)) = (span, error) {
            span.failed(error.as_str());
        }
        result
    }

    fn record_writes(&self, write: Write, count: u64) {
        if let Some(metrics) = &self.metrics {
            metrics.record_writes(write, count);
        }
    }
}

#[async_trait]
impl<R: AddressRepository + ?Sized> AddressRepository for Observed<R> {
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<AddressPage, RepositoryError> {
        let call = self.repository.list(customer_id, page);
        self.observe(Operation::List, call).await
    }

    async fn page_of(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError> {
        let call = self.repository.page_of(customer_id, listing);
        self.observe(Operation::PageOf, call).await
    }

    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        let call = self.repository.head(customer_id);
        self.observe(Operation::Head, call).await
    }

    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Found>, RepositoryError> {
        let call = self.repository.find(lookups);
        self.observe(Operation::Find, call).await
    }

    async fn default_addresses(
        &self,
        customers: Vec<CustomerId>,
    ) -> Result<Vec<BookDefaults>, RepositoryError> {
        let call = self.repository.default_addresses(customers);
        self.observe(Operation::DefaultAddresses, call).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let defaults = commit.default_addresses.len() as u64;
        let mut writes = [
            (Write::Create, 0),
            (Write::Replace, 0),
            (Write::Remove, 0),
            (Write::SetDefault, defaults),
        ];
        for change in &commit.changes {
            let write = match change {
                Change::Create(_) => Write::Create,
                Change::Replace { .. } => Write::Replace,
                Change::Remove { .. } => Write::Remove,
            };
            writes[write as usize].1 += 1;
        }
        let call = self.repository.commit(commit);
        let committed = self.observe(Operation::Commit, call).await?;
        for (write, count) in writes {
            self.record_writes(write, count);
        }
        Ok(committed)
    }

    async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
    ) -> Result<AddressRevisions, RepositoryError> {
        let call = self.repository.revisions(customer_id, id, range);
        self.observe(Operation::Revisions, call).await
    }

    async fn idempotency_record(
        &self,
        customer_id: &CustomerId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, RepositoryError> {
        let call = self.repository.idempotency_record(customer_id, key);
        self.observe(Operation::IdempotencyRecord, call).await
    }

    async fn prune_idempotency_records(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, RepositoryError> {
        let call = self.repository.prune_idempotency_records(before, limit);
        self.observe(Operation::PruneIdempotencyRecords, call).await
    }

    async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError> {
        let call = self.repository.erase(customer_id);
        let erased = self.observe(Operation::Erase, call).await?;
        self.record_writes(Write::Erase, 1);
        Ok(erased)
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError> {
        let call = self.repository.scan(scan);
        self.observe(Operation::Scan, call).await
    }

    async fn ready(&self) -> Result<(), RepositoryError> {
        self.repository.ready().await
    }
}

#[async_trait]
impl<R: ApiKeyRepository + ?Sized> ApiKeyRepository for Observed<R> {
    async fn add(&self, key: ApiKey) -> Result<bool, RepositoryError> {
        self.observe(Operation::AddKey, self.repository.add(key))
            .await
    }

    async fn find(&self, digest: &TokenDigest) -> Result<Option<ApiKey>, RepositoryError> {
        self.observe(Operation::FindKey, self.repository.find(digest))
            .await
    }

    async fn list(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, RepositoryError> {
        let call = self.repository.list(after, limit);
        self.observe(Operation::ListKeys, call).await
    }

    async fn revoke(
        &self,
        id: &ApiKeyId,
        at: Timestamp,
    ) -> Result<Option<ApiKey>, RepositoryError> {
        self.observe(Operation::RevokeKey, self.repository.revoke(id, at))
            .await
    }

    async fn record_uses(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), RepositoryError> {
        self.observe(Operation::RecordUses, self.repository.record_uses(uses))
            .await
    }
}
