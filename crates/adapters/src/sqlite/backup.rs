//! Copies of a whole SQLite database: to keep one, and to go back to it.

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
use crate::sqlite::file::{Care, Rows, fault, open_to_read};
use crate::sqlite::scrub;
use crate::store::error::file_reason;

/// Why there is no copy. Each says what to do about it. Nothing was changed, and nothing of a
/// copy is left.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error("there is no database at {path}")]
    Missing {
        /// Where it should be.
        path: String,
    },
    /// The copy's place is taken.
    #[error("{path} exists, and is never overwritten: move it away, or name another file")]
    Exists {
        /// What is in the way.
        path: String,
    },
    /// SQLite would take another database's log for the copy's.
    #[error(
        "{path} is there and belongs to another database of that name: move it away, together \
         with that database, before anything is put in its place"
    )]
    Leftover {
        /// What is in the way.
        path: String,
    },
    /// It holds something else.
    #[error("{path} is no database of Addressbook")]
    Foreign {
        /// Which one.
        path: String,
    },
    /// Somebody else put something into its schema, which a restored service would run.
    #[error(
        "{path} holds {object}, which is not as Addressbook makes it: restore a backup without \
         it, or drop it from a copy of this one"
    )]
    Unexpected {
        /// Which one.
        path: String,
        /// Such as `the trigger "x"`.
        object: String,
    },
    /// It was written by a newer release.
    #[error(
        "{path} has the migration {version}, which this release does not know: take the release \
         that wrote it, or a newer one"
    )]
    NewerSchema {
        /// Which one.
        path: String,
        /// The unknown migration.
        version: String,
    },
    /// It is damaged.
    #[error("{path} is damaged ({fault}): take the last backup that is not")]
    Damaged {
        /// Which one.
        path: String,
        /// What SQLite found first.
        fault: String,
    },
    /// SQLite could not do it.
    #[error("cannot copy {from} to {to}: {}", file_reason(.reason))]
    Copy {
        /// What was read.
        from: String,
        /// What was written.
        to: String,
        /// What SQLite said.
        reason: rusqlite::Error,
    },
    /// The system could not do it.
    #[error("cannot write {path}: {reason}")]
    Write {
        /// Which file or folder.
        path: String,
        /// What the system said.
        reason: io::Error,
    },
}

/// Copies a database as of one moment into a new file, while others read and write, and
/// returns what the copy holds. The file is its owner's alone, needs no other files beside it,
/// and is there only once it was checked and is on the disk.
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

/// Makes a database of a [backup] where there is none, in the same way, and returns what it
/// holds. An older schema is left as it is: the next start migrates it.
///
/// # Errors
/// [`BackupError`], also for a schema that is newer than this release's.
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
    /// Its folder is made, and its schema must hold nothing but ours: it will be worked with.
    Restore,
}

/// How much is copied between two looks at the progress: 1 MiB with SQLite's usual pages.
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
    refuse_what_is_there(to)?;
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
    // One transaction is one moment: whatever is written from here on, the copy is without it,
    // and never has to begin anew.
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
        // The copy is gone already, so the folder is empty.
        let _ = fs::remove_dir(folder);
    }
    copied
}

/// Copies what one transaction of the source sees, checks it, and puts it in its place.
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

fn refuse_what_is_there(to: &Path) -> Result<(), BackupError> {
    // A symbolic link that leads nowhere is there too.
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    if is_there(to) {
        return Err(BackupError::Exists { path: text(to) });
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let mut beside = to.as_os_str().to_owned();
        beside.push(suffix);
        if is_there(Path::new(&beside)) {
            let path = text(Path::new(&beside));
            return Err(BackupError::Leftover { path });
        }
    }
    Ok(())
}

/// What the file is called in which a copy grows.
const PARTIAL_PREFIX: &str = ".addressbook-";
const PARTIAL_SUFFIX: &str = ".partial";

/// The file in which the copy grows, beside its place. It goes away if it does not get there, and
/// at the next copy into this folder if the program was killed: who works at one holds its lock.
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
    // Should this be cut off, nobody wants what there is of it.
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
    // The source may hold what was erased a moment ago, and has not been overwritten there yet.
    scrub::all(&mut target)
}

/// Looks whether the copy is whole and holds what it should.
fn fault_of_copy(partial: &Path, expected: &Rows) -> rusqlite::Result<Option<String>> {
    let copy = Connection::open(partial)?;
    // It says of itself that it has a write-ahead log, as the source does. From here on it needs
    // no other file.
    copy.execute_batch("PRAGMA journal_mode = DELETE")?;
    if let Some(fault) = fault(&copy, Care::Full)? {
        return Ok(Some(fault));
    }
    let whole = Rows::count(&copy)? == *expected;
    Ok((!whole).then(|| "rows are missing".to_owned()))
}

/// Gives the copy its name once it cannot get lost any more.
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
    // The name is on the disk when the folder is.
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
