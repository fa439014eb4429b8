//! Writes to SQLite: one thread makes them all, and those that come at the same time become
//! durable together.
//!
//! SQLite has room for one writer, and what a durable write waits for is the disk. So the
//! writes that arrive while the disk works share its next answer: they run one after the
//! other inside one transaction, each in a savepoint that fails alone, and none is answered before
//! that transaction is on the disk.

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
use crate::sqlite::checkpoints::Checkpointer;
use crate::store::error::{WorkError, same_again};

/// The most writes that wait. At a thousand, the last one waits for less than a second on
/// most disks; more would only pile up.
const QUEUE: usize = 1_000;

/// The thread that writes. When this is dropped, it ends what is waiting, and then itself.
pub(crate) struct Writer {
    jobs: SyncSender<Box<dyn Job>>,
    erased: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. It connects with the first write, so a process that never writes
    /// has no more than an idle thread.
    pub(crate) fn start(manager: StoreManager, group_commits: u32) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(QUEUE);
        let checkpointer = Checkpointer::start(manager.clone())?;
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

    /// What a [unit of work](Self::run) that erases sets, so that nothing of it is left in the files.
    pub(crate) fn erased(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.erased)
    }

    /// Runs a unit of work, and returns when what it wrote is durable.
    ///
    /// # Errors
    /// Its own; [`Busy`](RepositoryError::Busy) when it would have to wait for too long; or
    /// what became of the group that it was in.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&mut StoreConnection) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let answer = self.enqueue(work)?;
        answer.await.unwrap_or_else(|_| Err(writer_ended()))
    }

    fn enqueue<T: Send + 'static>(
        &self,
        work: impl Fn(&mut StoreConnection) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<Answer<T>, RepositoryError> {
        let (reply, answer) = oneshot::channel();
        let job = Waiting {
            since: Instant::now(),
            work,
            outcome: None,
            reply,
        };
        match self.jobs.try_send(Box::new(job)) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err(RepositoryError::Busy("too many writes wait".into())),
            Err(TrySendError::Disconnected(_)) => Err(writer_ended()),
        }
    }
}

/// What comes once the work is done.
type Answer<T> = oneshot::Receiver<Result<T, RepositoryError>>;

fn writer_ended() -> RepositoryError {
    RepositoryError::Unavailable("the writer has ended".into())
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Takes the other end of the queue away, on which the thread waits.
        drop(mem::replace(&mut self.jobs, sync_channel(0).0));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A write that waits for its turn, and then for its answer.
trait Job: Send {
    fn waits_since(&self) -> Instant;

    /// Does the work, as the whole of the open transaction or in a savepoint of it, and stores its
    /// outcome. An error here is one of the whole transaction.
    fn run(&mut self, store: &mut StoreConnection, alone: bool) -> Result<(), WorkError>;

    /// Answers: with what came of the work, or with what became of the whole.
    fn answer(self: Box<Self>, whole: Result<(), RepositoryError>);
}

struct Waiting<W, T> {
    since: Instant,
    work: W,
    outcome: Option<Result<T, RepositoryError>>,
    reply: oneshot::Sender<Result<T, RepositoryError>>,
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
        // A defect in one work must take neither its neighbours with it nor the thread.
        // Whatever it left half done is rolled back with its savepoint.
        let work = |store: &mut StoreConnection| {
            catch_unwind(AssertUnwindSafe(|| (self.work)(store))).unwrap_or_else(|_| {
                Err(RepositoryError::Internal("the work panicked".into()).into())
            })
        };
        let outcome = match alone {
            true => Ok(work(store)?),
            false => store.savepoint(work)?,
        };
        self.outcome = Some(outcome.map_err(RepositoryError::from));
        Ok(())
    }

    fn answer(self: Box<Self>, whole: Result<(), RepositoryError>) {
        let answer = match whole {
            Ok(()) => self.outcome.unwrap_or_else(|| Err(writer_ended())),
            Err(error) => Err(error),
        };
        // The caller may have given up.
        let _ = self.reply.send(answer);
    }
}

/// What the thread works with.
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
        // A write that waited for too long behind another group does not wait again.
        let late = |job: &mut Box<dyn Job>| job.waits_since().elapsed() > self.lock_timeout;
        for job in group.extract_if(.., late) {
            job.answer(Err(RepositoryError::Busy("other writes took long".into())));
        }
        let Some(oldest) = group.first().map(|job| job.waits_since()) else {
            return;
        };
        let written = self.commit(&mut group, oldest);
        if let Err(RepositoryError::Unavailable(_) | RepositoryError::Internal(_)) = &written {
            self.store = None;
        }
        match <[_; 1]>::try_from(group) {
            Ok([only]) => only.answer(written),
            Err(group) => {
                for job in group {
                    job.answer(written.as_ref().copied().map_err(same_again));
                }
            }
        }
        if let Some(store) = &mut self.store {
            self.checkpointer.after_write(store);
        }
    }

    /// Makes a group durable, or nothing of it.
    fn commit(
        &mut self,
        group: &mut [Box<dyn Job>],
        oldest: Instant,
    ) -> Result<(), RepositoryError> {
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
        let patience = self.lock_timeout.saturating_sub(oldest.elapsed());
        let written = store
            .set_lock_timeout(patience)
            .map_err(WorkError::from)
            .and_then(|()| {
                store.write(|store| group.iter_mut().try_for_each(|job| job.run(store, alone)))
            });
        written?;
        // What went into a file that was taken away meanwhile is not there.
        self.manager.check_file()
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use diesel::sqlite::SqliteConnection;
    use tempfile::TempDir;

    use super::*;
    use crate::connection::pool::StoreOptions;
    use crate::connection::store_connection::on_each;
    use crate::connection::url::DatabaseUrl;

    /// A writer to a database with an empty table, whose lock somebody else holds: what is
    /// queued after the first write becomes one group.
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
            let writer = Writer::start(manager, group_commits).unwrap();
            Self {
                writer,
                holder,
                _folder: folder,
            }
        }

        fn insert(&self, n: i32) -> Result<Answer<()>, RepositoryError> {
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
        Ok(on_each!(store, c => c.batch_execute(&sql))?)
    }

    #[test]
    fn what_fails_in_a_group_fails_alone() {
        let mut held = Held::new(100);
        let first = held.insert(1).unwrap();
        let twice = held.insert(1).unwrap();
        let refused: Answer<()> = held
            .writer
            .enqueue(|store| {
                insert(store, 2)?;
                Err(RepositoryError::KeyTaken.into())
            })
            .unwrap();
        let panicked: Answer<()> = held
            .writer
            .enqueue(|store| {
                insert(store, 3)?;
                panic!("a defect")
            })
            .unwrap();
        let last = held.insert(4).unwrap();
        held.release();
        assert!(matches!(first.blocking_recv(), Ok(Ok(()))));
        let twice = twice.blocking_recv().unwrap();
        assert!(matches!(twice, Err(RepositoryError::Internal(_))));
        let refused = refused.blocking_recv().unwrap();
        assert!(matches!(refused, Err(RepositoryError::KeyTaken)));
        let panicked = panicked.blocking_recv().unwrap();
        assert!(matches!(panicked, Err(RepositoryError::Internal(_))));
        assert!(matches!(last.blocking_recv(), Ok(Ok(()))));
        assert_eq!(held.numbers(), [1, 4]);
    }

    #[test]
    fn more_than_the_queue_holds_is_busy() {
        let mut held = Held::new(1);
        // The thread may have taken a group of one out already, and waits with that.
        let answers: Vec<_> = (0..2_000).map_while(|n| held.insert(n).ok()).collect();
        assert!((QUEUE..=QUEUE + 1).contains(&answers.len()));
        let busy = held.insert(-1);
        assert!(matches!(busy, Err(RepositoryError::Busy(_))));
        held.release();
        let count = answers.len();
        for answer in answers {
            assert!(matches!(answer.blocking_recv(), Ok(Ok(()))));
        }
        assert_eq!(held.numbers().len(), count);
    }

    #[test]
    fn what_waits_is_done_before_the_writer_ends() {
        let mut held = Held::new(100);
        let answers: Vec<_> = (0..10).map(|n| held.insert(n).unwrap()).collect();
        held.release();
        drop(held.writer);
        for mut answer in answers {
            assert!(matches!(answer.try_recv(), Ok(Ok(()))));
        }
    }
}
