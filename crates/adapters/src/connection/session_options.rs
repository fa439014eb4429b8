//! The options of a session of either database.

use std::time::Duration;

/// When a write to SQLite counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When it is on the disk: an acknowledged write survives a power failure.
    #[default]
    Full,
    /// When the operating system has it: a power failure may lose the last writes, but does not
    /// damage the database. A crash of the process loses nothing.
    Normal,
}

/// The timeouts and the durability of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionOptions {
    pub(crate) lock_timeout: Duration,
    /// PostgreSQL only. Zero means no timeout.
    pub(crate) statement_timeout: Duration,
    /// SQLite only.
    pub(crate) synchronous: Synchronous,
}
