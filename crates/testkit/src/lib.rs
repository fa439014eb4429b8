//! Helpers for tests:
//!
//! * in-memory repositories of [addresses](InMemoryRepository) and [API keys](InMemoryApiKeys);
//! * [fixtures], a [frozen clock](FrozenClock), [predictable ids](SequenceIds), and the use cases
//!   [with them](service);
//! * a throwaway PostgreSQL (module and feature `postgres`), SQL in SQLite files (module and
//!   feature `sqlite`), and arbitrary addresses (module `strategies`, feature `proptest`);
//! * the [contract suites](contract) that every repository must pass.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test, a panic reports the failure"
)]

pub mod contract;
pub mod fixtures;
mod frozen;
mod memory;
mod memory_keys;
#[cfg(all(unix, feature = "postgres"))]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "proptest")]
pub mod strategies;

pub use frozen::{FrozenClock, SequenceIds, service};
pub use memory::InMemoryRepository;
pub use memory_keys::InMemoryApiKeys;
