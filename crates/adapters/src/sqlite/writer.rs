//! Group commits of SQLite: one thread makes all writes, and concurrent writes become durable
//! together.
//!
//! SQLite allows one writer, and a durable write mostly waits for the disk. Therefore the writes
//! that arrive while the disk is busy share the next commit. They run one after the other in one
//! transaction, each in a savepoint that can fail without the others. No write returns before that
//! transaction is on the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, mem};

use addressbook_domain::RepositoryError;
use tokio::sync::oneshot;

use crate::connection::pool::StoreManager;
use crate::connection::store_connection::StoreConnection;
use crate::sqlite::checkpoints::{Checkpointer, Checkpoints};
use crate::store::error::{WorkError, duplicate};

/// Maximum number of waiting writes. With a thousand, the last one waits for less than a second on
/// most disks. A longer queue would only add delay.
const QUEUE: usize = 1_000;

/// The thread that writes. When this is dropped, the thread finishes the waiting writes and ends.
pub(crate) struct Writer {
    jobs: SyncSender<Box<dyn Job>>,
    erased: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. It connects at the first write, so in a process that never writes the
    /// thread is only idle.
    pub(crate) fn start(
        manager: StoreManager,
        group_commits: u32,
        checkpoints: Checkpoints,
    ) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(QUEUE);
        let checkpointer = Checkpointer::start(manager.clone(), checkpoints)?;
        let erased = checkpointer.erased();
        let writing = Writing {
            lock_timeout: manager.lock_timeout(),
            group_commits: group_commits.max(1) as usize,
            manager,
            store: None,
            checkpointer,
        };
        let thread = thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || writing.until_closed(&waiting))?;
        Ok(Self {
            jobs,
            erased,
            thread: Some(thread),
        })
    }

    /// The flag that a [unit of work](Self::run) sets when it erases, so that the erased data is
    /// also removed from the files.
    pub(crate) fn erased(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.erased)
    }

    /// Runs a unit of work, and returns when its writes are durable.
    ///
    /// # Errors
    /// The error of the work; [`Busy`](RepositoryError::Busy) if it would have to wait too long; or
    /// the error of its group commit.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&mut StoreConnection) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, WorkError> {
        let reply = self.enqueue(work)?;
        reply.await.unwrap_or_else(|_| Err(writer_ended()))
    }

    fn enqueue<T: Send + 'static>(
        &self,
        work: impl Fn(&mut StoreConnection) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<Reply<T>, WorkError> {
        let (sender, reply) = oneshot::channel();
        let job = Waiting {
            since: Instant::now(),
            work,
            outcome: None,
            sender,
        };
        match self.jobs.try_send(Box::new(job)) {
            Ok(()) => Ok(reply),
            Err(TrySendError::Full(_)) => {
                Err(RepositoryError::Busy("too many writes are waiting".into()).into())
            }
            Err(TrySendError::Disconnected(_)) => Err(writer_ended()),
        }
    }
}

/// Receives the result of the work.
type Reply<T> = oneshot::Receiver<Result<T, WorkError>>;

fn writer_ended() -> WorkError {
    RepositoryError::Unavailable("the writer has ended".into()).into()
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Closes the queue on which the thread waits.
        drop(mem::replace(&mut self.jobs, sync_channel(0).0));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A write in the queue, or in a group commit.
trait Job: Send {
    fn waits_since(&self) -> Instant;

    /// Runs the work and stores its outcome. If `alone`, the work is the whole transaction;
    /// otherwise it runs in a savepoint. An error fails the whole transaction.
    fn run(&mut self, store: &mut StoreConnection, alone: bool) -> Result<(), WorkError>;

    /// Sends the result: the outcome of the work, or the error of the whole transaction.
    fn reply(self: Box<Self>, whole: Result<(), WorkError>);
}

struct Waiting<W, T> {
    since: Instant,
    work: W,
    outcome: Option<Result<T, WorkError>>,
    sender: oneshot::Sender<Result<T, WorkError>>,
}

impl<W, T> Job for Waiting<W, T>
where
    W: Fn(&mut StoreConnection) -> Result<T, WorkError> + Send,
    T: Send,
{
    fn waits_since(&self) -> Instant {
        self.since
    }

    fn run(&mut self, store: &mut StoreConnection, alone: bool) -> Result<(), WorkError> {
        // A panic must affect neither the other writes of the group nor the thread. Its partial
        // changes are rolled back with its savepoint.
        let work = |store: &mut StoreConnection| {
            catch_unwind(AssertUnwindSafe(|| (self.work)(store))).unwrap_or_else(|_| {
                Err(RepositoryError::Internal("the work panicked".into()).into())
            })
        };
        let outcome = match alone {
            true => Ok(work(store)?),
            false => store.savepoint(work)?,
        };
        self.outcome = Some(outcome);
        Ok(())
    }

    fn reply(self: Box<Self>, whole: Result<(), WorkError>) {
        let reply = match whole {
            Ok(()) => self.outcome.unwrap_or_else(|| Err(writer_ended())),
            Err(error) => Err(error),
        };
        // The caller may have given up.
        let _ = self.sender.send(reply);
    }
}

/// The state of the thread.
struct Writing {
    manager: StoreManager,
    lock_timeout: Duration,
    group_commits: usize,
    store: Option<StoreConnection>,
    checkpointer: Checkpointer,
}

impl Writing {
    fn until_closed(mut self, waiting: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = waiting.recv() {
            let mut group = vec![first];
            group.extend(waiting.try_iter().take(self.group_commits - 1));
            self.write(group);
        }
    }

    fn write(&mut self, mut group: Vec<Box<dyn Job>>) {
        // A write that has waited too long for another group does not wait again.
        let late = |job: &mut Box<dyn Job>| job.waits_since().elapsed() > self.lock_timeout;
        for job in group.extract_if(.., late) {
            let late = RepositoryError::Busy("other writes took too long".into());
            job.reply(Err(late.into()));
        }
        let Some(oldest) = group.first().map(|job| job.waits_since()) else {
            return;
        };
        let written = self.commit(&mut group, oldest);
        if written.as_ref().is_err_and(WorkError::spoils_connection) {
            self.store = None;
        }
        match <[_; 1]>::try_from(group) {
            Ok([only]) => only.reply(written),
            Err(group) => {
                for job in group {
                    job.reply(written.as_ref().copied().map_err(duplicate));
                }
            }
        }
        if let Some(store) = &mut self.store {
            self.checkpointer.after_write(store);
        }
    }

    /// Commits a whole group, or none of it.
    fn commit(&mut self, group: &mut [Box<dyn Job>], oldest: Instant) -> Result<(), WorkError> {
        self.manager.check_file()?;
        let store = match &mut self.store {
            Some(store) => store,
            none => {
                let store = none.insert(self.manager.establish()?);
                store
                    .undo_savepoints_from_memory()
                    .map_err(WorkError::from)?;
                store
            }
        };
        let alone = group.len() == 1;
        let max_wait = self.lock_timeout.saturating_sub(oldest.elapsed());
        let written = store
            .set_lock_timeout(max_wait)
            .map_err(WorkError::from)
            .and_then(|()| {
                store.write(|store| group.iter_mut().try_for_each(|job| job.run(store, alone)))
            });
        written?;
        // If the file was removed or replaced in the meantime, the writes are lost.
        Ok(self.manager.check_file()?)
    }
}

#[cfg(test)]
mod tests {
    use addressbook_domain::Refusal;
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use diesel::sqlite::SqliteConnection;
    use tempfile::TempDir;

    use super::*;
    use crate::connection::pool::StoreOptions;
    use crate::connection::store_connection::with_connection;
    use crate::connection::url::DatabaseUrl;

    /// A writer to a database with an empty table. Another connection holds the lock, so the writes
    /// that are queued after the first one become one group.
    struct Held {
        writer: Writer,
        holder: SqliteConnection,
        _folder: TempDir,
    }

    impl Held {
        fn new(group_commits: u32) -> Self {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("a.db").display().to_string();
            let mut holder = SqliteConnection::establish(&path).unwrap();
            holder
                .batch_execute(
                    "PRAGMA journal_mode = WAL;
                     CREATE TABLE t (n INTEGER UNIQUE) STRICT;
                     BEGIN IMMEDIATE",
                )
                .unwrap();
            let url: DatabaseUrl = format!("sqlite://{path}").parse().unwrap();
            let patient = StoreOptions {
                lock_timeout: Duration::from_secs(120),
                ..StoreOptions::default()
            };
            let manager = patient.manager(url);
            let writer = Writer::start(manager, group_commits, Checkpoints::Service).unwrap();
            Self {
                writer,
                holder,
                _folder: folder,
            }
        }

        fn insert(&self, n: i32) -> Result<Reply<()>, WorkError> {
            self.writer.enqueue(move |store| insert(store, n))
        }

        fn release(&mut self) {
            self.holder.batch_execute("ROLLBACK").unwrap();
        }

        fn numbers(&mut self) -> Vec<i32> {
            let numbers = diesel::dsl::sql::<diesel::sql_types::Integer>("n FROM t ORDER BY n");
            diesel::select(numbers).load(&mut self.holder).unwrap()
        }
    }

    fn insert(store: &mut StoreConnection, n: i32) -> Result<(), WorkError> {
        let sql = format!("INSERT INTO t VALUES ({n})");
        Ok(with_connection!(store, c => c.batch_execute(&sql))?)
    }

    #[test]
    fn a_failing_write_does_not_affect_the_others_of_its_group() {
        let mut held = Held::new(100);
        let first = held.insert(1).unwrap();
        let twice = held.insert(1).unwrap();
        let refused: Reply<()> = held
            .writer
            .enqueue(|store| {
                insert(store, 2)?;
                Err(Refusal::KeyTaken.into())
            })
            .unwrap();
        let panicked: Reply<()> = held
            .writer
            .enqueue(|store| {
                insert(store, 3)?;
                panic!("a defect")
            })
            .unwrap();
        let last = held.insert(4).unwrap();
        held.release();
        assert!(matches!(first.blocking_recv(), Ok(Ok(()))));
        let twice = twice
            .blocking_recv()
            .unwrap()
            .map_err(RepositoryError::from);
        assert!(matches!(twice, Err(RepositoryError::Internal(_))));
        let refused = refused.blocking_recv().unwrap();
        assert!(matches!(
            refused,
            Err(WorkError::Refused(Refusal::KeyTaken))
        ));
        let panicked = panicked.blocking_recv().unwrap();
        let panicked = panicked.map_err(RepositoryError::from);
        assert!(matches!(panicked, Err(RepositoryError::Internal(_))));
        assert!(matches!(last.blocking_recv(), Ok(Ok(()))));
        assert_eq!(held.numbers(), [1, 4]);
    }

    #[test]
    fn a_write_to_a_full_queue_is_busy() {
        let mut held = Held::new(1);
        // The thread may have taken one write out of the queue already.
        let replies: Vec<_> = (0..2_000).map_while(|n| held.insert(n).ok()).collect();
        assert!((QUEUE..=QUEUE + 1).contains(&replies.len()));
        let busy = held.insert(-1);
        assert!(matches!(
            busy,
            Err(WorkError::Repository(RepositoryError::Busy(_)))
        ));
        held.release();
        let count = replies.len();
        for reply in replies {
            assert!(matches!(reply.blocking_recv(), Ok(Ok(()))));
        }
        assert_eq!(held.numbers().len(), count);
    }

    #[test]
    fn waiting_writes_are_finished_before_the_writer_ends() {
        let mut held = Held::new(100);
        let replies: Vec<_> = (0..10).map(|n| held.insert(n).unwrap()).collect();
        held.release();
        drop(held.writer);
        for mut reply in replies {
            assert!(matches!(reply.try_recv(), Ok(Ok(()))));
        }
    }
}
