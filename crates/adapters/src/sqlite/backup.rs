//! Backup and restore of a whole SQLite database.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use addressbook_domain::{CopyStep, CopySummary};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode};
use tempfile::NamedTempFile;
use thiserror::Error;

use crate::connection::migrations::{create_folder, folder_of};
use crate::connection::schema_state::SchemaState;
use crate::sqlite::file::{Rows, Thoroughness, fault, open_to_read};
use crate::sqlite::scrub;
use crate::store::error::file_reason;

/// Why a copy was not made. Each message says what to do. Nothing was changed, and no partial copy
/// remains.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The database to copy does not exist.
    #[error("there is no database at {path}")]
    Missing {
        /// The path of the database.
        path: String,
    },
    /// The target exists.
    #[error("{path} exists, and is never overwritten: move it away, or name another file")]
    Exists {
        /// The path of the target.
        path: String,
    },
    /// A WAL or journal of another database exists, which SQLite would apply to the copy.
    #[error(
        "{path} exists and belongs to another database of that name: move it away, together with \
         that database, and try again"
    )]
    Leftover {
        /// The path of the existing file.
        path: String,
    },
    /// The file is not a database of Addressbook.
    #[error("{path} is not a database of Addressbook")]
    Foreign {
        /// The path of the file.
        path: String,
    },
    /// The schema contains an object that Addressbook did not create. A restored service would run
    /// it.
    #[error(
        "{path} contains {object}, which Addressbook did not create: restore a backup without it, \
         or drop it from a copy of this one"
    )]
    Unexpected {
        /// The path of the database.
        path: String,
        /// The object, such as `the trigger "x"`.
        object: String,
    },
    /// The database was written by a newer release.
    #[error(
        "{path} has the migration {version}, which this release does not know: use the release \
         that wrote it, or a newer one"
    )]
    NewerSchema {
        /// The path of the database.
        path: String,
        /// The unknown migration.
        version: String,
    },
    /// The database is damaged.
    #[error("{path} is damaged ({fault}): use the last good backup")]
    Damaged {
        /// The path of the database.
        path: String,
        /// The first damage that SQLite found.
        fault: String,
    },
    /// SQLite cannot copy the database.
    #[error("cannot copy {from} to {to}: {}", file_reason(.reason))]
    Copy {
        /// The path of the source.
        from: String,
        /// The path of the target.
        to: String,
        /// SQLite's error.
        reason: rusqlite::Error,
    },
    /// The operating system cannot write the copy.
    #[error("cannot write {path}: {reason}")]
    Write {
        /// The path of the file or folder.
        path: String,
        /// The operating system's error.
        reason: io::Error,
    },
}

/// Copies a snapshot of a database into a new file, while others read and write, and returns what
/// the copy contains. Only the owner can access the file. It needs no other files, and appears only
/// after it has been checked and is on the disk.
///
/// # Errors
/// [`BackupError`].
pub fn backup(
    database: &Path,
    file: &Path,
    progress: impl FnMut(CopyStep),
) -> Result<CopySummary, BackupError> {
    copy(database, file, Purpose::Backup, progress)
}

/// Copies a [backup] to the path of a database that does not exist, in the same way, and returns
/// what the database contains. An older schema stays as it is, and the next start migrates it.
///
/// # Errors
/// [`BackupError`], even for a schema that is newer than this release's.
pub fn restore(
    file: &Path,
    database: &Path,
    progress: impl FnMut(CopyStep),
) -> Result<CopySummary, BackupError> {
    copy(file, database, Purpose::Restore, progress)
}

/// What a copy is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Backup,
    /// Creates the folder, and requires that the schema contains only Addressbook's objects,
    /// because the service will use the database.
    Restore,
}

/// Pages copied between two progress reports: 1 MiB with SQLite's default page size.
const STEP_PAGES: i32 = 256;

fn copy(
    from: &Path,
    to: &Path,
    purpose: Purpose,
    mut progress: impl FnMut(CopyStep),
) -> Result<CopySummary, BackupError> {
    if !from.exists() {
        return Err(BackupError::Missing { path: text(from) });
    }
    refuse_existing_files(to)?;
    let copy_error = |reason: rusqlite::Error| match reason.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => BackupError::Damaged {
            path: text(from),
            fault: reason.to_string(),
        },
        _ => BackupError::Copy {
            from: text(from),
            to: text(to),
            reason,
        },
    };
    let source = open_to_read(from).map_err(copy_error)?;
    // One transaction reads one snapshot: the copy does not contain later writes, and never has to
    // start over because of them.
    source.execute_batch("BEGIN").map_err(copy_error)?;
    let schema = SchemaState::of_sqlite(&source).map_err(copy_error)?;
    match &schema {
        SchemaState::Foreign => return Err(BackupError::Foreign { path: text(from) }),
        SchemaState::Newer(version) => {
            let (path, version) = (text(from), version.clone());
            return Err(BackupError::NewerSchema { path, version });
        }
        SchemaState::Current | SchemaState::Older(_) => {}
    }
    if purpose == Purpose::Restore {
        let unexpected = schema
            .unexpected(&source)
            .map_err(|fault| BackupError::Damaged {
                path: text(from),
                fault: fault.to_string(),
            })?;
        if let Some(object) = unexpected {
            let path = text(from);
            return Err(BackupError::Unexpected { path, object });
        }
    }
    let rows = Rows::count(&source).map_err(copy_error)?;
    let new_folder = match (purpose, folder_of(to)) {
        (Purpose::Restore, Some(folder)) if !folder.exists() => {
            create_folder(folder).map_err(|reason| write_error(folder, reason))?;
            Some(folder)
        }
        _ => None,
    };
    let copied = copy_rows(&source, to, &rows, &mut progress, copy_error);
    if let (Err(_), Some(folder)) = (&copied, new_folder) {
        // The partial copy has been deleted, so the folder is empty.
        let _ = fs::remove_dir(folder);
    }
    copied
}

/// Copies the snapshot of the source's transaction, checks the copy, and moves it to its path.
fn copy_rows(
    source: &Connection,
    to: &Path,
    rows: &Rows,
    progress: &mut impl FnMut(CopyStep),
    copy_error: impl Fn(rusqlite::Error) -> BackupError,
) -> Result<CopySummary, BackupError> {
    let partial = partial_of(to).map_err(|reason| write_error(to, reason))?;
    copy_pages(source, partial.path(), progress).map_err(&copy_error)?;
    progress(CopyStep::Checking);
    if let Some(fault) = fault_of_copy(partial.path(), rows).map_err(copy_error)? {
        let path = source.path().unwrap_or_default().to_owned();
        return Err(BackupError::Damaged { path, fault });
    }
    let bytes = partial.as_file().metadata();
    let bytes = bytes.map_err(|reason| write_error(to, reason))?.len();
    put_in_place(partial, to)?;
    Ok(rows.summary(bytes))
}

fn refuse_existing_files(to: &Path) -> Result<(), BackupError> {
    // A broken symbolic link exists too.
    let exists = |path: &Path| fs::symlink_metadata(path).is_ok();
    if exists(to) {
        return Err(BackupError::Exists { path: text(to) });
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let mut beside = to.as_os_str().to_owned();
        beside.push(suffix);
        if exists(Path::new(&beside)) {
            let path = text(Path::new(&beside));
            return Err(BackupError::Leftover { path });
        }
    }
    Ok(())
}

/// The name of a partial copy.
const PARTIAL_PREFIX: &str = ".addressbook-";
const PARTIAL_SUFFIX: &str = ".partial";

/// Creates the file for the partial copy, in the folder of the target. It is deleted if copying
/// fails. If the program is killed, the next copy into this folder deletes it: a partial copy in
/// use is locked.
fn partial_of(to: &Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(to).unwrap_or(Path::new("."));
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_partial = name.starts_with(PARTIAL_PREFIX) && name.ends_with(PARTIAL_SUFFIX);
        if is_partial && is_abandoned(&entry.path()) {
            fs::remove_file(entry.path())?;
        }
    }
    let partial = tempfile::Builder::new()
        .prefix(PARTIAL_PREFIX)
        .suffix(PARTIAL_SUFFIX)
        .tempfile_in(folder)?;
    partial.as_file().lock()?;
    Ok(partial)
}

fn is_abandoned(partial: &Path) -> bool {
    File::open(partial).is_ok_and(|file| file.try_lock().is_ok())
}

fn copy_pages(
    source: &Connection,
    partial: &Path,
    progress: &mut impl FnMut(CopyStep),
) -> rusqlite::Result<()> {
    let page_bytes: u64 = source
        .query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0))?
        .into();
    let mut target = Connection::open(partial)?;
    // An interrupted copy is worthless, so it need not be durable.
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    let copying = Backup::new(source, &mut target)?;
    loop {
        let step = copying.step(STEP_PAGES)?;
        let pages = copying.progress();
        let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * page_bytes;
        progress(CopyStep::Copying {
            done_bytes: bytes(pages.pagecount - pages.remaining),
            total_bytes: bytes(pages.pagecount),
        });
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            _ => {
                let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(busy, None));
            }
        }
    }
    drop(copying);
    // The source may still contain data that was erased a moment ago and not overwritten yet.
    scrub::scrub_database(&mut target)
}

/// Checks that the copy is intact and has the expected number of rows. Returns the first fault.
fn fault_of_copy(partial: &Path, expected: &Rows) -> rusqlite::Result<Option<String>> {
    let copy = Connection::open(partial)?;
    // The copy is in WAL mode like the source. In this mode it needs no other file.
    copy.execute_batch("PRAGMA journal_mode = DELETE")?;
    if let Some(fault) = fault(&copy, Thoroughness::Full)? {
        return Ok(Some(fault));
    }
    let whole = Rows::count(&copy)? == *expected;
    Ok((!whole).then(|| "rows are missing".to_owned()))
}

/// Syncs the copy to disk and then moves it to its path.
fn put_in_place(partial: NamedTempFile, to: &Path) -> Result<(), BackupError> {
    let failed = |reason| write_error(to, reason);
    partial.as_file().sync_all().map_err(failed)?;
    match partial.persist_noclobber(to) {
        Ok(_) => {}
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists { path: text(to) });
        }
        Err(refused) => return Err(failed(refused.error)),
    }
    // Syncing the folder makes the name durable.
    File::open(folder_of(to).unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

fn write_error(path: &Path, reason: io::Error) -> BackupError {
    BackupError::Write {
        path: text(path),
        reason,
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
