use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{Route, web};
use addressbook_domain::Authenticator;
use addressbook_domain::Scope::{self, Read, Write};

use crate::middleware::access;
use crate::operations::create_address;
use crate::operations::default_addresses;
use crate::operations::erase_customer;
use crate::operations::get_address;
use crate::operations::label;
use crate::operations::list_addresses;
use crate::operations::patch_address;
use crate::operations::remove_address;
use crate::operations::revisions;
use crate::operations::validate_address;
use crate::route::{
    self, ADDRESS, ADDRESSES, DEFAULT_ADDRESSES, LABEL, PREFIXES, REVISION, REVISIONS, VALIDATION,
};

/// The methods of a route, each with the scope that it requires.
type Methods = Vec<(Method, Scope, Route)>;

/// The routes of address books and of the validation, with their methods.
fn resources() -> [(&'static str, Methods); 7] {
    [
        (
            ADDRESSES,
            vec![
                (Method::GET, Read, web::to(list_addresses::list)),
                (Method::HEAD, Read, web::to(list_addresses::list)),
                (Method::POST, Write, web::to(create_address::create)),
                (Method::DELETE, Write, web::to(erase_customer::erase)),
            ],
        ),
        (
            ADDRESS,
            vec![
                (Method::GET, Read, web::to(get_address::get)),
                (Method::HEAD, Read, web::to(get_address::get)),
                (Method::PATCH, Write, web::to(patch_address::patch)),
                (Method::DELETE, Write, web::to(remove_address::remove)),
            ],
        ),
        (
            DEFAULT_ADDRESSES,
            vec![
                (Method::GET, Read, web::to(default_addresses::get)),
                (Method::HEAD, Read, web::to(default_addresses::get)),
                (Method::PATCH, Write, web::to(default_addresses::patch)),
            ],
        ),
        (
            REVISIONS,
            vec![
                (Method::GET, Read, web::to(revisions::list)),
                (Method::HEAD, Read, web::to(revisions::list)),
            ],
        ),
        (
            REVISION,
            vec![
                (Method::GET, Read, web::to(revisions::get)),
                (Method::HEAD, Read, web::to(revisions::get)),
            ],
        ),
        (
            LABEL,
            vec![
                (Method::GET, Read, web::to(label::get)),
                (Method::HEAD, Read, web::to(label::get)),
            ],
        ),
        (
            VALIDATION,
            vec![(Method::POST, Write, web::to(validate_address::validate))],
        ),
    ]
}

/// Registers all routes. Without an authenticator, scopes are not checked.
pub(crate) fn configure(
    config: &mut web::ServiceConfig,
    authenticator: Option<&Arc<dyn Authenticator>>,
) {
    for prefix in PREFIXES {
        for (path, routes) in resources() {
            let mut resource = route::resource(&format!("{prefix}{path}"));
            let mut needs = Vec::new();
            for (method, scope, route) in routes {
                needs.push((method.clone(), scope));
                resource = resource.route(route.method(method));
            }
            match authenticator.cloned() {
                None => config.service(resource),
                Some(authenticator) => config.service(resource.wrap_fn(move |request, inside| {
                    access::authorize(request, inside, &*authenticator, &needs)
                })),
            };
        }
    }
}

/// Each route and method, as in the OpenAPI document, with the required scope.
pub(crate) fn needs() -> impl Iterator<Item = (&'static str, Method, Scope)> {
    resources().into_iter().flat_map(|(path, routes)| {
        let need = move |(method, scope, _)| (path, method, scope);
        routes.into_iter().map(need)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use addressbook_domain::MockAddressRepository;
    use addressbook_testkit::fixtures;

    use super::*;
    use crate::testing::{TestApp, answer, header_of, holding, sending};

    const BODY: &str = r#"{"region":"Kigali","city":"Huye","country":"RW"}"#;

    /// A path in a customer's book, for the first revision of the first address.
    fn path(prefix: &str, path: &str, customer_id: &str) -> String {
        format!("{prefix}{path}")
            .replace("{customer_id}", customer_id)
            .replace("{address_id}", fixtures::address_id(1).as_str())
            .replace("{revision}", "1")
    }

    #[actix_web::test]
    async fn no_customer_reaches_the_addresses_of_another() {
        let below = resources()
            .into_iter()
            .filter(|(path, _)| path.starts_with(ADDRESS));
        for (below, routes) in below {
            for (method, _, _) in routes {
                for prefix in PREFIXES {
                    let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
                    let foreign = path(prefix, below, "cus_2");
                    let response = test_app
                        .answer(sending(method.clone(), &foreign, BODY))
                        .await;
                    assert!(
                        response.starts_with("404 "),
                        "{method} {foreign}: {response}"
                    );
                    let own = path(prefix, below, "cus_1");
                    let response = test_app.answer(sending(method.clone(), &own, BODY)).await;
                    assert!(response.starts_with('2'), "{method} {own}: {response}");
                }
            }
        }
    }

    #[actix_web::test]
    async fn no_customer_changes_the_book_of_another() {
        let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
        let own = path("", ADDRESSES, "cus_1");
        let before = test_app.answer(TestRequest::get().uri(&own)).await;
        let foreign = path("", ADDRESSES, "cus_2");
        let book = resources()
            .into_iter()
            .filter(|(path, _)| *path == ADDRESSES);
        let methods = book
            .flat_map(|(_, routes)| routes)
            .map(|(method, _, _)| method);
        for method in methods {
            let response = test_app
                .answer(sending(method.clone(), &foreign, BODY))
                .await;
            assert!(response.starts_with('2'), "{method}: {response}");
            assert!(!response.contains("cus_1"), "{method}: {response}");
        }
        let after = test_app.answer(TestRequest::get().uri(&own)).await;
        assert_eq!(
            body_without_request_id(&after),
            body_without_request_id(&before)
        );
    }

    fn body_without_request_id(answer: &str) -> Vec<&str> {
        let lines = answer.lines();
        lines
            .filter(|line| !line.starts_with("x-request-id"))
            .collect()
    }

    #[actix_web::test]
    async fn the_allow_header_lists_exactly_the_methods_of_a_route() {
        for (below, allowed) in [
            (ADDRESSES, "GET, HEAD, POST, DELETE"),
            (ADDRESS, "GET, HEAD, PATCH, DELETE"),
            (REVISIONS, "GET, HEAD"),
            (REVISION, "GET, HEAD"),
            (LABEL, "GET, HEAD"),
            (VALIDATION, "POST"),
        ] {
            for prefix in PREFIXES {
                for method in [Method::PUT, Method::OPTIONS, Method::TRACE] {
                    let request =
                        TestRequest::with_uri(&path(prefix, below, "cus_1")).method(method);
                    let response = answer(MockAddressRepository::new(), request).await;
                    assert!(response.starts_with("405 "), "{response}");
                    assert_eq!(header_of(&response, "allow").as_deref(), Some(allowed));
                }
            }
        }
    }
}
