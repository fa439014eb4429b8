use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use addressbook_domain::{PoolState, RepositoryError};
use diesel::ConnectionError;
use r2d2::event::{CheckoutEvent, TimeoutEvent};
use r2d2::{HandleError, HandleEvent, ManageConnection, PooledConnection};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::connection::connection_log::log_connection_failure;
use crate::connection::session_options::SessionOptions;
use crate::connection::session_options::Synchronous;
use crate::connection::store_connection::StoreConnection;
use crate::connection::url::DatabaseUrl;
use crate::sqlite::checkpoints::Checkpoints;
use crate::sqlite::file_identity::DatabaseFile;
use crate::sqlite::session;
use crate::store::error::WorkError;

/// Settings of a store: its pool, timeouts and durability.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Maximum number of connections in the pool, at least 1. On PostgreSQL, each thread that
    /// reads may open one more. Default: 16.
    pub pool_size: u32,
    /// How long a request waits for a free connection. Default: 1 s.
    pub pool_timeout: Duration,
    /// How long a write waits for the locks of other writes. Default: 5 s.
    pub lock_timeout: Duration,
    /// How long one statement may take on PostgreSQL. Default: 5 s.
    pub statement_timeout: Duration,
    /// When a write to SQLite counts as done.
    pub synchronous: Synchronous,
    /// Maximum number of writes to SQLite in one group commit, at least 1. Default: 100.
    pub group_commits: u32,
    /// Which program copies the WAL of SQLite to the database file.
    pub checkpoints: Checkpoints,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            pool_size: 16,
            pool_timeout: Duration::from_secs(1),
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
            synchronous: Synchronous::default(),
            group_commits: 100,
            checkpoints: Checkpoints::default(),
        }
    }
}

impl StoreOptions {
    pub(crate) fn session(&self) -> SessionOptions {
        SessionOptions {
            lock_timeout: self.lock_timeout,
            statement_timeout: self.statement_timeout,
            synchronous: self.synchronous,
        }
    }

    pub(crate) fn manager(&self, url: DatabaseUrl) -> StoreManager {
        let file = match &url {
            DatabaseUrl::Sqlite(path) => Some(DatabaseFile::of(path)),
            DatabaseUrl::Postgres(_) => None,
        };
        StoreManager {
            url,
            file,
            options: self.session(),
        }
    }

    /// Creates the pool. It opens connections when they are needed.
    pub(crate) fn pool(&self, url: DatabaseUrl) -> Pool {
        let response_timeout = match &url {
            DatabaseUrl::Sqlite(_) => None,
            DatabaseUrl::Postgres(_) => {
                Some(self.statement_timeout.max(self.pool_timeout) + RESPONSE_GRACE)
            }
        };
        let waits = Arc::<Waits>::default();
        let connections = r2d2::Pool::builder()
            .max_size(self.pool_size)
            .min_idle(Some(0))
            .connection_timeout(self.pool_timeout)
            // Checks SQLite's file. Sends no ping, which would double the round trips of each
            // request.
            .test_on_check_out(true)
            .error_handler(Box::new(LogRefusal))
            .event_handler(Box::new(CountWaits(Arc::clone(&waits))))
            .build_unchecked(self.manager(url));
        Pool {
            connections,
            waits,
            response_timeout,
            abandoned: Arc::default(),
        }
    }
}

/// How much longer than the statement timeout a response of the server may take.
pub(crate) const RESPONSE_GRACE: Duration = Duration::from_secs(1);

/// A pool of connections. Runs work on threads that may wait for a connection and for the
/// database.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: r2d2::Pool<StoreManager>,
    waits: Arc<Waits>,
    /// How long a connection may make no progress; `None` for no limit.
    response_timeout: Option<Duration>,
    /// Number of threads that still wait for a response after their caller was sent an error.
    abandoned: Arc<AtomicU32>,
}

impl Pool {
    /// Runs a unit of work.
    ///
    /// An idle connection in the pool may be lost, which shows only when it is used. So if
    /// `unharmed` says of an error that nothing can have been changed, the work is retried on
    /// another connection, until it has run on one that was opened after this call.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&mut StoreConnection) -> Result<T, WorkError> + Send + 'static,
        unharmed: fn(&WorkError) -> bool,
    ) -> Result<T, WorkError> {
        let lease = Arc::<Lease>::default();
        let (pool, on_thread) = (self.clone(), Arc::clone(&lease));
        let working = spawn_blocking(move || pool.work(&on_thread, work, unharmed));
        let done = match self.response_timeout {
            None => working.await,
            // A separate task continues when the caller has been dropped.
            Some(limit) => {
                let watch = self.clone().watch(lease, working, limit);
                tokio::spawn(watch).await.and_then(|done| done)
            }
        };
        // The panic message is not logged, because it may contain data of a customer.
        done.unwrap_or_else(|_| Err(RepositoryError::Internal("the work panicked".into()).into()))
    }

    fn work<T>(
        &self,
        lease: &Lease,
        work: impl Fn(&mut StoreConnection) -> Result<T, WorkError>,
        unharmed: fn(&WorkError) -> bool,
    ) -> Result<T, WorkError> {
        let since = Instant::now();
        loop {
            let (mut store, made) = lease.begin(self.get(since)?)?;
            let result = work(&mut store);
            let again = made < since && result.as_ref().is_err_and(unharmed);
            let failed = result.as_ref().is_err_and(WorkError::spoils_connection);
            let sound = !failed && !store.is_broken();
            if !lease.end(sound.then_some(store)) {
                self.abandoned.fetch_sub(1, Ordering::Relaxed);
                return result;
            }
            if !again {
                return result;
            }
        }
    }

    /// Gets a connection for a caller that has been waiting since `since`.
    fn get(&self, since: Instant) -> Result<PooledConnection<StoreManager>, RepositoryError> {
        let max_wait = self.connections.connection_timeout();
        let max_wait = max_wait.saturating_sub(since.elapsed());
        self.connections.get_timeout(max_wait).map_err(|error| {
            match self.connections.state().connections {
                0 => RepositoryError::Unavailable(error.into()),
                _ => RepositoryError::Busy(error.into()),
            }
        })
    }

    pub(crate) fn state(&self) -> PoolState {
        let state = self.connections.state();
        PoolState {
            max_connections: self.connections.max_size(),
            connections: state.connections,
            idle_connections: state.idle_connections,
            checkouts: self.waits.checkouts.load(Ordering::Relaxed),
            waited: Duration::from_nanos(self.waits.waited_ns.load(Ordering::Relaxed)),
            timeouts: self.waits.timeouts.load(Ordering::Relaxed),
        }
    }

    /// Waits for the work as long as it makes progress. PostgreSQL cancels statements that take
    /// too long, so a statement without progress has lost its server or the network.
    async fn watch<T>(
        self,
        lease: Arc<Lease>,
        mut working: JoinHandle<Result<T, WorkError>>,
        limit: Duration,
    ) -> Result<Result<T, WorkError>, JoinError> {
        let mut seen = 0;
        loop {
            if let Ok(done) = timeout(limit, &mut working).await {
                return done;
            }
            let steps = lease.steps.load(Ordering::Relaxed);
            if steps == seen {
                tracing::warn!("dropping a connection to the database: no response in time");
                self.abandon(&lease);
                let silent = RepositoryError::Unavailable("no response in time".into());
                return Ok(Err(silent.into()));
            }
            seen = steps;
        }
    }

    /// Makes room in the pool for another connection. The thread keeps waiting until the operating
    /// system reports that the connection is lost. At most as many threads as the pool has slots
    /// are abandoned in this way; further ones keep their slot.
    fn abandon(&self, lease: &Lease) {
        let most = self.connections.max_size();
        let one_more = |count| (count < most).then_some(count + 1);
        let counted = self
            .abandoned
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        if counted.is_ok() && lease.held().take().is_none() {
            self.abandoned.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The connection that a thread works with, shared with the task that waits for the thread.
#[derive(Default)]
struct Lease {
    /// The connection's slot in the pool, while the work runs.
    held: Mutex<Option<PooledConnection<StoreManager>>>,
    /// Incremented when a statement begins or ends.
    steps: Arc<AtomicU64>,
}

impl Lease {
    fn held(&self) -> MutexGuard<'_, Option<PooledConnection<StoreManager>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection out of its slot. Also returns when it was opened.
    fn begin(
        &self,
        mut pooled: PooledConnection<StoreManager>,
    ) -> Result<(StoreConnection, Instant), RepositoryError> {
        let mut store = pooled.store.take().ok_or_else(|| {
            RepositoryError::Internal("a slot of the pool without a connection".into())
        })?;
        store.count_steps(&self.steps);
        let made = pooled.made;
        *self.held() = Some(pooled);
        Ok((store, made))
    }

    /// Returns a working connection to its slot, and the slot to the pool. Returns false if the
    /// slot was given up.
    fn end(&self, store: Option<StoreConnection>) -> bool {
        let Some(mut pooled) = self.held().take() else {
            return false;
        };
        pooled.store = store;
        true
    }
}

/// Opens connections, for the pool and outside it.
#[derive(Clone, Debug)]
pub(crate) struct StoreManager {
    url: DatabaseUrl,
    /// SQLite only.
    file: Option<DatabaseFile>,
    options: SessionOptions,
}

impl StoreManager {
    pub(crate) fn lock_timeout(&self) -> Duration {
        self.options.lock_timeout
    }

    pub(crate) fn establish(&self) -> Result<StoreConnection, RepositoryError> {
        self.connect()
            .map_err(|error| RepositoryError::Unavailable(error.into()))
    }

    /// Opens a connection to SQLite for [`scrub`](crate::sqlite::scrub).
    pub(crate) fn open_to_scrub(&self) -> rusqlite::Result<rusqlite::Connection> {
        match &self.url {
            DatabaseUrl::Sqlite(path) => session::open_raw(path, &self.options),
            DatabaseUrl::Postgres(_) => Err(rusqlite::Error::InvalidQuery),
        }
    }

    /// Checks that SQLite's file is still the one that the connections have open.
    pub(crate) fn check_file(&self) -> Result<(), RepositoryError> {
        self.look_at_file()
            .map_err(|error| RepositoryError::Unavailable(error.into()))
    }

    fn connect(&self) -> Result<StoreConnection, ConnectionError> {
        self.look_at_file()?;
        StoreConnection::establish(&self.url, &self.options)
    }

    fn look_at_file(&self) -> Result<(), ConnectionError> {
        self.file.as_ref().map_or(Ok(()), DatabaseFile::check)
    }
}

/// A slot in the pool.
pub(crate) struct Pooled {
    /// `None` while the connection is in use, and after it was lost.
    store: Option<StoreConnection>,
    made: Instant,
}

impl ManageConnection for StoreManager {
    type Connection = Pooled;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Pooled, ConnectionError> {
        Ok(Pooled {
            store: Some(Self::connect(self)?),
            made: Instant::now(),
        })
    }

    fn is_valid(&self, _: &mut Pooled) -> Result<(), ConnectionError> {
        self.look_at_file()
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.store.is_none()
    }
}

#[derive(Debug)]
struct LogRefusal;

impl HandleError<ConnectionError> for LogRefusal {
    fn handle_error(&self, error: ConnectionError) {
        log_connection_failure(crate::store::error::connection_reason(&error));
    }
}

/// Statistics about waiting for connections.
#[derive(Debug, Default)]
struct Waits {
    checkouts: AtomicU64,
    waited_ns: AtomicU64,
    timeouts: AtomicU64,
}

#[derive(Debug)]
struct CountWaits(Arc<Waits>);

impl HandleEvent for CountWaits {
    fn handle_checkout(&self, event: CheckoutEvent) {
        let waited_ns = u64::try_from(event.duration().as_nanos()).unwrap_or(u64::MAX);
        self.0.checkouts.fetch_add(1, Ordering::Relaxed);
        self.0.waited_ns.fetch_add(waited_ns, Ordering::Relaxed);
    }

    fn handle_timeout(&self, _: TimeoutEvent) {
        self.0.timeouts.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A pool with one slot, for an empty database.
    fn pool_of_one() -> (Pool, StoreOptions, TempDir) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        let options = StoreOptions {
            pool_size: 1,
            pool_timeout: Duration::from_millis(200),
            ..StoreOptions::default()
        };
        (options.pool(DatabaseUrl::Sqlite(path)), options, folder)
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_without_the_panic_message() {
        let (pool, _, _folder) = pool_of_one();
        let panicking = |_: &mut StoreConnection| -> Result<(), _> { panic!("of a customer") };
        let failed = pool.run(panicking, WorkError::is_connection_lost).await;
        let Err(WorkError::Repository(RepositoryError::Internal(cause))) = failed else {
            panic!("{failed:?}");
        };
        assert_eq!(cause.to_string(), "the work panicked");
        // Its slot is available again.
        pool.run(|_| Ok(()), WorkError::is_connection_lost)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn an_exhausted_pool_is_busy_after_its_timeout() {
        let (pool, options, _folder) = pool_of_one();
        let taken = pool.get(Instant::now()).unwrap();
        let started = Instant::now();
        let refused = pool.run(|_| Ok(()), WorkError::is_connection_lost).await;
        assert!(
            matches!(
                refused,
                Err(WorkError::Repository(RepositoryError::Busy(_)))
            ),
            "{refused:?}"
        );
        assert!(started.elapsed() >= options.pool_timeout);
        let state = pool.state();
        assert_eq!((state.connections, state.idle_connections), (1, 0));
        assert_eq!((state.checkouts, state.timeouts), (1, 1));
        drop(taken);
        pool.run(|_| Ok(()), WorkError::is_connection_lost)
            .await
            .unwrap();
        assert_eq!(pool.state().checkouts, 2);
    }
}
