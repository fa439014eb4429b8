//! Backups of SQLite databases, and files that must not be backed up or restored.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use addressbook_adapters::{BackupError, StoreOptions, backup, restore};
use addressbook_domain::{AddressRepository, CopyStep, CopySummary};
use addressbook_testkit::fixtures::{address, creating};
use tempfile::TempDir;

use crate::support::Database;

/// A folder that contains a backup of 500 addresses.
struct BackupFolder {
    folder: TempDir,
    file: PathBuf,
}

impl BackupFolder {
    async fn new() -> Self {
        let database = Database::sqlite();
        let repository = database.open(StoreOptions::default());
        let addresses = (1..=500).map(|number| address("cus_1", number));
        repository.commit(creating(addresses)).await.unwrap();
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("kept.db");
        backup(path_of(&database), &file, |_| {}).unwrap();
        Self { folder, file }
    }

    /// The path of a database that does not exist yet.
    fn target(&self) -> PathBuf {
        self.folder.path().join("new.db")
    }

    fn restore(&self) -> Result<CopySummary, BackupError> {
        restore(&self.file, &self.target(), |_| {})
    }

    /// Expects that restoring the backup fails, and creates no file.
    #[track_caller]
    fn is_refused(&self, words: &[&str]) {
        let before = names(self.folder.path());
        let error = self.restore().unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{word:?} is not in {error:?}");
        }
        assert_eq!(names(self.folder.path()), before);
    }

    fn execute(&self, sql: &str) {
        Database::at(format!("sqlite://{}", self.file.display()))
            .connect()
            .execute(sql);
    }
}

fn path_of(database: &Database) -> &Path {
    Path::new(database.raw_url.strip_prefix("sqlite://").unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| name(entry.unwrap()))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_copy_is_one_private_file_with_all_data() {
    let backup_folder = BackupFolder::new().await;
    assert_eq!(names(backup_folder.folder.path()), ["kept.db"]);
    let mode = backup_folder.file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let rows = backup_folder.restore().unwrap();
    let counted = (rows.addresses, rows.customers, rows.past_revisions);
    assert_eq!(counted, (500, 1, 0));
    assert_eq!(names(backup_folder.folder.path()), ["kept.db", "new.db"]);
}

#[tokio::test]
async fn a_copy_reports_its_progress() {
    let backup_folder = BackupFolder::new().await;
    let mut steps = Vec::new();
    restore(&backup_folder.file, &backup_folder.target(), |step| {
        steps.push(step)
    })
    .unwrap();
    let bytes = backup_folder.file.metadata().unwrap().size();
    let whole = CopyStep::Copying {
        done_bytes: bytes,
        total_bytes: bytes,
    };
    assert_eq!(steps, [whole, CopyStep::Checking]);
}

#[tokio::test]
async fn no_file_is_overwritten_and_no_wal_of_another_database_is_used() {
    let backup_folder = BackupFolder::new().await;
    for name in ["new.db", "new.db-wal", "new.db-shm", "new.db-journal"] {
        let in_the_way = backup_folder.folder.path().join(name);
        fs::write(&in_the_way, "mine").unwrap();
        backup_folder.is_refused(&[name, "move it away"]);
        assert_eq!(fs::read(&in_the_way).unwrap(), b"mine");
        fs::remove_file(&in_the_way).unwrap();
    }
    symlink("nowhere", backup_folder.target()).unwrap();
    backup_folder.is_refused(&["new.db exists"]);
}

#[tokio::test]
async fn only_the_partial_copy_of_a_killed_program_is_deleted() {
    let backup_folder = BackupFolder::new().await;
    let path = |name: &str| backup_folder.folder.path().join(name);
    let names_before = names(backup_folder.folder.path());
    fs::write(path(".addressbook-killed.partial"), "half").unwrap();
    for name in [
        ".addressbook-works.partial",
        "other.partial",
        ".addressbook-notes",
    ] {
        fs::write(path(name), "").unwrap();
    }
    let works = fs::File::open(path(".addressbook-works.partial")).unwrap();
    works.lock().unwrap();
    backup_folder.restore().unwrap();
    let mut expected = names_before;
    expected.extend(
        [
            "new.db",
            ".addressbook-works.partial",
            "other.partial",
            ".addressbook-notes",
        ]
        .map(str::to_owned),
    );
    expected.sort();
    assert_eq!(names(backup_folder.folder.path()), expected);
}

#[tokio::test]
async fn a_damaged_page_is_detected() {
    let backup_folder = BackupFolder::new().await;
    let mut bytes = fs::read(&backup_folder.file).unwrap();
    // A page after the schema's page.
    bytes[3 * 4096..4 * 4096].fill(0xff);
    fs::write(&backup_folder.file, bytes).unwrap();
    backup_folder.is_refused(&["kept.db is damaged"]);
    let new_folder = backup_folder.folder.path().join("new");
    assert!(restore(&backup_folder.file, &new_folder.join("a.db"), |_| {}).is_err());
    assert!(!new_folder.exists());
}

#[tokio::test]
async fn a_truncated_file_is_detected() {
    let backup_folder = BackupFolder::new().await;
    let bytes = fs::read(&backup_folder.file).unwrap();
    fs::write(&backup_folder.file, &bytes[..bytes.len() / 4096 / 2 * 4096]).unwrap();
    backup_folder.is_refused(&["kept.db is damaged"]);
}

#[tokio::test]
async fn a_broken_foreign_key_is_detected() {
    let backup_folder = BackupFolder::new().await;
    backup_folder.execute("PRAGMA foreign_keys = OFF; DELETE FROM address_books");
    backup_folder.is_refused(&["kept.db is damaged", "refers to missing rows"]);
}

#[tokio::test]
async fn a_newer_schema_is_rejected() {
    let backup_folder = BackupFolder::new().await;
    backup_folder.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')");
    backup_folder.is_refused(&["kept.db", "migration 9999"]);
}

#[tokio::test]
async fn a_schema_with_foreign_objects_is_rejected() {
    for (sql, object) in [
        (
            "CREATE TRIGGER t AFTER INSERT ON addresses BEGIN DELETE FROM api_keys; END",
            "the trigger \"t\"",
        ),
        ("CREATE VIEW v AS SELECT * FROM addresses", "the view \"v\""),
        ("CREATE INDEX i ON addresses (city)", "the index \"i\""),
        ("CREATE TABLE other (a INTEGER)", "the table \"other\""),
        (
            "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY);
             CREATE TRIGGER t AFTER INSERT ON _litestream_seq BEGIN SELECT 1; END",
            "the trigger \"t\"",
        ),
        (
            "ALTER TABLE api_keys ADD COLUMN a TEXT",
            "the table \"api_keys\"",
        ),
    ] {
        let backup_folder = BackupFolder::new().await;
        backup_folder.execute(sql);
        backup_folder.is_refused(&["kept.db contains", object]);
    }
    // The tables of Litestream, and objects that SQLite creates by itself, are allowed.
    let backup_folder = BackupFolder::new().await;
    backup_folder.execute(
        "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER UNIQUE); ANALYZE",
    );
    assert_eq!(backup_folder.restore().unwrap().addresses, 500);
}

#[tokio::test]
async fn a_file_that_is_not_a_database_of_addressbook_is_rejected() {
    let backup_folder = BackupFolder::new().await;
    fs::write(&backup_folder.file, "").unwrap();
    backup_folder.is_refused(&["not a database of Addressbook"]);
    backup_folder.execute("CREATE TABLE addresses (name TEXT)");
    backup_folder.is_refused(&["not a database of Addressbook"]);
    fs::write(
        &backup_folder.file,
        "not a database, and longer than a header".repeat(9),
    )
    .unwrap();
    backup_folder.is_refused(&["kept.db", "not a database"]);
    fs::remove_file(&backup_folder.file).unwrap();
    backup_folder.is_refused(&["no database at", "kept.db"]);
}

#[tokio::test]
async fn the_contents_of_the_wal_are_copied_too() {
    let database = Database::sqlite();
    // As long as this is open, the writes stay in the WAL.
    let repository = database.open(StoreOptions::default());
    repository
        .commit(creating([address("cus_1", 1)]))
        .await
        .unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("kept.db");
    let rows = backup(path_of(&database), &file, |_| {}).unwrap();
    assert_eq!(rows.addresses, 1);
}
