//! Both stores, the same tests: the contract of the repository, and what the port cannot
//! show (damage, opening, waiting).

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
)]

mod backup;
mod bulk;
mod contract;
mod damage;
mod erasing;
mod fast_reads_postgres;
mod fast_reads_sqlite;
mod instances;
mod long_history;
mod migrating;
mod opening;
mod state_machine;
mod support;
mod together;
mod waiting;
