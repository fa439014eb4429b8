//! Keeps SQLite's lock for readers taken while there is much to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, mem};

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
pub(crate) struct StandingReader {
    wanted: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl StandingReader {
    /// Starts the thread. It connects with the first read.
    pub(crate) fn start(
        connect: impl Fn() -> rusqlite::Result<Connection> + Send + 'static,
    ) -> io::Result<Self> {
        let (wanted, ended) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let turns = Turns {
            wanted: wanted.clone(),
            ended: ended.clone(),
        };
        let thread = thread::Builder::new()
            .name("sqlite-reader".into())
            .spawn(move || turns.take(connect))?;
        Ok(Self {
            wanted,
            ended,
            thread: Some(thread),
        })
    }

    /// Is called with each read.
    pub(crate) fn want(&self) {
        if !self.wanted.load(Ordering::Relaxed)
            && !self.wanted.swap(true, Ordering::Relaxed)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
    }
}

impl Drop for StandingReader {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

struct Turns {
    wanted: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Turns {
    fn take(self, connect: impl Fn() -> rusqlite::Result<Connection>) {
        let mut connection = None;
        while !self.ended.load(Ordering::Relaxed) {
            if !self.wanted.swap(false, Ordering::Relaxed) {
                thread::park();
                continue;
            }
            let held = match mem::take(&mut connection) {
                Some(connection) => Ok(connection),
                None => connect(),
            };
            // Whatever goes wrong, the readers do without.
            connection = held.and_then(hold).ok();
        }
    }
}

fn hold(connection: Connection) -> rusqlite::Result<Connection> {
    connection.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema")?;
    thread::sleep(TURN);
    connection.execute_batch("COMMIT")?;
    Ok(connection)
}
