use addressbook_domain::{CommitError, Inconsistency, Refusal, RepositoryError};
use diesel::ConnectionError;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use thiserror::Error;

/// An error inside one unit of work.
#[derive(Debug)]
pub(crate) enum WorkError {
    /// The statement that begins the transaction failed.
    NotBegun(DieselError),
    Diesel(DieselError),
    /// The commit does not fit what is stored.
    Refused(Refusal),
    /// The commit cannot be made in bulk: it has to be made change by change.
    NotInBulk,
    Repository(RepositoryError),
}

impl From<DieselError> for WorkError {
    fn from(error: DieselError) -> Self {
        Self::Diesel(error)
    }
}

impl From<RepositoryError> for WorkError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl From<Refusal> for WorkError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Inconsistency> for WorkError {
    fn from(error: Inconsistency) -> Self {
        Self::Repository(error.into())
    }
}

impl From<WorkError> for CommitError {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Refused(refusal) => Self::Refused(refusal),
            other => Self::Repository(other.into()),
        }
    }
}

impl From<WorkError> for RepositoryError {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Repository(error) => error,
            WorkError::NotBegun(error) | WorkError::Diesel(error) => classify(error),
            WorkError::Refused(refusal) => Self::Internal(refusal.into()),
            WorkError::NotInBulk => Self::Internal("not made in bulk".into()),
        }
    }
}

impl WorkError {
    /// Whether the same transaction may succeed if it is retried.
    pub(crate) fn is_serialization_failure(&self) -> bool {
        match self {
            Self::Diesel(DieselError::DatabaseError(kind, information)) => {
                matches!(kind, DatabaseErrorKind::SerializationFailure)
                    || information.message().starts_with("deadlock detected")
            }
            _ => false,
        }
    }

    /// Whether another connection has to be used from now on. After an unknown error, the state of
    /// a connection is unknown, too.
    pub(crate) fn spoils_connection(&self) -> bool {
        match self {
            Self::NotBegun(error) | Self::Diesel(error) => kind_of(error) != ErrorKind::Busy,
            Self::Repository(error) => matches!(
                error,
                RepositoryError::Unavailable(_) | RepositoryError::Internal(_)
            ),
            Self::Refused(_) | Self::NotInBulk => false,
        }
    }

    /// Whether the connection is lost or no longer usable.
    pub(crate) fn is_connection_lost(&self) -> bool {
        let (Self::NotBegun(error) | Self::Diesel(error)) = self else {
            return false;
        };
        kind_of(error) == ErrorKind::Unavailable
    }

    /// Whether the connection is no longer usable, and a transaction on it certainly changed
    /// nothing. If the connection broke after the transaction began, the transaction may have been
    /// committed and only the response lost.
    pub(crate) fn wrote_nothing(&self) -> bool {
        match self {
            Self::NotBegun(_) => self.is_connection_lost(),
            Self::Diesel(DieselError::DatabaseError(kind, _)) => {
                matches!(kind, DatabaseErrorKind::ReadOnlyTransaction)
            }
            _ => false,
        }
    }
}

/// An error of PostgreSQL with its code.
#[derive(Debug, Error)]
#[error("{message} (SQLSTATE {sqlstate})")]
pub(crate) struct PostgresError {
    pub(crate) sqlstate: String,
    pub(crate) message: String,
}

impl From<PostgresError> for RepositoryError {
    fn from(error: PostgresError) -> Self {
        match kind_of_sqlstate(&error.sqlstate) {
            ErrorKind::Busy => Self::Busy(error.into()),
            ErrorKind::Unavailable => Self::Unavailable(error.into()),
            ErrorKind::Internal => Self::Internal(error.into()),
        }
    }
}

/// Classifies an error by its SQLSTATE (PostgreSQL's documentation, appendix A).
fn kind_of_sqlstate(sqlstate: &str) -> ErrorKind {
    match sqlstate {
        // Serialization failure, deadlock, lock not available, statement or lock timeout.
        "40001" | "40P01" | "55P03" | "57014" => ErrorKind::Busy,
        // Read-only transaction, disk full, too many connections, shutdown, crash, start, I/O error.
        "25006" | "53100" | "53300" | "57P01" | "57P02" | "57P03" | "58030" => {
            ErrorKind::Unavailable
        }
        // A prepared statement whose result type a migration changed: another session prepares it
        // again.
        "0A000" => ErrorKind::Unavailable,
        // Connection exceptions.
        code if code.starts_with("08") => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    }
}

/// Diesel reports most errors as `Unknown`, without their SQLSTATE or result code. Therefore the
/// errors that come through Diesel are classified by the messages of SQLite, libpq and PostgreSQL in
/// English. <https://github.com/diesel-rs/diesel/pull/5232> would end that for PostgreSQL. Any other
/// error is internal.
const BUSY: [&str; 6] = [
    "database is locked",
    "database table is locked",
    "canceling statement due to statement timeout",
    "canceling statement due to lock timeout",
    "could not obtain lock",
    "deadlock detected",
];
const UNAVAILABLE: [&str; 19] = [
    "terminating connection",
    "server closed the connection unexpectedly",
    "connection not open",
    "no connection to the server",
    "could not receive data from server",
    "could not send data to server",
    "SSL connection has been closed",
    "SSL SYSCALL error",
    "the database system is",
    "cannot execute",
    "cached plan must not change result type",
    // Citus: the node of the customer was lost while it committed.
    "could not commit transaction for shard",
    "too many clients",
    "remaining connection slots",
    "No space left on device",
    // "wrote only 4096 of 8192 bytes": the disk is full.
    "wrote only",
    "database or disk is full",
    "disk I/O error",
    "attempt to write a readonly database",
];

/// What a caller can do about a failure of the database.
#[derive(PartialEq, Eq)]
enum ErrorKind {
    Busy,
    Unavailable,
    Internal,
}

fn kind_of(error: &DieselError) -> ErrorKind {
    let DieselError::DatabaseError(kind, information) = error else {
        return ErrorKind::Internal;
    };
    let says = |parts: &[&str]| {
        parts
            .iter()
            .any(|part| information.message().contains(part))
    };
    match kind {
        DatabaseErrorKind::SerializationFailure => ErrorKind::Busy,
        DatabaseErrorKind::ClosedConnection
        | DatabaseErrorKind::ReadOnlyTransaction
        | DatabaseErrorKind::UnableToSendCommand => ErrorKind::Unavailable,
        _ if says(&BUSY) => ErrorKind::Busy,
        _ if says(&UNAVAILABLE) => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    }
}

/// Whether a lock or a timeout is the cause, so that a retry may succeed.
pub(crate) fn is_busy(error: &DieselError) -> bool {
    kind_of(error) == ErrorKind::Busy
}

fn classify(error: DieselError) -> RepositoryError {
    match kind_of(&error) {
        ErrorKind::Busy => RepositoryError::Busy(error.into()),
        ErrorKind::Unavailable => RepositoryError::Unavailable(error.into()),
        ErrorKind::Internal => RepositoryError::Internal(error.into()),
    }
}

/// Copies the error of a group, for each member of the group.
pub(crate) fn duplicate(error: &WorkError) -> WorkError {
    let cause = |error: &DieselError| error.to_string().into();
    WorkError::Repository(match error {
        WorkError::NotBegun(error) | WorkError::Diesel(error) => match kind_of(error) {
            ErrorKind::Busy => RepositoryError::Busy(cause(error)),
            ErrorKind::Unavailable => RepositoryError::Unavailable(cause(error)),
            ErrorKind::Internal => RepositoryError::Internal(cause(error)),
        },
        WorkError::Repository(RepositoryError::Busy(cause)) => {
            RepositoryError::Busy(cause.to_string().into())
        }
        WorkError::Repository(RepositoryError::Unavailable(cause)) => {
            RepositoryError::Unavailable(cause.to_string().into())
        }
        WorkError::Repository(other) => RepositoryError::Internal(other.to_string().into()),
        // A member is refused in its savepoint, without the others.
        WorkError::Refused(refusal) => RepositoryError::Internal((*refusal).into()),
        WorkError::NotInBulk => RepositoryError::Internal("not made in bulk".into()),
    })
}

/// The reason of a failed connection attempt, in one line.
pub(crate) fn connection_reason(error: &ConnectionError) -> String {
    match error {
        ConnectionError::BadConnection(message) => one_line(message),
        other => one_line(&other.to_string()),
    }
}

/// SQLite's reason for not using a file, with the permissions that it needs.
pub(crate) fn file_reason(error: &impl ToString) -> String {
    let reason = one_line(&error.to_string());
    match reason.as_str() {
        "attempt to write a readonly database" | "unable to open database file" => {
            format!("{reason}: even to read, SQLite needs write access to the file and its folder")
        }
        _ => reason,
    }
}

pub(crate) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_postgres_are_classified_by_their_code() {
        for (sqlstate, kind) in [
            ("40P01", "busy"),
            ("57014", "busy"),
            ("57P01", "unavailable"),
            ("08006", "unavailable"),
            ("25006", "unavailable"),
            ("42P01", "internal"),
            ("", "internal"),
        ] {
            let error = RepositoryError::from(PostgresError {
                sqlstate: sqlstate.to_owned(),
                message: "in any language".to_owned(),
            });
            let found = match error {
                RepositoryError::Busy(_) => "busy",
                RepositoryError::Unavailable(_) => "unavailable",
                _ => "internal",
            };
            assert_eq!(found, kind, "{sqlstate}");
        }
    }

    fn database_error(kind: DatabaseErrorKind, message: &str) -> DieselError {
        DieselError::DatabaseError(kind, Box::new(message.to_owned()))
    }

    #[test]
    fn database_errors_are_classified_by_kind_and_message() {
        use DatabaseErrorKind::{SerializationFailure, UniqueViolation, Unknown};
        for (kind, message, expected) in [
            (SerializationFailure, "could not serialize access", "Busy"),
            (Unknown, "database is locked", "Busy"),
            (
                Unknown,
                "canceling statement due to statement timeout",
                "Busy",
            ),
            (Unknown, "deadlock detected", "Busy"),
            (DatabaseErrorKind::ClosedConnection, "", "Unavailable"),
            (DatabaseErrorKind::UnableToSendCommand, "", "Unavailable"),
            (
                Unknown,
                "terminating connection due to administrator command",
                "Unavailable",
            ),
            (
                Unknown,
                "the database system is shutting down",
                "Unavailable",
            ),
            (
                Unknown,
                "cannot execute INSERT in a read-only transaction",
                "Unavailable",
            ),
            (
                Unknown,
                "cached plan must not change result type",
                "Unavailable",
            ),
            (
                Unknown,
                "could not commit transaction for shard 102194 on at least one active node",
                "Unavailable",
            ),
            (Unknown, "database or disk is full", "Unavailable"),
            (
                Unknown,
                "could not extend file \"base/5/1259\": wrote only 4096 of 8192 bytes at block 9",
                "Unavailable",
            ),
            (UniqueViolation, "duplicate key value", "Internal"),
            (Unknown, "database disk image is malformed", "Internal"),
        ] {
            let classified = format!("{:?}", classify(database_error(kind, message)));
            assert!(classified.starts_with(expected), "{message}: {classified}");
        }
        assert!(matches!(
            classify(DieselError::NotFound),
            RepositoryError::Internal(_)
        ));
    }

    #[test]
    fn a_transaction_is_retried_only_if_it_cannot_have_changed_anything() {
        use DatabaseErrorKind::{ClosedConnection, ReadOnlyTransaction, SerializationFailure};
        let not_begun = |kind| WorkError::NotBegun(database_error(kind, ""));
        let begun = |kind| WorkError::Diesel(database_error(kind, ""));
        assert!(not_begun(ClosedConnection).wrote_nothing());
        assert!(begun(ReadOnlyTransaction).wrote_nothing());
        assert!(!begun(ClosedConnection).wrote_nothing());
        assert!(!begun(SerializationFailure).wrote_nothing());
        assert!(!not_begun(SerializationFailure).wrote_nothing());
        // Reads may be retried whenever another connection can help.
        assert!(begun(ClosedConnection).is_connection_lost());
        assert!(!begun(SerializationFailure).is_connection_lost());
    }
}
