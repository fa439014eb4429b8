//! For tests: an [in-memory repository](InMemoryRepository), [fixtures], a
//! [frozen clock](FrozenClock) and [foreseeable ids](SequenceIds), a throwaway PostgreSQL
//! (module `postgres`, by the feature of that name), and the [contract suite](contract)
//! that every repository has to pass, whoever writes it.

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
#[cfg(all(unix, feature = "postgres"))]
pub mod postgres;

pub use frozen::{FrozenClock, SequenceIds};
pub use memory::InMemoryRepository;
