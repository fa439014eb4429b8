//! Authentication and authorization with bearer tokens (RFC 6750).
//!
//! Both happen before a body is read. [`Authenticate`] surrounds all routes and identifies the
//! caller: every path requires a valid credential, unless it is public. [`authorize`] surrounds
//! each resource of the table in `routes` and checks that the credential has the scope that the
//! table requires.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage as _, ResponseError as _};
use addressbook_domain::{Access, Authenticator, Scope};
use futures_util::future::Either;

use crate::operations::countries;
use crate::request::caller::Caller;
use crate::response::problem::Problem;
use crate::response::problem_kind::{
    INSUFFICIENT_SCOPE, INVALID_CREDENTIAL, OTHER_BOOK, UNAUTHENTICATED,
};

/// Whether a path requires no credential because it reveals nothing about customers: the probes,
/// the documentation and the rules of countries.
fn is_public(path: &str) -> bool {
    ["/livez", "/readyz", "/openapi.json", "/docs"].contains(&path)
        || path.starts_with("/docs/")
        || countries::is_below(path)
}

const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Bearer realm="addressbook""#);
const INVALID_TOKEN: HeaderValue =
    HeaderValue::from_static(r#"Bearer realm="addressbook", error="invalid_token""#);
const TOO_LITTLE: HeaderValue =
    HeaderValue::from_static(r#"Bearer realm="addressbook", error="insufficient_scope""#);

/// Identifies the [`Caller`], or marks the request as [`Unauthenticated`]. Requires no credential without an
/// authenticator, or while the authenticator requires none.
pub(crate) struct Authenticate {
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
}

/// Why a request has no valid credential. The rate limit rejects the request with it, so that such
/// requests are counted, too.
pub(crate) struct Unauthenticated(pub(crate) Problem);

impl<S> Transform<S, ServiceRequest> for Authenticate
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = AuthenticateService<S>;
    type InitError = ();
    type Future = Ready<Result<AuthenticateService<S>, ()>>;

    fn new_transform(&self, inside: S) -> Self::Future {
        ready(Ok(AuthenticateService {
            authenticator: self.authenticator.clone(),
            inside: Rc::new(inside),
        }))
    }
}

/// The service that a request reaches once it is authenticated.
pub(crate) struct AuthenticateService<S> {
    authenticator: Option<Arc<dyn Authenticator>>,
    inside: Rc<S>,
}

type ServiceResult = Result<ServiceResponse, Error>;

impl<S> Service<ServiceRequest> for AuthenticateService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Either<S::Future, Pin<Box<dyn Future<Output = ServiceResult>>>>;

    forward_ready!(inside);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let authenticator = self.authenticator.as_ref();
        let asked = authenticator.filter(|authenticator| authenticator.is_required());
        let Some(authenticator) = asked.filter(|_| !is_public(request.path())) else {
            return Either::Left(self.inside.call(request));
        };
        let (authenticator, inside) = (Arc::clone(authenticator), Rc::clone(&self.inside));
        Either::Right(Box::pin(async move {
            match identify(&*authenticator, request.headers()).await {
                Ok(access) => {
                    if let Some(caller) = request.extensions().get::<Caller>() {
                        caller.set(access);
                    }
                    inside.call(request).await
                }
                Err(problem) if problem.status_code() == StatusCode::UNAUTHORIZED => {
                    request.extensions_mut().insert(Unauthenticated(problem));
                    inside.call(request).await
                }
                Err(problem) => Ok(request.error_response(problem)),
            }
        }))
    }
}

/// Authenticates the caller from these headers.
async fn identify(
    authenticator: &dyn Authenticator,
    headers: &HeaderMap,
) -> Result<Access, Problem> {
    let token = bearer_token(headers).ok_or_else(unauthenticated)?;
    let access = authenticator.authenticate(token).await?;
    access
        .ok_or_else(|| Problem::of(INVALID_CREDENTIAL).with_header(WWW_AUTHENTICATE, INVALID_TOKEN))
}

fn unauthenticated() -> Problem {
    Problem::of(UNAUTHENTICATED).with_header(WWW_AUTHENTICATE, CHALLENGE)
}

/// The token of a request; `None` if there are several, because it is not clear which one counts.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION);
    let only = all.next().filter(|_| all.next().is_none())?;
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| token.trim_start_matches(' '))
}

/// Passes a request to a resource if its caller is allowed to use it. The resource itself rejects
/// methods that it does not support.
pub(crate) fn authorize<S>(
    request: ServiceRequest,
    inside: &S,
    authenticator: &dyn Authenticator,
    needs: &[(Method, Scope)],
) -> impl Future<Output = ServiceResult> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    let need = needs.iter().find(|(method, _)| method == request.method());
    let allowed = match need {
        Some((_, scope)) if authenticator.is_required() => is_allowed(&request, *scope),
        _ => Ok(()),
    };
    match allowed {
        Ok(()) => Either::Left(inside.call(request)),
        Err(problem) => Either::Right(ready(Ok(request.error_response(problem)))),
    }
}

fn is_allowed(request: &ServiceRequest, scope: Scope) -> Result<(), Problem> {
    let customer_id = request.match_info().get("customer_id");
    let extensions = request.extensions();
    // It is known, unless authentication became required after this request had passed it.
    let caller = extensions.get::<Caller>();
    let access = caller
        .and_then(Caller::access)
        .ok_or_else(unauthenticated)?;
    if access.allows(scope, customer_id) {
        return Ok(());
    }
    let problem = if access.covers_customer(customer_id) {
        let detail = format!("This requires a credential with the scope {scope}.");
        Problem::of(INSUFFICIENT_SCOPE).with_detail(detail)
    } else {
        Problem::of(OTHER_BOOK)
    };
    Err(problem.with_header(WWW_AUTHENTICATE, TOO_LITTLE))
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::test::TestRequest;
    use addressbook_domain::{MockAuthenticator, RepositoryError};
    use addressbook_testkit::{InMemoryRepository, fixtures};
    use insta::assert_snapshot;

    use super::*;
    use crate::testing::{BOOK, TestApp, path_of, sending};

    /// An app whose authenticator knows a few tokens.
    fn test_app() -> TestApp {
        let mut authenticator = MockAuthenticator::new();
        authenticator.expect_is_required().return_const(true);
        authenticator.expect_authenticate().returning(|token| {
            let (scopes, customer_id) = match token {
                "full" => (Scope::ALL.to_vec(), None),
                "reader" => (vec![Scope::Read], None),
                "shopper" => (Scope::ALL.to_vec(), Some(fixtures::customer("cus_2"))),
                "away" => return Err(RepositoryError::Unavailable("no connection".into())),
                _ => return Ok(None),
            };
            let name = token.into();
            Ok(Some(Access {
                name,
                scopes,
                customer_id,
            }))
        });
        TestApp::new(InMemoryRepository::default()).with_authenticator(authenticator)
    }

    fn by(authorization: &str) -> TestRequest {
        TestRequest::get()
            .uri(BOOK)
            .insert_header((AUTHORIZATION, authorization))
    }

    #[actix_web::test]
    async fn a_rejection_states_its_reason() {
        let test_app = test_app();
        assert_snapshot!(
            "missing",
            test_app.answer(TestRequest::get().uri(BOOK)).await
        );
        assert_snapshot!("invalid", test_app.answer(by("Bearer wrong")).await);
        assert_snapshot!("other_book", test_app.answer(by("Bearer shopper")).await);
        let change = sending(Method::PATCH, &path_of(1), "{}")
            .insert_header((AUTHORIZATION, "Bearer reader"));
        assert_snapshot!("insufficient", test_app.answer(change).await);
        assert_snapshot!("away", test_app.answer(by("Bearer away")).await);
    }

    #[actix_web::test]
    async fn exactly_one_bearer_token_is_accepted_in_any_case() {
        let test_app = test_app();
        for (authorization, status) in [
            ("Bearer full", "200"),
            ("bearer full", "200"),
            ("BEARER   full", "200"),
            ("Bearer", "401"),
            ("Bearer ", "401"),
            ("Bearer full ", "401"),
            ("Bearer full, Bearer full", "401"),
            ("Bearerfull", "401"),
            ("Basic full", "401"),
            ("full", "401"),
            ("", "401"),
        ] {
            let answer = test_app.answer(by(authorization)).await;
            assert!(answer.starts_with(status), "{authorization:?}: {answer}");
        }
        let twice = by("Bearer full").append_header((AUTHORIZATION, "Bearer full"));
        assert!(test_app.answer(twice).await.starts_with("401"));
        let in_query = TestRequest::get().uri(&format!("{BOOK}?access_token=full"));
        assert!(test_app.answer(in_query).await.starts_with("401"));
    }

    #[actix_web::test]
    async fn a_body_is_not_read_before_authorization() {
        let test_app = test_app();
        let sent_by = |authorization: Option<&str>| {
            let request = sending(Method::POST, BOOK, vec![b' '; 1_000_000]);
            match authorization {
                Some(text) => request.insert_header((AUTHORIZATION, text.to_owned())),
                None => request,
            }
        };
        for (authorization, status) in [
            (None, "401"),
            (Some("Bearer wrong"), "401"),
            (Some("Bearer reader"), "403"),
            (Some("Bearer shopper"), "403"),
            (Some("Bearer full"), "413"),
        ] {
            let answer = test_app.answer(sent_by(authorization)).await;
            assert!(answer.starts_with(status), "{authorization:?}: {answer}");
        }
    }

    #[actix_web::test]
    async fn no_credential_is_checked_while_none_is_required() {
        let mut authenticator = MockAuthenticator::new();
        authenticator.expect_is_required().return_const(false);
        let test_app =
            TestApp::new(InMemoryRepository::default()).with_authenticator(authenticator);
        assert!(
            test_app
                .answer(TestRequest::get().uri(BOOK))
                .await
                .starts_with("200")
        );
        assert!(test_app.answer(by("Bearer wrong")).await.starts_with("200"));
    }

    #[actix_web::test]
    async fn a_request_that_passed_before_authentication_was_required_is_rejected() {
        let mut authenticator = MockAuthenticator::new();
        authenticator
            .expect_is_required()
            .times(1)
            .return_const(false);
        authenticator.expect_is_required().return_const(true);
        let test_app =
            TestApp::new(InMemoryRepository::default()).with_authenticator(authenticator);
        assert!(
            test_app
                .answer(TestRequest::get().uri(BOOK))
                .await
                .starts_with("401")
        );
    }
}
