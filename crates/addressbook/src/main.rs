//! Addressbook on SQLite or PostgreSQL.

use std::process::ExitCode;

/// A request makes many small allocations, on many threads at once. mimalloc takes a third of the
/// time that the C library's allocator takes for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    addressbook::run(addressbook::sql_engine)
}
