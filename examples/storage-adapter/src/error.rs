use addressbook_domain::{Inconsistency, RepositoryError};

/// Why a transaction failed.
pub(crate) enum Failed {
    /// The store failed.
    Store(Box<redb::Error>),
    /// The adapter rejects the call with this error.
    Refused(RepositoryError),
}

/// Maps an error to what the caller can do about it.
impl From<Failed> for RepositoryError {
    fn from(failed: Failed) -> Self {
        let error = match failed {
            Failed::Refused(error) => return error,
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

impl From<RepositoryError> for Failed {
    fn from(error: RepositoryError) -> Self {
        Self::Refused(error)
    }
}

impl From<Inconsistency> for Failed {
    fn from(damage: Inconsistency) -> Self {
        Self::Refused(damage.into())
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
