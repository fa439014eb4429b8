//! Implements the program's engine for the SQL databases.

use std::path::Path;
use std::sync::Arc;

use addressbook_domain::{
    CopyError, CopyStep, CopySummary, Engine, Examination, Finding, Maintenance, OpenError,
    OpenMode, Replication, Store,
};

use crate::connection::pool::StoreOptions;
use crate::connection::url::DatabaseUrl;
use crate::doctor;
use crate::postgres::tools;
use crate::sqlite::backup::{BackupError, backup, restore};
use crate::store::sql_store::SqlStore;

/// A SQLite or PostgreSQL database, named by its URL.
#[derive(Clone, Debug)]
pub struct SqlEngine {
    /// Where the database is.
    pub url: DatabaseUrl,
    /// The settings of the pool, the timeouts and the writer.
    pub options: StoreOptions,
}

impl Engine for SqlEngine {
    fn name(&self) -> &'static str {
        match self.url {
            DatabaseUrl::Sqlite(_) => "SQLite",
            DatabaseUrl::Postgres(_) => "PostgreSQL",
        }
    }

    fn location(&self) -> String {
        self.url.to_string()
    }

    /// On SQLite, threads wait for the file and do more work than the clients, so more threads
    /// increase the throughput. On PostgreSQL, threads that read do not block, and each has its
    /// own connection.
    fn workers_per_processor(&self) -> usize {
        match self.url {
            DatabaseUrl::Sqlite(_) => 3,
            DatabaseUrl::Postgres(_) => 1,
        }
    }

    fn has_replicas(&self) -> bool {
        matches!(self.url, DatabaseUrl::Postgres(_))
    }

    fn open(&self, mode: OpenMode) -> Result<Store, OpenError> {
        let repository = SqlStore::open(&self.url, &self.options, mode)?;
        let replication = self
            .has_replicas()
            .then(|| Arc::new(repository.clone()) as Arc<dyn Replication>);
        Ok(Store {
            pool: Some(Arc::new(repository.clone())),
            replication,
            ..Store::of(repository)
        })
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }
}

impl Maintenance for SqlEngine {
    fn migrate(&self) -> Result<usize, OpenError> {
        SqlStore::migrate(&self.url, &self.options)
    }

    fn distribute(&self) -> Result<usize, OpenError> {
        SqlStore::distribute(&self.url, &self.options)
    }

    fn examine(&self, examination: &Examination) -> Vec<Finding> {
        doctor::examine(&self.url, &self.options, examination)
    }

    fn backup(
        &self,
        file: &Path,
        progress: &mut dyn FnMut(CopyStep),
    ) -> Result<CopySummary, CopyError> {
        match &self.url {
            DatabaseUrl::Sqlite(database) => Ok(backup(database, file, progress)?),
            DatabaseUrl::Postgres(url) => {
                Err(CopyError::OtherTools(tools::backup_instructions(url, file)))
            }
        }
    }

    fn restore(
        &self,
        file: &Path,
        progress: &mut dyn FnMut(CopyStep),
    ) -> Result<CopySummary, CopyError> {
        match &self.url {
            DatabaseUrl::Sqlite(database) => Ok(restore(file, database, progress)?),
            DatabaseUrl::Postgres(url) => Err(CopyError::OtherTools(tools::to_restore(url, file))),
        }
    }
}

impl From<BackupError> for CopyError {
    fn from(error: BackupError) -> Self {
        Self::Failed(error.into())
    }
}
