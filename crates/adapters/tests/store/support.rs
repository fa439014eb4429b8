use std::sync::{Arc, LazyLock};

use addressbook_adapters::{DatabaseUrl, SqlStore, StoreOptions};
use addressbook_domain::{AddressRepository, ApiKeyRepository, OpenMode};
use addressbook_testkit::postgres::PostgresServer;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use tempfile::TempDir;

/// A repository, and the database that has to live as long.
pub(crate) type Subject = (Arc<dyn AddressRepository>, Database);

/// The same for API keys.
pub(crate) type KeySubject = (Arc<dyn ApiKeyRepository>, Database);

/// A database for one test.
pub(crate) struct Database {
    pub(crate) url: DatabaseUrl,
    /// The URL with its secrets, for the tests' own connections.
    pub(crate) raw_url: String,
    _folder: Option<TempDir>,
}

impl Database {
    /// A path in a folder that does not exist yet.
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("new/addressbook.db");
        let raw_url = format!("sqlite://{}", path.display());
        Self {
            url: raw_url.parse().unwrap(),
            raw_url,
            _folder: Some(folder),
        }
    }

    /// A database that is migrated already and, if `TEST_DATABASE_DISTRIBUTED` is set, distributed:
    /// the server then has Citus.
    pub(crate) fn postgres() -> Self {
        static MIGRATED: LazyLock<String> = LazyLock::new(|| {
            let database = Database::empty_postgres();
            SqlStore::migrate(&database.url, &StoreOptions::default()).unwrap();
            database.raw_url
        });
        if std::env::var_os("TEST_DATABASE_DISTRIBUTED").is_none() {
            return Self::at(PostgresServer::shared().copy_database(&MIGRATED));
        }
        let database = Self::empty_postgres();
        SqlStore::migrate(&database.url, &StoreOptions::default()).unwrap();
        database.connect().execute("CREATE EXTENSION citus");
        SqlStore::distribute(&database.url, &StoreOptions::default()).unwrap();
        database
    }

    pub(crate) fn empty_postgres() -> Self {
        Self::at(PostgresServer::shared().create_database())
    }

    pub(crate) fn at(raw_url: String) -> Self {
        Self {
            url: raw_url.parse().unwrap(),
            raw_url,
            _folder: None,
        }
    }

    pub(crate) fn open(&self, options: StoreOptions) -> SqlStore {
        SqlStore::open(&self.url, &options, OpenMode::CreateOrMigrate).unwrap()
    }

    pub(crate) fn subject(self) -> Subject {
        (Arc::new(self.open(StoreOptions::default())), self)
    }

    pub(crate) fn key_subject(self) -> KeySubject {
        (Arc::new(self.open(StoreOptions::default())), self)
    }

    /// Opens a connection that bypasses the repository.
    pub(crate) fn connect(&self) -> RawConnection {
        match self.raw_url.strip_prefix("sqlite://") {
            Some(path) => {
                let mut connection = SqliteConnection::establish(path).unwrap();
                // The service writes too, and empties its WAL after an erasure.
                let busy_timeout = "PRAGMA busy_timeout = 5000";
                connection.batch_execute(busy_timeout).unwrap();
                RawConnection::Sqlite(connection)
            }
            None => RawConnection::Postgres(PgConnection::establish(&self.raw_url).unwrap()),
        }
    }
}

/// Runs SQL that the repository would not.
pub(crate) enum RawConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl RawConnection {
    pub(crate) fn try_execute(&mut self, sql: &str) -> QueryResult<()> {
        match self {
            Self::Sqlite(connection) => connection.batch_execute(sql),
            Self::Postgres(connection) => connection.batch_execute(sql),
        }
    }

    pub(crate) fn execute(&mut self, sql: &str) {
        self.try_execute(sql).unwrap();
    }
}
