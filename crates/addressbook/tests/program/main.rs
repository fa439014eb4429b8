//! The program as its users run it: the built binary, on both stores.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
)]

mod access;
mod backup;
mod canaries;
mod concurrency;
mod docs_operate;
mod docs_paths;
mod docs_security;
mod doctor;
mod durability;
mod failures;
mod foreign_store;
mod high_load;
mod import_csv;
mod import_duplicates;
mod import_export;
mod import_files;
mod jwt;
mod killed;
mod metrics;
mod openapi;
mod replicas;
mod serve;
mod settings;
mod shutdown;
mod support;
#[cfg(feature = "otlp")]
mod traces;
