//! File descriptors: how many connections the system lets the process have.

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A connection's own, and one to watch over it.
const PER_CONNECTION: u64 = 2;

/// For the database, the log and what else the process has open.
const OTHERS: u64 = 200;

/// How many connections fit into the file descriptors that the system allows, from 1. `None` where
/// it sets no limit.
pub(crate) fn connections() -> Option<u32> {
    let limit = getrlimit(Resource::Nofile).maximum?;
    let connections = limit.saturating_sub(OTHERS) / PER_CONNECTION;
    Some(u32::try_from(connections).unwrap_or(u32::MAX).max(1))
}

/// What a worker thread has open to wait for events.
const PER_WORKER: u64 = 4;

/// For the database and the log, and for the first connections.
const FEWEST: u64 = 60;

/// Refuses to start where so many workers, which panic without file descriptors, cannot.
///
/// # Errors
/// How many file descriptors there would have to be.
pub(crate) fn suffice_for(workers: usize) -> anyhow::Result<()> {
    let needed = FEWEST + PER_WORKER * workers as u64;
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => bail!(
            "the system's limit of {limit} file descriptors is too low for {workers} worker \
             threads, which need {needed}: raise it (ulimit -n {needed}), or set --workers lower"
        ),
        _ => Ok(()),
    }
}

/// How many file descriptors so many connections need.
pub(crate) fn needed(connections: u32) -> u64 {
    u64::from(connections) * PER_CONNECTION + OTHERS
}

/// Takes all file descriptors that the system allows. By default, systems give a process 1,024
/// and allow it to ask for more.
pub(crate) fn take_all() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(%error, "cannot raise the limit of file descriptors (ulimit -Sn)");
    }
}
