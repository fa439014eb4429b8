use crate::Timestamp;

/// What time it is. The only source of time in the domain, so that tests can stop it.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}
