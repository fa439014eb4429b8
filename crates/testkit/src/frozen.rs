use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use addressbook_domain::{
    AddressRepository, AddressService, Clock, IdSource, ServiceLimits, Timestamp,
};
use ulid::Ulid;

/// A clock that always returns the same time.
#[derive(Clone, Copy, Debug)]
pub struct FrozenClock(pub Timestamp);

impl Default for FrozenClock {
    /// A clock at 2024-08-01T10:15:30.000Z.
    fn default() -> Self {
        Self(Timestamp::from_unix_ms(1_722_507_330_000).expect("within the range of a timestamp"))
    }
}

impl Clock for FrozenClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Consecutive ids, the same in every run.
#[derive(Debug, Default)]
pub struct SequenceIds(AtomicU64);

impl IdSource for SequenceIds {
    fn next(&self) -> Ulid {
        Ulid::from_parts(
            1_722_507_330_000,
            self.0.fetch_add(1, Ordering::Relaxed).into(),
        )
    }
}

/// The use cases on a repository, with the default limits and a frozen clock.
pub fn service(repository: Arc<dyn AddressRepository>) -> AddressService {
    AddressService::new(
        repository,
        Arc::new(FrozenClock::default()),
        Arc::new(SequenceIds::default()),
        ServiceLimits::default(),
    )
}
