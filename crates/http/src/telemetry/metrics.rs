use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::middleware::in_flight::InFlight;
use crate::response::problem_kind::{ALL as KINDS, ProblemKind};
use crate::route::Route;
use crate::telemetry::method::MethodName;

/// A label with its value.
type Label<V = &'static str> = [(&'static str, V); 1];

/// Counts requests, for Prometheus. Cheap to clone: the clones share their counts.
///
/// All values of labels are the service's own, so they cannot contain data that a client sent.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    in_flight: InFlight,
    requests: Family<(Label, (Label, Label<u16>)), Counter>,
    seconds: Family<(Label, Label), Histogram, fn() -> Histogram>,
    problems: Family<Label, Counter>,
    replays: Counter,
}

/// Upper bounds in seconds: from the duration of an inline read to one that no request should
/// reach.
const BUCKETS: [f64; 17] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5,
    2.5, 5.0, 20.0,
];

/// The value of the label `problem` for a problem without a kind of its own.
const OTHER: &str = "other";

impl HttpMetrics {
    /// Creates metrics that also export what is in flight.
    pub fn new(in_flight: InFlight) -> Self {
        let problems = Family::<Label, Counter>::default();
        // From the start, so that an alert on an increase notices the first one.
        for problem in KINDS.iter().map(ProblemKind::slug).chain([OTHER]) {
            drop(problems.get_or_create(&[("problem", problem)]));
        }
        Self {
            in_flight,
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            problems,
            replays: Counter::default(),
        }
    }

    /// Registers all metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "addressbook_http_requests",
            "Requests that got a response, by route, method and status",
            self.requests.clone(),
        );
        registry.register(
            "addressbook_http_request_duration_seconds",
            "Duration of requests, from head to response, by route and method",
            self.seconds.clone(),
        );
        registry.register(
            "addressbook_http_problems",
            "Responses that were problems, by the last part of their type",
            self.problems.clone(),
        );
        registry.register(
            "addressbook_idempotent_replays",
            "Creates that returned the address of an earlier create with the same idempotency key",
            self.replays.clone(),
        );
        registry.register_collector(Box::new(InFlightMetrics(self.in_flight.clone())));
    }

    /// Counts a response.
    pub(crate) fn record(
        &self,
        route: Route,
        method: MethodName,
        status: StatusCode,
        kind: Option<ProblemKind>,
        duration: Duration,
    ) {
        let route = [("route", route.as_str())];
        let method = [("method", method.as_str())];
        let with_status = (route, (method, [("status", status.as_u16())]));
        self.requests.get_or_create(&with_status).inc();
        let seconds = self.seconds.get_or_create(&(route, method));
        seconds.observe(duration.as_secs_f64());
        if status.is_client_error() || status.is_server_error() {
            let kind = kind.unwrap_or_else(|| ProblemKind::of_status(status));
            let known = KINDS.iter().find(|known| known.uri == kind.uri);
            let problem = [("problem", known.map_or(OTHER, ProblemKind::slug))];
            self.problems.get_or_create(&problem).inc();
        }
    }

    /// Counts a creation that returned the address of an earlier one.
    pub(crate) fn record_replay(&self) {
        self.replays.inc();
    }
}

/// What is in flight at the time of the scrape.
#[derive(Debug)]
struct InFlightMetrics(InFlight);

impl Collector for InFlightMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(in_flight) = self;
        let gauges = [
            (
                "addressbook_http_requests_in_flight",
                "Requests in flight.",
                in_flight.requests(),
            ),
            (
                "addressbook_http_waiting_bodies",
                "Request bodies being received.",
                in_flight.waiting_bodies(),
            ),
            (
                "addressbook_http_unsent_bytes",
                "Bytes of responses over 16 KiB that clients have not read yet.",
                in_flight.unsent_bytes(),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let shed = ConstCounter::new(in_flight.rejected());
        shed.encode(encoder.encode_descriptor(
            "addressbook_http_requests_shed",
            "Requests rejected because of --max-in-flight, --max-waiting-bodies or --max-unsent-bytes.",
            None,
            shed.metric_type(),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;

    use actix_web::http::Method;
    use actix_web::test::{TestRequest, call_service, init_service};
    use addressbook_domain::{AddressService, ServiceLimits};
    use addressbook_testkit::{FrozenClock, InMemoryRepository, SequenceIds};
    use insta::assert_snapshot;
    use prometheus_client::encoding::prometheus_text;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::app;
    use crate::app::AppParts;
    use crate::testing::{BOOK, path_of, sending};

    fn text(metrics: &HttpMetrics) -> String {
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).unwrap();
        text
    }

    #[actix_web::test]
    async fn labels_contain_no_customer_data() {
        let metrics = HttpMetrics::new(InFlight::default());
        let ids = Arc::new(SequenceIds::default());
        let repository = Arc::new(InMemoryRepository::default());
        let clock = Arc::new(FrozenClock::default());
        let service = AddressService::new(repository, clock, ids.clone(), ServiceLimits::default());
        let parts = AppParts {
            metrics: Some(metrics.clone()),
            ..AppParts::new(service, ids)
        };
        let app = init_service(app(parts)).await;
        let json = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;
        let create = || {
            let create = sending(Method::POST, BOOK, json);
            create.insert_header(("Idempotency-Key", "cus_1"))
        };
        for request in [
            TestRequest::get().uri(BOOK),
            TestRequest::get().uri(BOOK),
            TestRequest::get().uri(&format!("{BOOK}?limit=cus_1")),
            TestRequest::get().uri(&path_of(1)),
            TestRequest::get().uri("/cus_1"),
            TestRequest::with_uri(BOOK).method(Method::from_bytes(b"CUS_1").unwrap()),
            create(),
            create(),
        ] {
            call_service(&app, request.to_request()).await;
        }
        let text = text(&metrics);
        assert!(!text.to_lowercase().contains("cus_1"), "{text}");
        // Durations differ from run to run, and counters that are zero are not of interest.
        let varies = ["_bucket{", "_sum{", "\"} 0"];
        let fixed = |line: &&str| !varies.iter().any(|part| line.contains(part));
        let mut lines: Vec<_> = text.lines().filter(fixed).collect();
        lines.sort_unstable();
        assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn requests_in_flight_and_shed_are_exported() {
        let in_flight = Rc::new(InFlight::default());
        let metrics = HttpMetrics::new(InFlight::clone(&in_flight));
        let _guard = in_flight.try_enter(1);
        in_flight.reject();
        let text = text(&metrics);
        assert!(
            text.contains("addressbook_http_requests_in_flight 1\n"),
            "{text}"
        );
        assert!(
            text.contains("addressbook_http_requests_shed_total 1\n"),
            "{text}"
        );
    }
}
