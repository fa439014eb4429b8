use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::telemetry::labels::{ErrorKind, Operation, Write};

/// A label with its value.
type Label = [(&'static str, &'static str); 1];

/// The buckets of durations, in seconds.
const BUCKETS: [f64; 16] = [
    0.000_025, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0,
    1.5, 2.5, 6.0,
];

/// Counts the operations of a store. Cheap to clone: clones share their counts.
#[derive(Clone, Debug)]
pub(crate) struct StoreMetrics {
    seconds: Family<Label, Histogram, fn() -> Histogram>,
    errors: Family<Label, Counter>,
    writes: Family<Label, Counter>,
}

impl Default for StoreMetrics {
    /// All counters are there from the start, so that an alert on an increase notices the first one.
    fn default() -> Self {
        let metrics = Self {
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            errors: Family::default(),
            writes: Family::default(),
        };
        for operation in Operation::ALL {
            drop(
                metrics
                    .seconds
                    .get_or_create(&[("operation", operation.as_str())]),
            );
        }
        for kind in ErrorKind::ALL {
            drop(metrics.errors.get_or_create(&[("kind", kind.as_str())]));
        }
        for write in Write::ALL {
            drop(
                metrics
                    .writes
                    .get_or_create(&[("operation", write.as_str())]),
            );
        }
        metrics
    }
}

impl StoreMetrics {
    /// Registers all metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "addressbook_store_operation_duration_seconds",
            "Duration of store operations, including the wait for a connection",
            self.seconds.clone(),
        );
        registry.register(
            "addressbook_store_errors",
            "Errors of the store, by kind",
            self.errors.clone(),
        );
        registry.register(
            "addressbook_store_writes",
            "Addresses created, replaced or removed, and customers erased",
            self.writes.clone(),
        );
    }

    /// Records an operation: its duration, and its error if it failed.
    pub(crate) fn record_operation(
        &self,
        operation: Operation,
        duration: Duration,
        error: Option<ErrorKind>,
    ) {
        let seconds = self
            .seconds
            .get_or_create(&[("operation", operation.as_str())]);
        seconds.observe(duration.as_secs_f64());
        if let Some(kind) = error {
            self.errors.get_or_create(&[("kind", kind.as_str())]).inc();
        }
    }

    /// Records the number of changed addresses or erased customers.
    pub(crate) fn record_writes(&self, write: Write, count: u64) {
        let writes = self.writes.get_or_create(&[("operation", write.as_str())]);
        writes.inc_by(count);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use addressbook_domain::{
        AddressRepository, CommitError, Inconsistency, MockAddressRepository, Refusal,
        RepositoryError,
    };
    use addressbook_testkit::fixtures::commit;
    use prometheus_client::encoding::prometheus_text;

    use super::*;
    use crate::telemetry::observed::Observed;

    #[actix_web::test]
    async fn every_failure_is_counted_by_its_kind() {
        let failures: [fn() -> CommitError; ErrorKind::ALL.len()] = [
            || Refusal::Conflict { index: 0 }.into(),
            || Refusal::BookFull { index: 0 }.into(),
            || Refusal::HistoryFull { index: 0 }.into(),
            || Refusal::BookChanged.into(),
            || Refusal::NotInBook { index: 0 }.into(),
            || Refusal::KeyTaken.into(),
            || RepositoryError::Busy("busy".into()).into(),
            || RepositoryError::Unavailable("away".into()).into(),
            || {
                CommitError::Repository(RepositoryError::Corrupt(Inconsistency {
                    record: "address",
                    key: "add_1".into(),
                    field: "city",
                }))
            },
            || RepositoryError::Internal("defect".into()).into(),
        ];
        for (failure, kind) in failures.into_iter().zip(ErrorKind::ALL) {
            let mut repository = MockAddressRepository::new();
            repository
                .expect_commit()
                .returning(move |_| Err(failure()));
            let metrics = StoreMetrics::default();
            let observed = Observed {
                repository: Arc::new(repository),
                metrics: Some(metrics.clone()),
                tracer: None,
            };
            observed.commit(commit([])).await.unwrap_err();
            let mut registry = Registry::default();
            metrics.register(&mut registry);
            let mut text = String::new();
            prometheus_text::encode(&mut text, &registry).unwrap();
            for other in ErrorKind::ALL {
                let (count, other) = (u8::from(other == kind), other.as_str());
                let line = format!("addressbook_store_errors_total{{kind=\"{other}\"}} {count}\n");
                assert!(text.contains(&line), "{line}{text}");
            }
        }
    }
}
