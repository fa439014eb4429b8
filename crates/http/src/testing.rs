//! Runs the app in tests: sends a request and returns the whole response as text.

use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::{self, TestRequest};
use actix_web::web::{self, ServiceConfig};
use addressbook_domain::{
    Address, AddressRepository, AddressService, Authenticator, MockAddressRepository,
    RepositoryError, ServiceLimits,
};
use addressbook_testkit::{FrozenClock, InMemoryRepository, SequenceIds, fixtures};
use serde_json::Value;

use crate::app;
use crate::app::AppParts;
use crate::middleware::in_flight::InFlight;
use crate::middleware::rate_limit::RateLimit;
use crate::options::HttpOptions;

pub(crate) async fn answer(
    repository: impl AddressRepository + 'static,
    request: TestRequest,
) -> String {
    TestApp::new(repository).answer(request).await
}

/// Like [`answer`], with additional routes.
pub(crate) async fn answer_with(
    repository: impl AddressRepository + 'static,
    routes: impl FnOnce(&mut ServiceConfig),
    request: TestRequest,
) -> String {
    TestApp::new(repository).answer_with(routes, request).await
}

/// An app for several requests to the same repository.
pub(crate) struct TestApp {
    parts: AppParts,
}

impl TestApp {
    pub(crate) fn new(repository: impl AddressRepository + 'static) -> Self {
        Self::with_options(repository, ServiceLimits::default(), HttpOptions::default())
    }

    pub(crate) fn with_options(
        repository: impl AddressRepository + 'static,
        limits: ServiceLimits,
        options: HttpOptions,
    ) -> Self {
        let ids = Arc::new(SequenceIds::default());
        let clock = Arc::new(FrozenClock::default());
        let service = AddressService::new(Arc::new(repository), clock, ids.clone(), limits);
        let parts = AppParts {
            options,
            ..AppParts::new(service, ids)
        };
        Self { parts }
    }

    /// The same app with an authenticator.
    pub(crate) fn with_authenticator(
        mut self,
        authenticator: impl Authenticator + 'static,
    ) -> Self {
        self.parts.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// The same app with a limit of requests per client and hour.
    pub(crate) fn limited(mut self, requests: u32) -> Self {
        self.parts.rate_limit = RateLimit::new(requests, 60 * 60);
        self
    }

    /// The same app with these allowed origins.
    pub(crate) fn with_cors_origins(mut self, origins: &[&str]) -> Self {
        self.parts.cors_origins = origins.iter().map(ToString::to_string).collect();
        self
    }

    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.parts.in_flight
    }

    pub(crate) async fn answer(&self, request: TestRequest) -> String {
        self.answer_with(|_| (), request).await
    }

    pub(crate) async fn answer_with(
        &self,
        routes: impl FnOnce(&mut ServiceConfig),
        request: TestRequest,
    ) -> String {
        let app = app(self.parts.clone()).configure(routes);
        let app = test::init_service(app).await;
        let response = match test::try_call_service(&app, request.to_request()).await {
            Ok(response) => response.into_parts().1,
            Err(error) => error.error_response(),
        };
        let mut lines: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort_unstable();
        lines.insert(0, response.status().to_string());
        let body = to_bytes(response.into_body()).await.unwrap();
        format!(
            "{}\n\n{}",
            lines.join("\n"),
            std::str::from_utf8(&body).unwrap()
        )
    }
}

/// The path of the addresses of `cus_1`, the customer in most tests.
pub(crate) const BOOK: &str = "/v1/customers/cus_1/addresses";

/// The path of the [fixture](fixtures::address) with this number in [`BOOK`].
pub(crate) fn path_of(number: u32) -> String {
    format!("{BOOK}/{}", fixtures::address_id(number))
}

/// A request with a JSON body.
pub(crate) fn sending(method: Method, uri: &str, json: impl Into<web::Bytes>) -> TestRequest {
    TestRequest::with_uri(uri)
        .method(method)
        .insert_header((CONTENT_TYPE, "application/json"))
        .set_payload(json)
}

/// A repository with these addresses.
pub(crate) async fn holding(addresses: impl IntoIterator<Item = Address>) -> InMemoryRepository {
    let repository = InMemoryRepository::default();
    let commit = fixtures::creating(addresses);
    repository.commit(commit).await.unwrap();
    repository
}

/// The body of a response, as JSON.
pub(crate) fn body_of(answer: &str) -> Value {
    let (_, body) = answer.split_once("\n\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// A header of a response.
pub(crate) fn header_of(answer: &str, name: &str) -> Option<String> {
    let (head, _) = answer.split_once("\n\n").unwrap();
    head.lines()
        .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
}

/// Creates the error with which a repository fails.
pub(crate) type Failure = fn() -> RepositoryError;

/// A repository whose every call fails.
pub(crate) fn refusing(failure: Failure) -> MockAddressRepository {
    let mut repository = MockAddressRepository::new();
    repository
        .expect_list()
        .returning(move |_, _| Err(failure()));
    repository
        .expect_page_of()
        .returning(move |_, _| Err(failure()));
    repository.expect_head().returning(move |_| Err(failure()));
    repository.expect_find().returning(move |_| Err(failure()));
    repository
        .expect_default_addresses()
        .returning(move |_| Err(failure()));
    repository
        .expect_commit()
        .returning(move |_| Err(failure().into()));
    repository
        .expect_revisions()
        .returning(move |_, _, _| Err(failure()));
    repository
        .expect_idempotency_record()
        .returning(move |_, _| Err(failure()));
    repository.expect_erase().returning(move |_| Err(failure()));
    repository.expect_ready().returning(move || Err(failure()));
    repository
}
