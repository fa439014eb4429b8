//! Cross-Origin Resource Sharing: which origins' pages a browser allows to call the service.

use actix_cors::Cors;
use actix_web::http::Method;
use actix_web::http::header;

use crate::request::min_book_revision::MIN_BOOK_REVISION;
use crate::request::prefer::PREFER;
use crate::request::request_id::RequestId;

/// Allows only pages of these origins, with all methods and headers that the service uses.
///
/// Credentials that browsers add by themselves, such as cookies, are not allowed: the service reads
/// none, and the page itself adds the token.
pub(crate) fn policy(origins: &[String]) -> Cors {
    let policy = Cors::default()
        .allowed_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PATCH,
            Method::DELETE,
        ])
        .allowed_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            header::HeaderName::from_static("idempotency-key"),
            MIN_BOOK_REVISION,
            PREFER,
            header::HeaderName::from_static("traceparent"),
            RequestId::HEADER,
        ])
        .expose_headers([
            "book-revision",
            "etag",
            "idempotent-replayed",
            "link",
            "location",
            "preference-applied",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "www-authenticate",
            "x-request-id",
            "x-total-count",
        ])
        .max_age(MAX_AGE_S);
    origins
        .iter()
        .fold(policy, |policy, origin| policy.allowed_origin(origin))
}

/// Seconds for which a browser may cache a preflight: two hours, the maximum of Chromium.
const MAX_AGE_S: usize = 7_200;

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::test::TestRequest;
    use addressbook_domain::{MockAddressRepository, MockAuthenticator};
    use addressbook_testkit::{InMemoryRepository, fixtures};

    use crate::testing::{BOOK, TestApp, header_of, holding};

    const SHOP: &str = "https://shop.example";

    fn preflight(origin: &str, method: &str, headers: &str) -> TestRequest {
        TestRequest::with_uri(BOOK)
            .method(Method::OPTIONS)
            .insert_header(("Origin", origin))
            .insert_header(("Access-Control-Request-Method", method))
            .insert_header(("Access-Control-Request-Headers", headers))
    }

    fn list(words: &str) -> Vec<String> {
        let words = words
            .split(',')
            .map(|word| word.trim().to_ascii_lowercase());
        let mut words: Vec<_> = words.collect();
        words.sort_unstable();
        words
    }

    #[actix_web::test]
    async fn a_preflight_needs_neither_a_credential_nor_the_store() {
        let test_app = TestApp::new(MockAddressRepository::new())
            .with_authenticator(MockAuthenticator::new())
            .with_cors_origins(&[SHOP, "https://other.example"]);
        for method in ["GET", "HEAD", "POST", "PATCH", "DELETE"] {
            let headers = "authorization, content-type, idempotency-key, if-match, \
                           if-none-match, min-book-revision, prefer, traceparent, x-request-id";
            let answer = test_app.answer(preflight(SHOP, method, headers)).await;
            assert!(answer.starts_with("200 "), "{answer}");
            let header = |name: &str| header_of(&answer, name);
            assert_eq!(header("access-control-allow-origin").as_deref(), Some(SHOP));
            let allowed = header("access-control-allow-methods").unwrap();
            assert_eq!(list(&allowed), list("GET, HEAD, POST, PATCH, DELETE"));
            let allowed = header("access-control-allow-headers").unwrap();
            assert_eq!(list(&allowed), list(headers));
            assert_eq!(header("access-control-allow-credentials"), None);
            assert!(header("vary").unwrap().to_lowercase().contains("origin"));
        }
    }

    #[actix_web::test]
    async fn a_preflight_that_is_not_allowed_is_rejected_with_a_problem() {
        let test_app = TestApp::new(MockAddressRepository::new()).with_cors_origins(&[SHOP]);
        for request in [
            preflight("https://evil.example", "GET", "authorization"),
            preflight("https://shop.example.evil", "GET", "authorization"),
            preflight("http://shop.example", "GET", "authorization"),
            preflight("null", "GET", "authorization"),
            preflight(SHOP, "PUT", "authorization"),
            preflight(SHOP, "GET", "x-admin"),
        ] {
            let answer = test_app.answer(request).await;
            assert!(answer.starts_with("400 "), "{answer}");
            assert!(answer.contains("application/problem+json"), "{answer}");
            assert_eq!(header_of(&answer, "access-control-allow-origin"), None);
        }
    }

    #[actix_web::test]
    async fn responses_are_readable_only_for_allowed_origins() {
        let test_app =
            TestApp::new(holding([fixtures::address("cus_1", 1)]).await).with_cors_origins(&[SHOP]);
        for (uri, status) in [(BOOK, "200 "), ("/v1/customers/add_1/addresses", "400 ")] {
            let from = |origin| {
                TestRequest::get()
                    .uri(uri)
                    .insert_header(("Origin", origin))
            };
            let answer = test_app.answer(from(SHOP)).await;
            assert!(answer.starts_with(status), "{answer}");
            let origin = header_of(&answer, "access-control-allow-origin");
            assert_eq!(origin.as_deref(), Some(SHOP));
            let exposed = header_of(&answer, "access-control-expose-headers").unwrap();
            for name in [
                "link",
                "x-total-count",
                "etag",
                "location",
                "preference-applied",
                "ratelimit",
                "retry-after",
            ] {
                assert!(
                    list(&exposed).contains(&name.to_owned()),
                    "{name}: {exposed}"
                );
            }
            let answer = test_app.answer(from("https://evil.example")).await;
            assert!(answer.starts_with(status), "{answer}");
            assert_eq!(header_of(&answer, "access-control-allow-origin"), None);
        }
    }

    #[actix_web::test]
    async fn without_origins_no_cors_headers_are_sent() {
        let test_app = TestApp::new(InMemoryRepository::default());
        let answer = test_app
            .answer(preflight(SHOP, "GET", "authorization"))
            .await;
        assert!(answer.starts_with("405 "), "{answer}");
        let from_page = TestRequest::get().uri(BOOK).insert_header(("Origin", SHOP));
        let answer = test_app.answer(from_page).await;
        assert!(answer.starts_with("200 "), "{answer}");
        assert!(
            !answer.contains("access-control") && !answer.contains("vary"),
            "{answer}"
        );
    }
}
