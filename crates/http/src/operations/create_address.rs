use std::rc::Rc;

use actix_web::http::header::{ETAG, HeaderName, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{
    AddressContent, AddressService, CreateError, CustomerId, FieldErrors, Fingerprint,
    IdempotencyKey, IdempotentRequest,
};
use sha2::{Digest as _, Sha256};

use crate::openapi::parameters::{CustomerPath, Idempotency, NoQuery, RequestHeaders};
use crate::openapi::responses::{Created, problems};
use crate::request::address_input::{self, NewAddress};
use crate::request::caller::Caller;
use crate::request::parameters;
use crate::request::prefer;
use crate::request::request_body::RequestBody;
use crate::response::address_etag;
use crate::response::address_json::AddressJson;
use crate::response::cache_control::NO_STORE;
use crate::response::problem::Problem;
use crate::response::problem_kind::{BOOK_FULL, CONFLICT, KEY_REUSED, UNSUPPORTED};
use crate::route::ADDRESSES;
use crate::telemetry::metrics::HttpMetrics;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

problems!(CreateProblems: UNREADABLE, REQUEST_TIMEOUT, CONFLICT, BOOK_FULL, TOO_MANY_REVISIONS, TOO_LARGE, UNSUPPORTED, INVALID_ADDRESS, KEY_REUSED);

/// `POST …/addresses`: creates an address. With an `Idempotency-Key`
/// (draft-ietf-httpapi-idempotency-key-header-07), the client can repeat the request.
#[utoipa::path(
    post,
    path = ADDRESSES,
    operation_id = "createAddress",
    tag = "Addresses",
    summary = "Create an address",
    description = "With an Idempotency-Key, the request can be repeated without creating a second address. A failed validation stores nothing.",
    params(CustomerPath, NoQuery, RequestHeaders, Idempotency),
    request_body(content = NewAddress, content_type = "application/json", description = "At most 64 KiB, unless configured otherwise"),
    responses(Created, CreateProblems)
)]
pub(crate) async fn create(
    service: web::Data<AddressService>,
    request: HttpRequest,
    RequestBody(body, _place): RequestBody,
) -> Result<HttpResponse, Problem> {
    let (customer_id, key) =
        parameters::read::<NoQuery, _>(&request, |errors| read(&request, errors))?;
    if !address_input::has_media_type(&request, address_input::is_json) {
        return Err(Problem::of(UNSUPPORTED));
    }
    let mut errors = FieldErrors::default();
    let input = address_input::read(&body, &mut errors)?;
    let content = AddressContent::parse(&input, &mut errors)
        .filter(|_| errors.is_empty())
        .ok_or_else(|| Problem::invalid_address(errors))?;
    let idempotent = key.map(|key| IdempotentRequest {
        key,
        fingerprint: Fingerprint(Sha256::digest(&body).into()),
    });
    let created = prefer::service(&request, &service)
        .create(&customer_id, &content, idempotent.as_ref())
        .await?;
    let address = &created.address;
    let mut response = HttpResponse::Created();
    response
        // Relative to the path that the client requested, like the links of a list.
        .insert_header((LOCATION, format!("addresses/{}", address.id)))
        .insert_header((ETAG, address_etag::of(address.version())))
        .insert_header(NO_STORE);
    if created.replayed {
        if let Some(Some(metrics)) = request.app_data::<Option<Rc<HttpMetrics>>>() {
            metrics.record_replay();
        }
        response.insert_header((IDEMPOTENT_REPLAYED, "true"));
    }
    Ok(match Caller::may_read(&request) {
        true => response.json(AddressJson(address)),
        false => response.finish(),
    })
}

/// Parses the customer and the idempotency key.
fn read(
    request: &HttpRequest,
    errors: &mut FieldErrors,
) -> Option<(CustomerId, Option<IdempotencyKey>)> {
    let customer_id = parameters::customer_id(request, errors);
    let mut keys = request.headers().get_all(IDEMPOTENCY_KEY);
    let key = keys
        .next()
        .and_then(|key| errors.check(IDEMPOTENCY_KEY, IdempotencyKey::parse(key.as_bytes())));
    if keys.next().is_some() {
        errors.add(IDEMPOTENCY_KEY, "expected once");
    }
    Some((customer_id?, key))
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Invalid(errors) => Self::invalid_address(errors),
            CreateError::IdTaken => Self::of(CONFLICT),
            CreateError::KeyReused => Self::of(KEY_REUSED),
            CreateError::BookFull { max_addresses } => Self::of(BOOK_FULL).with_detail(format!(
                "The customer has reached the limit of {max_addresses} addresses."
            )),
            CreateError::HistoryFull { max_past_revisions } => {
                Self::history_full(max_past_revisions)
            }
            CreateError::Repository(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::http::header::CONTENT_TYPE;
    use actix_web::test::TestRequest;
    use addressbook_domain::{MockAddressRepository, Refusal, RepositoryError, ServiceLimits};
    use addressbook_testkit::{InMemoryRepository, fixtures};
    use insta::assert_snapshot;

    use super::*;
    use crate::options::HttpOptions;
    use crate::testing::{
        BOOK, Failure, TestApp, answer, body_of, header_of, holding, path_of, refusing, sending,
    };

    const FULL: &str = r#" {"description":" Home ","region":"Kigali","city":"Zu\u0308rich",
        "country":"rw","custom_data":{ "z": 1.50, "a": "\/" }} "#;
    const PLAIN: &str = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;

    fn post(json: &'static str) -> TestRequest {
        sending(Method::POST, BOOK, json)
    }

    fn post_with_key(key: &str, json: &'static str) -> TestRequest {
        post(json).insert_header((IDEMPOTENCY_KEY, key))
    }

    #[actix_web::test]
    async fn an_address_is_created_and_can_be_read() {
        let test_app = TestApp::new(InMemoryRepository::default());
        let created = test_app.answer(post(FULL)).await;
        assert_snapshot!("created", created);
        let location = header_of(&created, "location").unwrap();
        let uri = format!("/v1/customers/cus_1/{location}");
        let read = test_app.answer(TestRequest::get().uri(&uri)).await;
        assert_eq!(body_of(&read), body_of(&created));
        assert_eq!(header_of(&read, "etag"), header_of(&created, "etag"));
    }

    #[actix_web::test]
    async fn optional_members_may_be_null_or_left_out() {
        let with_nulls = r#"{"region":"Kigali","city":"Kigali","country":"RW","description":null,"custom_data":null}"#;
        for json in [PLAIN, with_nulls] {
            for uri in [BOOK.to_owned(), format!("/api{BOOK}")] {
                let request = sending(Method::POST, &uri, json);
                assert_snapshot!(
                    "plain",
                    answer(InMemoryRepository::default(), request).await
                );
            }
        }
    }

    #[actix_web::test]
    async fn every_field_error_is_named_at_once() {
        for (name, json) in [
            (
                "all_bad",
                r#"{"id":"add_1","customer_id":1,"created_at":null,"updated_at":{},"street":"x",
                    "description":"","region":"a\u0000b","city":7,"country":"ZZ","custom_data":[]}"#,
            ),
            ("nothing", "{}"),
            ("no_object", "[]"),
        ] {
            assert_snapshot!(name, answer(MockAddressRepository::new(), post(json)).await);
        }
    }

    #[actix_web::test]
    async fn the_media_type_must_be_json() {
        for (media_type, status) in [
            ("application/json", "201"),
            ("Application/JSON; charset=UTF-8", "201"),
            ("application/json;charset=\"utf-8\"", "201"),
            ("application/vnd.address+json; v=1", "201"),
            ("application/json; charset=iso-8859-1", "415"),
            ("application/jsonp", "415"),
            ("application/x-www-form-urlencoded", "415"),
            ("text/json", "415"),
            ("json", "415"),
            ("", "415"),
        ] {
            let request = TestRequest::post()
                .uri(BOOK)
                .insert_header((CONTENT_TYPE, media_type))
                .set_payload(PLAIN);
            let response = answer(InMemoryRepository::default(), request).await;
            assert!(response.starts_with(status), "{media_type}: {response}");
        }
        for (method, path) in [(Method::POST, BOOK), (Method::PATCH, &*path_of(1))] {
            for second in ["application/json", "text/plain"] {
                let request =
                    sending(method.clone(), path, PLAIN).append_header((CONTENT_TYPE, second));
                let response = answer(InMemoryRepository::default(), request).await;
                assert!(response.starts_with("415"), "{method} {second}: {response}");
            }
        }
        let untyped = TestRequest::post().uri(BOOK).set_payload(PLAIN);
        let untyped = answer(InMemoryRepository::default(), untyped).await;
        assert_snapshot!("untyped", untyped);
    }

    #[actix_web::test]
    async fn a_repeated_request_gets_the_same_response() {
        let test_app = TestApp::new(InMemoryRepository::default());
        let first = test_app.answer(post_with_key("k", PLAIN)).await;
        let uri = format!(
            "/v1/customers/cus_1/{}",
            header_of(&first, "location").unwrap()
        );
        let change = sending(Method::PATCH, &uri, r#"{"city":"Huye"}"#);
        assert!(test_app.answer(change).await.starts_with("200"));
        let again = test_app.answer(post_with_key("k", PLAIN)).await;
        assert_snapshot!("replayed", again);
        for name in ["location", "etag"] {
            assert_eq!(header_of(&again, name), header_of(&first, name));
        }
        assert_eq!(body_of(&again), body_of(&first));
        assert_snapshot!(
            "key_reused",
            test_app.answer(post_with_key("k", FULL)).await
        );
        let elsewhere = sending(Method::POST, "/v1/customers/cus_2/addresses", FULL)
            .insert_header((IDEMPOTENCY_KEY, "k"));
        assert!(test_app.answer(elsewhere).await.starts_with("201"));
    }

    #[actix_web::test]
    async fn a_rejected_request_does_not_consume_its_key() {
        let test_app = TestApp::new(InMemoryRepository::default());
        let refused = test_app.answer(post_with_key("k", "{}")).await;
        assert!(refused.starts_with("422"), "{refused}");
        let created = test_app.answer(post_with_key("k", PLAIN)).await;
        assert!(created.starts_with("201"), "{created}");
        assert_eq!(header_of(&created, "idempotent-replayed"), None);
    }

    #[actix_web::test]
    async fn a_key_is_visible_ascii_and_sent_once() {
        let good = post_with_key(&"~".repeat(255), PLAIN);
        let good = answer(InMemoryRepository::default(), good).await;
        assert!(good.starts_with("201"), "{good}");
        let bad: [&[u8]; 4] = [b"", b"a b", b"\xc3\xa9", &[b'x'; 256]];
        for key in bad {
            let request = post(PLAIN).insert_header((IDEMPOTENCY_KEY, key));
            assert_snapshot!(
                "bad_key",
                answer(MockAddressRepository::new(), request).await
            );
        }
        let uri = BOOK.replace("cus_1", "add_1");
        let twice = sending(Method::POST, &uri, PLAIN)
            .append_header((IDEMPOTENCY_KEY, "a"))
            .append_header((IDEMPOTENCY_KEY, "a"));
        assert_snapshot!(
            "two_keys",
            answer(MockAddressRepository::new(), twice).await
        );
    }

    #[actix_web::test]
    async fn a_full_book_rejects_new_addresses() {
        let limits = ServiceLimits {
            max_addresses: 2,
            ..ServiceLimits::default()
        };
        let repository = holding((1..=2).map(|number| fixtures::address("cus_1", number))).await;
        let test_app = TestApp::with_options(repository, limits, HttpOptions::default());
        assert_snapshot!("book_full", test_app.answer(post(PLAIN)).await);
    }

    #[actix_web::test]
    async fn a_full_history_rejects_new_addresses() {
        let limits = ServiceLimits {
            max_past_revisions: 3,
            ..ServiceLimits::default()
        };
        let repository = holding((1..=2).map(|number| fixtures::address("cus_1", number))).await;
        let test_app = TestApp::with_options(repository, limits, HttpOptions::default());
        for number in 1..=2 {
            let remove = TestRequest::delete().uri(&path_of(number));
            let removed = test_app.answer(remove).await;
            assert!(removed.starts_with("204"), "{removed}");
        }
        assert_snapshot!("history_full", test_app.answer(post(PLAIN)).await);
    }

    #[actix_web::test]
    async fn an_id_that_exists_already_is_a_conflict() {
        let mut repository = MockAddressRepository::new();
        repository
            .expect_commit()
            .returning(|_| Err(Refusal::Conflict { index: 0 }.into()));
        let response = answer(repository, post(PLAIN)).await;
        assert!(response.starts_with("409 "), "{response}");
        assert_eq!(body_of(&response)["type"], CONFLICT.uri);
    }

    #[actix_web::test]
    async fn repository_errors_become_problems() {
        let failures: [(&str, Failure); 2] = [
            ("503", || RepositoryError::Busy("secret".into())),
            ("500", || RepositoryError::Internal("secret".into())),
        ];
        for (status, failure) in failures {
            for request in [post(PLAIN), post_with_key("k", PLAIN)] {
                let response = answer(refusing(failure), request).await;
                assert!(response.starts_with(status), "{response}");
            }
        }
    }
}
