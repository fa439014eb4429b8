use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use addressbook_domain::{Cause, OpenError};
use diesel::backend::Backend;
use diesel::dsl::sql;
use diesel::migration::{self, Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel::{select, sql_query};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::connection::pool::StoreOptions;
use crate::connection::session_options::SessionOptions;
use crate::connection::store_connection::{StoreConnection, with_connection};
use crate::connection::url::DatabaseUrl;
use crate::connection::url::PostgresUrl;
use crate::postgres::distribution;
use crate::sqlite::build;
use crate::store::error::{connection_reason, file_reason};

/// The migrations of a release, with the same names for both engines.
pub(crate) struct Migrations {
    sqlite: Folders,
    postgres: Folders,
}

/// The migrations of this release.
pub(crate) const MIGRATIONS: Migrations = Migrations {
    sqlite: Folders(&[embed_migrations!("migrations/sqlite")]),
    postgres: Folders(&[embed_migrations!("migrations/postgres")]),
};

/// The migrations of these folders, in this order.
#[derive(Clone, Copy)]
struct Folders(&'static [EmbeddedMigrations]);

impl<DB: Backend> MigrationSource<DB> for Folders {
    fn migrations(&self) -> migration::Result<Vec<Box<dyn Migration<DB>>>> {
        let folders = self.0.iter().map(MigrationSource::<DB>::migrations);
        Ok(folders
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect())
    }
}

/// How long a process waits for another one that migrates the same database.
const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// Key of the advisory lock: any number that nothing else in the database locks.
const MIGRATION_LOCK: i64 = 0x0061_6464_7265_7373;

impl Migrations {
    /// Brings the database to this release's schema, and creates it first where there is none. One
    /// process at a time migrates, in one transaction for all migrations. Returns how many ran.
    pub(crate) fn migrate(
        &self,
        url: &DatabaseUrl,
        options: &StoreOptions,
    ) -> Result<usize, OpenError> {
        let session = SessionOptions {
            lock_timeout: MIGRATION_LOCK_TIMEOUT,
            statement_timeout: Duration::ZERO,
            ..options.session()
        };
        let mut store = open_or_create(url, &session)?;
        build::check(&mut store);
        // Most starts have nothing to migrate. They need neither a lock nor the right to create.
        let versions = sql::<Text>("version FROM __diesel_schema_migrations ORDER BY version");
        let applied = with_connection!(&mut store, c => select(versions).load::<String>(c));
        if applied.is_ok_and(|applied| applied == self.versions()) {
            return Ok(0);
        }
        match &mut store {
            StoreConnection::Sqlite(c) => c.immediate_transaction(|c| run_pending(c, self.sqlite)),
            StoreConnection::Postgres(c) => c.transaction(|c| {
                sql_query("SELECT pg_advisory_xact_lock($1)")
                    .bind::<BigInt, _>(MIGRATION_LOCK)
                    .execute(c)?;
                let count = run_pending(c, self.postgres)?;
                distribution::distribute_new(c)?;
                Ok(count)
            }),
        }
        .map_err(|error| match error {
            MigrateError::Diesel(error) => not_migrated(&error),
            MigrateError::Open(error) => error,
        })
    }

    /// The versions, in order.
    pub(crate) fn versions(&self) -> Vec<String> {
        let migrations = MigrationSource::<Sqlite>::migrations(&self.sqlite).unwrap_or_default();
        migrations
            .iter()
            .map(|migration| migration.name().version().to_string())
            .collect()
    }

    /// The schema that the first `count` migrations make in an empty SQLite database.
    pub(crate) fn sqlite_objects(&self, count: usize) -> Result<Vec<SchemaObject>, Cause> {
        let mut fresh = SqliteConnection::establish(":memory:")?;
        for _ in 0..count {
            fresh.run_next_migration(self.sqlite)?;
        }
        Ok(sql_query(SCHEMA_OBJECTS).load(&mut fresh)?)
    }
}

/// An object of a SQLite schema: a table, an index, a view or a trigger.
#[derive(Debug, PartialEq, Eq, QueryableByName)]
pub(crate) struct SchemaObject {
    #[diesel(sql_type = Text)]
    pub(crate) kind: String,
    #[diesel(sql_type = Text)]
    pub(crate) name: String,
    /// The statement that created it; `None` for objects that SQLite creates by itself.
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) sql: Option<String>,
}

/// Selects all objects of a SQLite schema except SQLite's statistics and the tables that
/// Litestream creates in a database that it replicates.
pub(crate) const SCHEMA_OBJECTS: &str = r"SELECT type AS kind, name, sql FROM sqlite_schema
     WHERE name NOT LIKE 'sqlite\_stat%' ESCAPE '\'
       AND NOT (type IN ('table', 'index') AND tbl_name LIKE '\_litestream\_%' ESCAPE '\')";

/// What can go wrong inside the migrating transaction.
enum MigrateError {
    Diesel(diesel::result::Error),
    Open(OpenError),
}

impl From<diesel::result::Error> for MigrateError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Diesel(error)
    }
}

fn run_pending<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    migrations: Folders,
) -> Result<usize, MigrateError> {
    let failed =
        |error: Box<dyn std::error::Error + Send + Sync>| MigrateError::Open(not_migrated(&*error));
    let known = MigrationSource::<DB>::migrations(&migrations).map_err(failed)?;
    for version in connection.applied_migrations().map_err(failed)? {
        if !known
            .iter()
            .any(|migration| migration.name().version() == version)
        {
            let version = version.to_string();
            return Err(MigrateError::Open(OpenError::NewerSchema { version }));
        }
    }
    Ok(connection
        .run_pending_migrations(migrations)
        .map_err(failed)?
        .len())
}

fn not_migrated(reason: &dyn std::error::Error) -> OpenError {
    OpenError::Other(format!("cannot migrate the database (nothing was changed): {reason}").into())
}

/// The error of a store whose threads cannot be started.
pub(crate) fn no_thread(reason: io::Error) -> OpenError {
    OpenError::Other(format!("cannot start a thread: {reason}").into())
}

/// The error of a database that cannot be opened.
pub(crate) fn unreachable(url: &DatabaseUrl, reason: String) -> OpenError {
    let location = url.to_string();
    let reason = match url {
        DatabaseUrl::Sqlite(_) => file_reason(&reason),
        DatabaseUrl::Postgres(_) => reason,
    };
    OpenError::Unreachable { location, reason }
}

fn open_or_create(
    url: &DatabaseUrl,
    session: &SessionOptions,
) -> Result<StoreConnection, OpenError> {
    if let DatabaseUrl::Sqlite(path) = url {
        create_file(path).map_err(|reason| unreachable(url, reason))?;
    }
    StoreConnection::establish(url, session)
        .or_else(|error| match url {
            DatabaseUrl::Postgres(postgres) if is_missing(&error) => {
                let created = create_database(postgres, session);
                // Another process may have created the database in the meantime, so connect even
                // if creating it failed.
                StoreConnection::establish(url, session).map_err(|error| match created {
                    Err(reason) if is_missing(&error) => {
                        format!(
                            "{}, and creating it failed: {reason}",
                            connection_reason(&error)
                        )
                    }
                    _ => connection_reason(&error),
                })
            }
            _ => Err(connection_reason(&error)),
        })
        .map_err(|reason| unreachable(url, reason))
}

/// Creates the file and its folder, accessible only to this user.
fn create_file(path: &Path) -> Result<(), String> {
    let failed =
        |path: &Path, reason: io::Error| format!("cannot create {}: {reason}", path.display());
    let mut file = OpenOptions::new();
    file.mode(0o600);
    if let Some(folder) = folder_of(path) {
        create_folder(folder).map_err(|reason| failed(folder, reason))?;
    }
    match file.write(true).create_new(true).open(path) {
        Err(reason) if reason.kind() != ErrorKind::AlreadyExists => Err(failed(path, reason)),
        _ => Ok(()),
    }
}

/// The folder in a path, if it contains one.
pub(crate) fn folder_of(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
}

/// Creates a folder and its parents, accessible only to this user.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    let mut folders = DirBuilder::new();
    folders.mode(0o700).recursive(true).create(folder)
}

pub(crate) fn is_missing(error: &ConnectionError) -> bool {
    let reason = connection_reason(error);
    reason.contains("FATAL: database ") && reason.ends_with(" does not exist")
}

/// Creates the database that the URL names.
///
/// # Errors
/// The server's reason for not creating it.
fn create_database(url: &PostgresUrl, session: &SessionOptions) -> Result<(), String> {
    let Some((name, server)) = url.maintenance() else {
        return Ok(());
    };
    let mut store = StoreConnection::establish(&DatabaseUrl::Postgres(server), session)
        .map_err(|error| connection_reason(&error))?;
    let statement = format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""));
    let created = with_connection!(&mut store, c => sql_query(statement).execute(c));
    created.map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
pub(crate) mod tests;
