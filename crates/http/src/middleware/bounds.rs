use std::rc::Rc;

use actix_web::Error;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::rt::time::timeout;

use crate::middleware::in_flight::InFlight;
use crate::operations::health;
use crate::options::HttpOptions;
use crate::response::problem::Problem;
use crate::response::unsent;

/// Applies the limits of every request: the number in flight, the time for each, and the bytes of
/// responses that clients have not read yet.
///
/// Above the limit, a request is rejected immediately instead of waiting. The probes are exempt:
/// monitoring must see that the service is alive, especially when it is busy. A request with a body
/// is in flight once [the body has arrived](crate::request::request_body::RequestBody).
pub(crate) fn around<S>(
    request: ServiceRequest,
    next: &S,
    in_flight: &Rc<InFlight>,
    options: HttpOptions,
) -> impl Future<Output = Result<ServiceResponse, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    let is_later = matches!(*request.method(), Method::POST | Method::PATCH);
    let guard = match is_later {
        true => None,
        false => in_flight.try_enter(options.max_in_flight),
    };
    let admitted = if guard.is_some() || is_later || health::is_probe(request.path()) {
        Ok(next.call(request))
    } else {
        Err(request.error_response(in_flight.reject()))
    };
    let in_flight = Rc::clone(in_flight);
    async move {
        let answer = match admitted {
            // Usually the response is ready on the first poll, and the clock is not read.
            Ok(answer) => timeout(options.request_timeout, answer).await,
            Err(rejection) => return Ok(rejection),
        };
        drop(guard);
        let answer = answer.unwrap_or_else(|elapsed| Err(Problem::timed_out(elapsed).into()))?;
        Ok(unsent::bounded(
            answer,
            &in_flight,
            options.max_unsent_bytes,
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::future;
    use std::time::Duration;

    use actix_web::http::Method;
    use actix_web::test::TestRequest;
    use actix_web::{HttpResponse, web};
    use addressbook_domain::ServiceLimits;
    use addressbook_testkit::InMemoryRepository;

    use super::*;
    use crate::testing::{BOOK, TestApp, body_of, header_of, sending};

    fn test_app(options: HttpOptions) -> TestApp {
        let repository = InMemoryRepository::default();
        TestApp::with_options(repository, ServiceLimits::default(), options)
    }

    #[actix_web::test]
    async fn above_the_limit_all_requests_except_probes_are_rejected() {
        let test_app = test_app(HttpOptions {
            max_in_flight: 0,
            ..HttpOptions::default()
        });
        for path in [BOOK, "/nowhere"] {
            let answer = test_app.answer(TestRequest::get().uri(path)).await;
            assert!(answer.starts_with("503 "), "{answer}");
            assert!(answer.contains("problem:busy"), "{answer}");
            assert_eq!(header_of(&answer, "retry-after").as_deref(), Some("1"));
        }
        assert_eq!(test_app.in_flight().rejected(), 2);
        for path in ["/livez", "/readyz"] {
            let answer = test_app.answer(TestRequest::get().uri(path)).await;
            assert!(answer.starts_with("200 "), "{answer}");
        }
    }

    #[actix_web::test]
    async fn a_write_that_was_made_is_never_reported_as_rejected() {
        let test_app = test_app(HttpOptions {
            max_unsent_bytes: 0,
            ..HttpOptions::default()
        });
        let heavy = format!(r#"{{"a":"{}"}}"#, "x".repeat(16_000));
        let json = format!(
            r#"{{"region":"R","city":"C","country":"RW","description":"{}","custom_data":{heavy}}}"#,
            "d".repeat(1_000)
        );
        let created = test_app.answer(sending(Method::POST, BOOK, json)).await;
        assert!(created.starts_with("201 "), "{created}");
        let path = format!("{BOOK}/{}", body_of(&created)["id"].as_str().unwrap());
        let patch = sending(Method::PATCH, &path, r#"{"city":"D"}"#);
        let changed = test_app.answer(patch).await;
        assert!(changed.starts_with("200 "), "{changed}");
        let read = test_app.answer(TestRequest::get().uri(&path)).await;
        assert!(read.starts_with("503 "), "{read}");
    }

    #[actix_web::test]
    async fn a_timed_out_request_releases_its_place() {
        let test_app = test_app(HttpOptions {
            max_in_flight: 1,
            request_timeout: Duration::from_millis(50),
            ..HttpOptions::default()
        });
        let routes = |config: &mut web::ServiceConfig| {
            config.route("/never", web::get().to(future::pending::<HttpResponse>));
        };
        for _ in 0..2 {
            let request = TestRequest::get().uri("/never");
            let answer = test_app.answer_with(routes, request).await;
            assert!(answer.starts_with("503 "), "{answer}");
            assert!(answer.contains("problem:timed-out"), "{answer}");
            assert!(header_of(&answer, "x-request-id").is_some(), "{answer}");
        }
    }
}
