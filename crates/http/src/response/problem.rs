use std::error::Error as StdError;
use std::fmt;

use actix_web::body::BoxBody;
use actix_web::error::{JsonPayloadError, PayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use actix_web::{Error, HttpResponse, ResponseError};
use addressbook_domain::{Cause, ChangeError, FieldError, FieldErrors, ReadError, RepositoryError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::values;
use crate::request::request_id::RequestId;
use crate::response::address_etag;
use crate::response::book_revision;
use crate::response::problem_kind::{
    INTERNAL, INVALID_ADDRESS, INVALID_PARAMETER, NOT_FOUND, PRECONDITION_FAILED, ProblemKind,
    REVISION_UNAVAILABLE, TIMED_OUT, TOO_MANY_REVISIONS, UNAVAILABLE,
};

/// The media type of RFC 9457.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request failed.
///
/// As a response it has only a status and headers; [`shape`] adds the body.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: ProblemKind,
    /// Replaces the detail of the kind.
    detail: Option<Box<str>>,
    errors: Vec<FieldError>,
    headers: Option<Box<HeaderMap>>,
    /// For the log; never sent to the client.
    cause: Option<Cause>,
}

impl Problem {
    pub(crate) fn of(kind: ProblemKind) -> Self {
        Self {
            kind,
            detail: None,
            errors: Vec::new(),
            headers: None,
            cause: None,
        }
    }

    fn caused_by(kind: ProblemKind, cause: impl Into<Cause>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::of(kind)
        }
    }

    /// The customer has the maximum number of past revisions.
    pub(crate) fn history_full(max_past_revisions: u32) -> Self {
        Self::of(TOO_MANY_REVISIONS).with_detail(format!(
            "The addresses of the customer have reached the limit of {max_past_revisions} past \
             revisions. Addresses can be removed, but not changed or created."
        ))
    }

    /// The address does not exist.
    pub(crate) fn no_address() -> Self {
        Self::of(NOT_FOUND).with_detail("The customer has no address with this id.")
    }

    /// The address does not exist in a book at this revision.
    pub(crate) fn no_address_at(book_revision: u64) -> Self {
        Self::no_address().at(book_revision)
    }

    /// The same problem with the revision of the book in which it was found.
    pub(crate) fn at(self, book_revision: u64) -> Self {
        let (name, value) = book_revision::header(book_revision);
        self.with_header(name, value)
    }

    /// Members of the body are invalid.
    pub(crate) fn with_field_errors(kind: ProblemKind, errors: FieldErrors) -> Self {
        Self {
            errors: errors.into_vec(),
            ..Self::of(kind)
        }
    }

    /// Parameters in the path, the query or the headers are invalid.
    pub(crate) fn invalid_parameters(errors: FieldErrors) -> Self {
        Self::with_field_errors(INVALID_PARAMETER, errors)
    }

    /// Members of an address are invalid.
    pub(crate) fn invalid_address(errors: FieldErrors) -> Self {
        Self::with_field_errors(INVALID_ADDRESS, errors)
    }

    /// A defect.
    pub(crate) fn internal(cause: impl Into<Cause>) -> Self {
        Self::caused_by(INTERNAL, cause)
    }

    /// The service is temporarily unavailable.
    pub(crate) fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::caused_by(UNAVAILABLE, cause)
    }

    /// The request exceeded its timeout.
    pub(crate) fn timed_out(cause: impl Into<Cause>) -> Self {
        Self::caused_by(TIMED_OUT, cause)
    }

    /// The same problem with this detail instead of that of the kind.
    pub(crate) fn with_detail(self, detail: impl Into<Box<str>>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// The same problem with another header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_default().insert(name, value);
        self
    }

    /// A problem for an error of the framework, or of a handler that does not return problems.
    fn of_framework_error(status: StatusCode, error: Option<&Error>) -> Self {
        // The framework calls a body of another media type a bad request.
        let status = match error.and_then(Error::as_error) {
            Some(JsonPayloadError::ContentType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => status,
        };
        let kind = ProblemKind::of_status(status);
        if let Some(PayloadError::Incomplete(_)) = error.and_then(Error::as_error) {
            return Self::of(kind).with_detail(
                "The body is incomplete: it ends before its announced length, or its chunks are \
                 malformed.",
            );
        }
        match error.map(Error::to_string) {
            Some(text) if status.is_server_error() => Self::caused_by(kind, text),
            Some(text) if status == StatusCode::BAD_REQUEST => Self::of(kind).with_detail(text),
            _ => Self::of(kind),
        }
    }

    fn to_json(&self, id: &RequestId) -> Vec<u8> {
        let errors = self.errors.iter().map(|error| FieldErrorJson {
            field: &error.field,
            message: &error.message,
        });
        let body = ProblemJson {
            uri: self.kind.uri,
            title: self.kind.title,
            status: self.kind.status.as_u16(),
            detail: self.detail.as_deref().unwrap_or(self.kind.detail),
            request_id: id.as_str(),
            errors: errors.collect(),
        };
        // Writing text to memory does not fail; if it did, the status would still be sent.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl From<RepositoryError> for Problem {
    fn from(error: RepositoryError) -> Self {
        Self::caused_by(ProblemKind::of_failure(&error), error)
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Behind(_) => Self::caused_by(REVISION_UNAVAILABLE, error),
            ReadError::Repository(error) => error.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound { book_revision } => Self::no_address_at(book_revision),
            ChangeError::PreconditionFailed {
                current,
                book_revision,
            } => Self::of(PRECONDITION_FAILED)
                .with_header(ETAG, address_etag::of(current))
                .at(book_revision),
            ChangeError::Invalid(errors) => Self::invalid_address(errors),
            ChangeError::TooManyRevisions { max_revisions } => Self::of(TOO_MANY_REVISIONS)
                .with_detail(format!(
                    "The address has reached the limit of {max_revisions} revisions. It can be \
                     removed, but no longer changed."
                )),
            ChangeError::HistoryFull { max_past_revisions } => {
                Self::history_full(max_past_revisions)
            }
            ChangeError::Repository(error) => error.into(),
        }
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
        let mut response = HttpResponse::new(self.kind.status);
        for (name, value) in self.headers.iter().flat_map(|headers| headers.iter()) {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }
}

/// Why a request failed (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemJson<'a> {
    #[serde(rename = "type")]
    #[schema(schema_with = values::problem_type)]
    uri: &'a str,
    /// A short summary for people
    title: &'a str,
    #[schema(schema_with = values::problem_status)]
    status: u16,
    /// What is wrong with this request; the wording may change
    detail: &'a str,
    #[schema(schema_with = values::request_id)]
    request_id: &'a str,
    /// All field errors, if single fields are invalid
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldErrorJson<'a>>,
}

/// What is wrong with one field.
#[derive(Serialize, ToSchema)]
#[schema(as = FieldError)]
pub(crate) struct FieldErrorJson<'a> {
    /// The parameter, header or member
    field: &'a str,
    /// What was expected
    message: &'a str,
}

/// The kind of the [`Problem`] that a response was created from, if any. Call it before [`shape`].
pub(crate) fn kind_of(response: &HttpResponse) -> Option<ProblemKind> {
    let problem: &Problem = response.error()?.as_error()?;
    Some(problem.kind)
}

/// Turns any error response into a problem document (RFC 9457), and logs the cause of a server
/// error. Other responses stay as they are.
pub(crate) fn shape(response: HttpResponse, id: &RequestId) -> HttpResponse {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    if response.headers().get(CONTENT_TYPE) == Some(&MEDIA_TYPE) {
        return response;
    }
    let error = response.error();
    let foreign;
    let problem = match error.and_then(Error::as_error) {
        Some(problem) => problem,
        None => {
            foreign = Problem::of_framework_error(status, error);
            &foreign
        }
    };
    let status = problem.kind.status;
    if let Some(cause) = problem
        .cause
        .as_deref()
        .filter(|_| status.is_server_error())
    {
        // As a text, which the log quotes: messages of a database may have several lines.
        let cause = Chain(cause).to_string();
        tracing::error!(request_id = id.as_str(), cause, "request failed");
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

/// Displays an error and its sources in one line.
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

    /// Routes with responses that the service's own routes do not return.
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
    async fn unacceptable_bodies_are_problems() {
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
    async fn unknown_paths_and_methods_are_problems() {
        let unknown = TestRequest::get().uri("/v1/customers");
        let unknown = answer(InMemoryRepository::default(), unknown);
        assert_snapshot!("unknown_path", unknown.await);
        for path in ["/livez", "/readyz"] {
            let wrong = answer(InMemoryRepository::default(), TestRequest::post().uri(path));
            assert_snapshot!("wrong_method", wrong.await);
        }
    }

    #[actix_web::test]
    async fn errors_of_the_framework_and_of_handlers_are_problems() {
        assert_snapshot!("teapot", answer_to(TestRequest::get().uri("/teapot")).await);
        assert_snapshot!("defect", answer_to(TestRequest::get().uri("/defect")).await);
        assert_snapshot!(
            "problem",
            answer_to(TestRequest::get().uri("/problem")).await
        );
    }
}
