//! Implements Addressbook's ports: the [repository](SqlStore) of addresses and API keys on
//! Diesel and r2d2, for SQLite and PostgreSQL; the databases as an [engine](SqlEngine) of the
//! program; the [system's clock](SystemClock) and [randomness](OsSecrets);
//! [ULIDs](UlidSource); and [JSON Web Tokens](JwtAuthenticator).
//!
//! Each query is written once and compiled for both databases. The folders `sqlite` and
//! `postgres` contain what differs between the two. The schemas are in `migrations/`.

mod connection;
mod doctor;
mod engine;
mod jwt;
mod postgres;
mod sqlite;
mod store;
mod system;

pub use connection::pool::StoreOptions;

pub use connection::session_options::Synchronous;
pub use connection::url::{DatabaseUrl, DatabaseUrlError, PostgresUrl};
pub use engine::SqlEngine;
pub use jwt::{JwtAuthenticator, JwtKeysError, JwtOptions};
pub use sqlite::backup::{BackupError, backup, restore};
pub use sqlite::checkpoints::Checkpoints;
pub use store::sql_store::SqlStore;
pub use system::{OsSecrets, SystemClock, TokioTimer, UlidSource};
