//! The task that owns a connection.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::mem;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use addressbook_domain::RepositoryError;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::libpq::{Arrival, Broken, Connection, ResultRows};
use super::prepared_query::PreparedQuery;
use crate::connection::connection_log::log_connection_failure;
use crate::store::error::one_line;

/// The pause between two attempts to connect.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// The settings of a driver: how to connect, and how long to wait.
pub(super) struct Plan {
    pub(super) url: String,
    /// The SQL that sets up a session.
    pub(super) session: String,
    /// The names and the SQL of the statements to prepare.
    pub(super) statements: Vec<(&'static CStr, String)>,
    /// How long a request waits at most before it is sent.
    pub(super) max_wait: Duration,
    /// How long the responses to a batch may take.
    pub(super) response_timeout: Duration,
}

/// A query and the channel for its result. If it is dropped, the caller gets an error.
pub(super) struct Request {
    query: PreparedQuery,
    since: Instant,
    repeated: bool,
    reply: oneshot::Sender<Result<ResultRows, RepositoryError>>,
}

impl Request {
    pub(super) fn new(
        query: PreparedQuery,
    ) -> (Self, oneshot::Receiver<Result<ResultRows, RepositoryError>>) {
        let (reply, receiver) = oneshot::channel();
        let request = Self {
            query,
            since: Instant::now(),
            repeated: false,
            reply,
        };
        (request, receiver)
    }

    /// The request for another connection; `None` if it has already been repeated once.
    fn again(mut self) -> Option<Self> {
        (!mem::replace(&mut self.repeated, true)).then_some(self)
    }

    fn reply(self, result: Result<ResultRows, RepositoryError>) {
        // The caller may have been dropped.
        let _ = self.reply.send(result);
    }
}

/// Starts a task that processes requests, on the caller's runtime. It connects at the first
/// request, and ends when all senders are dropped.
pub(super) fn start(plan: Arc<Plan>) -> UnboundedSender<Request> {
    let (sender, requests) = unbounded_channel();
    let driver = Driver {
        plan,
        requests,
        batch: Vec::new(),
        waiting: VecDeque::new(),
    };
    tokio::spawn(driver.run());
    sender
}

struct Driver {
    plan: Arc<Plan>,
    requests: UnboundedReceiver<Request>,
    /// The requests that are sent next.
    batch: Vec<Request>,
    /// The requests that wait for responses, in the order of the responses.
    waiting: VecDeque<Request>,
}

impl Driver {
    async fn run(mut self) {
        while let Some(connection) = self.connect().await {
            let Err(Broken(reason)) = self.serve(connection).await else {
                return;
            };
            let reason = one_line(&reason);
            tracing::warn!(reason, "dropping a connection to the database");
            // All requests are reads, so they may be repeated.
            let lost = self.waiting.drain(..).filter_map(Request::again);
            self.batch.extend(lost);
        }
    }

    /// Connects when there is a request. Returns `None` when all senders are dropped.
    async fn connect(&mut self) -> Option<Connection> {
        let connecting = connect(Arc::clone(&self.plan));
        tokio::pin!(connecting);
        while self.gather().await {
            let oldest = self.batch.iter().map(|request| request.since).min();
            let due = oldest.unwrap_or_else(Instant::now) + self.plan.max_wait;
            if let Ok(connection) = timeout_at(due, &mut connecting).await {
                return Some(connection);
            }
        }
        None
    }

    /// Processes requests, a batch at a time, until all senders are dropped.
    ///
    /// Requests that arrive while a batch is in progress form the next batch. Under load, more
    /// requests therefore share a message to the server, a transaction and a context switch.
    async fn serve(&mut self, mut connection: Connection) -> Result<(), Broken> {
        let socket = connection.watch()?;
        let was_read_only = connection.is_read_only();
        while self.gather().await {
            // Another server is the primary now. If the URL lists it, libpq finds it.
            if connection.is_read_only() && !was_read_only {
                return Err(Broken("the server no longer accepts writes".into()));
            }
            let limit = self.plan.response_timeout;
            let exchange = self.exchange(&mut connection, &socket);
            if let Ok(result) = timeout(limit, exchange).await {
                result?;
            } else {
                self.waiting.clear();
                return Err(Broken("no response in time".into()));
            }
        }
        Ok(())
    }

    /// Waits until there is a batch, and drops the requests that have waited too long. Returns
    /// false when all senders are dropped.
    async fn gather(&mut self) -> bool {
        loop {
            while let Ok(request) = self.requests.try_recv() {
                self.batch.push(request);
            }
            let max_wait = self.plan.max_wait;
            self.batch
                .retain(|request| request.since.elapsed() < max_wait);
            if !self.batch.is_empty() {
                return true;
            }
            self.batch.push(match self.requests.recv().await {
                Some(request) => request,
                None => return false,
            });
        }
    }

    /// Sends the batch and returns the results to the callers. The server skips the statements
    /// after one that failed; they become part of the next batch.
    async fn exchange(
        &mut self,
        connection: &mut Connection,
        socket: &AsyncFd<OwnedFd>,
    ) -> Result<(), Broken> {
        self.waiting.extend(self.batch.drain(..));
        for request in &self.waiting {
            connection.send(&request.query)?;
        }
        connection.send_sync()?;
        let mut health = Ok(());
        loop {
            let arrival = next(connection, socket).await?;
            let Some(request) = self.waiting.pop_front() else {
                return health; // What arrived is the sync.
            };
            match arrival {
                Arrival::Rows(rows) => request.reply(Ok(rows)),
                Arrival::Skipped if health.is_ok() => self.batch.push(request),
                Arrival::Skipped => self.batch.extend(request.again()),
                Arrival::Failed(error) => {
                    let reason = error.to_string();
                    let error = RepositoryError::from(error);
                    if !matches!(error, RepositoryError::Unavailable(_)) {
                        request.reply(Err(error));
                        continue;
                    }
                    health = Err(Broken(reason));
                    if request.repeated {
                        request.reply(Err(error));
                    } else {
                        self.batch.extend(request.again());
                    }
                }
                Arrival::Synced => return Err(Broken("a response is missing".into())),
            }
        }
    }
}

/// Connects, and retries until it succeeds.
async fn connect(plan: Arc<Plan>) -> Connection {
    loop {
        let plan = Arc::clone(&plan);
        let connect = move || Connection::connect(&plan.url, &plan.session, &plan.statements);
        let reason = match spawn_blocking(connect).await {
            Ok(Ok(connection)) => return connection,
            Ok(Err(Broken(reason))) => one_line(&reason),
            // The panic message is not logged.
            Err(_) => "connecting panicked".to_owned(),
        };
        log_connection_failure(reason);
        sleep(RECONNECT_PAUSE).await;
    }
}

/// Sends what is queued, and waits for the next result.
async fn next(connection: &mut Connection, socket: &AsyncFd<OwnedFd>) -> Result<Arrival, Broken> {
    loop {
        if let Some(arrival) = connection.next()? {
            return Ok(arrival);
        }
        let interest = if connection.flush()? {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let mut guard = socket.ready(interest).await?;
        if !connection.flush()? {
            guard.clear_ready_matching(Ready::WRITABLE);
        }
        if !connection.consume()? {
            guard.clear_ready_matching(Ready::READABLE);
        }
    }
}
