//! A store as a whole: what a program needs of it besides the ports of the use cases.
//!
//! An [`Engine`] is a store that is named and not opened yet. Opening it gives a [`Store`], whose
//! ports the use cases run on. Everything but [`Engine::name`], [`Engine::location`] and
//! [`Engine::open`] is optional.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::{AddressRepository, ApiKeyRepository, Cause, Timestamp};

/// A store that is named and not opened yet, such as a database by its URL.
pub trait Engine: Send + Sync {
    /// The product, such as `SQLite`: for the start-up message, metrics and traces.
    fn name(&self) -> &'static str;

    /// Where the store is, as an operator would recognise it, without passwords.
    fn location(&self) -> String;

    /// How many threads that answer requests serve best for each processor, from 1: more where
    /// they wait for the store.
    fn workers_per_processor(&self) -> usize {
        1
    }

    /// Opens the store.
    ///
    /// # Errors
    /// [`OpenError`]. With [`OpenMode::Existing`], nothing was created or changed.
    fn open(&self, mode: OpenMode) -> Result<Store, OpenError>;

    /// Migrations, examination and copies, if the program can do them.
    fn maintenance(&self) -> Option<&dyn Maintenance> {
        None
    }
}

/// What opening may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Create the store where there is none, and bring its schema to this release.
    CreateOrMigrate,
    /// Open a store that exists with this release's schema, and fail otherwise.
    Existing,
}

/// A store that is open.
#[derive(Clone)]
pub struct Store {
    /// The addresses.
    pub addresses: Arc<dyn AddressRepository>,
    /// The API keys, which may be stored elsewhere than the addresses.
    pub api_keys: Arc<dyn ApiKeyRepository>,
    /// The state of the connection pool, if the store has one.
    pub pool: Option<Arc<dyn ConnectionPool>>,
}

impl Store {
    /// A store whose one type implements both ports, without a connection pool.
    pub fn of<R: AddressRepository + ApiKeyRepository + 'static>(repository: R) -> Self {
        let repository = Arc::new(repository);
        Self {
            addresses: repository.clone(),
            api_keys: repository,
            pool: None,
        }
    }
}

/// A pool of connections, for metrics.
pub trait ConnectionPool: Send + Sync {
    /// The state of the pool now.
    fn state(&self) -> PoolState;
}

/// The state of a connection pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// The most connections that the pool may have.
    pub max_connections: u32,
    /// The connections that it has.
    pub connections: u32,
    /// Those of them that nobody uses.
    pub idle_connections: u32,
    /// How often a connection was taken since the start.
    pub checkouts: u64,
    /// How long callers waited for connections since the start, altogether.
    pub waited: Duration,
    /// How often a caller waited in vain since the start.
    pub timeouts: u64,
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no store at the location, and the mode does not create one.
    #[error("there is no database at {location}")]
    Missing {
        /// Where it should be, without passwords.
        location: String,
    },
    /// What is at the location holds no address books, and the mode does not create them.
    #[error("the database at {location} holds no address books")]
    NoSchema {
        /// Where it is, without passwords.
        location: String,
    },
    /// The store was written by an older release, and the mode does not migrate it.
    #[error(
        "the database at {location} lacks {missing} of this release's migrations: make a backup, \
         then run addressbook migrate"
    )]
    OlderSchema {
        /// Where it is, without passwords.
        location: String,
        /// How many migrations it lacks.
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
        /// Where it should be, without passwords.
        location: String,
        /// What the store or the system said, in one line.
        reason: String,
    },
    /// Anything else. The text says what to do about it.
    #[error(transparent)]
    Other(Cause),
}

/// What operators do with a store, running or not.
pub trait Maintenance {
    /// Creates the store where there is none, and brings its schema to this release. Returns the
    /// number of migrations that were run.
    ///
    /// # Errors
    /// [`OpenError`]. The schema is as it was then.
    fn migrate(&self) -> Result<usize, OpenError>;

    /// Examines the store without changing it. A store that cannot be reached is a finding too.
    fn examine(&self, examination: &Examination) -> Vec<Finding>;

    /// Copies the store as of one moment into a new file, while others read and write it.
    ///
    /// # Errors
    /// [`CopyError`]. Nothing of the copy is left then.
    fn backup(
        &self,
        file: &Path,
        progress: &mut dyn FnMut(CopyStep),
    ) -> Result<CopySummary, CopyError>;

    /// Creates the store from such a file, where there is none.
    ///
    /// # Errors
    /// [`CopyError`]. Nothing of the copy is left then.
    fn restore(
        &self,
        file: &Path,
        progress: &mut dyn FnMut(CopyStep),
    ) -> Result<CopySummary, CopyError>;
}

/// How to examine a store.
#[derive(Clone, Copy, Debug)]
pub struct Examination {
    /// Check everything, however long that takes.
    pub full: bool,
    /// The current time.
    pub now: Timestamp,
    /// The most connections that a service with the same settings opens.
    pub connections: u32,
}

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and will cause trouble.
    Warning,
    /// It does not work, or not correctly.
    Failed,
}

/// One thing that was checked. Its text names no customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was checked, in a word or two.
    pub what: &'static str,
    /// The result.
    pub verdict: Verdict,
    /// What was found, and what to do about it.
    pub says: String,
}

impl Finding {
    /// A check that passed.
    pub fn ok(what: &'static str, says: impl Into<String>) -> Self {
        Self::new(what, Verdict::Ok, says)
    }

    /// A check that found future trouble.
    pub fn warning(what: &'static str, says: impl Into<String>) -> Self {
        Self::new(what, Verdict::Warning, says)
    }

    /// A check that failed.
    pub fn failed(what: &'static str, says: impl Into<String>) -> Self {
        Self::new(what, Verdict::Failed, says)
    }

    fn new(what: &'static str, verdict: Verdict, says: impl Into<String>) -> Self {
        let says = says.into();
        Self {
            what,
            verdict,
            says,
        }
    }
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStep {
    /// Bytes are being copied.
    Copying {
        /// How many are copied so far.
        done_bytes: u64,
        /// How many there are in all.
        total_bytes: u64,
    },
    /// All bytes are copied, and the copy is being checked.
    Checking,
}

/// What a copy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopySummary {
    /// The file that was written.
    pub bytes: u64,
    /// Addresses.
    pub addresses: u64,
    /// Customers that have, or had, addresses.
    pub customers: u64,
    /// States that addresses had before, removals among them.
    pub earlier_revisions: u64,
}

/// Why there is no copy.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The store has tools of its own for this; the text names them.
    #[error("{0}")]
    OtherTools(String),
    /// Anything else. The text says what to do about it.
    #[error(transparent)]
    Failed(Cause),
}
