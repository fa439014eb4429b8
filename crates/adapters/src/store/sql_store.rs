use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use addressbook_domain::{
    Address, AddressId, AddressPage, AddressRepository, AddressRevisions, BookDefaults, BookHead,
    Commit, CommitError, Committed, ConnectionPool, CustomerId, Erased, Found, IdempotencyKey,
    IdempotencyRecord, Listing, Lookup, OpenError, OpenMode, PageRequest, PoolState, Replication,
    RepositoryError, RevisionRange, Scan, Timestamp,
};
use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::connection::migrations::{MIGRATIONS, no_thread};
use crate::connection::pool::Pool;
use crate::connection::pool::StoreOptions;
use crate::connection::schema_state::require_current;
use crate::connection::store_connection::StoreConnection;
use crate::connection::url::DatabaseUrl;
use crate::postgres::distribution;
use crate::postgres::replication;
use crate::sqlite::checkpoints::note_erasure;
use crate::sqlite::writer::Writer;
use crate::store::bulk;
use crate::store::error::WorkError;
use crate::store::fast_reads::{FastRead, FastReads};
use crate::store::reads;
use crate::store::rehearsal;
use crate::store::writes;

/// Stores addresses and API keys in SQLite or PostgreSQL. Cheap to clone: the clones share the
/// pool.
#[derive(Clone)]
pub struct SqlStore {
    pool: Pool,
    fast_reads: FastReads,
    /// The thread that writes to SQLite. On PostgreSQL, the connections of the pool write.
    writer: Option<Arc<Writer>>,
    computed_lists: ComputedLists,
    /// Whether the statements of writes have been tried since this was opened.
    writes_were_tried: Arc<AtomicBool>,
}

/// Limits how many lists are computed from a whole book at the same time. The limit is below the
/// pool's size, so that quick reads and above all writes still find a connection.
#[derive(Clone)]
struct ComputedLists {
    turns: Arc<Semaphore>,
    max_wait: Duration,
}

/// Computed lists may use one in this many of the pool's connections.
const COMPUTED_LISTS_PART: u32 = 4;

impl ComputedLists {
    fn of(options: &StoreOptions) -> Self {
        let turns = (options.pool_size / COMPUTED_LISTS_PART).max(1);
        Self {
            turns: Arc::new(Semaphore::new(turns as usize)),
            max_wait: options.pool_timeout,
        }
    }

    /// Waits for a permit, which is released when it is dropped.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, RepositoryError> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match timeout(self.max_wait, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(closed)) => Err(RepositoryError::Internal(closed.into())),
            Err(elapsed) => Err(RepositoryError::Busy(elapsed.into())),
        }
    }
}

/// How many times a transaction is run at most if PostgreSQL reports serialization failures or
/// deadlocks.
const ATTEMPTS: usize = 5;

impl SqlStore {
    /// Opens a database.
    ///
    /// # Errors
    /// [`OpenError`], with nothing changed.
    pub fn open(
        url: &DatabaseUrl,
        options: &StoreOptions,
        mode: OpenMode,
    ) -> Result<Self, OpenError> {
        match mode {
            OpenMode::CreateOrMigrate => drop(MIGRATIONS.migrate(url, options)?),
            OpenMode::Existing => require_current(url, options)?,
        }
        let writer = match url {
            DatabaseUrl::Sqlite(_) => {
                let manager = options.manager(url.clone());
                let writer = Writer::start(manager, options.group_commits, options.checkpoints);
                Some(Arc::new(writer.map_err(no_thread)?))
            }
            DatabaseUrl::Postgres(_) => None,
        };
        Ok(Self {
            pool: options.pool(url.clone()),
            fast_reads: FastReads::of(url, options)?,
            writer,
            computed_lists: ComputedLists::of(options),
            writes_were_tried: Arc::default(),
        })
    }

    /// Creates the database if it does not exist, and migrates it to this release's schema. Returns
    /// the number of migrations that were run.
    ///
    /// # Errors
    /// [`OpenError`], with nothing changed.
    pub fn migrate(url: &DatabaseUrl, options: &StoreOptions) -> Result<usize, OpenError> {
        MIGRATIONS.migrate(url, options)
    }

    /// Distributes the tables of a PostgreSQL database over the nodes of its Citus cluster. Returns
    /// the number of tables that were not distributed yet.
    ///
    /// # Errors
    /// [`OpenError`], with nothing changed.
    pub fn distribute(url: &DatabaseUrl, options: &StoreOptions) -> Result<usize, OpenError> {
        distribution::distribute(url, options)
    }

    /// Runs a unit of work that reads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&mut StoreConnection) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        Ok(self.pool.run(work, WorkError::is_connection_lost).await?)
    }

    /// Runs a whole transaction that writes. On SQLite, it may be part of a group commit. On
    /// PostgreSQL, it is retried after serialization failures and deadlocks.
    async fn commit_transaction<T: Send + 'static>(
        &self,
        work: impl Fn(&mut StoreConnection) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, WorkError> {
        if let Some(writer) = &self.writer {
            return writer.run(work).await;
        }
        let in_attempts = move |store: &mut StoreConnection| {
            let mut attempt = 1;
            loop {
                match store.write(&work) {
                    Err(error) if error.is_serialization_failure() && attempt < ATTEMPTS => {
                        attempt += 1;
                    }
                    result => return result,
                }
            }
        };
        self.pool.run(in_attempts, WorkError::wrote_nothing).await
    }

    /// Runs a whole transaction that writes and is never refused.
    pub(crate) async fn run_write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut StoreConnection) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        Ok(self.commit_transaction(work).await?)
    }
}

impl ConnectionPool for SqlStore {
    fn state(&self) -> PoolState {
        self.pool.state()
    }
}

#[async_trait]
impl Replication for SqlStore {
    async fn lag(&self) -> Result<Duration, RepositoryError> {
        self.run(replication::lag).await
    }
}

#[async_trait]
impl AddressRepository for SqlStore {
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<AddressPage, RepositoryError> {
        if let FastRead::Answered(page) = self.fast_reads.list(customer_id, page).await? {
            return Ok(page);
        }
        let (customer_id, page) = (customer_id.clone(), page.clone());
        self.run(move |store| reads::list(store, &customer_id, &page))
            .await
    }

    async fn page_of(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError> {
        let turn = self.computed_lists.turn().await?;
        let (customer_id, listing) = (customer_id.clone(), listing.clone());
        self.run(move |store| {
            // Held until the work is done, even if the caller no longer waits for it.
            let _turn = &turn;
            let as_of = listing.as_of;
            let (head, book) = store.read(|store| reads::book(store, &customer_id, as_of))?;
            Ok(listing.apply(head, book)?)
        })
        .await
    }

    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        if let FastRead::Answered(head) = self.fast_reads.head(customer_id).await? {
            return Ok(head);
        }
        let customer_id = customer_id.clone();
        self.run(move |store| reads::head(store, &customer_id))
            .await
    }

    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Found>, RepositoryError> {
        if let [Lookup::Id(customer_id, id)] = &lookups[..]
            && let FastRead::Answered(found) = self.fast_reads.find(customer_id, id).await?
        {
            return Ok(vec![found]);
        }
        self.run(move |store| match lookups.as_slice() {
            // A single statement reads one snapshot without a transaction.
            [lookup] => Ok(vec![reads::find(store, lookup)?]),
            lookups => store.read(|store| {
                lookups
                    .iter()
                    .map(|lookup| reads::find(store, lookup))
                    .collect()
            }),
        })
        .await
    }

    async fn default_addresses(
        &self,
        customers: Vec<CustomerId>,
    ) -> Result<Vec<BookDefaults>, RepositoryError> {
        self.run(move |store| {
            let mut steps = customers.chunks(reads::CUSTOMERS_AT_ONCE);
            match (steps.next(), steps.len()) {
                (None, _) => Ok(Vec::new()),
                // A single statement reads one snapshot without a transaction.
                (Some(step), 0) => reads::default_addresses(store, step),
                _ => store.read(|store| {
                    let mut found = Vec::with_capacity(customers.len());
                    for step in customers.chunks(reads::CUSTOMERS_AT_ONCE) {
                        found.extend(reads::default_addresses(store, step)?);
                    }
                    Ok(found)
                }),
            }
        })
        .await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let commit = Arc::new(commit);
        if bulk::is_bulk_creation(&commit) {
            let creations = Arc::clone(&commit);
            let made = self
                .commit_transaction(move |store| bulk::create(store, &creations))
                .await;
            if !matches!(made, Err(WorkError::NotInBulk)) {
                return Ok(made?);
            }
            // Nothing was changed. The general path finds out which change failed, and why.
        }
        Ok(self
            .commit_transaction(move |store| writes::commit(store, &commit))
            .await?)
    }

    async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
    ) -> Result<AddressRevisions, RepositoryError> {
        let (customer_id, id) = (customer_id.clone(), id.clone());
        self.run(move |store| store.read(|store| reads::revisions(store, &customer_id, &id, range)))
            .await
    }

    async fn idempotency_record(
        &self,
        customer_id: &CustomerId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, RepositoryError> {
        let (customer_id, key) = (customer_id.clone(), key.clone());
        let asked = (customer_id.clone(), key.clone());
        let record = self
            .run(move |store| reads::idempotency_record(store, asked.0.clone(), asked.1.clone()))
            .await?;
        // SQLite shows only what is durable.
        if record.is_some() && self.writer.is_none() {
            self.run_write(move |store| writes::confirm_record(store, &customer_id, &key))
                .await?;
        }
        Ok(record)
    }

    async fn prune_idempotency_records(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, RepositoryError> {
        self.run_write(move |store| writes::prune(store, before, limit))
            .await
    }

    async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError> {
        let customer_id = customer_id.clone();
        let noted = self.writer.as_ref().map(|writer| writer.erased());
        self.run_write(move |store| {
            let erased = writes::erase(store, &customer_id)?;
            if let (StoreConnection::Sqlite(connection), Some(noted)) = (store, &noted) {
                note_erasure(connection)?;
                noted.store(true, Ordering::Relaxed);
            }
            Ok(erased)
        })
        .await
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError> {
        self.run(move |store| reads::scan(store, &scan)).await
    }

    async fn ready(&self) -> Result<(), RepositoryError> {
        // The writes take about 20 statements, so they are tried only until they have worked once.
        let was_tried = self.writes_were_tried.load(Ordering::Relaxed);
        let tried = self
            .run(move |store| {
                rehearsal::reads(store)?;
                Ok(was_tried || rehearsal::writes(store)?)
            })
            .await?;
        self.writes_were_tried.store(tried, Ordering::Relaxed);
        // The same list as above, by a fast read.
        self.list(&CustomerId::of_nobody(), &PageRequest::default())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use addressbook_testkit::fixtures;
    use addressbook_testkit::postgres::PostgresServer;
    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn computed_lists_do_not_use_all_connections() {
        let folder = TempDir::new().unwrap();
        let sqlite = format!("sqlite://{}/a.db", folder.path().display());
        for url in [sqlite, PostgresServer::shared().create_database()] {
            let options = StoreOptions {
                pool_size: 8,
                pool_timeout: Duration::from_millis(100),
                ..StoreOptions::default()
            };
            let (url, mode) = (url.parse().unwrap(), OpenMode::CreateOrMigrate);
            let repository = SqlStore::open(&url, &options, mode).unwrap();
            let turns = Arc::clone(&repository.computed_lists.turns);
            let list = async || {
                let customer_id = fixtures::customer("cus_1");
                repository.page_of(&customer_id, &Listing::default()).await
            };
            let all = turns.acquire_many(2).await.unwrap();
            let refused = list().await;
            assert!(
                matches!(refused, Err(RepositoryError::Busy(_))),
                "{refused:?}"
            );
            let created = fixtures::creating([fixtures::address("cus_1", 1)]);
            repository.commit(created).await.unwrap();
            drop(all);
            assert_eq!(list().await.unwrap().total(), 1);
            assert_eq!(turns.available_permits(), 2);
        }
    }
}
