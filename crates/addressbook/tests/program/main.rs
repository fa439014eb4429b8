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
mod crowds;
mod doctor;
mod durability;
mod foreign_store;
mod import_csv;
mod import_export;
mod import_files;
mod jwt;
mod killed;
mod metrics;
mod openapi;
mod operate_page;
mod paths_in_pages;
mod security_page;
mod serve;
mod settings;
mod shutdown;
mod support;
#[cfg(feature = "otlp")]
mod traces;
mod weather;
