use std::time::Duration;

use addressbook_domain::RepositoryError;
use diesel::ConnectionError;
use r2d2::{HandleError, ManageConnection};

use crate::DatabaseUrl;
use crate::dialect::{SessionOptions, StoreConnection, Synchronous};

/// How a store works with its database.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// The most connections of the pool, from 1. On PostgreSQL each thread that reads may have
    /// one more. Default: 16.
    pub pool_size: u32,
    /// How long a request waits for a free connection. Default: 1 s.
    pub pool_timeout: Duration,
    /// How long a write waits for others. Default: 5 s.
    pub lock_timeout: Duration,
    /// How long one statement may take on PostgreSQL. Default: 5 s.
    pub statement_timeout: Duration,
    /// When a write to SQLite counts as done.
    pub synchronous: Synchronous,
    /// The most writes to SQLite that become durable together, from 1. Default: 100.
    pub group_commits: u32,
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
        StoreManager {
            url,
            options: self.session(),
        }
    }

    /// The pool; connections are made as they are needed.
    pub(crate) fn pool(&self, url: DatabaseUrl) -> r2d2::Pool<StoreManager> {
        r2d2::Pool::builder()
            .max_size(self.pool_size)
            .min_idle(Some(0))
            .connection_timeout(self.pool_timeout)
            // A ping on each request would double its round trips. A connection that
            // failed is not put back instead.
            .test_on_check_out(false)
            .error_handler(Box::new(LogRefusal))
            .build_unchecked(self.manager(url))
    }
}

/// Makes connections, for the pool and beside it.
#[derive(Clone, Debug)]
pub(crate) struct StoreManager {
    url: DatabaseUrl,
    options: SessionOptions,
}

impl StoreManager {
    pub(crate) fn lock_timeout(&self) -> Duration {
        self.options.lock_timeout
    }

    pub(crate) fn establish(&self) -> Result<StoreConnection, RepositoryError> {
        StoreConnection::establish(&self.url, &self.options)
            .map_err(|error| RepositoryError::Unavailable(error.into()))
    }
}

/// A connection in the pool, and whether it has to leave it.
pub(crate) struct Pooled {
    pub(crate) store: StoreConnection,
    pub(crate) failed: bool,
}

impl ManageConnection for StoreManager {
    type Connection = Pooled;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Pooled, ConnectionError> {
        let store = StoreConnection::establish(&self.url, &self.options)?;
        Ok(Pooled {
            store,
            failed: false,
        })
    }

    fn is_valid(&self, _: &mut Pooled) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.failed || pooled.store.is_broken()
    }
}

#[derive(Debug)]
struct LogRefusal;

impl HandleError<ConnectionError> for LogRefusal {
    fn handle_error(&self, error: ConnectionError) {
        let reason = crate::error::connection_reason(&error);
        tracing::warn!(reason, "cannot connect to the database");
    }
}
