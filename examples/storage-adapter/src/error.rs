use addressbook_domain::{CommitError, Inconsistency, Refusal, RepositoryError};

/// Why a transaction failed.
pub(crate) enum Failed {
    /// The store failed.
    Store(Box<redb::Error>),
    /// A commit does not fit the stored state.
    Refused(Refusal),
    /// The adapter fails the call with this error.
    Repository(RepositoryError),
}

/// Maps an error to what the caller can do about it.
impl From<Failed> for RepositoryError {
    fn from(failed: Failed) -> Self {
        let error = match failed {
            Failed::Repository(error) => return error,
            Failed::Refused(refusal) => return Self::Internal(refusal.into()),
            Failed::Store(error) => error,
        };
        match *error {
            redb::Error::Io(_)
            | redb::Error::PreviousIo
            | redb::Error::DatabaseAlreadyOpen
            | redb::Error::DatabaseClosed => Self::Unavailable(error),
            _ => Self::Internal(error),
        }
    }
}

impl From<Failed> for CommitError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(refusal) => Self::Refused(refusal),
            failed => Self::Repository(failed.into()),
        }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Inconsistency> for Failed {
    fn from(damage: Inconsistency) -> Self {
        Self::Repository(damage.into())
    }
}

macro_rules! from_redb {
    ($($error:ident)+) => {
        $(impl From<redb::$error> for Failed {
            fn from(error: redb::$error) -> Self {
                Self::Store(Box::new(error.into()))
            }
        })+
    };
}

from_redb! { CommitError DatabaseError StorageError TableError TransactionError }
