//! Addressbook's ports in the world: the [repository](DieselAddressRepository) of addresses and
//! API keys on Diesel and r2d2, for SQLite and PostgreSQL, the databases as an
//! [engine](SqlEngine) of the program, the [system's clock](SystemClock),
//! [its randomness](OsSecrets), [ULIDs](UlidSource) and [JSON Web Tokens](JwtAuthenticator).
//!
//! Each query is written once and compiled for both databases. Whatever differs
//! between the two stands in `dialect.rs`; the schemas in `migrations/`.

mod api_keys;
mod backup;
mod bulk;
mod checkpoints;
mod database_file;
mod database_url;
mod dialect;
mod doctor;
mod engine;
mod error;
mod inline;
mod jwt;
mod migrations;
mod parts;
mod pipeline;
mod pool;
mod postgres_tools;
mod prepared;
mod reads;
mod refusal;
mod repository;
mod row;
mod schema;
mod schema_state;
mod short_reads;
mod sqlite_build;
mod sqlite_file;
mod sqlite_reader;
mod standing_reader;
mod system;
mod writer;
mod writes;

pub use backup::{BackupError, backup, restore};
pub use database_url::{DatabaseUrl, DatabaseUrlError, PostgresUrl};
pub use dialect::Synchronous;
pub use engine::SqlEngine;
pub use jwt::{JwtAuthenticator, JwtKeysError, JwtOptions};
pub use pool::StoreOptions;
pub use repository::DieselAddressRepository;
pub use system::{OsSecrets, SystemClock, UlidSource};
