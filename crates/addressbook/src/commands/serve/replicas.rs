//! Keeps healthy replicas in rotation: those that can be reached and are not too far behind.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::task::spawn_blocking;
use actix_web::rt::time::{sleep, timeout};
use addressbook_domain::{Engine, OpenMode, Replicas, Store};

/// How often a replica is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// In how many checks in a row a replica must be too far behind to leave the rotation. After a time
/// without writes, the first write makes a replica look as far behind as that time was long.
const LATE_CHECKS: u32 = 2;

/// A replica to check.
pub(super) struct Watched {
    pub(super) engine: Arc<dyn Engine>,
    /// Its index in the rotation.
    pub(super) index: usize,
    pub(super) rotation: Arc<Replicas>,
    pub(super) max_lag: Duration,
    /// Adds metrics and traces to a store.
    pub(super) observe: Arc<dyn Fn(Store) -> Store>,
}

impl Watched {
    /// Checks the replica again and again, puts it into rotation and takes it out.
    pub(super) async fn watch(self) {
        let replica = self.engine.location();
        let mut store = None;
        let mut late_checks = 0;
        let mut last_reason = None;
        loop {
            let was_in_rotation = self.rotation.is_in_rotation(self.index);
            match self.check(&mut store, &mut late_checks).await {
                Ok(Some(store)) if !was_in_rotation => {
                    self.rotation
                        .set(self.index, Some(Arc::clone(&store.addresses)));
                    last_reason = None;
                    tracing::info!(replica, "the replica serves reads");
                }
                Ok(_) => {}
                Err(reason) => {
                    self.rotation.set(self.index, None);
                    if last_reason.as_ref() != Some(&reason) {
                        tracing::warn!(replica, reason, "the replica serves no reads");
                    }
                    last_reason = Some(reason);
                }
            }
            sleep(CHECK_INTERVAL).await;
        }
    }

    /// Returns the store of a healthy replica, or nothing if it was too far behind for the first
    /// time. An error is the reason for the log.
    async fn check<'s>(
        &self,
        store: &'s mut Option<Store>,
        late_checks: &mut u32,
    ) -> Result<Option<&'s Store>, String> {
        let store = match store {
            Some(store) => store,
            None => store.insert(self.open().await?),
        };
        let Some(replication) = &store.replication else {
            return Err("it cannot follow another database".to_owned());
        };
        let lag = match timeout(CHECK_TIMEOUT, replication.lag()).await {
            Ok(Ok(lag)) => lag,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("it does not respond".to_owned()),
        };
        if lag <= self.max_lag {
            *late_checks = 0;
            return Ok(Some(store));
        }
        *late_checks = late_checks.saturating_add(1);
        match *late_checks {
            LATE_CHECKS.. => Err("it is behind by more than --max-replica-lag-ms".to_owned()),
            _ => Ok(None),
        }
    }

    async fn open(&self) -> Result<Store, String> {
        let engine = Arc::clone(&self.engine);
        let opened = spawn_blocking(move || engine.open(OpenMode::Existing)).await;
        let store = opened.map_err(|error| error.to_string())?;
        let store = store.map_err(|error| error.to_string())?;
        Ok((self.observe)(store))
    }
}
