//! Code for SQLite only.

pub(crate) mod backup;
pub(crate) mod build;
pub(crate) mod checkpoints;
pub(crate) mod doctor;
pub(crate) mod fast_reads;
pub(crate) mod file;
pub(crate) mod file_identity;
pub(crate) mod read_lock;
pub(crate) mod reader;
pub(crate) mod scrub;
pub(crate) mod session;
pub(crate) mod writer;
