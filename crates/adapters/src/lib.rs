//! Addressbook's ports in the world: the [repository](SqlStore) of addresses and
//! API keys on Diesel and r2d2, for SQLite and PostgreSQL, the databases as an
//! [engine](SqlEngine) of the program, the [system's clock](SystemClock),
//! [its randomness](OsSecrets), [ULIDs](UlidSource) and [JSON Web Tokens](JwtAuthenticator).
//!
//! Each query is written once and compiled for both databases. Whatever differs
//! between the two is in the folders `sqlite` and `postgres`; the schemas are in `migrations/`.

mod connection;
mod doctor;
mod engine;
mod jwt;
mod postgres;
mod sqlite;
mod store;
mod system;

pub use connection::pool::StoreOptions;

pub use connection::url::{DatabaseUrl, DatabaseUrlError, PostgresUrl};
pub use engine::SqlEngine;
pub use jwt::{JwtAuthenticator, JwtKeysError, JwtOptions};
pub use sqlite::backup::{BackupError, backup, restore};
pub use sqlite::session::Synchronous;
pub use store::sql_store::SqlStore;
pub use system::{OsSecrets, SystemClock, UlidSource};
