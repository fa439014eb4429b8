//! Runs the same tests on both stores: the contract of the repository, and behaviour that the port
//! does not cover (damage, opening, waiting).

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
mod opening;
mod replicas;
mod state_machine;
mod support;
mod together;
mod waiting;
