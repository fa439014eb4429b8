use std::thread;

use addressbook_adapters::{SqlEngine, SqlStore, StoreOptions};
use addressbook_domain::{
    AddressRepository, CommitError, Engine, OpenError, OpenMode, RepositoryError, Store,
};
use addressbook_testkit::fixtures::{address, creating};
use addressbook_testkit::postgres::PostgresServer;
use rstest::rstest;

use crate::support::Database;

fn migrate(database: &Database) -> Result<usize, OpenError> {
    SqlStore::migrate(&database.url, &StoreOptions::default())
}

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::empty_postgres())]
fn only_one_of_several_concurrent_starts_migrates(#[case] database: Database) {
    let migrations: usize = thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| migrate(&database).unwrap()))
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).sum()
    });
    assert!(migrations > 0);
    assert_eq!(
        migrate(&database).unwrap(),
        0,
        "all migrations have been run"
    );
}

#[tokio::test]
async fn a_read_only_session_can_open_a_migrated_database() {
    let database = Database::postgres();
    let separator = if database.raw_url.contains('?') {
        '&'
    } else {
        '?'
    };
    let read_only = "options=-c%20default_transaction_read_only%3Don";
    let reader = Database::at(format!("{}{separator}{read_only}", database.raw_url));
    let repository = reader.open(StoreOptions::default());
    repository.ready().await.unwrap();
    let refused = repository.commit(creating([address("cus_1", 1)])).await;
    assert!(
        matches!(
            refused,
            Err(CommitError::Repository(RepositoryError::Unavailable(_)))
        ),
        "{refused:?}"
    );
}

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::postgres())]
fn a_schema_from_a_newer_release_is_rejected(#[case] database: Database) {
    migrate(&database).unwrap();
    let mut connection = database.connect();
    connection.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')");
    match migrate(&database) {
        Err(OpenError::NewerSchema { version }) => assert_eq!(version, "9999"),
        other => panic!("{other:?}"),
    }
}

/// A PostgreSQL database that does not exist. Its name has to be quoted.
fn missing_postgres() -> Database {
    let existing = PostgresServer::shared().create_database();
    let (base, parameters) = existing.split_once('?').unwrap_or((&existing, ""));
    Database::at(format!("{base}-New?{parameters}"))
}

#[track_caller]
fn assert_missing(database: &Database) {
    match database.raw_url.strip_prefix("sqlite://") {
        Some(path) => {
            let folder = std::path::Path::new(path).parent().unwrap();
            assert!(!folder.exists(), "neither file nor folder is created");
        }
        None => assert!(
            PostgresServer::shared()
                .query(&database.raw_url, "SELECT 1")
                .unwrap_err()
                .contains("does not exist")
        ),
    }
}

#[test]
fn the_error_for_a_database_that_cannot_be_created_contains_the_reason() {
    let missing = missing_postgres();
    // A role that every server has, and that may not create databases.
    let url = format!("{}&options=-c%20role%3Dpg_monitor", missing.raw_url);
    let refused = migrate(&Database::at(url)).unwrap_err().to_string();
    assert!(
        refused.contains("does not exist, and creating it failed: permission denied"),
        "{refused}"
    );
    assert_missing(&missing);
}

fn open_existing(database: &Database) -> Result<Store, OpenError> {
    let engine = SqlEngine {
        url: database.url.clone(),
        options: StoreOptions::default(),
    };
    engine.open(OpenMode::Existing)
}

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(missing_postgres())]
fn opening_an_existing_database_does_not_create_a_missing_one(#[case] database: Database) {
    match open_existing(&database).err() {
        Some(OpenError::Missing { location }) => assert_eq!(location, database.url.to_string()),
        other => panic!("expected Missing, got {other:?}"),
    }
    assert_missing(&database);
}

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::empty_postgres())]
fn opening_an_existing_database_does_not_change_its_schema(#[case] database: Database) {
    if let Some(path) = database.raw_url.strip_prefix("sqlite://") {
        let path = std::path::Path::new(path);
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    let mut connection = database.connect();
    connection.execute("CREATE TABLE theirs (n INTEGER)");
    match open_existing(&database).err() {
        Some(OpenError::NoSchema { location }) => assert_eq!(location, database.url.to_string()),
        other => panic!("expected NoSchema, got {other:?}"),
    }
    migrate(&database).unwrap();
    open_existing(&database).unwrap();
    connection.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')");
    match open_existing(&database).err() {
        Some(OpenError::NewerSchema { version }) => assert_eq!(version, "9999"),
        other => panic!("expected NewerSchema, got {other:?}"),
    }
}

#[tokio::test]
async fn a_missing_postgres_database_is_created() {
    let server = PostgresServer::shared();
    let database = missing_postgres();
    assert_missing(&database);
    database
        .open(StoreOptions::default())
        .ready()
        .await
        .unwrap();
    assert_eq!(
        server
            .query(&database.raw_url, "SELECT count(*) FROM addresses")
            .unwrap(),
        "0"
    );
}

#[test]
fn the_error_for_a_database_that_cannot_be_opened_contains_the_reason() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(
        &file,
        "not a database, but long enough to look like one".repeat(20),
    )
    .unwrap();
    let cases = [
        (
            format!("sqlite://{}", file.display()),
            "file is not a database",
        ),
        (
            format!("sqlite://{}/below.db", file.display()),
            "cannot create",
        ),
        (
            "postgres://me:s3cret@127.0.0.1:1/x".to_owned(),
            "Connection refused",
        ),
    ];
    for (url, reason) in cases {
        let error = migrate(&Database::at(url)).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(
            !error.contains("s3cret") && !error.contains('\n'),
            "{error}"
        );
    }
}

#[test]
fn only_the_owner_can_access_a_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::sqlite();
    database.open(StoreOptions::default());
    let path = std::path::Path::new(database.raw_url.strip_prefix("sqlite://").unwrap());
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path), mode(path.parent().unwrap())), (0o600, 0o700));
}
