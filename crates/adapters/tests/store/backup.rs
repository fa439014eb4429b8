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
struct Kept {
    folder: TempDir,
    file: PathBuf,
}

impl Kept {
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
    let kept = Kept::new().await;
    assert_eq!(names(kept.folder.path()), ["kept.db"]);
    let mode = kept.file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let rows = kept.restore().unwrap();
    let counted = (rows.addresses, rows.customers, rows.earlier_revisions);
    assert_eq!(counted, (500, 1, 0));
    assert_eq!(names(kept.folder.path()), ["kept.db", "new.db"]);
}

#[tokio::test]
async fn a_copy_reports_its_progress() {
    let kept = Kept::new().await;
    let mut steps = Vec::new();
    restore(&kept.file, &kept.target(), |step| steps.push(step)).unwrap();
    let bytes = kept.file.metadata().unwrap().size();
    let whole = CopyStep::Copying {
        done_bytes: bytes,
        total_bytes: bytes,
    };
    assert_eq!(steps, [whole, CopyStep::Checking]);
}

#[tokio::test]
async fn no_file_is_overwritten_and_no_wal_of_another_database_is_used() {
    let kept = Kept::new().await;
    for name in ["new.db", "new.db-wal", "new.db-shm", "new.db-journal"] {
        let in_the_way = kept.folder.path().join(name);
        fs::write(&in_the_way, "mine").unwrap();
        kept.is_refused(&[name, "move it away"]);
        assert_eq!(fs::read(&in_the_way).unwrap(), b"mine");
        fs::remove_file(&in_the_way).unwrap();
    }
    symlink("nowhere", kept.target()).unwrap();
    kept.is_refused(&["new.db exists"]);
}

#[tokio::test]
async fn only_the_partial_copy_of_a_killed_program_is_deleted() {
    let kept = Kept::new().await;
    let path = |name: &str| kept.folder.path().join(name);
    let names_before = names(kept.folder.path());
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
    kept.restore().unwrap();
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
    assert_eq!(names(kept.folder.path()), expected);
}

#[tokio::test]
async fn a_damaged_page_is_detected() {
    let kept = Kept::new().await;
    let mut bytes = fs::read(&kept.file).unwrap();
    // A page after the schema's page.
    bytes[3 * 4096..4 * 4096].fill(0xff);
    fs::write(&kept.file, bytes).unwrap();
    kept.is_refused(&["kept.db is damaged"]);
    let new_folder = kept.folder.path().join("new");
    assert!(restore(&kept.file, &new_folder.join("a.db"), |_| {}).is_err());
    assert!(!new_folder.exists());
}

#[tokio::test]
async fn a_truncated_file_is_detected() {
    let kept = Kept::new().await;
    let bytes = fs::read(&kept.file).unwrap();
    fs::write(&kept.file, &bytes[..bytes.len() / 4096 / 2 * 4096]).unwrap();
    kept.is_refused(&["kept.db is damaged"]);
}

#[tokio::test]
async fn a_broken_foreign_key_is_detected() {
    let kept = Kept::new().await;
    kept.execute("PRAGMA foreign_keys = OFF; DELETE FROM address_books");
    kept.is_refused(&["kept.db is damaged", "refers to missing rows"]);
}

#[tokio::test]
async fn a_newer_schema_is_rejected() {
    let kept = Kept::new().await;
    kept.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')");
    kept.is_refused(&["kept.db", "migration 9999"]);
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
        let kept = Kept::new().await;
        kept.execute(sql);
        kept.is_refused(&["kept.db contains", object]);
    }
    // The tables of Litestream, and objects that SQLite creates by itself, are allowed.
    let kept = Kept::new().await;
    kept.execute(
        "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER UNIQUE); ANALYZE",
    );
    assert_eq!(kept.restore().unwrap().addresses, 500);
}

#[tokio::test]
async fn a_file_that_is_not_a_database_of_addressbook_is_rejected() {
    let kept = Kept::new().await;
    fs::write(&kept.file, "").unwrap();
    kept.is_refused(&["not a database of Addressbook"]);
    kept.execute("CREATE TABLE addresses (name TEXT)");
    kept.is_refused(&["not a database of Addressbook"]);
    fs::write(
        &kept.file,
        "not a database, and longer than a header".repeat(9),
    )
    .unwrap();
    kept.is_refused(&["kept.db", "not a database"]);
    fs::remove_file(&kept.file).unwrap();
    kept.is_refused(&["no database at", "kept.db"]);
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
