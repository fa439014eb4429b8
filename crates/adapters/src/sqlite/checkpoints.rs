//! Checkpoints of SQLite: what is in the WAL goes to the database file, beside
//! the writes and not in their way.
//!
//! By itself SQLite does that in whichever commit finds the WAL long, and that commit waits
//! for it. Here a thread copies while others write. What it cannot do is to make the WAL
//! start over, because meanwhile somebody writes on: that the writer does between two
//! transactions, once almost nothing is left to copy.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use diesel::{select, sql_query};
use rusqlite::{Connection, TransactionBehavior};

use crate::connection::pool::StoreManager;
use crate::connection::store_connection::{StoreConnection, on_each};
use crate::sqlite::scrub;

/// How often the WAL is looked at while there are writes. The disk has a little to do all the time:
/// every 10 ms, and several steps where there was much, made the slowest writes wait a third longer.
const INTERVAL: Duration = Duration::from_millis(2);

/// How many pages are worth a checkpoint. While the disk takes them, a commit waits: for 250
/// scattered pages about 7 ms, for 1,000 about 18 ms, for 4,000 about 60 ms.
const STEP_PAGES: i32 = 250;

/// From how many pages on the WAL is to start over: 64 MiB. What it keeps after that is
/// written over, which takes the disk half the time of appending.
const RESTART_PAGES: i32 = 16_384;

/// How long after an attempt to empty the WAL the next one comes, if readers or writers were in the
/// way.
const EMPTY_INTERVAL: Duration = Duration::from_millis(100);

/// How long the writer waits for those who still read what is in the WAL.
const RESTART_PATIENCE: Duration = Duration::from_millis(10);

/// From how many pages on SQLite copies in the commit itself, whatever else happens: 128 MiB.
pub(crate) const LAST_RESORT_PAGES: i32 = 32_768;

/// Tells the thread that checkpoints of writes, and does what only the writer can.
pub(crate) struct Checkpointer {
    written: SyncSender<()>,
    restart: Arc<AtomicBool>,
    erased: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread. It connects after the first write, and ends when this is dropped.
    pub(crate) fn start(manager: StoreManager) -> std::io::Result<Self> {
        let (written, writes) = sync_channel(1);
        let restart = Arc::new(AtomicBool::new(false));
        let erased = Arc::new(AtomicBool::new(false));
        let checkpointing = Checkpointing {
            manager,
            restart: restart.clone(),
            erased: erased.clone(),
            empties: false,
            scrub: None,
        };
        let thread = thread::Builder::new()
            .name("sqlite-checkpoint".into())
            .spawn(move || checkpointing.until_closed(&writes))?;
        Ok(Self {
            written,
            restart,
            erased,
            thread: Some(thread),
        })
    }

    /// A transaction that erases sets this. Once it is written, the WAL is emptied, which would hold
    /// what was erased, and unused space in the pages of the database is overwritten.
    pub(crate) fn erased(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.erased)
    }

    /// Is called by the writer after each of its transactions.
    pub(crate) fn after_write(&self, store: &mut StoreConnection) {
        if self.restart.swap(false, Ordering::Relaxed)
            && let Err(error) = start_over(store)
        {
            tracing::warn!(%error, "cannot restart the WAL");
        }
        // Full means that the thread knows already.
        let _ = self.written.try_send(());
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        // Takes the other end away, on which the thread waits.
        drop(mem::replace(&mut self.written, sync_channel(0).0));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// If readers do not end in time, the WAL grows on, and this is tried again later.
fn start_over(store: &mut StoreConnection) -> QueryResult<()> {
    store.set_lock_timeout(RESTART_PATIENCE)?;
    on_each!(store, c => c.batch_execute("PRAGMA wal_checkpoint(RESTART)"))
}

struct Checkpointing {
    manager: StoreManager,
    restart: Arc<AtomicBool>,
    erased: Arc<AtomicBool>,
    /// Whether the WAL is to be emptied.
    empties: bool,
    /// Where unused space is to be overwritten.
    scrub: Option<Scrub>,
}

/// A pass over all pages of the database.
struct Scrub {
    connection: Connection,
    next: u32,
    last_step: Instant,
}

impl Checkpointing {
    fn until_closed(mut self, writes: &Receiver<()>) {
        let mut store = None;
        while self.is_needed(writes) {
            thread::sleep(INTERVAL);
            if store.is_none() {
                store = self.manager.establish().ok();
                // Set by an erasure of a process that ended before its pass did.
                let was_erased = store.as_mut().map(begin);
                if matches!(was_erased, Some(Ok(ERASED))) {
                    self.erased.store(true, Ordering::Relaxed);
                }
            }
            let Some(open) = &mut store else { continue };
            if let Err(error) = self.checkpoint(open) {
                tracing::warn!(%error, "cannot write a checkpoint of the WAL");
                store = None;
            }
        }
    }

    /// Waits until there is something to do. False when there never will be.
    fn is_needed(&self, writes: &Receiver<()>) -> bool {
        let interval = match (&self.scrub, self.empties) {
            (Some(_), _) => SCRUB_INTERVAL,
            (None, true) => EMPTY_INTERVAL,
            (None, false) => return writes.recv().is_ok(),
        };
        writes.recv_timeout(interval) != Err(RecvTimeoutError::Disconnected)
    }

    /// Copies what is worth it, or lets the writer do the rest of a long WAL.
    fn checkpoint(&mut self, store: &mut StoreConnection) -> QueryResult<()> {
        // Taken back first: what is erased meanwhile asks for it again.
        if self.erased.swap(false, Ordering::Relaxed) {
            self.empties = true;
            self.begin_scrub();
        }
        if self.empties {
            self.empties = !empty(store)?;
        }
        self.scrub();
        let wal = look(store)?;
        if wal.pages - wal.checkpointed >= STEP_PAGES {
            return copy(store);
        }
        let restart = wal.pages >= RESTART_PAGES;
        if restart {
            // With so little to copy, most likely nothing is left at its end. Then SQLite syncs the
            // database file, which the writer would have to wait for.
            copy(store)?;
        }
        self.restart.store(restart, Ordering::Relaxed);
        Ok(())
    }
}

/// How long after a step over some pages the next one comes: a fifth of the time is spent on them.
const SCRUB_INTERVAL: Duration = Duration::from_millis(20);

/// What `PRAGMA user_version` is from an erasure on until unused space was overwritten.
const ERASED: i32 = 1;

/// Notes an erasure in the database, inside the transaction that erases.
pub(crate) fn note_erasure(connection: &mut SqliteConnection) -> QueryResult<()> {
    connection.batch_execute(&format!("PRAGMA user_version = {ERASED}"))
}

impl Checkpointing {
    fn begin_scrub(&mut self) {
        match self.manager.open_to_scrub() {
            Ok(connection) => {
                self.scrub = Some(Scrub {
                    connection,
                    next: 1,
                    last_step: Instant::now(),
                });
            }
            Err(error) => tracing::warn!(%error, "cannot overwrite unused space"),
        }
    }

    /// Makes a step of a pass, if one is due. What fails is tried again, but for what SQLite was not
    /// built to do.
    fn scrub(&mut self) {
        let Some(scrub) = &mut self.scrub else { return };
        if scrub.last_step.elapsed() < SCRUB_INTERVAL {
            return;
        }
        let next = scrub::step(&mut scrub.connection, scrub.next);
        scrub.last_step = Instant::now();
        match next {
            Ok(Some(next)) => scrub.next = next,
            Ok(None) => match forget_erasure(&mut scrub.connection, &self.erased) {
                Ok(()) => {
                    self.scrub = None;
                    self.empties = true;
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot record that an erasure is complete; trying again")
                }
            },
            Err(error) if error.to_string().contains("sqlite_dbpage") => {
                tracing::warn!(%error, "cannot overwrite unused space");
                self.scrub = None;
            }
            Err(error) => tracing::debug!(%error, "cannot overwrite unused space; trying again"),
        }
    }
}

/// Takes the note of an erasure back, unless there was another one meanwhile.
fn forget_erasure(connection: &mut Connection, erased: &AtomicBool) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !erased.load(Ordering::Relaxed) {
        transaction.execute_batch("PRAGMA user_version = 0")?;
    }
    transaction.commit()
}

/// Does nothing else. While somebody else checkpoints, the answer is -1.
fn look(store: &mut StoreConnection) -> QueryResult<WalState> {
    on_each!(store, c => sql_query("PRAGMA wal_checkpoint(NOOP)").get_result(c))
}

/// Writes one page to an empty WAL, that says what it said before; returns `user_version`. As long as nothing was written to the WAL since the file was opened, each read asks the
/// file system how long the database is, which is a twentieth of what a page of addresses takes.
///
/// Who is not let in at once does without: somebody else writes.
fn begin(store: &mut StoreConnection) -> QueryResult<i32> {
    let version = select(sql::<Integer>("user_version FROM pragma_user_version"));
    let version: i32 = on_each!(store, c => version.get_result(c))?;
    if look(store)?.pages == 0 {
        store.set_lock_timeout(Duration::ZERO)?;
        let again = format!("PRAGMA user_version = {version}");
        on_each!(store, c => c.batch_execute(&again))?;
    }
    Ok(version)
}

/// Empties the WAL, unless others read or write it for too long.
fn empty(store: &mut StoreConnection) -> QueryResult<bool> {
    copy(store)?;
    store.set_lock_timeout(RESTART_PATIENCE)?;
    let truncate = sql_query("PRAGMA wal_checkpoint(TRUNCATE)");
    let emptied: Emptied = on_each!(store, c => truncate.get_result(c))?;
    if emptied.busy == 0 {
        let _ = begin(store);
    }
    Ok(emptied.busy == 0)
}

/// Whether others were in the way.
#[derive(QueryableByName)]
struct Emptied {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

/// Beside the writes: what is written meanwhile is left.
fn copy(store: &mut StoreConnection) -> QueryResult<()> {
    on_each!(store, c => c.batch_execute("PRAGMA wal_checkpoint(PASSIVE)"))
}

/// How many pages the WAL holds, and how many of them are in the database file.
#[derive(QueryableByName)]
struct WalState {
    #[diesel(sql_type = Integer)]
    #[diesel(column_name = log)]
    pages: i32,
    #[diesel(sql_type = Integer)]
    checkpointed: i32,
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::connection::pool::StoreOptions;
    use crate::connection::url::DatabaseUrl;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// A database with an empty WAL, whose length the last of these tells.
    fn database() -> (TempDir, StoreManager, impl Fn() -> u64) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.db").display().to_string();
        fs::write(&path, "").unwrap();
        let url: DatabaseUrl = format!("sqlite://{path}").parse().unwrap();
        let patient = StoreOptions {
            lock_timeout: PATIENCE,
            ..StoreOptions::default()
        };
        let wal = move || fs::metadata(format!("{path}-wal")).map_or(0, |wal| wal.len());
        (folder, patient.manager(url), wal)
    }

    #[test]
    fn the_wal_is_begun_after_a_write_that_changed_nothing() {
        let (_folder, manager, wal) = database();
        let mut store = manager.establish().unwrap();
        assert!(store.write(|_| Ok(())).is_ok());
        assert_eq!(wal(), 0);
        let checkpointer = Checkpointer::start(manager).unwrap();
        checkpointer.after_write(&mut store);
        drop(checkpointer);
        assert!(wal() > 0);
    }

    #[test]
    fn the_wal_is_not_waited_for_while_somebody_writes() {
        let (_folder, manager, wal) = database();
        let mut store = manager.establish().unwrap();
        let checkpointer = Checkpointer::start(manager).unwrap();
        let since = Instant::now();
        let written = store.write(|store| {
            checkpointer.after_write(store);
            drop(checkpointer);
            Ok(())
        });
        assert!(written.is_ok() && since.elapsed() < PATIENCE);
        assert_eq!(wal(), 0);
    }
}
