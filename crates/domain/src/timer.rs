use std::time::Duration;

use async_trait::async_trait;

/// Lets a use case wait. This is the only source of delays in the domain, so that tests need none.
#[async_trait]
pub trait Timer: Send + Sync {
    /// Returns after this time.
    async fn sleep(&self, duration: Duration);
}
