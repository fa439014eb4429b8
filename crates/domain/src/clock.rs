use crate::timestamp::Timestamp;

/// Tells the time. This is the only source of time in the domain, so that tests can freeze it.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}
