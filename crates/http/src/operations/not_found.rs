use actix_web::{HttpRequest, HttpResponse, web};

use crate::options::HttpOptions;
use crate::response::problem::Problem;
use crate::response::problem_kind::NOT_FOUND;
use crate::route::Route;

/// Responds to every unknown path. Hints at the mistake if the path is almost correct.
pub(crate) async fn answer(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let problem = Problem::of(NOT_FOUND);
    let options = request.app_data::<web::Data<HttpOptions>>();
    let has_docs = options.is_some_and(|options| options.has_docs);
    let hint = match request.path() {
        "/" if has_docs => Some("The documentation is at /docs.".to_owned()),
        path => hint(path),
    };
    Err(match hint {
        Some(hint) => problem.with_detail(format!("{} {hint}", NOT_FOUND.detail)),
        None => problem,
    })
}

/// A hint at the route that was probably meant. Does not repeat the path, which may contain a
/// customer's id.
fn hint(path: &str) -> Option<String> {
    let inner = path.trim_matches('/');
    let (pattern, found) = Route::ALL[1..]
        .iter()
        .find_map(|pattern| Some((pattern, resemblance(inner, pattern)?)))?;
    if let Some(name) = found.empty {
        return Some(format!("The {name} in {pattern} is empty."));
    }
    let differences = [
        (path.ends_with('/'), "without a slash at the end"),
        (path.starts_with("//"), "with one slash at the beginning"),
        (!found.is_exact, "in lower case"),
    ];
    let differences: Vec<_> = differences
        .into_iter()
        .filter_map(|(differs, how)| differs.then_some(how))
        .collect();
    Some(format!(
        "Did you mean {pattern}, {}?",
        differences.join(" and ")
    ))
}

/// How a path resembles a route that it does not match.
struct Resemblance<'a> {
    /// Whether the fixed segments have the same case as in the route.
    is_exact: bool,
    /// The name of a parameter that is empty.
    empty: Option<&'a str>,
}

fn resemblance<'a>(path: &str, pattern: &'a str) -> Option<Resemblance<'a>> {
    let (parts, expected) = (path.split('/'), pattern.split('/').skip(1));
    if parts.clone().count() != expected.clone().count() {
        return None;
    }
    let mut found = Resemblance {
        is_exact: true,
        empty: None,
    };
    for (part, expected) in parts.zip(expected) {
        let name = expected.strip_prefix('{');
        match name.and_then(|name| name.strip_suffix('}')) {
            Some(name) if part.is_empty() => found.empty = Some(name),
            Some(_) => {}
            None if part.eq_ignore_ascii_case(expected) => found.is_exact &= part == expected,
            None => return None,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use addressbook_domain::{MockAddressRepository, MockAuthenticator};

    use crate::testing::{TestApp, answer, body_of};

    const PLAIN: &str = "There is no resource at this path.";

    async fn detail(path: &str) -> String {
        let response = answer(MockAddressRepository::new(), TestRequest::get().uri(path)).await;
        assert!(response.starts_with("404 "), "{path}: {response}");
        let body = body_of(&response);
        assert_eq!(body["type"], "urn:addressbook:problem:not-found");
        body["detail"].as_str().unwrap().to_owned()
    }

    #[actix_web::test]
    async fn the_root_points_at_the_documentation() {
        let expected = format!("{PLAIN} The documentation is at /docs.");
        assert_eq!(detail("/").await, expected);
    }

    #[actix_web::test]
    async fn an_almost_correct_path_gets_a_hint() {
        for (path, hint) in [
            (
                "/v1/customers/cus_1/addresses/",
                "Did you mean /v1/customers/{customer_id}/addresses, without a slash at the end?",
            ),
            (
                "/v1/customers/cus_1/addresses//?limit=1",
                "Did you mean /v1/customers/{customer_id}/addresses, without a slash at the end?",
            ),
            (
                "/api/v1/customers/cus_1/addresses/add_1/",
                "Did you mean /api/v1/customers/{customer_id}/addresses/{address_id}, without a \
                 slash at the end?",
            ),
            (
                "/v1/customers/cus_1/addresses/add_1/revisions/",
                "Did you mean /v1/customers/{customer_id}/addresses/{address_id}/revisions, \
                 without a slash at the end?",
            ),
            (
                "/readyz/",
                "Did you mean /readyz, without a slash at the end?",
            ),
            ("/docs/", "Did you mean /docs, without a slash at the end?"),
            (
                "//v1/customers/cus_1/addresses",
                "Did you mean /v1/customers/{customer_id}/addresses, with one slash at the \
                 beginning?",
            ),
            (
                "/V1/Customers/cus_1/Addresses/",
                "Did you mean /v1/customers/{customer_id}/addresses, without a slash at the end \
                 and in lower case?",
            ),
            (
                "/v1/customers//addresses",
                "The customer_id in /v1/customers/{customer_id}/addresses is empty.",
            ),
            (
                "/v1/customers/cus_1/addresses//revisions",
                "The address_id in \
                 /v1/customers/{customer_id}/addresses/{address_id}/revisions is empty.",
            ),
        ] {
            assert_eq!(detail(path).await, format!("{PLAIN} {hint}"), "{path}");
        }
    }

    #[actix_web::test]
    async fn other_paths_get_no_hint() {
        for path in [
            "//",
            "/unknown",
            "/v1/customers",
            "/v1/customers/",
            "/v1/customers/cus_1/address",
            "/v2/customers/cus_1/addresses/",
            "/v1/customers/cus_1/addresses/add_1/revisions/1/2",
        ] {
            assert_eq!(detail(path).await, PLAIN, "{path}");
        }
    }

    #[actix_web::test]
    async fn an_unauthenticated_request_gets_no_hint() {
        let mut authenticator = MockAuthenticator::new();
        authenticator.expect_is_required().return_const(true);
        let test_app = TestApp::new(MockAddressRepository::new()).with_authenticator(authenticator);
        let request = TestRequest::get().uri("/v1/customers/cus_1/addresses/");
        let response = test_app.answer(request).await;
        assert!(response.starts_with("401 "), "{response}");
        assert!(!response.contains("Did you mean"), "{response}");
    }
}
