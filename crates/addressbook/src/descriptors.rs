//! File descriptors: how many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A connection's own, and one to watch over it.
const PER_CONNECTION: u64 = 2;

/// For the database, the log and what else the process has open.
const OTHERS: u64 = 200;

/// Takes as many as the system allows: by habit it gives a process 1,024, and to more only on
/// request. Warns where they are too few for so many connections.
pub(crate) fn take_for(connections: u32) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    let limit = match setrlimit(Resource::Nofile, all) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    let needed = u64::from(connections) * PER_CONNECTION + OTHERS;
    if let Some(limit) = limit.filter(|limit| *limit < needed) {
        tracing::warn!(
            limit,
            needed,
            "too few file descriptors for --max-connections: raise LimitNOFILE (ulimit -Hn) or \
             lower it"
        );
    }
}
