//! Holds SQLite's read lock while there are many reads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

/// How long the lock is held at a time. While it is held, later writes cannot be copied from the
/// WAL to the database file.
const TURN: Duration = Duration::from_millis(10);

/// A thread that holds the read lock for the other threads.
///
/// Each read of SQLite locks and unlocks the database: two system calls, inside a mutex of the
/// process. If another connection of the process already holds the lock, SQLite only increments a
/// counter. With this thread, the service returns 1.06 times as many pages a second on two
/// processors.
///
/// Reads still see the latest state, because the lock protects a position in the WAL and does not
/// determine what a reader sees.
pub(crate) struct ReadLock {
    signals: Arc<Signals>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Signals {
    requested: AtomicBool,
    ended: AtomicBool,
}

impl ReadLock {
    /// Starts the thread. It connects at the first read.
    pub(crate) fn start(
        connect: impl Fn() -> rusqlite::Result<Connection> + Send + 'static,
    ) -> io::Result<Self> {
        let signals = Arc::<Signals>::default();
        let for_thread = signals.clone();
        let thread = thread::Builder::new()
            .name("sqlite-reader".into())
            .spawn(move || take_turns(&for_thread, connect))?;
        Ok(Self {
            signals,
            thread: Some(thread),
        })
    }

    /// Must be called at each read.
    pub(crate) fn request(&self) {
        let requested = &self.signals.requested;
        if !requested.load(Ordering::Relaxed)
            && !requested.swap(true, Ordering::Relaxed)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
    }
}

impl Drop for ReadLock {
    fn drop(&mut self) {
        self.signals.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn take_turns(signals: &Signals, connect: impl Fn() -> rusqlite::Result<Connection>) {
    let mut connection = None;
    while !signals.ended.load(Ordering::Relaxed) {
        if !signals.requested.swap(false, Ordering::Relaxed) {
            thread::park();
            continue;
        }
        let held = connection.take().map_or_else(&connect, Ok);
        // After an error, reads work without the held lock.
        connection = held.and_then(hold).ok();
    }
}

fn hold(connection: Connection) -> rusqlite::Result<Connection> {
    connection.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema")?;
    thread::sleep(TURN);
    connection.execute_batch("COMMIT")?;
    Ok(connection)
}
