//! For tests: in-memory repositories of [addresses](InMemoryRepository) and of
//! [API keys](InMemoryApiKeys), [fixtures], a [frozen clock](FrozenClock) and
//! [foreseeable ids](SequenceIds), the use cases [on them](service), a throwaway PostgreSQL, SQL in SQLite's files and arbitrary
//! addresses (modules `postgres`, `sqlite` and `strategies`, by the features `postgres`, `sqlite`
//! and `proptest`), and the [contract suites](contract) that every repository has to
//! pass.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
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
