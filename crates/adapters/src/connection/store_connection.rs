//! A connection to either database, and its transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::connection::{
    AnsiTransactionManager, Instrumentation, InstrumentationEvent, SimpleConnection,
    TransactionManager, get_default_instrumentation,
};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::connection::session_options::SessionOptions;
use crate::connection::url::DatabaseUrl;
use crate::store::error::WorkError;
use crate::store::statements::{Sql, prepared};
use crate::{postgres, sqlite};

/// A connection to either database.
pub(crate) enum StoreConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Compiles one query for both databases and runs it on the connected one. It is a macro because
/// the two have different types: each arm has its own SQL, binds and cache of prepared statements.
macro_rules! with_connection {
    ($store:expr, $connection:ident => $query:expr) => {
        match $store {
            $crate::connection::store_connection::StoreConnection::Sqlite($connection) => $query,
            $crate::connection::store_connection::StoreConnection::Postgres($connection) => $query,
        }
    };
}
pub(crate) use with_connection;

const NO_TLS: &str = "this build does not include TLS: build with the feature `tls`, or add \
     sslmode=disable to the URL to connect to another machine without encryption";

impl StoreConnection {
    pub(crate) fn establish(
        url: &DatabaseUrl,
        options: &SessionOptions,
    ) -> Result<Self, ConnectionError> {
        match url {
            DatabaseUrl::Sqlite(path) => {
                let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
                sqlite::session::set_up(&mut connection, options)
                    .map_err(ConnectionError::CouldntSetupConfiguration)?;
                Ok(Self::Sqlite(connection))
            }
            DatabaseUrl::Postgres(url) => {
                if !cfg!(feature = "tls") && !url.allows_plain_text() {
                    return Err(ConnectionError::BadConnection(NO_TLS.to_owned()));
                }
                let mut connection =
                    PgConnection::establish(&postgres::session::with_parameters(url))?;
                connection
                    .batch_execute(&postgres::session::statements(options))
                    .map_err(ConnectionError::CouldntSetupConfiguration)?;
                Ok(Self::Postgres(connection))
            }
        }
    }

    /// Runs work in a transaction that writes: all of its changes are committed, or none.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, WorkError>,
    ) -> Result<T, WorkError> {
        // In SQLite, a transaction that starts as a reader and writes later fails at once if
        // another one writes, whatever the timeout. `BEGIN IMMEDIATE` waits.
        self.transaction("BEGIN IMMEDIATE", "BEGIN", work)
    }

    /// Runs work inside a savepoint, so that it can fail without the rest of the transaction.
    /// After an inner error, which is the work's, the changes of the work are rolled back. After
    /// an outer error, the whole transaction is.
    pub(crate) fn savepoint<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, WorkError>,
    ) -> Result<Result<T, WorkError>, WorkError> {
        with_connection!(self, c => prepared!(Sql("SAVEPOINT work", vec![])).execute(c))?;
        let error = match work(self) {
            Ok(value) => {
                self.release_savepoint()?;
                return Ok(Ok(value));
            }
            Err(error) => error,
        };
        let undone =
            with_connection!(self, c => prepared!(Sql("ROLLBACK TO work", vec![])).execute(c))
                .and_then(|_| self.release_savepoint());
        match undone {
            Ok(_) => Ok(Err(error)),
            // A full or failing disk ends the whole transaction. The work's error says so.
            Err(_) if matches!(error, WorkError::Diesel(_)) => Err(error),
            Err(rollback_error) => Err(rollback_error.into()),
        }
    }

    fn release_savepoint(&mut self) -> QueryResult<usize> {
        with_connection!(self, c => prepared!(Sql("RELEASE work", vec![])).execute(c))
    }

    /// Runs work in a transaction that reads from one snapshot.
    pub(crate) fn read<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, WorkError>,
    ) -> Result<T, WorkError> {
        self.transaction(
            "BEGIN",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            work,
        )
    }

    fn transaction<T>(
        &mut self,
        begin_sqlite: &str,
        begin_postgres: &str,
        work: impl FnOnce(&mut Self) -> Result<T, WorkError>,
    ) -> Result<T, WorkError> {
        match self {
            Self::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, begin_sqlite),
            Self::Postgres(c) => AnsiTransactionManager::begin_transaction_sql(c, begin_postgres),
        }
        .map_err(WorkError::NotBegun)?;
        match work(self) {
            Ok(value) => {
                with_connection!(self, c => AnsiTransactionManager::commit_transaction(c))?;
                Ok(value)
            }
            Err(error) => {
                // The first error is the cause. A connection that cannot even roll back is
                // dropped from the pool.
                let _ =
                    with_connection!(self, c => AnsiTransactionManager::rollback_transaction(c));
                Err(error)
            }
        }
    }

    /// Sets how long SQLite waits for locks from now on. On PostgreSQL it does nothing: the
    /// timeout of a session is fixed.
    pub(crate) fn set_lock_timeout(&mut self, timeout: Duration) -> QueryResult<()> {
        match self {
            Self::Sqlite(c) => {
                c.batch_execute(&format!("PRAGMA busy_timeout = {}", timeout.as_millis()))
            }
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Makes SQLite store the data to roll back a savepoint in memory, instead of in a temporary
    /// file for each transaction.
    pub(crate) fn undo_savepoints_from_memory(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(c) => c.batch_execute("PRAGMA temp_store = MEMORY"),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// From now on, counts each statement on PostgreSQL when it begins and when it ends.
    pub(crate) fn count_steps(&mut self, steps: &Arc<AtomicU64>) {
        if let Self::Postgres(connection) = self {
            let steps = Arc::clone(steps);
            let mut others = get_default_instrumentation();
            connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
                steps.fetch_add(1, Ordering::Relaxed);
                others.on_connection_event(event);
            });
        }
    }

    /// Whether a transaction is still open or broken.
    pub(crate) fn is_broken(&mut self) -> bool {
        with_connection!(self, c => AnsiTransactionManager::is_broken_transaction_manager(c))
    }
}

#[cfg(test)]
mod tests {
    use addressbook_testkit::postgres::PostgresServer;
    use diesel::dsl::sql;
    use diesel::select;
    use diesel::sql_types::Text;

    use std::thread;

    use super::*;

    fn session(url: &str, expressions: &[&str]) -> Vec<String> {
        let options = SessionOptions {
            lock_timeout: Duration::from_millis(1_234),
            statement_timeout: Duration::from_secs(7),
            synchronous: crate::connection::session_options::Synchronous::Full,
        };
        let mut store = StoreConnection::establish(&url.parse().unwrap(), &options).unwrap();
        let mut evaluate = |expression: &&str| with_connection!(&mut store, c => select(sql::<Text>(expression)).first(c));
        expressions
            .iter()
            .map(|expression| evaluate(expression).unwrap())
            .collect()
    }

    #[test]
    fn each_sqlite_session_is_durable_and_waits_for_locks() {
        let folder = tempfile::TempDir::new().unwrap();
        let url = format!("sqlite://{}/a.db", folder.path().display());
        let pragma = |name: &str| format!("(SELECT CAST({name} AS TEXT) FROM pragma_{name})");
        let mut expressions = ["journal_mode", "synchronous", "foreign_keys"]
            .map(pragma)
            .to_vec();
        expressions.push("(SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout)".into());
        let expressions: Vec<_> = expressions.iter().map(String::as_str).collect();
        assert_eq!(session(&url, &expressions), ["wal", "2", "1", "1234"]);
    }

    #[test]
    fn concurrent_connections_can_switch_a_file_to_wal() {
        let folder = tempfile::TempDir::new().unwrap();
        for file in 0..50 {
            let url = format!("sqlite://{}/{file}.db", folder.path().display());
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| session(&url, &["'there'"]));
                }
            });
        }
    }

    #[test]
    fn each_postgres_session_has_timeouts() {
        let url = PostgresServer::shared().create_database();
        let setting = |name: &str| format!("current_setting('{name}')");
        let expressions = [
            "lock_timeout",
            "statement_timeout",
            "idle_in_transaction_session_timeout",
            "application_name",
        ]
        .map(setting);
        let expressions: Vec<_> = expressions.iter().map(String::as_str).collect();
        assert_eq!(
            session(&url, &expressions),
            ["1234ms", "7s", "7s", "addressbook"]
        );
    }
}
