//! Code for PostgreSQL only.

pub(crate) mod distribution;
pub(crate) mod doctor;
pub(crate) mod fast_reads;
pub(crate) mod replication;
pub(crate) mod session;
pub(crate) mod tools;
