//! Why the database lets nobody in, in the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a reason that stays the same is not told again.
const SILENCE: Duration = Duration::from_secs(10);

/// What was told last, and when.
type Told = Option<(String, Instant)>;

static TOLD: Mutex<Told> = Mutex::new(None);

/// Tells why a connection could not be made, unless that was told just now: all connections of the
/// process try again and again, and find the same.
pub(crate) fn tell(reason: String) {
    let now = Instant::now();
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if is_news(&told, &reason, now) {
        tracing::warn!(reason, "cannot connect to the database");
        *told = Some((reason, now));
    }
}

fn is_news(told: &Told, reason: &str, now: Instant) -> bool {
    told.as_ref()
        .is_none_or(|(last, at)| last != reason || now.duration_since(*at) >= SILENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_when_it_is_another_and_once_in_a_while() {
        let at = Instant::now();
        let told = Some(("refused".to_owned(), at));
        assert!(is_news(&None, "refused", at));
        assert!(is_news(&told, "no route to host", at));
        assert!(!is_news(&told, "refused", at));
        assert!(!is_news(
            &told,
            "refused",
            at + SILENCE - Duration::from_nanos(1)
        ));
        assert!(is_news(&told, "refused", at + SILENCE));
    }
}
