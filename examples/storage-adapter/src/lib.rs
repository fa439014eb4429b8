//! Addresses and API keys in [redb](https://docs.rs/redb), an embedded key-value store: an example
//! of a storage adapter for Addressbook, written outside its workspace. The guide
//! `docs/guides/write-a-storage-adapter.md` walks through it.

mod addresses;
mod api_keys;
mod changes;
mod engine;
mod error;
mod rows;
mod tables;

use std::path::Path;
use std::sync::Arc;

use addressbook_domain::RepositoryError;
use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};

pub use crate::engine::RedbEngine;
use crate::error::Failed;

/// A redb file. Cheap to clone: the clones share it.
#[derive(Clone)]
pub struct RedbStore {
    database: Arc<Database>,
}

impl RedbStore {
    /// Opens a file, and creates it if it does not exist. Only one process can have it open.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`] if the file cannot be opened, or is already open.
    pub fn open(path: &Path) -> Result<Self, RepositoryError> {
        let open = || -> Result<Self, Failed> {
            let database = Database::create(path)?;
            let transaction = database.begin_write()?;
            tables::create(&transaction)?;
            transaction.commit()?;
            Ok(Self {
                database: Arc::new(database),
            })
        };
        open().map_err(RepositoryError::from)
    }

    /// Reads in one transaction, from one snapshot.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let database = Arc::clone(&self.database);
        blocking(move || work(&database.begin_read()?)).await
    }

    /// Writes in one transaction: everything takes effect and is on disk, or nothing.
    async fn write<T: Send + 'static, E: From<Failed> + From<RepositoryError>>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, E> {
        let database = Arc::clone(&self.database);
        blocking(move || {
            let transaction = database.begin_write()?;
            let value = work(&transaction)?; // an error drops the transaction, which undoes it
            transaction.commit()?;
            Ok(value)
        })
        .await
    }
}

/// Runs work on a thread that may block. The work continues even if the caller stops waiting.
async fn blocking<T: Send + 'static, E: From<Failed> + From<RepositoryError>>(
    work: impl FnOnce() -> Result<T, Failed> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(E::from),
        Err(panic) => Err(RepositoryError::Internal(panic.into()).into()),
    }
}
