//! Logs why connections to the database fail.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the same reason is not logged again.
const PAUSE: Duration = Duration::from_secs(10);

/// The reason that was logged last, and when.
type Logged = Option<(String, Instant)>;

static LOGGED: Mutex<Logged> = Mutex::new(None);

/// Logs why a connection failed, unless the same reason was logged within the last 10 s. All
/// connections of the process retry, and most fail for the same reason.
pub(crate) fn log_connection_failure(reason: String) {
    let now = Instant::now();
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    if is_new(&logged, &reason, now) {
        tracing::warn!(reason, "cannot connect to the database");
        *logged = Some((reason, now));
    }
}

fn is_new(logged: &Logged, reason: &str, now: Instant) -> bool {
    logged
        .as_ref()
        .is_none_or(|(last, at)| last != reason || now.duration_since(*at) >= PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_logged_when_it_changes_and_after_a_pause() {
        let at = Instant::now();
        let logged = Some(("refused".to_owned(), at));
        assert!(is_new(&None, "refused", at));
        assert!(is_new(&logged, "no route to host", at));
        assert!(!is_new(&logged, "refused", at));
        assert!(!is_new(
            &logged,
            "refused",
            at + PAUSE - Duration::from_nanos(1)
        ));
        assert!(is_new(&logged, "refused", at + PAUSE));
    }
}
