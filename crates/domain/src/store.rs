//! The store as a whole: what a program needs besides the ports of the use cases.
//!
//! An [`Engine`] describes a store that is not open yet. Opening it returns a [`Store`] with the
//! ports of the use cases. Only [`Engine::name`], [`Engine::location`] and [`Engine::open`] are
//! required.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::keys::api_key_repository::ApiKeyRepository;
use crate::repository::{AddressRepository, Cause, RepositoryError};
use crate::timestamp::Timestamp;

/// A store that is not open yet, such as a database at a URL.
pub trait Engine: Send + Sync {
    /// The product, such as `SQLite`: for the start-up message, metrics and traces.
    fn name(&self) -> &'static str;

    /// The location of the store, in a form that operators recognise, without passwords.
    fn location(&self) -> String;

    /// The best number of request threads for each processor, from 1. More than 1 helps if the
    /// threads wait for the store.
    fn workers_per_processor(&self) -> usize {
        1
    }

    /// Opens the store.
    ///
    /// # Errors
    /// [`OpenError`]. With [`OpenMode::Existing`], nothing was created or changed.
    fn open(&self, mode: OpenMode) -> Result<Store, OpenError>;

    /// Whether copies of the store can follow it and serve reads: its [`Store::replication`] is
    /// known.
    fn has_replicas(&self) -> bool {
        false
    }

    /// Returns the migrations, examination and copies, if this engine supports them.
    fn maintenance(&self) -> Option<&dyn Maintenance> {
        None
    }
}

/// What [`Engine::open`] may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Create the store if it is missing, and migrate its schema to this release.
    CreateOrMigrate,
    /// Open a store that exists and has this release's schema; fail otherwise.
    Existing,
}

/// An open store.
#[derive(Clone)]
pub struct Store {
    /// The addresses.
    pub addresses: Arc<dyn AddressRepository>,
    /// The API keys. They may be in another store than the addresses.
    pub api_keys: Arc<dyn ApiKeyRepository>,
    /// The state of the connection pool, if the store has one.
    pub pool: Option<Arc<dyn ConnectionPool>>,
    /// The state of the replication, if a copy of the store can follow it and serve reads.
    pub replication: Option<Arc<dyn Replication>>,
}

impl Store {
    /// Creates a store from one type that implements both ports, without a connection pool and
    /// without replicas.
    pub fn of<R: AddressRepository + ApiKeyRepository + 'static>(repository: R) -> Self {
        let repository = Arc::new(repository);
        Self {
            addresses: repository.clone(),
            api_keys: repository,
            pool: None,
            replication: None,
        }
    }
}

/// Tells how far a store is behind the primary store that it follows.
#[async_trait]
pub trait Replication: Send + Sync {
    /// Returns an upper bound of the age of what the store does not have yet. It is zero for a
    /// primary store, and for a replica that is connected to it and has everything.
    ///
    /// # Errors
    /// Like the methods of [`AddressRepository`].
    async fn lag(&self) -> Result<Duration, RepositoryError>;
}

/// A pool of connections, for metrics.
pub trait ConnectionPool: Send + Sync {
    /// The current state of the pool.
    fn state(&self) -> PoolState;
}

/// The state of a connection pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// The maximum number of connections.
    pub max_connections: u32,
    /// The current number of connections.
    pub connections: u32,
    /// How many of them are not in use.
    pub idle_connections: u32,
    /// How many times a connection was taken from the pool since the start.
    pub checkouts: u64,
    /// The total time that callers waited for connections since the start.
    pub waited: Duration,
    /// How many times a caller got no connection in time since the start.
    pub timeouts: u64,
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no store at the location, and the mode does not create one.
    #[error("there is no database at {location}")]
    Missing {
        /// The location, without passwords.
        location: String,
    },
    /// The database at the location has no schema of the service, and the mode does not create it.
    #[error("the database at {location} holds no address books")]
    NoSchema {
        /// The location, without passwords.
        location: String,
    },
    /// The store was written by an older release, and the mode does not migrate it.
    #[error(
        "the database at {location} lacks {missing} of this release's migrations: make a backup, \
         then run addressbook migrate"
    )]
    OlderSchema {
        /// The location, without passwords.
        location: String,
        /// The number of missing migrations.
        missing: usize,
    },
    /// The store was written by a newer release.
    #[error(
        "the database's schema has the migration {version}, which this release does not know: \
         run the release that wrote it, or a newer one"
    )]
    NewerSchema {
        /// The first migration that this release does not know.
        version: String,
    },
    /// The store cannot be reached, read or created.
    #[error("cannot open the database {location}: {reason}")]
    Unreachable {
        /// The location, without passwords.
        location: String,
        /// The error of the store or the operating system, in one line.
        reason: String,
    },
    /// Any other error. Its message says what to do.
    #[error(transparent)]
    Other(Cause),
}

/// What operators can do with a store, whether or not the service is running.
pub trait Maintenance {
    /// Creates the store if it is missing, and migrates its schema to this release. Returns the
    /// number of migrations that were run.
    ///
    /// # Errors
    /// [`OpenError`]. The schema is then unchanged.
    fn migrate(&self) -> Result<usize, OpenError>;

    /// Distributes the tables over several machines by customer. Returns the number of tables that
    /// were not distributed yet.
    ///
    /// # Errors
    /// [`OpenError`], with nothing changed. A store that runs on one machine only says so.
    fn distribute(&self) -> Result<usize, OpenError>;

    /// Examines the store without changing it. A store that cannot be reached is a finding too.
    fn examine(&self, examination: &Examination) -> Vec<Finding>;

    /// Copies a snapshot of the store into a new file. The store can be read and written meanwhile.
    ///
    /// # Errors
    /// [`CopyError`]. No partial copy remains.
    fn backup(
        &self,
        file: &Path,
        progress: &mut dyn FnMut(CopyStep),
    ) -> Result<CopySummary, CopyError>;

    /// Creates the store from a backup file. The store must not exist yet.
    ///
    /// # Errors
    /// [`CopyError`]. No partial store remains.
    fn restore(
        &self,
        file: &Path,
        progress: &mut dyn FnMut(CopyStep),
    ) -> Result<CopySummary, CopyError>;
}

/// How to examine a store.
#[derive(Clone, Copy, Debug)]
pub struct Examination {
    /// Whether to check everything, however long that takes.
    pub full: bool,
    /// The current time.
    pub now: Timestamp,
    /// The maximum number of connections that a service with the same settings opens.
    pub connections: u32,
}

/// Whether a check passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The check passed.
    Ok,
    /// The store works, but a problem is likely later.
    Warning,
    /// The store does not work, or not correctly.
    Failed,
}

/// The result of one check, with a message. The message names no customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was checked, in one or two words.
    pub check: &'static str,
    /// The result.
    pub verdict: Verdict,
    /// What was found, and what to do about it.
    pub message: String,
}

impl Finding {
    /// Creates the finding of a check that passed.
    pub fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, message)
    }

    /// Creates the finding of a check that found a likely later problem.
    pub fn warning(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Verdict::Warning, message)
    }

    /// Creates the finding of a check that failed.
    pub fn failed(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Verdict::Failed, message)
    }

    fn new(check: &'static str, verdict: Verdict, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            check,
            verdict,
            message,
        }
    }
}

/// The progress of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStep {
    /// Bytes are being copied.
    Copying {
        /// The number of bytes copied so far.
        done_bytes: u64,
        /// The number of bytes in total.
        total_bytes: u64,
    },
    /// All bytes are copied, and the copy is being checked.
    Checking,
}

/// What a copy contains, as counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopySummary {
    /// The size of the file that was written.
    pub bytes: u64,
    /// Current addresses.
    pub addresses: u64,
    /// Customers that have or had addresses.
    pub customers: u64,
    /// Earlier states of addresses, including removals.
    pub past_revisions: u64,
}

/// Why a copy failed.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The store has its own tools for copies. The message names them.
    #[error("{0}")]
    OtherTools(String),
    /// Any other error. Its message says what to do.
    #[error(transparent)]
    Failed(Cause),
}
