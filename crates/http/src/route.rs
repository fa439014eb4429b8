use std::sync::LazyLock;

use actix_web::dev::ResourceDef;
use actix_web::{HttpRequest, Resource, web};

// Each path is spelled once. Macros, because `concat!` takes no constants.
macro_rules! addresses {
    () => {
        "/v1/customers/{customer_id}/addresses"
    };
}
macro_rules! default_addresses {
    () => {
        "/v1/customers/{customer_id}/default-addresses"
    };
}
macro_rules! address {
    () => {
        concat!(addresses!(), "/{address_id}")
    };
}
macro_rules! revisions {
    () => {
        concat!(address!(), "/revisions")
    };
}
macro_rules! revision {
    () => {
        concat!(revisions!(), "/{revision}")
    };
}
macro_rules! label {
    () => {
        concat!(address!(), "/label")
    };
}
macro_rules! validation {
    () => {
        "/v1/addresses/validate"
    };
}
macro_rules! countries {
    () => {
        "/v1/countries"
    };
}
macro_rules! country {
    () => {
        concat!(countries!(), "/{code}")
    };
}
/// Every path also works below this.
macro_rules! api {
    ($($path:expr)?) => {
        concat!("/api", $($path)?)
    };
}

pub(crate) const ADDRESSES: &str = addresses!();
pub(crate) const DEFAULT_ADDRESSES: &str = default_addresses!();
pub(crate) const ADDRESS: &str = address!();
pub(crate) const REVISIONS: &str = revisions!();
pub(crate) const REVISION: &str = revision!();
pub(crate) const LABEL: &str = label!();
pub(crate) const VALIDATION: &str = validation!();
pub(crate) const COUNTRIES: &str = countries!();
pub(crate) const COUNTRY: &str = country!();
/// The prefixes of all paths.
pub(crate) const PREFIXES: [&str; 2] = ["", api!()];

/// The route of a request in the log and the metrics. Never the path itself, which contains a
/// customer's id.
///
/// Stored as a number, so that handling a request involves no lookup by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route(usize);

impl Route {
    /// Stands for every path without a route.
    pub(crate) const UNKNOWN: Self = Self(0);

    /// All routes, by number.
    pub(crate) const ALL: [&str; 24] = [
        "unknown",
        ADDRESSES,
        ADDRESS,
        REVISIONS,
        REVISION,
        api!(addresses!()),
        api!(address!()),
        api!(revisions!()),
        api!(revision!()),
        LABEL,
        VALIDATION,
        api!(label!()),
        api!(validation!()),
        DEFAULT_ADDRESSES,
        api!(default_addresses!()),
        COUNTRIES,
        COUNTRY,
        api!(countries!()),
        api!(country!()),
        "/livez",
        "/readyz",
        "/openapi.json",
        "/docs",
        "/docs/{file}",
    ];

    /// The route of a request that was dispatched to a [`resource`].
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.app_data().copied()
    }

    /// The route of a path, for a request that was not dispatched or no longer exists.
    pub(crate) fn of_path(path: &str) -> Self {
        let mut all = RESOURCES.iter();
        all.position(|resource| resource.is_match(path))
            .map_or(Self::UNKNOWN, Self)
    }

    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL[self.0]
    }
}

/// All routes, for matching paths.
static RESOURCES: LazyLock<[ResourceDef; Route::ALL.len()]> =
    LazyLock::new(|| Route::ALL.map(ResourceDef::new));

/// Creates a resource whose requests are logged and counted under its route.
pub(crate) fn resource(pattern: &str) -> Resource {
    let number = Route::ALL.iter().position(|known| *known == pattern);
    web::resource(pattern).app_data(number.map_or(Route::UNKNOWN, Route))
}

#[cfg(test)]
mod tests {
    use actix_web::dev::ServiceResponse;
    use actix_web::http::Method;
    use actix_web::test::{TestRequest, call_service, init_service};
    use addressbook_testkit::{InMemoryRepository, SequenceIds, service};
    use std::sync::Arc;

    use super::*;
    use crate::app;
    use crate::app::AppParts;

    async fn answer(method: Method, path: &str) -> ServiceResponse {
        let service = service(Arc::new(InMemoryRepository::default()));
        let parts = AppParts::new(service, Arc::new(SequenceIds::default()));
        let app = init_service(app(parts)).await;
        let request = TestRequest::with_uri(path).method(method);
        call_service(&app, request.to_request()).await
    }

    #[actix_web::test]
    async fn every_served_path_maps_to_its_route() {
        for pattern in &Route::ALL[1..] {
            let path = pattern.replace(['{', '}'], "");
            for method in [Method::GET, Method::PUT] {
                let response = answer(method, &path).await;
                let request = response.request();
                assert_eq!(request.match_pattern().as_deref(), Some(*pattern));
                let of_request = Route::of(request).unwrap();
                assert_eq!(of_request.as_str(), *pattern);
                assert_eq!(of_request, Route::of_path(&path));
            }
        }
        let response = answer(Method::GET, "/v1/customers/cus_1").await;
        assert_eq!(Route::of(response.request()), None);
        assert_eq!(Route::of_path("/v1/customers/cus_1"), Route::UNKNOWN);
    }

    #[test]
    fn every_path_of_the_openapi_document_is_a_route() {
        let contract: serde_json::Value = serde_json::from_str(crate::openapi_json()).unwrap();
        for path in contract["paths"].as_object().unwrap().keys() {
            assert!(Route::ALL.contains(&path.as_str()), "{path}");
        }
    }
}
