use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fmt, iter};

use actix_web::http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::middleware::in_flight::InFlight;
use crate::pattern::Pattern;
use crate::response::problem_kind::{ALL as KINDS, Kind};
use crate::telemetry::method::Verb;

/// Counts requests, for Prometheus. Cheap to clone: the clones count together.
///
/// All labels come from fixed lists. So they cannot contain data that a client sent, and counters
/// are found by number.
#[derive(Clone, Debug)]
pub struct HttpMetrics(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    in_flight: InFlight,
    replays: AtomicU64,
    /// By index in the kinds; the last is for all others.
    problems: [AtomicU64; KINDS.len() + 1],
    /// By route and method.
    series: Vec<Series>,
}

/// The counters of one route and method.
#[derive(Debug)]
struct Series {
    /// By index in [`STATUSES`]; the last is for all others.
    by_status: [AtomicU64; STATUSES.len() + 1],
    seconds: Histogram,
}

/// The statuses of responses, the most frequent first.
const STATUSES: [u16; 21] = [
    200, 304, 201, 204, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 415, 422, 428, 429, 431,
    500, 503,
];

/// Upper bounds in seconds: from the duration of an inline read to one that no request should
/// reach.
const BUCKETS: [f64; 17] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5,
    2.5, 5.0, 20.0,
];

impl HttpMetrics {
    /// Creates metrics that also export what is in flight.
    pub fn with(in_flight: InFlight) -> Self {
        let series = || Series {
            by_status: Default::default(),
            seconds: Histogram::new(BUCKETS),
        };
        let count = Pattern::ALL.len() * Verb::ALL.len();
        Self(Arc::new(Counts {
            in_flight,
            replays: AtomicU64::default(),
            problems: Default::default(),
            series: iter::repeat_with(series).take(count).collect(),
        }))
    }

    /// Counts a response.
    pub(crate) fn answered(
        &self,
        pattern: Pattern,
        verb: Verb,
        status: StatusCode,
        kind: Option<Kind>,
        duration: Duration,
    ) {
        let series = &self.0.series[pattern.number() * Verb::ALL.len() + verb.number()];
        let place = STATUSES.iter().position(|known| *known == status.as_u16());
        count(&series.by_status[place.unwrap_or(STATUSES.len())]);
        series.seconds.observe(duration.as_secs_f64());
        if status.is_client_error() || status.is_server_error() {
            let kind = kind.unwrap_or_else(|| Kind::of_status(status));
            let place = KINDS.iter().position(|known| known.uri == kind.uri);
            count(&self.0.problems[place.unwrap_or(KINDS.len())]);
        }
    }

    /// Counts a creation that returned the address of an earlier one.
    pub(crate) fn replayed(&self) {
        count(&self.0.replays);
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn gauge(number: usize) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX))
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Series {
    fn is_used(&self) -> bool {
        self.by_status.iter().any(|counter| value(counter) > 0)
    }
}

impl Counts {
    /// The series with at least one request, with their labels.
    fn used(&self) -> impl Iterator<Item = (&'static str, &'static str, &Series)> {
        let routes = Pattern::ALL.into_iter();
        let labels = routes.flat_map(|route| Verb::ALL.map(|method| (route, method)));
        let all = labels.zip(&self.series);
        all.filter(|(_, series)| series.is_used())
            .map(|((route, method), series)| (route, method, series))
    }
}

impl Collector for HttpMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = &self.0;
        let mut requests = encoder.encode_descriptor(
            "addressbook_http_requests",
            "Requests that got a response, by route, method and status.",
            None,
            MetricType::Counter,
        )?;
        for (route, method, series) in counts.used() {
            let statuses = STATUSES.map(|status| status.to_string());
            let statuses = statuses.iter().map(String::as_str).chain(["other"]);
            for (status, counter) in statuses.zip(&series.by_status) {
                if value(counter) > 0 {
                    let labels = [("route", route), ("method", method), ("status", status)];
                    ConstCounter::new(value(counter)).encode(requests.encode_family(&labels)?)?;
                }
            }
        }
        let mut seconds = encoder.encode_descriptor(
            "addressbook_http_request_duration_seconds",
            "Duration of requests, from head to response, by route and method.",
            None,
            MetricType::Histogram,
        )?;
        for (route, method, series) in counts.used() {
            let labels = [("route", route), ("method", method)];
            series.seconds.encode(seconds.encode_family(&labels)?)?;
        }
        let mut problems = encoder.encode_descriptor(
            "addressbook_http_problems",
            "Responses that were problems, by the last part of their type.",
            None,
            MetricType::Counter,
        )?;
        let kinds = KINDS.iter().map(Kind::slug).chain(["other"]);
        for (problem, counter) in kinds.zip(&counts.problems) {
            let labels = [("problem", problem)];
            ConstCounter::new(value(counter)).encode(problems.encode_family(&labels)?)?;
        }
        let in_flight = encoder.encode_descriptor(
            "addressbook_http_requests_in_flight",
            "Requests in flight.",
            None,
            MetricType::Gauge,
        )?;
        gauge(counts.in_flight.taken()).encode(in_flight)?;
        let waiting = encoder.encode_descriptor(
            "addressbook_http_waiting_bodies",
            "Request bodies being received.",
            None,
            MetricType::Gauge,
        )?;
        gauge(counts.in_flight.waiting_bodies()).encode(waiting)?;
        let unsent = encoder.encode_descriptor(
            "addressbook_http_unsent_bytes",
            "Bytes of responses over 16 KiB that clients have not read yet.",
            None,
            MetricType::Gauge,
        )?;
        gauge(counts.in_flight.unsent_bytes()).encode(unsent)?;
        let shed = encoder.encode_descriptor(
            "addressbook_http_requests_shed",
            "Requests rejected because of --max-in-flight, --max-waiting-bodies or --max-unsent-bytes.",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(counts.in_flight.refused()).encode(shed)?;
        let replays = encoder.encode_descriptor(
            "addressbook_idempotent_replays",
            "Creates that returned the address of an earlier create with the same idempotency key.",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(value(&counts.replays)).encode(replays)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use actix_web::http::Method;
    use actix_web::test::{TestRequest, call_service, init_service};
    use addressbook_domain::{AddressService, ServiceLimits};
    use addressbook_testkit::{FrozenClock, InMemoryRepository, SequenceIds};
    use insta::assert_snapshot;
    use prometheus_client::encoding::prometheus_text;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::app;
    use crate::app::Parts;
    use crate::testing::{BOOK, path_of, sending};

    fn text(metrics: &HttpMetrics) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(metrics.clone()));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).unwrap();
        text
    }

    #[actix_web::test]
    async fn labels_contain_no_customer_data() {
        let metrics = HttpMetrics::with(InFlight::default());
        let ids = Arc::new(SequenceIds::default());
        let repository = Arc::new(InMemoryRepository::default());
        let clock = Arc::new(FrozenClock::default());
        let service = AddressService::new(repository, clock, ids.clone(), ServiceLimits::default());
        let parts = Parts {
            metrics: Some(metrics.clone()),
            ..Parts::new(service, ids)
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
        assert_snapshot!(text.lines().filter(fixed).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn requests_in_flight_and_shed_are_exported() {
        let in_flight = Rc::new(InFlight::default());
        let metrics = HttpMetrics::with(InFlight::clone(&in_flight));
        let _place = in_flight.enter(1);
        in_flight.refuse();
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
