//! Addressbook on SQLite or PostgreSQL.

use std::process::ExitCode;

/// Small allocations of many threads, of which a request is full, take it a third of the
/// time that the C library's takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    addressbook::run(addressbook::sql_engine)
}
