use std::time::Instant;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::{Error, HttpMessage as _};
use addressbook_domain::IdSource;

use crate::{RequestId, problem};

/// What every exchange has, whichever handler answers: a request id, problems for errors,
/// and one line in the log.
pub(crate) fn around<S>(
    request: ServiceRequest,
    next: &S,
    ids: &dyn IdSource,
) -> impl Future<Output = Result<ServiceResponse, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    let started = Instant::now();
    let id = RequestId::of(request.headers(), ids);
    request.extensions_mut().insert(id.clone());
    let answer = next.call(request);
    async move {
        let mut response = problem::shape(answer.await?, &id);
        log(&response, &id, started);
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(RequestId::HEADER, id.into());
        Ok(response)
    }
}

/// The route stands for the path, which holds a customer's id.
fn log(response: &ServiceResponse, id: &RequestId, started: Instant) {
    let request = response.request();
    tracing::info!(
        method = request.method().as_str(),
        route = request.match_pattern().as_deref().unwrap_or("unknown"),
        status = response.status().as_u16(),
        duration_ms = started.elapsed().as_micros() as f64 / 1000.0,
        request_id = id.as_str(),
        "request"
    );
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use actix_web::test::TestRequest;
    use addressbook_domain::RepositoryError;
    use serde_json::{Value, json};
    use tracing::subscriber::NoSubscriber;

    use crate::testing::{answer, refusing};

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

    /// What the log gets when a request meets a repository of which every read fails.
    async fn lines_of(request: TestRequest) -> Vec<Value> {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .without_time()
            .with_target(false)
            .with_writer(move || writer.clone())
            .finish();
        // With one dispatcher alone, whoever comes first to a line of the log decides for all
        // whether anybody listens: that could be another test, to which nobody does.
        let _second = tracing::Dispatch::new(NoSubscriber::default());
        let guard = tracing::subscriber::set_default(subscriber);
        let repository =
            refusing(|| RepositoryError::Unavailable(io::Error::other("no route to host").into()));
        answer(repository, request.insert_header(("X-Request-Id", "r-1"))).await;
        drop(guard);
        let text = log.0.lock().unwrap();
        let lines = serde_json::Deserializer::from_slice(&text).into_iter();
        lines.map(Result::unwrap).collect()
    }

    fn line(method: &str, route: &str, status: u16, duration_ms: &Value) -> Value {
        json!({
            "level": "INFO", "message": "request", "method": method, "route": route,
            "status": status, "duration_ms": duration_ms, "request_id": "r-1",
        })
    }

    #[actix_web::test]
    async fn a_request_is_one_line_that_names_nobody() {
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
    }

    #[actix_web::test]
    async fn a_failure_of_ours_is_told_once_with_its_causes() {
        let lines = lines_of(TestRequest::get().uri("/readyz")).await;
        let failure = json!({
            "level": "ERROR", "message": "request failed", "request_id": "r-1",
            "cause": "the store is not available: no route to host",
        });
        assert_eq!(
            lines,
            [
                failure,
                line("GET", "/readyz", 503, &lines[1]["duration_ms"])
            ]
        );
    }
}
