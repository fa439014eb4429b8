//! File descriptors, whose limit also limits the number of connections.

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// File descriptors of a connection: its socket, and one to monitor it.
const PER_CONNECTION: u64 = 2;

/// File descriptors for the database, the log and everything else.
const OTHERS: u64 = 200;

/// The number of connections that the system's limit of file descriptors allows, at least 1. `None`
/// if the system sets no limit.
pub(crate) fn max_connections() -> Option<u32> {
    let limit = getrlimit(Resource::Nofile).maximum?;
    let connections = limit.saturating_sub(OTHERS) / PER_CONNECTION;
    Some(u32::try_from(connections).unwrap_or(u32::MAX).max(1))
}

/// File descriptors that a worker thread opens to wait for events.
const PER_WORKER: u64 = 4;

/// File descriptors for the database, the log and the first connections.
const FEWEST: u64 = 60;

/// Checks that there are enough file descriptors for this number of worker threads, which panic
/// without them.
///
/// # Errors
/// The limit is too low. The message states how many file descriptors are needed.
pub(crate) fn check_workers(workers: usize) -> anyhow::Result<()> {
    let needed = FEWEST + PER_WORKER * workers as u64;
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => bail!(
            "the system's limit of {limit} file descriptors is too low for {workers} worker \
             threads, which need {needed}: raise it (ulimit -n {needed}), or set --workers lower"
        ),
        _ => Ok(()),
    }
}

/// The number of file descriptors that this number of connections needs.
pub(crate) fn required_for(connections: u32) -> u64 {
    u64::from(connections) * PER_CONNECTION + OTHERS
}

/// Raises the limit of file descriptors to the maximum that the system allows. By default, systems
/// allow a process 1,024, and more on request.
pub(crate) fn raise_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(%error, "cannot raise the limit of file descriptors (ulimit -Sn)");
    }
}
