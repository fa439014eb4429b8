//! Authorization of every path of the OpenAPI document, under both prefixes, with every method and
//! every kind of credential, and of paths outside the document.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service};
use addressbook_domain::{
    AddressRepository as _, ApiKey, ApiKeyRepository as _, KeyAuthenticator, Scope,
};
use addressbook_http::{AppParts, app, openapi_json};
use addressbook_testkit::{
    FrozenClock, InMemoryApiKeys, InMemoryRepository, SequenceIds, fixtures, service,
};
use serde_json::Value;

/// The scope that each operation requires. Add new operations here, too.
const DECIDED: [(&str, &str, Scope); 11] = [
    ("/addresses", "get", Scope::Read),
    ("/addresses", "post", Scope::Write),
    ("/addresses", "delete", Scope::Write),
    ("/addresses/{address_id}", "get", Scope::Read),
    ("/addresses/{address_id}", "patch", Scope::Write),
    ("/addresses/{address_id}", "delete", Scope::Write),
    ("/addresses/{address_id}/revisions", "get", Scope::Read),
    (
        "/addresses/{address_id}/revisions/{revision}",
        "get",
        Scope::Read,
    ),
    ("/addresses/{address_id}/label", "get", Scope::Read),
    ("/default-addresses", "get", Scope::Read),
    ("/default-addresses", "patch", Scope::Write),
];

const CUSTOMER: &str = "/v1/customers/{customer_id}";

/// The operation that requires a credential with the scope to write, also one for any book.
const OUTSIDE_OF_BOOKS: &str = "/v1/addresses/validate";

/// Operations of the document that require no credential.
const OPEN: [&str; 2] = ["/v1/countries", "/v1/countries/{code}"];

/// Public paths, and paths that do not exist.
const PUBLIC: [&str; 9] = [
    "/v1/countries",
    "/api/v1/countries",
    "/v1/countries/RW",
    "/api/v1/countries/rw",
    "/livez",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/docs/start.js",
];
const NOWHERE: [&str; 7] = [
    "/",
    "/v1/countriesx",
    "/metrics",
    "/livez/",
    "/docsx",
    "/v1/customers",
    "/v1/customers/cus_1/addresses/",
];

const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

const FULL: u8 = 1;
const READ_ONLY: u8 = 2;
const WRITE_ONLY: u8 = 3;
const OWN_BOOK: u8 = 4;
const OTHER_BOOK: u8 = 5;
const EXPIRED: u8 = 6;
const REVOKED: u8 = 7;
const UNKNOWN: u8 = 8;

/// Every kind of credential, with its header and the expected result.
fn credentials() -> Vec<(&'static str, Option<String>, Verdict)> {
    let token = |number| Some(format!("Bearer {}", fixtures::api_token(number).expose()));
    let broken = || fixtures::api_token(FULL).expose().replace("ab_0", "ab_1");
    vec![
        ("no credential", None, Verdict::Unknown("")),
        (
            "another scheme",
            Some("Basic YTpi".into()),
            Verdict::Unknown(""),
        ),
        ("a malformed key", Some("Bearer ab_".into()), INVALID),
        (
            "a key with a wrong checksum",
            Some(format!("Bearer {}", broken())),
            INVALID,
        ),
        ("not a key", Some("Bearer e30.e30.e30".into()), INVALID),
        ("an unknown key", token(UNKNOWN), INVALID),
        ("an expired key", token(EXPIRED), INVALID),
        ("a revoked key", token(REVOKED), INVALID),
        (
            "another customer's key",
            token(OTHER_BOOK),
            Verdict::May(&[]),
        ),
        (
            "a read-only key",
            token(READ_ONLY),
            Verdict::May(&[Scope::Read]),
        ),
        (
            "a write-only key",
            token(WRITE_ONLY),
            Verdict::May(&[Scope::Write]),
        ),
        (
            "the customer's own key",
            token(OWN_BOOK),
            Verdict::May(&Scope::ALL),
        ),
        ("a full key", token(FULL), Verdict::May(&Scope::ALL)),
    ]
}

/// What a credential allows in the book of `cus_1`.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    /// 401, with that error in the challenge.
    Unknown(&'static str),
    /// Operations that require one of these scopes; 403 for the others.
    May(&'static [Scope]),
}

const INVALID: Verdict = Verdict::Unknown("invalid_token");

async fn keys() -> InMemoryApiKeys {
    let keys = InMemoryApiKeys::default();
    let key = fixtures::api_key;
    let bound = |customer_id| Some(fixtures::customer(customer_id));
    let now = Some(FrozenClock::default().0);
    for key in [
        key(FULL),
        ApiKey {
            scopes: vec![Scope::Read],
            ..key(READ_ONLY)
        },
        ApiKey {
            scopes: vec![Scope::Write],
            ..key(WRITE_ONLY)
        },
        ApiKey {
            customer_id: bound("cus_1"),
            ..key(OWN_BOOK)
        },
        ApiKey {
            customer_id: bound("cus_2"),
            ..key(OTHER_BOOK)
        },
        ApiKey {
            expires_at: now,
            ..key(EXPIRED)
        },
        ApiKey {
            revoked_at: now,
            ..key(REVOKED)
        },
    ] {
        keys.add(key).await.unwrap();
    }
    keys
}

/// The parts of an application with authentication and a book with one address.
async fn parts() -> AppParts {
    let repository = InMemoryRepository::default();
    let creating = fixtures::creating([fixtures::address("cus_1", 1)]);
    repository.commit(creating).await.unwrap();
    let service = service(Arc::new(repository));
    AppParts {
        authenticator: Some(Arc::new(KeyAuthenticator::new(
            Arc::new(keys().await),
            Arc::new(FrozenClock::default()),
        ))),
        ..AppParts::new(service, Arc::new(SequenceIds::default()))
    }
}

/// Returns the status and the challenge of the response to a request that is otherwise valid.
async fn answer(method: &Method, path: &str, authorization: Option<&str>) -> (StatusCode, String) {
    // A new application for each request, because some remove the address.
    let app = init_service(app(parts().await)).await;
    let body = match path.ends_with("/default-addresses") {
        true => r#"{"default_addresses":{"billing":null}}"#,
        false => r#"{"region":"Kigali","city":"Huye","country":"RW"}"#,
    };
    let mut request = TestRequest::with_uri(path)
        .method(method.clone())
        .insert_header((CONTENT_TYPE, "application/json"))
        .set_payload(body);
    if let Some(authorization) = authorization {
        request = request.insert_header((AUTHORIZATION, authorization));
    }
    let response = call_service(&app, request.to_request()).await;
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge.map_or("", |challenge| challenge.to_str().unwrap());
    (response.status(), challenge.to_owned())
}

#[actix_web::test]
async fn a_write_only_credential_gets_no_body() {
    let app = init_service(app(parts().await)).await;
    let customer = CUSTOMER.replace("{customer_id}", "cus_1");
    let book = format!("{customer}/addresses");
    let defaults = format!("{customer}/default-addresses");
    let none = r#"{"default_addresses":{}}"#;
    let address = format!("{book}/{}", fixtures::address_id(1));
    let creation = r#"{"region":"Kigali","city":"Huye","country":"RW"}"#;
    let duplicate = creation.replace("Huye", "HUYE");
    let return_duplicate = format!("{book}?on_duplicate=return");
    for (idempotency_key, method, path, body, statuses) in [
        ("1", Method::POST, &book, creation, [201, 201]),
        ("2", Method::POST, &return_duplicate, &duplicate, [200, 200]),
        ("3", Method::PATCH, &address, "{}", [200, 204]),
        ("4", Method::PATCH, &defaults, none, [200, 204]),
    ] {
        for (key, status) in [FULL, WRITE_ONLY].into_iter().zip(statuses) {
            let token = format!("Bearer {}", fixtures::api_token(key).expose());
            let request = TestRequest::with_uri(path)
                .method(method.clone())
                .insert_header((CONTENT_TYPE, "application/json"))
                .insert_header((AUTHORIZATION, token))
                .insert_header(("Idempotency-Key", idempotency_key))
                .set_payload(body.to_owned());
            let response = call_service(&app, request.to_request()).await;
            assert_eq!(response.status(), status, "{method} {key}");
            assert!(response.headers().contains_key("etag"), "{method} {key}");
            let body = actix_web::test::read_body(response).await;
            assert_eq!(
                body.is_empty(),
                key == WRITE_ONLY,
                "{method} {key}: {body:?}"
            );
        }
    }
}

/// The operations of the document: path, method and required scopes.
fn operations() -> BTreeMap<(String, String), Value> {
    let document: Value = serde_json::from_str(openapi_json()).unwrap();
    let mut operations = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scopes = operation["security"][0]["credential"].clone();
            operations.insert((path.clone(), method.clone()), scopes);
        }
    }
    operations
}

#[test]
fn every_operation_requires_the_documented_scope() {
    let decided = DECIDED.map(|(below, method, scope)| {
        let operation = (format!("{CUSTOMER}{below}"), method.to_owned());
        (operation, Value::from(vec![scope.as_str()]))
    });
    let open = OPEN.map(|path| ((path.to_owned(), "get".to_owned()), Value::Null));
    let outside = (OUTSIDE_OF_BOOKS.to_owned(), "post".to_owned());
    let outside = (outside, Value::from(vec![Scope::Write.as_str()]));
    let decided = decided.into_iter().chain(open).chain([outside]);
    assert_eq!(operations(), decided.collect());
}

#[actix_web::test]
async fn each_credential_allows_only_what_its_scopes_permit() {
    let mut paths: Vec<_> = operations().into_keys().map(|(path, _)| path).collect();
    paths.dedup();
    paths.retain(|path| path.starts_with(CUSTOMER));
    let mut tried = 0;
    for pattern in &paths {
        let path = pattern
            .replace("{customer_id}", "cus_1")
            .replace("{address_id}", fixtures::address_id(1).as_str())
            .replace("{revision}", "1");
        assert!(!path.contains('{'), "unknown parameter in {path}");
        for path in [path.clone(), format!("/api{path}")] {
            for method in METHODS {
                let decided = DECIDED.iter().find(|(below, decided, _)| {
                    let asked = if method == Method::HEAD {
                        &Method::GET
                    } else {
                        &method
                    };
                    *pattern == format!("{CUSTOMER}{below}")
                        && asked.as_str().eq_ignore_ascii_case(decided)
                });
                for (who, authorization, verdict) in credentials() {
                    let (status, challenge) =
                        answer(&method, &path, authorization.as_deref()).await;
                    let is_right = match (verdict, decided) {
                        (Verdict::Unknown(error), _) => {
                            status == 401 && is_challenge(&challenge, error)
                        }
                        (Verdict::May(_), None) => status == 405,
                        (Verdict::May(scopes), Some((_, _, scope))) if scopes.contains(scope) => {
                            status.is_success()
                        }
                        (Verdict::May(_), Some(_)) => {
                            status == 403 && is_challenge(&challenge, "insufficient_scope")
                        }
                    };
                    assert!(is_right, "{method} {path} by {who}: {status} {challenge}");
                    tried += 1;
                }
            }
        }
    }
    println!("{tried} combinations of path, method and credential");
    assert_eq!(tried, 6 * 2 * METHODS.len() * credentials().len());
}

#[actix_web::test]
async fn outside_of_books_every_credential_with_the_scope_is_allowed() {
    for path in [
        OUTSIDE_OF_BOOKS.to_owned(),
        format!("/api{OUTSIDE_OF_BOOKS}"),
    ] {
        for (who, authorization, verdict) in credentials() {
            let (status, challenge) = answer(&Method::POST, &path, authorization.as_deref()).await;
            let is_right = match (who, verdict) {
                ("another customer's key", _) => status == 200,
                (_, Verdict::Unknown(error)) => status == 401 && is_challenge(&challenge, error),
                (_, Verdict::May(scopes)) if scopes.contains(&Scope::Write) => status == 200,
                _ => status == 403 && is_challenge(&challenge, "insufficient_scope"),
            };
            assert!(is_right, "{path} by {who}: {status} {challenge}");
        }
    }
}

fn is_challenge(header: &str, error: &str) -> bool {
    match error {
        "" => header == r#"Bearer realm="addressbook""#,
        error => header == format!(r#"Bearer realm="addressbook", error="{error}""#),
    }
}

#[actix_web::test]
async fn existing_and_missing_addresses_of_other_customers_both_get_403() {
    let mut tried = 0;
    for (below, method, _) in DECIDED {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        for customer_id in ["cus_1", "cus_3", "add_1", "%63us_2x", "cus_2%2F"] {
            let path = format!("{CUSTOMER}{below}")
                .replace("{customer_id}", customer_id)
                .replace("{revision}", "1");
            for id in [
                fixtures::address_id(1).as_str(),
                fixtures::address_id(9).as_str(),
                "x",
            ] {
                let path = path.replace("{address_id}", id);
                let token = format!("Bearer {}", fixtures::api_token(OTHER_BOOK).expose());
                let (status, _) = answer(&method, &path, Some(&token)).await;
                assert_eq!(status, 403, "{method} {path}");
                tried += 1;
            }
        }
    }
    println!("{tried} requests for other customers' books");
}

#[actix_web::test]
async fn public_paths_need_no_credential_and_all_others_do() {
    let mut tried = 0;
    for (who, authorization, verdict) in credentials() {
        for path in PUBLIC {
            for method in [Method::GET, Method::HEAD] {
                let (status, _) = answer(&method, path, authorization.as_deref()).await;
                assert_eq!(status, 200, "{method} {path} by {who}");
                tried += 1;
            }
        }
        for path in NOWHERE {
            for method in METHODS {
                let (status, _) = answer(&method, path, authorization.as_deref()).await;
                let expected = if matches!(verdict, Verdict::Unknown(_)) {
                    401
                } else {
                    404
                };
                assert_eq!(status, expected, "{method} {path} by {who}");
                tried += 1;
            }
        }
    }
    println!("{tried} combinations of public or unknown path, method and credential");
}
