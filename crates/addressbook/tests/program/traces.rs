//! What an OpenTelemetry collector receives.

mod collector;

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use rstest::rstest;

use self::collector::{Collector, describe};
use crate::canaries::RecordedService;
use crate::support::{Service, TestDir, wait_until};

const BOOK: &str = "/v1/customers/cus_1/addresses";
const ADDRESS: &str = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_ID: &str = "00f067aa0ba902b7";

/// Starts the service without a shutdown delay, with these additional settings and variables.
fn serve(dir: &TestDir, settings: &[&str], variables: &[(&str, &str)]) -> Service {
    let always = ["serve", "--listen=127.0.0.1:0", "--shutdown-delay-s=0"];
    let mut program = dir.program(&[&always, settings].concat());
    program.envs(variables.iter().copied());
    Service::start_with_log(program, Stdio::piped())
}

/// Stops the service and returns its log.
fn stop(mut service: Service) -> String {
    service.signal("TERM");
    assert!(service.child.wait().unwrap().success());
    let mut log = String::new();
    let mut stderr = service.child.stderr.take().unwrap();
    stderr.read_to_string(&mut log).unwrap();
    log
}

fn hexadecimal(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let span = found.next().unwrap();
    assert!(found.next().is_none(), "there are two spans {name}");
    span
}

#[rstest]
#[case::sqlite(TestDir::sqlite(), "sqlite")]
#[case::postgres(TestDir::postgres(), "postgresql")]
fn requests_and_store_operations_are_spans(#[case] dir: TestDir, #[case] system: &str) {
    let collector = Collector::start();
    let key = dir.run(&[
        "keys",
        "create",
        "--name=checkout",
        "--scope=addresses:read",
        "--scope=addresses:write",
        "--create-database",
    ]);
    let authorization = format!("Bearer {}", key.succeeds().stdout.trim_end());
    let service = serve(&dir, &["--otlp-endpoint", &collector.endpoint], &[]);
    let send = |method: &str, path: &str, more: &[(&str, &str)], body: &str| {
        let always = [
            ("X-Request-Id", "r-1"),
            ("Authorization", authorization.as_str()),
        ];
        service
            .send(method, path, &[&always, more].concat(), body)
            .status
    };
    let parent = |flags: &str| format!("00-{TRACE_ID}-{PARENT_ID}-{flags}");
    assert_eq!(send("POST", BOOK, &[], ADDRESS), 201);
    let sampled = parent("01");
    assert_eq!(
        send(
            "GET",
            &format!("/api{BOOK}?limit=1"),
            &[("traceparent", &sampled)],
            ""
        ),
        200
    );
    let unsampled = parent("00");
    assert_eq!(send("GET", BOOK, &[("traceparent", &unsampled)], ""), 200);
    for probe in ["/livez", "/readyz"] {
        assert_eq!(service.get(probe).0, 200);
    }
    assert_eq!(service.get(BOOK).0, 401);
    assert_eq!(send("BREW", "/nowhere", &[], ""), 404);
    dir.query("ALTER TABLE addresses RENAME TO away");
    assert_eq!(send("DELETE", BOOK, &[], ""), 500);
    let log = stop(service);

    let spans = collector.spans();
    let request_ids = |span: &String| {
        span.split(' ')
            .any(|part| part == "addressbook.request_id=r-1")
    };
    let book = "/v1/customers/{customer_id}/addresses";
    let own = "addressbook.credential=checkout addressbook.request_id=r-1";
    let store = |operation: &str| {
        format!("CLIENT store {operation}: db.operation.name={operation} db.system.name={system}")
    };
    let request = |method: &str, route: &str, status: u16| {
        format!(
            "SERVER {method} {route}: {own} http.request.method={method} \
             http.response.status_code={status} http.route={route}"
        )
    };
    let expected = [
        store("commit"),
        request("POST", book, 201),
        store("list"),
        request("GET", &format!("/api{book}"), 200),
        "SERVER HTTP: addressbook.credential=checkout addressbook.request_id=r-1 \
         http.request.method=_OTHER http.response.status_code=404"
            .to_owned(),
        format!(
            "CLIENT store erase failed: db.operation.name=erase db.system.name={system} \
             error.type=internal"
        ),
        format!(
            "SERVER DELETE {book} failed: {own} error.type=500 http.request.method=DELETE \
             http.response.status_code=500 http.route={book}"
        ),
    ];
    let (known, others): (Vec<_>, Vec<_>) = spans
        .iter()
        .map(describe)
        // The service queries the key again from time to time. How often depends on timing.
        .filter(|span| *span != store("find_key"))
        .partition(|span| request_ids(span) || span.starts_with("CLIENT"));
    assert_eq!(known, expected);
    assert_eq!(others.len(), 1, "{others:?}");
    let other = format!("SERVER GET {book}: addressbook.request_id=01");
    assert!(others[0].starts_with(&other), "{others:?}");

    let below = |name: &str, parent: &str| {
        let (span, parent) = (named(&spans, name), named(&spans, parent));
        assert_eq!(span.trace_id, parent.trace_id, "{name}");
        assert_eq!(span.parent_span_id, parent.span_id, "{name}");
        assert!(parent.start_time_unix_nano <= span.start_time_unix_nano);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
        assert!(span.end_time_unix_nano <= parent.end_time_unix_nano);
    };
    assert!(spans.iter().any(|span| span.name == "store find_key"));
    below("store commit", &format!("POST {book}"));
    below("store list", &format!("GET /api{book}"));
    below("store erase", &format!("DELETE {book}"));
    let called = named(&spans, &format!("GET /api{book}"));
    assert_eq!(hexadecimal(&called.trace_id), TRACE_ID);
    assert_eq!(hexadecimal(&called.parent_span_id), PARENT_ID);
    for root in [format!("POST {book}"), "HTTP".to_owned()] {
        let root = named(&spans, &root);
        assert_eq!(hexadecimal(&root.parent_span_id), "");
        assert_ne!(hexadecimal(&root.trace_id), TRACE_ID);
    }

    let heads = collector.heads();
    for head in &heads {
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("application/x-protobuf"), "{head}");
    }
    // Traces do not change the log.
    assert_eq!(log.matches(" request method=").count(), 8, "{log}");
    assert_eq!(log.matches("trace_id").count(), 2, "{log}");
    assert!(!log.contains("traces"), "{log}");
}

#[test]
fn the_operator_sets_the_name_of_the_service() {
    for (variables, expected) in [
        (vec![], "addressbook"),
        (
            vec![(
                "OTEL_RESOURCE_ATTRIBUTES",
                "service.name=book,deployment.environment.name=test",
            )],
            "book",
        ),
        (
            vec![
                ("OTEL_RESOURCE_ATTRIBUTES", "service.name=book"),
                ("OTEL_SERVICE_NAME", "book-1"),
            ],
            "book-1",
        ),
    ] {
        let (dir, collector) = (TestDir::sqlite(), Collector::start());
        let service = serve(&dir, &["--otlp-endpoint", &collector.endpoint], &variables);
        service.get(BOOK);
        stop(service);
        let resource = collector.resource();
        for attribute in [
            &format!("service.name={expected}"),
            concat!("service.version=", env!("CARGO_PKG_VERSION")),
        ] {
            assert!(
                resource.iter().any(|found| found == attribute),
                "{attribute}: {resource:?}"
            );
        }
        let environment = "deployment.environment.name=test".to_owned();
        assert_eq!(resource.contains(&environment), expected == "book");
    }
}

#[test]
fn the_sample_ratio_applies_to_traces_that_begin_here() {
    let (dir, collector) = (TestDir::sqlite(), Collector::start());
    let settings = [
        "--otlp-sample-ratio=0",
        "--otlp-endpoint",
        &collector.endpoint,
    ];
    let service = serve(&dir, &settings, &[]);
    service.get(BOOK);
    let parent = format!("00-{TRACE_ID}-{PARENT_ID}-01");
    service.send("GET", BOOK, &[("traceparent", &parent)], "");
    stop(service);
    let spans = collector.spans();
    assert_eq!(spans.len(), 2, "{spans:?}");
    for span in spans {
        assert_eq!(hexadecimal(&span.trace_id), TRACE_ID);
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn no_canary_is_in_a_trace(#[case] dir: TestDir) {
    let collector = Collector::start();
    let mut recorded =
        RecordedService::start(&dir, "text", &["--otlp-endpoint", &collector.endpoint]);
    recorded.send_all_requests();
    dir.query("ALTER TABLE address_revisions RENAME TO canaries");
    recorded.send_during_failure();
    dir.query("ALTER TABLE canaries RENAME TO address_revisions");
    recorded.erase();
    let statuses = [
        200, 201, 204, 304, 400, 404, 405, 409, 412, 413, 415, 422, 428, 500,
    ];
    recorded.assert_no_canary(&statuses, || collector.text());
    let sent = collector.spans().iter().map(describe).collect::<Vec<_>>();
    for status in statuses {
        let code = format!("http.response.status_code={status} ");
        assert!(
            sent.iter().any(|span| span.contains(&code)),
            "{status}: {sent:#?}"
        );
    }
    assert!(sent.len() > 50, "{}", sent.len());
}

/// A batch every 50 ms, and a short queue.
const HURRIED: [(&str, &str); 3] = [
    ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4"),
];

#[rstest]
#[case::refuses(false)]
#[case::is_silent(true)]
fn an_unavailable_collector_does_not_delay_requests(#[case] silent: bool) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    // The system completes connections even if the listener never accepts them.
    let _listener = silent.then_some(listener);
    let dir = TestDir::sqlite();
    // Nothing reads the log until the end, so it must stay short.
    let settings = ["--log=warn", "--otlp-endpoint", &endpoint];
    let service = serve(&dir, &settings, &HURRIED);
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    while started.elapsed() < Duration::from_secs(6) {
        let asked = Instant::now();
        assert_eq!(service.get(BOOK).0, 200);
        slowest = slowest.max(asked.elapsed());
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let stopping = Instant::now();
    let log = stop(service);
    assert!(stopping.elapsed() < Duration::from_secs(10), "{stopping:?}");
    assert_eq!(log.matches("traces are lost").count(), 1, "{log}");
}

#[test]
fn a_failing_collector_and_its_recovery_are_logged_once() {
    let (dir, collector) = (TestDir::sqlite(), Collector::start());
    collector.respond_with(500);
    let service = serve(&dir, &["--otlp-endpoint", &collector.endpoint], &HURRIED);
    let wait_for = |count| {
        wait_until("the collector gets requests", || {
            service.get(BOOK);
            collector.heads().len() >= count
        });
    };
    wait_for(3);
    collector.respond_with(200);
    let recovered = collector.heads().len() + 3;
    wait_for(recovered);
    let log = stop(service);
    assert_eq!(log.matches("traces are lost").count(), 1, "{log}");
    assert!(log.contains("cause=\"500 Internal Server Error\""), "{log}");
    assert_eq!(log.matches("accepts traces again").count(), 1, "{log}");
    assert!(!collector.spans().is_empty());
}

#[test]
fn invalid_settings_are_refused_by_name() {
    let dir = TestDir::sqlite();
    for (setting, words) in [
        (
            "--otlp-endpoint=https://collector:4318",
            ["--otlp-endpoint", "TLS"],
        ),
        (
            "--otlp-endpoint=collector:4318",
            ["--otlp-endpoint", "http://127.0.0.1:4318"],
        ),
        (
            "--otlp-sample-ratio=2",
            ["--otlp-sample-ratio", "from 0 to 1"],
        ),
    ] {
        dir.run(&["serve", setting]).fails_with(&words);
    }
}
