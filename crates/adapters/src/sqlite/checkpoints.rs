//! Checkpoints of SQLite: copies the WAL to the database file without delaying the writes.
//!
//! By default, SQLite does this in the commit that finds a long WAL, and that commit waits for it.
//! Here a separate thread copies while the writer writes. This thread cannot restart the WAL,
//! because writes go on in the meantime. The writer restarts it between two transactions, when
//! almost nothing remains to be copied.

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
use crate::connection::store_connection::{StoreConnection, with_connection};
use crate::sqlite::scrub;

/// How often the WAL is checked while there are writes. Frequent small steps spread the disk's
/// work: with several steps every 10 ms, the slowest writes took a third longer.
const INTERVAL: Duration = Duration::from_millis(2);

/// Minimum number of pages for a checkpoint. A commit waits while the disk writes them: about 7 ms
/// for 250 scattered pages, 18 ms for 1,000, 60 ms for 4,000.
const STEP_PAGES: i32 = 250;

/// Number of pages from which on the WAL is restarted: 64 MiB. After a restart, the WAL is
/// overwritten, which takes the disk half the time of appending.
const RESTART_PAGES: i32 = 16_384;

/// Pause between two attempts to empty the WAL, if readers or writers prevented the first one.
const EMPTY_INTERVAL: Duration = Duration::from_millis(100);

/// How long the writer waits for readers that still use the WAL.
const RESTART_PATIENCE: Duration = Duration::from_millis(10);

/// Which program copies the WAL of SQLite to the database file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checkpoints {
    /// This service.
    #[default]
    Service,
    /// Another program, such as Litestream, which must see all of the WAL first. The service only
    /// empties the WAL after an erasure, because it may contain the erased data. SQLite itself
    /// copies a WAL of 128 MiB, so that the disk does not fill up if the other program has stopped.
    External,
}

/// Notifies the checkpoint thread of writes, and does what only the writer can do.
pub(crate) struct Checkpointer {
    written: SyncSender<()>,
    restart: Arc<AtomicBool>,
    erased: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread. It connects after the first write, and ends when this is dropped.
    pub(crate) fn start(manager: StoreManager, checkpoints: Checkpoints) -> std::io::Result<Self> {
        let (written, writes) = sync_channel(1);
        let restart = Arc::new(AtomicBool::new(false));
        let erased = Arc::new(AtomicBool::new(false));
        let checkpointing = Checkpointing {
            manager,
            checkpoints,
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

    /// The flag that a transaction sets when it erases. After its commit, the WAL is emptied, which
    /// may contain the erased data, and unused space in the pages of the database is overwritten.
    pub(crate) fn erased(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.erased)
    }

    /// Must be called by the writer after each of its transactions.
    pub(crate) fn after_write(&self, store: &mut StoreConnection) {
        if self.restart.swap(false, Ordering::Relaxed)
            && let Err(error) = restart_wal(store)
        {
            tracing::warn!(%error, "cannot restart the WAL");
        }
        // If the channel is full, the thread has been notified already.
        let _ = self.written.try_send(());
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        // Closes the channel on which the thread waits.
        drop(mem::replace(&mut self.written, sync_channel(0).0));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Restarts the WAL. If readers do not end in time, the WAL keeps growing, and this is retried
/// later.
fn restart_wal(store: &mut StoreConnection) -> QueryResult<()> {
    store.set_lock_timeout(RESTART_PATIENCE)?;
    with_connection!(store, c => c.batch_execute("PRAGMA wal_checkpoint(RESTART)"))
}

struct Checkpointing {
    manager: StoreManager,
    checkpoints: Checkpoints,
    restart: Arc<AtomicBool>,
    erased: Arc<AtomicBool>,
    /// Whether the WAL has to be emptied.
    empties: bool,
    /// The pass that overwrites unused space, if one is due.
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
                // Set by an erasure in a process that ended before its pass was complete.
                let was_erased = store.as_mut().map(write_first_page);
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

    /// Waits until there is something to do. Returns false when the writer has ended.
    fn is_needed(&self, writes: &Receiver<()>) -> bool {
        let interval = match (&self.scrub, self.empties) {
            (Some(_), _) => SCRUB_INTERVAL,
            (None, true) => EMPTY_INTERVAL,
            (None, false) => return writes.recv().is_ok(),
        };
        writes.recv_timeout(interval) != Err(RecvTimeoutError::Disconnected)
    }

    /// Copies the WAL if it has enough pages, and lets the writer restart a long one, unless another
    /// program does so. Empties the WAL after an erasure.
    fn checkpoint(&mut self, store: &mut StoreConnection) -> QueryResult<()> {
        // Reset the flag first, because an erasure in the meantime sets it again.
        if self.erased.swap(false, Ordering::Relaxed) {
            self.empties = true;
            self.begin_scrub();
        }
        if self.empties {
            self.empties = !empty_wal(store)?;
        }
        self.scrub();
        if self.checkpoints == Checkpoints::External {
            return Ok(());
        }
        let wal = wal_state(store)?;
        if wal.pages - wal.checkpointed >= STEP_PAGES {
            return copy(store);
        }
        let restart = wal.pages >= RESTART_PAGES;
        if restart {
            // With so few pages, the copy probably completes. Then SQLite syncs the database file
            // here, and the writer does not have to wait for that.
            copy(store)?;
        }
        self.restart.store(restart, Ordering::Relaxed);
        Ok(())
    }
}

/// Pause between two steps of a pass. The steps then take about a fifth of the time.
const SCRUB_INTERVAL: Duration = Duration::from_millis(20);

/// The value of `PRAGMA user_version` from an erasure until unused space has been overwritten.
const ERASED: i32 = 1;

/// Records an erasure in the database. Must run in the transaction that erases.
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

    /// Runs a step of the pass, if one is due. Errors are retried, except if SQLite was built
    /// without the support for it.
    fn scrub(&mut self) {
        let Some(scrub) = &mut self.scrub else { return };
        if scrub.last_step.elapsed() < SCRUB_INTERVAL {
            return;
        }
        let next = scrub::step(&mut scrub.connection, scrub.next);
        scrub.last_step = Instant::now();
        match next {
            Ok(Some(next)) => scrub.next = next,
            Ok(None) => match clear_erasure(&mut scrub.connection, &self.erased) {
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

/// Removes the record of an erasure, unless there was another one in the meantime.
fn clear_erasure(connection: &mut Connection, erased: &AtomicBool) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !erased.load(Ordering::Relaxed) {
        transaction.execute_batch("PRAGMA user_version = 0")?;
    }
    transaction.commit()
}

/// Reads the state of the WAL without a checkpoint. While another connection checkpoints, both
/// numbers are -1.
fn wal_state(store: &mut StoreConnection) -> QueryResult<WalState> {
    with_connection!(store, c => sql_query("PRAGMA wal_checkpoint(NOOP)").get_result(c))
}

/// Writes one unchanged page to an empty WAL. Returns `user_version`. As long as nothing has been
/// written to the WAL since the file was opened, each read gets the size of the database from the
/// file system: up to 1.17 times as many pages a second without that.
///
/// Fails at once if the database is locked, because then another connection writes to the WAL.
fn write_first_page(store: &mut StoreConnection) -> QueryResult<i32> {
    let version = select(sql::<Integer>("user_version FROM pragma_user_version"));
    let version: i32 = with_connection!(store, c => version.get_result(c))?;
    if wal_state(store)?.pages == 0 {
        store.set_lock_timeout(Duration::ZERO)?;
        let again = format!("PRAGMA user_version = {version}");
        with_connection!(store, c => c.batch_execute(&again))?;
    }
    Ok(version)
}

/// Empties the WAL. Returns false if others read or wrote it for too long.
fn empty_wal(store: &mut StoreConnection) -> QueryResult<bool> {
    copy(store)?;
    store.set_lock_timeout(RESTART_PATIENCE)?;
    let truncate = sql_query("PRAGMA wal_checkpoint(TRUNCATE)");
    let emptied: Emptied = with_connection!(store, c => truncate.get_result(c))?;
    if emptied.busy == 0 {
        let _ = write_first_page(store);
    }
    Ok(emptied.busy == 0)
}

/// The first column of `wal_checkpoint`: 1 if others prevented the checkpoint.
#[derive(QueryableByName)]
struct Emptied {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

/// Copies the WAL without blocking writes. Later writes remain in the WAL.
fn copy(store: &mut StoreConnection) -> QueryResult<()> {
    with_connection!(store, c => c.batch_execute("PRAGMA wal_checkpoint(PASSIVE)"))
}

/// The number of pages in the WAL, and how many of them have been copied to the database file.
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

    /// A database with an empty WAL, and a function that returns the size of the WAL.
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
    fn the_wal_gets_a_page_after_a_write_that_changed_nothing() {
        let (_folder, manager, wal) = database();
        let mut store = manager.establish().unwrap();
        assert!(store.write(|_| Ok(())).is_ok());
        assert_eq!(wal(), 0);
        let checkpointer = Checkpointer::start(manager, Checkpoints::Service).unwrap();
        checkpointer.after_write(&mut store);
        drop(checkpointer);
        assert!(wal() > 0);
    }

    #[test]
    fn the_checkpointer_does_not_wait_for_an_open_write() {
        let (_folder, manager, wal) = database();
        let mut store = manager.establish().unwrap();
        let checkpointer = Checkpointer::start(manager, Checkpoints::Service).unwrap();
        let since = Instant::now();
        let written = store.write(|store| {
            checkpointer.after_write(store);
            drop(checkpointer);
            Ok(())
        });
        assert!(written.is_ok() && since.elapsed() < PATIENCE);
        assert_eq!(wal(), 0);
    }

    #[test]
    fn a_long_wal_is_left_to_another_program_except_after_an_erasure() {
        for (checkpoints, copied) in [(Checkpoints::Service, true), (Checkpoints::External, false)]
        {
            let (_folder, manager, wal) = database();
            let mut writer = manager.establish().unwrap();
            let mut store = manager.establish().unwrap();
            let erased = Arc::<AtomicBool>::default();
            let mut checkpointing = Checkpointing {
                manager,
                checkpoints,
                restart: Arc::default(),
                erased: erased.clone(),
                empties: false,
                scrub: None,
            };
            let rows = format!(
                "CREATE TABLE t (x BLOB) STRICT; INSERT INTO t VALUES (zeroblob({}))",
                RESTART_PAGES * 4_096
            );
            with_connection!(&mut writer, c => c.batch_execute(&rows)).unwrap();
            let long = wal();
            checkpointing.checkpoint(&mut store).unwrap();
            checkpointing.checkpoint(&mut store).unwrap();
            let state = wal_state(&mut store).unwrap();
            assert!(state.pages > RESTART_PAGES);
            assert_eq!(state.checkpointed > 0, copied, "{checkpoints:?}");
            assert_eq!(checkpointing.restart.load(Ordering::Relaxed), copied);
            assert_eq!(wal(), long);
            erased.store(true, Ordering::Relaxed);
            checkpointing.checkpoint(&mut store).unwrap();
            assert!(wal() < long / 100, "{checkpoints:?}");
        }
    }
}
