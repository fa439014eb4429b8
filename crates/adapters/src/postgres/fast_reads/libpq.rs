//! A safe wrapper of the part of libpq that a pipeline needs. Contains all unsafe code for libpq.
#![expect(unsafe_code, reason = "libpq is a C library")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::{io, ptr, slice};

use pq_sys::{
    ConnStatusType, ExecStatusType, PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_SQLSTATE, PGconn, PGresult,
    PQclear, PQconnectdb, PQconsumeInput, PQenterPipelineMode, PQerrorMessage, PQexec, PQfinish,
    PQflush, PQgetResult, PQgetisnull, PQgetlength, PQgetvalue, PQisBusy, PQntuples,
    PQparameterStatus, PQprepare, PQresultErrorField, PQresultStatus, PQsendPipelineSync,
    PQsendQueryPrepared, PQsetNoticeProcessor, PQsetnonblocking, PQsocket, PQsocketPoll,
    PQsslInUse, PQstatus,
};
use tokio::io::unix::AsyncFd;

use super::prepared_query::PreparedQuery;
use crate::store::error::PostgresError;

/// Parameters and results are in PostgreSQL's binary format, as in Diesel.
const BINARY: c_int = 1;

/// A connection in pipeline mode: statements are sent without waiting for previous results. Only
/// [`connect`](Self::connect) blocks.
pub(super) struct Connection(NonNull<PGconn>);

// SAFETY: libpq allows any thread to use a connection, one thread at a time. Everything that
// changes it takes `&mut self`.
unsafe impl Send for Connection {}

/// libpq's error message for a failed connection.
#[derive(Clone, Debug)]
pub(super) struct Broken(pub(super) String);

/// The next result on a connection.
pub(super) enum Arrival {
    /// The rows of a statement.
    Rows(ResultRows),
    /// The error of a statement.
    Failed(PostgresError),
    /// A statement was skipped, because an earlier one failed.
    Skipped,
    /// The end of a batch.
    Synced,
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl Connection {
    /// Connects, runs SQL that sets up the session, prepares statements, and enters pipeline mode.
    /// Blocks until the server responds.
    pub(super) fn connect(
        url: &str,
        session: &str,
        statements: &[(&CStr, String)],
    ) -> Result<Self, Broken> {
        let url = c_string(url)?;
        let session = c_string(session)?;
        // SAFETY: the URL ends with NUL and outlives the call.
        let connection = unsafe { PQconnectdb(url.as_ptr()) };
        let connection = NonNull::new(connection).ok_or_else(|| Broken("out of memory".into()))?;
        let this = Self(connection);
        let connection = this.0.as_ptr();
        // SAFETY: the connection was just opened, and is closed only when `this` is dropped.
        if unsafe { PQstatus(connection) } != ConnStatusType::CONNECTION_OK {
            return Err(this.broken());
        }
        // SAFETY: as above; the processor accepts any message and has no state.
        unsafe { PQsetNoticeProcessor(connection, Some(ignore_notice), ptr::null_mut()) };
        // SAFETY: as above; the SQL ends with NUL and outlives the call.
        let mut done = succeeded(unsafe { PQexec(connection, session.as_ptr()) });
        for (name, sql) in statements {
            let sql = c_string(sql)?;
            // By the protocol and not by PREPARE, so that a pooler knows the statement.
            // SAFETY: as above; no types are given.
            done = done
                && succeeded(unsafe {
                    PQprepare(connection, name.as_ptr(), sql.as_ptr(), 0, ptr::null())
                });
        }
        // SAFETY: as above.
        let pipelined = done
            && unsafe {
                PQsetnonblocking(connection, 1) == 0 && PQenterPipelineMode(connection) == 1
            };
        if pipelined {
            Ok(this)
        } else {
            Err(this.broken())
        }
    }

    /// Queues the execution of a prepared statement.
    pub(super) fn send(&mut self, query: &PreparedQuery) -> Result<(), Broken> {
        let PreparedQuery {
            name,
            values: binds,
        } = query;
        let values: Vec<*const c_char> = binds
            .iter()
            .map(|bind| {
                bind.as_ref()
                    .map_or(ptr::null(), |bytes| bytes.as_ptr().cast())
            })
            .collect();
        let lengths: Vec<c_int> = binds
            .iter()
            .map(|bind| bind.as_deref().map_or(0, length))
            .collect();
        let formats = vec![BINARY; binds.len()];
        // SAFETY: the name ends with NUL. The number of values, lengths and formats is the given
        // one. Each value is null or has the given length. All outlive the call, which copies
        // them.
        let sent = unsafe {
            PQsendQueryPrepared(
                self.0.as_ptr(),
                name.as_ptr(),
                length(binds),
                values.as_ptr(),
                lengths.as_ptr(),
                formats.as_ptr(),
                BINARY,
            )
        };
        self.check(sent == 1)
    }

    /// Queues the end of a batch. After a statement fails, the server skips the statements up to
    /// here.
    pub(super) fn send_sync(&mut self) -> Result<(), Broken> {
        // SAFETY: the connection is open as long as `self` is.
        let sent = unsafe { PQsendPipelineSync(self.0.as_ptr()) };
        self.check(sent == 1)
    }

    /// Sends as much of the queue as the socket accepts. Returns whether that was all.
    pub(super) fn flush(&mut self) -> Result<bool, Broken> {
        // SAFETY: the connection is open as long as `self` is.
        let left = unsafe { PQflush(self.0.as_ptr()) };
        self.check(left >= 0)?;
        Ok(left == 0)
    }

    /// Reads the available data from the socket, or a part of it if there is much. Returns whether
    /// there is more.
    pub(super) fn consume(&mut self) -> Result<bool, Broken> {
        // SAFETY: the connection is open as long as `self` is.
        let mut consumed = unsafe { PQconsumeInput(self.0.as_ptr()) };
        // A TLS record has up to 16 KiB, of which libpq reads at least 8 KiB. OpenSSL holds the
        // rest, so the socket does not report it as readable.
        // SAFETY: as above.
        if consumed == 1 && unsafe { PQsslInUse(self.0.as_ptr()) } == 1 {
            // SAFETY: as above.
            consumed = unsafe { PQconsumeInput(self.0.as_ptr()) };
        }
        self.check(consumed == 1)?;
        // SAFETY: any number is allowed as a socket. The deadline 0 is in the past, so this does
        // not wait.
        Ok(unsafe { PQsocketPoll(self.socket(), 1, 0, 0) } > 0)
    }

    /// Returns the next result, or `None` if it has not fully arrived yet. Must be called only as
    /// long as a sync is expected.
    pub(super) fn next(&mut self) -> Result<Option<Arrival>, Broken> {
        let connection = self.0.as_ptr();
        // SAFETY: the connection is open as long as `self` is. This does not wait, because
        // `PQgetResult` is called only when libpq is not busy.
        while unsafe { PQisBusy(connection) } == 0 {
            let result = unsafe { PQgetResult(connection) };
            let Some(result) = NonNull::new(result) else {
                // The results of a statement end with null, and so do those of a lost connection.
                self.check(unsafe { PQstatus(connection) } == ConnStatusType::CONNECTION_OK)?;
                continue;
            };
            let result = ResultRows(result);
            return Ok(Some(match result.status() {
                ExecStatusType::PGRES_TUPLES_OK => Arrival::Rows(result),
                ExecStatusType::PGRES_PIPELINE_ABORTED => Arrival::Skipped,
                ExecStatusType::PGRES_PIPELINE_SYNC => Arrival::Synced,
                _ => Arrival::Failed(result.error()),
            }));
        }
        Ok(None)
    }

    /// Whether the server last reported that it accepts no writes.
    pub(super) fn is_read_only(&self) -> bool {
        [c"in_hot_standby", c"default_transaction_read_only"]
            .iter()
            .any(|name| {
                // SAFETY: the connection is open as long as `self` is, and the name ends with
                // NUL. libpq returns null or a text that ends with NUL and stays valid until more
                // data is read, which does not happen here.
                let value = unsafe { PQparameterStatus(self.0.as_ptr(), name.as_ptr()) };
                // SAFETY: as above.
                !value.is_null() && unsafe { CStr::from_ptr(value) } == c"on"
            })
    }

    /// Returns the socket to wait for. It is a duplicate, because libpq closes its own descriptor
    /// as soon as the connection breaks.
    pub(super) fn watch(&self) -> Result<AsyncFd<OwnedFd>, Broken> {
        // SAFETY: `self` is connected, so it has a socket, which is open during this call.
        let socket = unsafe { BorrowedFd::borrow_raw(self.socket()) }.try_clone_to_owned()?;
        // SAFETY: an `OwnedFd` is one open file as long as it lives.
        unsafe { AsyncFd::register(socket) }.map_err(|error| Broken(error.to_string()))
    }

    fn socket(&self) -> RawFd {
        // SAFETY: the connection is open as long as `self` is.
        unsafe { PQsocket(self.0.as_ptr()) }
    }

    fn check(&self, fine: bool) -> Result<(), Broken> {
        if fine { Ok(()) } else { Err(self.broken()) }
    }

    fn broken(&self) -> Broken {
        // SAFETY: libpq returns a text that ends with NUL and stays valid until the connection's
        // next use; it is copied before.
        let message = unsafe { CStr::from_ptr(PQerrorMessage(self.0.as_ptr())) };
        Broken(message.to_string_lossy().trim().to_owned())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: nothing else closes the connection, and nothing uses it after this.
        unsafe { PQfinish(self.0.as_ptr()) };
    }
}

extern "C" fn ignore_notice(_: *mut c_void, _: *const c_char) {}

fn c_string(text: &str) -> Result<CString, Broken> {
    CString::new(text).map_err(|error| Broken(error.to_string()))
}

/// A length as libpq's type. The server's limits reject longer values anyway.
fn length<T>(items: &[T]) -> c_int {
    c_int::try_from(items.len()).unwrap_or(c_int::MAX)
}

/// The result of a statement.
pub(super) struct ResultRows(NonNull<PGresult>);

// SAFETY: libpq never changes a result that it has returned.
unsafe impl Send for ResultRows {}

impl ResultRows {
    fn status(&self) -> ExecStatusType {
        // SAFETY: the result is valid as long as `self` is.
        unsafe { PQresultStatus(self.0.as_ptr()) }
    }

    fn error(&self) -> PostgresError {
        let field = |field| self.error_field(field).unwrap_or_default();
        PostgresError {
            sqlstate: field(PG_DIAG_SQLSTATE),
            message: field(PG_DIAG_MESSAGE_PRIMARY),
        }
    }

    fn error_field(&self, field: u8) -> Option<String> {
        // SAFETY: the result is valid as long as `self` is. libpq returns null or a text
        // that ends with NUL and lives as long as the result; it is copied.
        unsafe {
            let text = PQresultErrorField(self.0.as_ptr(), field.into());
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    }

    pub(super) fn row_count(&self) -> usize {
        // SAFETY: the result is valid as long as `self` is.
        unsafe { PQntuples(self.0.as_ptr()) }.unsigned_abs() as usize
    }

    /// The bytes of a value; `None` if it is null, or if there is no such row or column.
    pub(super) fn value(&self, row: usize, column: usize) -> Option<&[u8]> {
        let (row, column) = (c_int::try_from(row).ok()?, c_int::try_from(column).ok()?);
        let result = self.0.as_ptr();
        // SAFETY: libpq checks row and column itself, and reports a missing value as null. A value
        // that is not null has the returned length, and lives unchanged as long as the result.
        unsafe {
            (PQgetisnull(result, row, column) == 0).then(|| {
                let length = PQgetlength(result, row, column).unsigned_abs() as usize;
                slice::from_raw_parts(PQgetvalue(result, row, column).cast(), length)
            })
        }
    }
}

/// Whether a statement that returns no rows was executed. Takes the result.
fn succeeded(result: *mut PGresult) -> bool {
    NonNull::new(result)
        .map(ResultRows)
        .is_some_and(|result| matches!(result.status(), ExecStatusType::PGRES_COMMAND_OK))
}

impl Drop for ResultRows {
    fn drop(&mut self) {
        // SAFETY: nothing else frees the result, and all borrows of it have ended.
        unsafe { PQclear(self.0.as_ptr()) };
    }
}
