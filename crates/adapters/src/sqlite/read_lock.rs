//! Keeps SQLite's lock for readers taken while there is much to read.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

/// How long the lock is held at a time. What was written since it was taken cannot go from the
/// write-ahead log to the database meanwhile.
const TURN: Duration = Duration::from_millis(10);

/// A thread that reads nothing, and holds the lock for it.
///
/// Each read of SQLite takes a lock on the database and gives it back: two system calls, inside
/// a mutex of all threads of the process. But what one connection of a process holds already,
/// the others only count. With it, a page on two threads takes an eighth less time.
///
/// Who reads sees the latest state as ever: the lock is of the log's place, not of the reader.
pub(crate) struct ReadLock {
    signals: Arc<Signals>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Signals {
    wanted: AtomicBool,
    ended: AtomicBool,
}

impl ReadLock {
    /// Starts the thread. It connects with the first read.
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

    /// Is called with each read.
    pub(crate) fn want(&self) {
        let wanted = &self.signals.wanted;
        if !wanted.load(Ordering::Relaxed)
            && !wanted.swap(true, Ordering::Relaxed)
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
        if !signals.wanted.swap(false, Ordering::Relaxed) {
            thread::park();
            continue;
        }
        let held = connection.take().map_or_else(&connect, Ok);
        // Whatever goes wrong, the readers do without.
        connection = held.and_then(hold).ok();
    }
}

fn hold(connection: Connection) -> rusqlite::Result<Connection> {
    connection.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema")?;
    thread::sleep(TURN);
    connection.execute_batch("COMMIT")?;
    Ok(connection)
}
