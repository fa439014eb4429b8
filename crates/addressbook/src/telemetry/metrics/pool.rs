use std::fmt;
use std::sync::Arc;

use addressbook_domain::ConnectionPool;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::encode;

/// The state of the store's connection pool at the time of the scrape.
pub(crate) struct PoolMetrics(pub(crate) Arc<dyn ConnectionPool>);

impl fmt::Debug for PoolMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PoolMetrics")
    }
}

impl Collector for PoolMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let state = self.0.state();
        let in_use = state.connections - state.idle_connections;
        let gauges = [
            (
                "addressbook_store_pool_max_connections",
                "Maximum number of connections in the pool.",
                state.max_connections,
            ),
            (
                "addressbook_store_pool_connections",
                "Connections of the pool.",
                state.connections,
            ),
            (
                "addressbook_store_pool_connections_in_use",
                "Connections of the pool that are in use.",
                in_use,
            ),
        ];
        for (name, help, value) in gauges {
            encode(&mut encoder, name, help, &ConstGauge::new(i64::from(value)))?;
        }
        let checkouts = ConstCounter::new(state.checkouts);
        let name = "addressbook_store_pool_checkouts";
        let help = "Connections taken from the pool.";
        encode(&mut encoder, name, help, &checkouts)?;
        let waited = ConstCounter::new(state.waited.as_secs_f64());
        let name = "addressbook_store_pool_wait_seconds";
        let help = "Time spent waiting for connections from the pool.";
        encode(&mut encoder, name, help, &waited)?;
        let timeouts = ConstCounter::new(state.timeouts);
        let name = "addressbook_store_pool_timeouts";
        let help = "Timeouts while waiting for a connection from the pool.";
        encode(&mut encoder, name, help, &timeouts)
    }
}
