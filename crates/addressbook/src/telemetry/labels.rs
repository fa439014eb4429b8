//! The values of labels of store operations, in metrics and traces.

use addressbook_domain::{CommitError, Refusal, RepositoryError};

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($variant:ident: $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($variant),*
        }

        impl $name {
            pub(crate) const ALL: [Self; [$($value),*].len()] = [$(Self::$variant),*];

            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $value),*
                }
            }
        }
    };
}

labels! {
    /// An operation of a store, by the name of the port's method.
    Operation {
        List: "list",
        PageOf: "page_of",
        Head: "head",
        Find: "find",
        DefaultAddresses: "default_addresses",
        Commit: "commit",
        Revisions: "revisions",
        IdempotencyRecord: "idempotency_record",
        PruneIdempotencyRecords: "prune_idempotency_records",
        Erase: "erase",
        Scan: "scan",
        AddKey: "add_key",
        FindKey: "find_key",
        ListKeys: "list_keys",
        RevokeKey: "revoke_key",
        RecordUses: "record_uses",
    }
}

labels! {
    /// A kind of store error.
    ErrorKind {
        Conflict: "conflict",
        BookFull: "book_full",
        HistoryFull: "history_full",
        BookChanged: "book_changed",
        NotInBook: "not_in_book",
        KeyTaken: "key_taken",
        Busy: "busy",
        Unavailable: "unavailable",
        Corrupt: "corrupt",
        Internal: "internal",
    }
}

labels! {
    /// A kind of write.
    Write {
        Create: "create",
        Replace: "replace",
        Remove: "remove",
        SetDefault: "set_default",
        Erase: "erase",
    }
}

impl From<&RepositoryError> for ErrorKind {
    fn from(error: &RepositoryError) -> Self {
        match error {
            RepositoryError::Busy(_) => Self::Busy,
            RepositoryError::Unavailable(_) => Self::Unavailable,
            RepositoryError::Corrupt(_) => Self::Corrupt,
            RepositoryError::Internal(_) => Self::Internal,
        }
    }
}

impl From<&CommitError> for ErrorKind {
    fn from(error: &CommitError) -> Self {
        match error {
            CommitError::Refused(Refusal::Conflict { .. }) => Self::Conflict,
            CommitError::Refused(Refusal::BookFull { .. }) => Self::BookFull,
            CommitError::Refused(Refusal::HistoryFull { .. }) => Self::HistoryFull,
            CommitError::Refused(Refusal::BookChanged) => Self::BookChanged,
            CommitError::Refused(Refusal::NotInBook { .. }) => Self::NotInBook,
            CommitError::Refused(Refusal::KeyTaken) => Self::KeyTaken,
            CommitError::Repository(error) => error.into(),
        }
    }
}
