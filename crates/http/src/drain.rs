use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the service is about to stop. Clones share it.
///
/// Once it is, `/readyz` fails, so that load balancers send no new requests, and each connection
/// is closed after its next response, so that clients connect elsewhere. Everything else continues.
#[derive(Clone, Debug, Default)]
pub struct Drain(Arc<AtomicBool>);

impl Drain {
    /// Begins the drain. It cannot be undone.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
