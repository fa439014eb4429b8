use std::rc::Rc;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::ConnectionType;
use actix_web::http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::rt::task::yield_now;
use actix_web::{Error, HttpMessage as _, HttpResponse};
use addressbook_domain::IdSource;

use crate::connection::RequestGuard;
use crate::drain::Drain;
use crate::request::caller::Caller;
use crate::request::prefer::{PREFERENCE_APPLIED, Preference};
use crate::request::request_id::RequestId;
use crate::response::problem::{self, Problem};
use crate::route::Route;
use crate::telemetry::method::MethodName;
use crate::telemetry::metrics::HttpMetrics;
use crate::telemetry::panics;
use crate::telemetry::request_span;
use crate::telemetry::request_span::RequestTracer;
use crate::telemetry::trace_parent::TraceParent;

/// Surrounds every exchange, whatever its handler. Assigns a request id, turns errors and panics
/// into problems, and writes one line to the log. Counts the request if there are metrics, and
/// creates a span if there is a tracer.
pub(crate) fn around<S, B>(
    request: ServiceRequest,
    next: &S,
    ids: &dyn IdSource,
    drain: &Drain,
    metrics: Option<&Rc<HttpMetrics>>,
    tracer: Option<&RequestTracer>,
) -> impl Future<Output = Result<ServiceResponse, Error>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let started = Instant::now();
    let id = RequestId::of(request.headers(), ids);
    request.extensions_mut().insert(id.clone());
    let caller = Caller::default();
    request.extensions_mut().insert(caller.clone());
    let preference = Preference::of(request.headers());
    if let Some(preference) = &preference {
        request.extensions_mut().insert(preference.clone());
    }
    let parent = TraceParent::of(request.headers());
    let (method, uri) = (MethodName::of(request.method()), request.uri().clone());
    let request_guard = RequestGuard::new(&request);
    let last = drain.has_begun();
    let has_body = !matches!(request.parts().1, Payload::None);
    let metrics = metrics.cloned();
    let span = tracer.and_then(|tracer| tracer.begin(method, uri.path(), parent));
    let answer = panics::catch(request_span::within(span.as_ref(), next.call(request)));
    async move {
        if has_body {
            // The framework handles the head before the bytes that arrived with it. A response
            // before that closes the connection, even if the whole body arrived with the head.
            yield_now().await;
        }
        // An abandoned request no longer exists: there is only its response.
        let (request, response) = match answer.await {
            Ok(Ok(response)) => {
                let (request, response) = response.into_parts();
                (Some(request), response.map_into_boxed_body())
            }
            Ok(Err(error)) => (None, HttpResponse::from_error(error)),
            Err(panic) => (None, HttpResponse::from_error(Problem::internal(panic))),
        };
        let kind = problem::kind_of(&response);
        let mut response = problem::shape(response, &id);
        let route = request
            .as_ref()
            .and_then(Route::of)
            .unwrap_or_else(|| Route::of_path(uri.path()));
        let (status, duration) = (response.status(), started.elapsed());
        if let Some(metrics) = metrics {
            metrics.record(route, method, status, kind, duration);
        }
        let credential = caller.access().map(|access| &*access.name);
        if let Some(span) = span {
            span.answered(route, method, status, &id, credential);
        }
        // Contains no customer data: the route replaces the path.
        tracing::info!(
            method = method.as_str(),
            route = route.as_str(),
            status = status.as_u16(),
            duration_ms = duration.as_micros() as f64 / 1000.0,
            request_id = id.as_str(),
            credential,
            trace_id = parent.map(|parent| tracing::field::display(parent.trace_id)),
            "request"
        );
        let head = response.head_mut();
        head.headers
            .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        head.headers.insert(RequestId::HEADER, id.into());
        if let Some(applied) = preference.and_then(|preference| preference.applied()) {
            head.headers.insert(PREFERENCE_APPLIED, applied);
        }
        if last {
            head.set_connection_type(ConnectionType::Close);
        }
        drop(request_guard);
        match request {
            Some(request) => Ok(ServiceResponse::new(request, response)),
            None => Err(InternalError::from_response("given up", response).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use actix_web::test::TestRequest;
    use actix_web::{HttpRequest, HttpResponse, web};
    use addressbook_domain::{Access, MockAddressRepository, MockAuthenticator, RepositoryError};
    use serde_json::{Value, json};
    use tracing::subscriber::NoSubscriber;

    use super::*;
    use crate::testing::{BOOK, TestApp, refusing};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The log lines of a request to a repository whose every read fails.
    async fn lines_of(request: TestRequest) -> Vec<Value> {
        let failure = || RepositoryError::Unavailable(io::Error::other("no route to host").into());
        lines_with(refusing(failure), request).await
    }

    async fn lines_with(repository: MockAddressRepository, request: TestRequest) -> Vec<Value> {
        lines_at(&TestApp::new(repository), known_caller, request).await
    }

    async fn lines_at(
        test_app: &TestApp,
        routes: impl FnOnce(&mut web::ServiceConfig),
        request: TestRequest,
    ) -> Vec<Value> {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .without_time()
            .with_target(false)
            .with_writer(move || writer.clone())
            .finish();
        // With a single dispatcher, the first thread that reaches a log statement decides for all
        // whether it is enabled. That could be another test, which has no subscriber.
        let _second = tracing::Dispatch::new(NoSubscriber::default());
        let guard = tracing::subscriber::set_default(subscriber);
        let request = request.insert_header(("X-Request-Id", "r-1"));
        test_app.answer_with(routes, request).await;
        drop(guard);
        let text = log.0.lock().unwrap();
        let lines = serde_json::Deserializer::from_slice(&text).into_iter();
        lines.map(Result::unwrap).collect()
    }

    fn rejecting_authenticator() -> MockAuthenticator {
        let mut authenticator = MockAuthenticator::new();
        authenticator.expect_is_required().return_const(true);
        authenticator
    }

    /// A route whose caller is authenticated.
    fn known_caller(config: &mut web::ServiceConfig) {
        let handler = async |request: HttpRequest| {
            request.extensions().get::<Caller>().unwrap().set(Access {
                name: "checkout".into(),
                scopes: Vec::new(),
                customer_id: None,
            });
            assert_eq!(request.uri().query(), None, "a requested panic");
            HttpResponse::NoContent().finish()
        };
        config.route("/known", web::get().to(handler));
    }

    fn line(method: &str, route: &str, status: u16, duration_ms: &Value) -> Value {
        json!({
            "level": "INFO", "message": "request", "method": method, "route": route,
            "status": status, "duration_ms": duration_ms, "request_id": "r-1",
        })
    }

    #[actix_web::test]
    async fn a_request_logs_one_line_without_customer_data() {
        let uri = "/api/v1/customers/cus_1/addresses?limit=0";
        let lines = lines_of(TestRequest::get().uri(uri)).await;
        let duration_ms = &lines[0]["duration_ms"];
        assert!(duration_ms.is_number());
        let route = "/api/v1/customers/{customer_id}/addresses";
        assert_eq!(lines, [line("GET", route, 400, duration_ms)]);

        let lines = lines_of(TestRequest::post().uri("/v1/customers/cus_1")).await;
        assert_eq!(
            lines,
            [line("POST", "unknown", 404, &lines[0]["duration_ms"])]
        );

        // Rejected before routing.
        let rejecting = TestApp::new(MockAddressRepository::new())
            .with_authenticator(rejecting_authenticator());
        let lines = lines_at(&rejecting, |_| (), TestRequest::get().uri(BOOK)).await;
        let route = "/v1/customers/{customer_id}/addresses";
        assert_eq!(lines, [line("GET", route, 401, &lines[0]["duration_ms"])]);
    }

    #[actix_web::test]
    async fn the_log_line_names_the_credential_and_the_trace() {
        let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parent = format!("00-{trace_id}-00f067aa0ba902b7-01");
        // Even if the request is abandoned.
        for (uri, status) in [("/known", 204), ("/known?panic", 500)] {
            let known = TestRequest::get().uri(uri);
            let lines = lines_of(known.insert_header(("traceparent", parent.clone()))).await;
            let last = lines.last().unwrap();
            let mut expected = line("GET", "unknown", status, &last["duration_ms"]);
            expected["credential"] = "checkout".into();
            expected["trace_id"] = trace_id.into();
            assert_eq!(*last, expected);
        }
    }

    /// Expects a failure to be logged once with its cause, besides the line of its request.
    fn expect_logged_once(lines: &[Value], cause: &str, status: u16) {
        let failure = json!({
            "level": "ERROR", "message": "request failed", "request_id": "r-1", "cause": cause,
        });
        let request = line("GET", "/readyz", status, &lines[1]["duration_ms"]);
        assert_eq!(lines, [failure, request]);
    }

    #[actix_web::test]
    async fn a_panic_returns_500_and_is_logged_once_without_its_message() {
        let repository = MockAddressRepository::new(); // panics on every call
        let lines = lines_with(repository, TestRequest::get().uri("/readyz")).await;
        expect_logged_once(&lines, "panicked at an unknown location", 500);
    }

    #[actix_web::test]
    async fn a_server_error_is_logged_once_with_its_causes() {
        let lines = lines_of(TestRequest::get().uri("/readyz")).await;
        expect_logged_once(&lines, "the store is not available: no route to host", 503);
    }
}
