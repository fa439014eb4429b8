use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::histogram::Histogram;

use crate::telemetry::observed::{KINDS, OPERATIONS};

/// The kinds of writes, as values of the label `operation`.
const WRITES: [&str; 4] = ["create", "replace", "remove", "erase"];

/// The buckets of durations, in seconds.
const BUCKETS: [f64; 16] = [
    0.000_025, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0,
    1.5, 2.5, 6.0,
];

/// Counts the operations of a store. Cheap to clone: clones share their counts.
#[derive(Clone, Debug)]
pub(crate) struct StoreMetrics(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    seconds: [Histogram; OPERATIONS.len()],
    errors: [AtomicU64; KINDS.len()],
    writes: [AtomicU64; WRITES.len()],
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self(Arc::new(Counts {
            seconds: OPERATIONS.map(|_| Histogram::new(BUCKETS)),
            errors: Default::default(),
            writes: Default::default(),
        }))
    }
}

impl StoreMetrics {
    /// Records an operation, by its index in [`OPERATIONS`]: its duration, and its failure by index
    /// in [`KINDS`].
    pub(crate) fn asked(&self, operation: usize, took: Duration, failure: Option<usize>) {
        self.0.seconds[operation].observe(took.as_secs_f64());
        if let Some(kind) = failure {
            self.0.errors[kind].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records writes, by their index in [`WRITES`]: the number of changed addresses or erased
    /// customers.
    pub(crate) fn written(&self, write: usize, count: u64) {
        self.0.writes[write].fetch_add(count, Ordering::Relaxed);
    }
}

impl Collector for StoreMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut seconds = encoder.encode_descriptor(
            "addressbook_store_operation_duration_seconds",
            "Duration of store operations, including the wait for a connection.",
            None,
            self.0.seconds[0].metric_type(),
        )?;
        for (operation, histogram) in OPERATIONS.into_iter().zip(&self.0.seconds) {
            histogram.encode(seconds.encode_family(&[("operation", operation)])?)?;
        }
        let families = [
            (
                "addressbook_store_errors",
                "Errors of the store, by kind.",
                "kind",
                &KINDS[..],
                &self.0.errors[..],
            ),
            (
                "addressbook_store_writes",
                "Addresses created, replaced or removed, and customers erased.",
                "operation",
                &WRITES,
                &self.0.writes,
            ),
        ];
        for (name, help, label, values, counters) in families {
            let metric_type = ConstCounter::new(0_u64).metric_type();
            let mut family = encoder.encode_descriptor(name, help, None, metric_type)?;
            for (value, counter) in values.iter().zip(counters) {
                let counter = ConstCounter::new(counter.load(Ordering::Relaxed));
                counter.encode(family.encode_family(&[(label, *value)])?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use addressbook_domain::{
        AddressRepository, CustomerId, MockAddressRepository, RepositoryError,
    };
    use prometheus_client::encoding::prometheus_text;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::telemetry::observed::Observed;

    #[actix_web::test]
    async fn every_failure_is_counted_by_its_kind() {
        let failures: [fn() -> RepositoryError; KINDS.len()] = [
            || RepositoryError::Conflict { index: 0 },
            || RepositoryError::BookFull { index: 0 },
            || RepositoryError::HistoryFull { index: 0 },
            || RepositoryError::KeyTaken,
            || RepositoryError::Busy("busy".into()),
            || RepositoryError::Unavailable("away".into()),
            || {
                RepositoryError::Corrupt(addressbook_domain::Inconsistency {
                    record: "address",
                    key: "add_1".into(),
                    field: "city",
                })
            },
            || RepositoryError::Internal("defect".into()),
        ];
        for (failure, kind) in failures.into_iter().zip(KINDS) {
            let mut repository = MockAddressRepository::new();
            repository.expect_head().returning(move |_| Err(failure()));
            let metrics = StoreMetrics::default();
            let observed = Observed {
                repository: Arc::new(repository),
                metrics: Some(metrics.clone()),
                tracer: None,
            };
            let customer_id = CustomerId::parse("cus_1").unwrap();
            observed.head(&customer_id).await.unwrap_err();
            let mut registry = Registry::default();
            registry.register_collector(Box::new(metrics));
            let mut text = String::new();
            prometheus_text::encode(&mut text, &registry).unwrap();
            for other in KINDS {
                let count = u8::from(other == kind);
                let line = format!("addressbook_store_errors_total{{kind=\"{other}\"}} {count}\n");
                assert!(text.contains(&line), "{line}{text}");
            }
        }
    }
}
