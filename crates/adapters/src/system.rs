use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use addressbook_domain::{Cause, Clock, IdSource, SecretSource, Timer, Timestamp};
use async_trait::async_trait;
use ulid::{Generator, Ulid};

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only source of time")]
    fn now(&self) -> Timestamp {
        let now = chrono::Utc::now().timestamp_millis();
        // This fails only from the year 10000 on.
        Timestamp::from_unix_ms(now).unwrap_or(Timestamp::MAX)
    }
}

/// Lets the tasks of a Tokio runtime wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioTimer;

#[async_trait]
impl Timer for TokioTimer {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Generates monotonic [ULIDs](https://github.com/ulid/spec): each is greater than the previous
/// ones, even within one millisecond.
#[derive(Debug)]
pub struct UlidSource<C> {
    clock: C,
    generator: Mutex<Generator>,
}

impl<C: Clock> UlidSource<C> {
    /// Creates a source whose ids contain the time of this clock.
    pub const fn new(clock: C) -> Self {
        Self {
            clock,
            generator: Mutex::new(Generator::new()),
        }
    }
}

impl<C: Clock> IdSource for UlidSource<C> {
    #[expect(clippy::disallowed_methods, reason = "the only source of ids")]
    fn next(&self) -> Ulid {
        let since_1970 = Duration::from_millis(self.clock.now().unix_ms().try_into().unwrap_or(0));
        // A panic elsewhere cannot leave the generator half updated.
        let mut generator = self
            .generator
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match generator.generate_from_datetime(SystemTime::UNIX_EPOCH + since_1970) {
            Ok(ulid) => ulid,
            // More than 2^80 ids in one millisecond: continue in the next.
            Err(overflow) => overflow.commit_overflow_increment(),
        }
    }
}

/// The randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsSecrets;

impl SecretSource for OsSecrets {
    #[expect(clippy::disallowed_methods, reason = "the only source of secrets")]
    fn secret(&self) -> Result<[u8; 32], Cause> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use addressbook_testkit::FrozenClock;

    use super::*;

    #[test]
    fn ids_increase_within_one_millisecond() {
        let source = UlidSource::new(FrozenClock::default());
        let ids: Vec<_> = (0..1_000).map(|_| source.next()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        let now = FrozenClock::default().now().unix_ms();
        assert!(ids.iter().all(|id| id.timestamp_ms() == now as u64));
    }

    #[test]
    fn secrets_are_unique() {
        let secrets: Vec<_> = (0..100).map(|_| OsSecrets.secret().unwrap()).collect();
        let different: std::collections::BTreeSet<_> = secrets.iter().collect();
        assert_eq!(different.len(), secrets.len());
    }

    #[test]
    fn the_clock_returns_the_current_time() {
        assert!(SystemClock.now() > Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
    }
}
