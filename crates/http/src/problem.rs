use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::error::JsonPayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::{Error, HttpResponse, ResponseError};
use addressbook_domain::{Cause, Fault, Faults, RepositoryError};
use serde::Serialize;

use crate::RequestId;
use crate::problem_kind::{INTERNAL, INVALID_PARAMETER, Kind, UNAVAILABLE};

/// The media type of RFC 9457.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request is not answered as asked.
///
/// As a response it has a status alone; [`shape`] gives every such response its body.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    faults: Vec<Fault>,
    /// For the log, never for the client.
    cause: Option<Cause>,
}

impl Problem {
    fn new(kind: Kind, cause: Option<Cause>) -> Self {
        Self {
            kind,
            detail: kind.detail.into(),
            faults: Vec::new(),
            cause,
        }
    }

    /// Parameters in the path or the query that are not as expected.
    pub(crate) fn invalid_parameters(faults: Faults) -> Self {
        Self {
            faults: faults.into_vec(),
            ..Self::new(INVALID_PARAMETER, None)
        }
    }

    /// A defect.
    pub(crate) fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(INTERNAL, Some(cause.into()))
    }

    /// Nothing can be answered for now.
    pub(crate) fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::new(UNAVAILABLE, Some(cause.into()))
    }

    /// The framework's own errors, and those of handlers that know no problems.
    fn foreign(status: StatusCode, error: Option<&Error>) -> Self {
        // The framework calls a body of another media type a bad request.
        let status = match error.and_then(Error::as_error) {
            Some(JsonPayloadError::ContentType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => status,
        };
        let problem = Self::new(Kind::of_status(status), None);
        match error.map(Error::to_string) {
            Some(text) if status.is_server_error() => Self {
                cause: Some(text.into()),
                ..problem
            },
            Some(text) if status == StatusCode::BAD_REQUEST => Self {
                detail: text.into(),
                ..problem
            },
            _ => problem,
        }
    }

    fn to_json(&self, id: &RequestId) -> Vec<u8> {
        let errors = self.faults.iter().map(|fault| Entry {
            field: &fault.field,
            message: &fault.message,
        });
        let body = Body {
            uri: self.kind.uri,
            title: self.kind.title,
            status: self.kind.status.as_u16(),
            detail: &self.detail,
            request_id: id.as_str(),
            errors: errors.collect(),
        };
        // Writing text to memory does not fail; if it did, the status would still be told.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl From<RepositoryError> for Problem {
    fn from(error: RepositoryError) -> Self {
        Self::new(Kind::of_failure(&error), Some(error.into()))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.title)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.kind.status)
    }
}

/// The members of `application/problem+json`, in their order.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    uri: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    field: &'a str,
    message: &'a str,
}

/// Makes a problem (RFC 9457) of an error response, whoever gave it, and notes in the log
/// what lies behind a failure of ours. Other responses stay as they are.
pub(crate) fn shape(response: ServiceResponse, id: &RequestId) -> ServiceResponse {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    if response.headers().get(CONTENT_TYPE) == Some(&MEDIA_TYPE) {
        return response;
    }
    let error = response.response().error();
    let foreign;
    let problem = match error.and_then(Error::as_error) {
        Some(problem) => problem,
        None => {
            foreign = Problem::foreign(status, error);
            &foreign
        }
    };
    let status = problem.kind.status;
    if let Some(cause) = problem
        .cause
        .as_deref()
        .filter(|_| status.is_server_error())
    {
        tracing::error!(request_id = id.as_str(), cause = %Chain(cause), "request failed");
    }
    let body = problem.to_json(id);
    response.map_body(|head, _| {
        head.status = status;
        let headers = head.headers_mut();
        headers.insert(CONTENT_TYPE, MEDIA_TYPE);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        BoxBody::new(body)
    })
}

/// An error and all that lies behind it, in one line.
struct Chain<'a>(&'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        match self.0.source() {
            Some(source) => write!(f, ": {}", Chain(source)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use actix_web::{error, web};
    use addressbook_testkit::InMemoryRepository;
    use insta::assert_snapshot;
    use serde_json::Value;

    use super::*;
    use crate::testing::{answer, answer_with};

    /// Routes that give what ours do not give yet.
    fn routes(config: &mut web::ServiceConfig) {
        let echo = |body: web::Json<Value>| async move { body.to_string() };
        let problem = || async {
            HttpResponse::Conflict()
                .insert_header((CONTENT_TYPE, MEDIA_TYPE))
                .body("{}")
        };
        config
            .app_data(web::JsonConfig::default().limit(16))
            .route("/echo", web::post().to(echo))
            .route("/problem", web::get().to(problem))
            .route("/teapot", web::get().to(HttpResponse::ImATeapot))
            .route(
                "/defect",
                web::get().to(async || Err::<&str, _>(error::ErrorInternalServerError("secret"))),
            );
    }

    async fn answer_to(request: TestRequest) -> String {
        answer_with(InMemoryRepository::default(), routes, request).await
    }

    fn echo(media_type: &str, body: &'static [u8]) -> TestRequest {
        TestRequest::post()
            .uri("/echo")
            .insert_header((CONTENT_TYPE, media_type))
            .set_payload(body)
    }

    #[actix_web::test]
    async fn bodies_that_cannot_be_taken() {
        let json = "application/json";
        assert_snapshot!("bad_json", answer_to(echo(json, b"{\"a\":}")).await);
        assert_snapshot!("bad_utf8", answer_to(echo(json, b"\"\xff\"")).await);
        assert_snapshot!(
            "too_large",
            answer_to(echo(json, b"[1,2,3,4,5,6,7,8]")).await
        );
        assert_snapshot!("unsupported", answer_to(echo("text/plain", b"1")).await);
    }

    #[actix_web::test]
    async fn paths_and_methods_that_are_not_there() {
        let unknown = TestRequest::get().uri("/v1/customers");
        let unknown = answer(InMemoryRepository::default(), unknown);
        assert_snapshot!("unknown_path", unknown.await);
        for path in ["/livez", "/readyz", "/v1/customers/cus_1/addresses"] {
            let wrong = answer(InMemoryRepository::default(), TestRequest::post().uri(path));
            assert_snapshot!("wrong_method", wrong.await);
        }
    }

    #[actix_web::test]
    async fn errors_of_others() {
        assert_snapshot!("teapot", answer_to(TestRequest::get().uri("/teapot")).await);
        assert_snapshot!("defect", answer_to(TestRequest::get().uri("/defect")).await);
        assert_snapshot!(
            "problem",
            answer_to(TestRequest::get().uri("/problem")).await
        );
    }
}
