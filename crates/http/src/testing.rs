//! The app as a test sees it: a request goes in, the whole response comes out as text.

use std::sync::Arc;

use actix_web::test::{self, TestRequest};
use actix_web::web::ServiceConfig;
use addressbook_domain::{
    AddressRepository, AddressService, MockAddressRepository, RepositoryError, ServiceLimits,
};
use addressbook_testkit::{FrozenClock, SequenceIds};

use crate::{HttpOptions, app};

pub(crate) async fn answer(
    repository: impl AddressRepository + 'static,
    request: TestRequest,
) -> String {
    Door::to(repository).answer(request).await
}

/// As [`answer`], with more routes.
pub(crate) async fn answer_with(
    repository: impl AddressRepository + 'static,
    routes: impl FnOnce(&mut ServiceConfig),
    request: TestRequest,
) -> String {
    Door::to(repository).answer_with(routes, request).await
}

/// A door for several requests to the same repository.
pub(crate) struct Door {
    service: AddressService,
    ids: Arc<SequenceIds>,
    options: HttpOptions,
}

impl Door {
    pub(crate) fn to(repository: impl AddressRepository + 'static) -> Self {
        Self::with(repository, ServiceLimits::default(), HttpOptions::default())
    }

    pub(crate) fn with(
        repository: impl AddressRepository + 'static,
        limits: ServiceLimits,
        options: HttpOptions,
    ) -> Self {
        let ids = Arc::new(SequenceIds::default());
        let clock = Arc::new(FrozenClock::default());
        let service = AddressService::new(Arc::new(repository), clock, ids.clone(), limits);
        Self {
            service,
            ids,
            options,
        }
    }

    pub(crate) async fn answer(&self, request: TestRequest) -> String {
        self.answer_with(|_| (), request).await
    }

    async fn answer_with(
        &self,
        routes: impl FnOnce(&mut ServiceConfig),
        request: TestRequest,
    ) -> String {
        let app = app(self.service.clone(), self.ids.clone(), self.options).configure(routes);
        let app = test::init_service(app).await;
        let response = test::call_service(&app, request.to_request()).await;
        let mut lines: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort_unstable();
        lines.insert(0, response.status().to_string());
        let body = test::read_body(response).await;
        format!(
            "{}\n\n{}",
            lines.join("\n"),
            std::str::from_utf8(&body).unwrap()
        )
    }
}

/// How a repository fails.
pub(crate) type Failure = fn() -> RepositoryError;

/// A repository of which every call fails.
pub(crate) fn refusing(failure: Failure) -> MockAddressRepository {
    let mut repository = MockAddressRepository::new();
    repository
        .expect_list()
        .returning(move |_, _| Err(failure()));
    repository.expect_head().returning(move |_| Err(failure()));
    repository.expect_find().returning(move |_| Err(failure()));
    repository
        .expect_commit()
        .returning(move |_| Err(failure()));
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
