use std::rc::Rc;

use actix_web::http::header::{ETAG, HeaderName, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{
    AddressContent, AddressId, AddressService, CreateError, CustomerId, FieldErrors, Fingerprint,
    IdempotencyKey, IdempotentRequest, OnDuplicate, Origin,
};
use sha2::{Digest as _, Sha256};

use crate::openapi::parameters::{CreateQuery, CustomerPath, Idempotency, RequestHeaders};
use crate::openapi::problems::problems;
use crate::openapi::responses::{Created, Duplicate};
use crate::options::HttpOptions;
use crate::request::address_input::{self, NewAddress};
use crate::request::caller::Caller;
use crate::request::parameters::{self, QueryValue};
use crate::request::prefer;
use crate::request::request_body::RequestBody;
use crate::response::address_etag;
use crate::response::address_json::AddressJson;
use crate::response::book_revision;
use crate::response::cache_control::NO_STORE;
use crate::response::problem::Problem;
use crate::response::problem_kind::{
    BOOK_FULL, CONFLICT, DUPLICATE_ADDRESS, KEY_REUSED, UNSUPPORTED,
};
use crate::route::ADDRESSES;
use crate::telemetry::metrics::HttpMetrics;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The values of `on_duplicate`.
pub(crate) const ON_DUPLICATE: [(&str, OnDuplicate); 3] = [
    ("allow", OnDuplicate::Allow),
    ("return", OnDuplicate::Return),
    ("reject", OnDuplicate::Reject),
];

problems!(CreateProblems: UNREADABLE, REQUEST_TIMEOUT, CONFLICT, DUPLICATE_ADDRESS, BOOK_FULL, TOO_MANY_REVISIONS, TOO_LARGE, UNSUPPORTED, INVALID_ADDRESS, KEY_REUSED);

/// `POST …/addresses?on_duplicate=`: creates an address. With an `Idempotency-Key`
/// (draft-ietf-httpapi-idempotency-key-header-07), the client can repeat the request.
#[utoipa::path(
    post,
    path = ADDRESSES,
    operation_id = "createAddress",
    tag = "Addresses",
    summary = "Create an address",
    description = "With an Idempotency-Key, the request can be repeated without creating a second address. With `on_duplicate`, an address that the customer has already is not created again. A failed validation stores nothing.",
    params(CustomerPath, CreateQuery, RequestHeaders, Idempotency),
    request_body(content = NewAddress, content_type = "application/json", description = "At most 64 KiB, unless configured otherwise"),
    responses(Created, Duplicate, CreateProblems)
)]
pub(crate) async fn create(
    service: web::Data<AddressService>,
    options: web::Data<HttpOptions>,
    request: HttpRequest,
    RequestBody(body, _place): RequestBody,
) -> Result<HttpResponse, Problem> {
    let (customer_id, key, on_duplicate) =
        parameters::read::<CreateQuery, _>(&request, |errors| read(&request, errors))?;
    if !address_input::has_media_type(&request, address_input::is_json) {
        return Err(Problem::of(UNSUPPORTED));
    }
    let mut errors = FieldErrors::default();
    let (input, default_for) = address_input::read_new(&body, &mut errors)?;
    let content = AddressContent::parse(&input, &mut errors)
        .filter(|_| errors.is_empty())
        .ok_or_else(|| Problem::invalid_address(errors))?;
    let new = addressbook_domain::NewAddress {
        content: &content,
        on_duplicate: on_duplicate.unwrap_or(options.on_duplicate),
        default_for,
    };
    let idempotent = key.map(|key| IdempotentRequest {
        key,
        fingerprint: Fingerprint(Sha256::digest(&body).into()),
    });
    let created = prefer::service(&request, &service)
        .create(&customer_id, &new, idempotent.as_ref())
        .await?;
    let address = &created.address;
    let mut response = match created.origin {
        Origin::New | Origin::Replayed => HttpResponse::Created(),
        Origin::Duplicate => HttpResponse::Ok(),
    };
    response
        .insert_header((LOCATION, location(&address.id)))
        .insert_header((ETAG, address_etag::of(address.version())))
        .insert_header(book_revision::header(created.book_revision))
        .insert_header(NO_STORE);
    if created.origin == Origin::Replayed {
        if let Some(Some(metrics)) = request.app_data::<Option<Rc<HttpMetrics>>>() {
            metrics.record_replay();
        }
        response.insert_header((IDEMPOTENT_REPLAYED, "true"));
    }
    Ok(match Caller::may_read(&request) {
        true => response.json(AddressJson::of(address)),
        false => response.finish(),
    })
}

/// The path of an address, relative to the path that the client requested, like the links of a
/// list.
fn location(id: &AddressId) -> HeaderValue {
    // An id is a valid header value: the fallback is never used.
    HeaderValue::try_from(format!("addresses/{id}"))
        .unwrap_or(HeaderValue::from_static("addresses"))
}

type CreateRequest = (CustomerId, Option<IdempotencyKey>, Option<OnDuplicate>);

/// Parses the customer, the idempotency key and what to do with a duplicate.
fn read(request: &HttpRequest, errors: &mut FieldErrors) -> Option<CreateRequest> {
    let customer_id = parameters::customer_id(request, errors);
    let on_duplicate = QueryValue::named(request.query_string(), "on_duplicate");
    let on_duplicate = on_duplicate.parse("on_duplicate", parse_on_duplicate, errors);
    let mut keys = request.headers().get_all(IDEMPOTENCY_KEY);
    let key = keys
        .next()
        .and_then(|key| errors.check(IDEMPOTENCY_KEY, IdempotencyKey::parse(key.as_bytes())));
    if keys.next().is_some() {
        errors.add(IDEMPOTENCY_KEY, "expected once");
    }
    Some((customer_id?, key, on_duplicate.ok()?))
}

fn parse_on_duplicate(text: &str) -> Result<OnDuplicate, &'static str> {
    let known = ON_DUPLICATE.iter().find(|(name, _)| *name == text);
    known
        .map(|(_, on_duplicate)| *on_duplicate)
        .ok_or("expected allow, return or reject")
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Invalid(errors) => Self::invalid_address(errors),
            CreateError::IdTaken => Self::of(CONFLICT),
            CreateError::KeyReused => Self::of(KEY_REUSED),
            CreateError::Duplicate { id, book_revision } => Self::of(DUPLICATE_ADDRESS)
                .with_header(LOCATION, location(&id))
                .at(book_revision),
            CreateError::TooManyPurposes(error) => {
                let mut errors = FieldErrors::default();
                errors.add("default_for", error);
                Self::invalid_address(errors)
            }
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

    /// The default addresses of the customer.
    async fn defaults(test_app: &TestApp) -> serde_json::Value {
        let uri = BOOK.replace("addresses", "default-addresses");
        let read = test_app.answer(TestRequest::get().uri(&uri)).await;
        body_of(&read)["default_addresses"].clone()
    }

    #[actix_web::test]
    async fn an_address_becomes_the_default_as_it_is_created() {
        const JSON: &str = r#"{"region":"Kigali","city":"Kigali","country":"RW",
            "default_for":["shipping","billing"]}"#;
        let test_app = TestApp::new(InMemoryRepository::default());
        let first = test_app.answer(post_with_key("k", JSON)).await;
        assert!(first.starts_with("201"), "{first}");
        let id = |response: &str| body_of(response)["id"].clone();
        let both = |id: serde_json::Value| serde_json::json!({"billing": id, "shipping": id});
        assert_eq!(defaults(&test_app).await, both(id(&first)));
        let other = test_app.answer(post(JSON)).await;
        assert_eq!(defaults(&test_app).await, both(id(&other)));
        // A repeated request changes nothing.
        let again = test_app.answer(post_with_key("k", JSON)).await;
        assert_eq!(id(&again), id(&first));
        assert_eq!(defaults(&test_app).await, both(id(&other)));
        let return_duplicate = format!("{BOOK}?on_duplicate=return");
        let duplicate = sending(Method::POST, &return_duplicate, JSON);
        let duplicate = test_app.answer(duplicate).await;
        assert!(duplicate.starts_with("200"), "{duplicate}");
        assert_eq!(defaults(&test_app).await, both(id(&first)));
        let reject_duplicate = return_duplicate.replace("return", "reject");
        let rejected = sending(
            Method::POST,
            &reject_duplicate,
            JSON.replace("billing", "gift"),
        );
        assert!(test_app.answer(rejected).await.starts_with("409"));
        assert_eq!(defaults(&test_app).await, both(id(&first)));
    }

    #[actix_web::test]
    async fn invalid_purposes_are_field_errors() {
        let test_app = TestApp::new(InMemoryRepository::default());
        let creating = |default_for: &str| {
            let json = PLAIN.replace('}', &format!(r#","default_for":{default_for}}}"#));
            sending(Method::POST, BOOK, json)
        };
        for (default_for, message) in [
            (r#""shipping""#, "default_for: expected an array of strings"),
            (
                r#"["shipping",1]"#,
                "default_for: expected an array of strings",
            ),
            (
                r#"["a","Shipping"]"#,
                "default_for[1]: expected a purpose such as billing",
            ),
            (
                r#"["billing","billing"]"#,
                "default_for[1]: repeats a purpose",
            ),
        ] {
            let response = test_app.answer(creating(default_for)).await;
            assert!(response.starts_with("422"), "{response}");
            let error = &body_of(&response)["errors"][0];
            let [field, text] = ["field", "message"].map(|name| error[name].as_str().unwrap());
            assert!(format!("{field}: {text}").starts_with(message), "{error}");
        }
        let many: Vec<_> = (0..17).map(|number| format!(r#""p{number}""#)).collect();
        let many = test_app
            .answer(creating(&format!("[{}]", many.join(","))))
            .await;
        assert_snapshot!("too_many_purposes", many);
        for none in ["null", "[]"] {
            assert!(test_app.answer(creating(none)).await.starts_with("201"));
        }
        let change = sending(
            Method::PATCH,
            &path_of(1),
            r#"{"default_for":["shipping"]}"#,
        );
        let change = answer(holding([fixtures::address("cus_1", 1)]).await, change).await;
        assert_eq!(
            body_of(&change)["errors"][0]["message"],
            "can be set by a creation only; otherwise use PATCH on default-addresses"
        );
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

    /// A request for an address that the customer has as the first fixture.
    fn post_duplicate(on_duplicate: &str) -> TestRequest {
        let json = r#"{"region":"KIGALI","city":"kigali.","country":"RW","recipient":"aline uwase",
            "first_line":"KG 7 Avenue, 12","description":"Office"}"#;
        let uri = format!("{BOOK}?on_duplicate={on_duplicate}");
        sending(Method::POST, &uri, json)
    }

    #[actix_web::test]
    async fn a_duplicate_is_returned_or_rejected_or_created() {
        let fixtures = || (1..=2).map(|number| fixtures::address("cus_1", number));
        // Nothing is added, so there need not be room.
        let full = ServiceLimits {
            max_addresses: 2,
            ..ServiceLimits::default()
        };
        let repository = holding(fixtures()).await;
        let test_app = TestApp::with_options(repository, full, HttpOptions::default());
        let returned = test_app.answer(post_duplicate("return")).await;
        assert_snapshot!("duplicate_returned", returned);
        let read = test_app.answer(TestRequest::get().uri(&path_of(1))).await;
        assert_eq!(body_of(&read), body_of(&returned));
        let rejected = test_app.answer(post_duplicate("reject")).await;
        assert_snapshot!("duplicate_rejected", rejected);

        let test_app = TestApp::new(holding(fixtures()).await);
        let created = test_app.answer(post_duplicate("allow")).await;
        assert!(created.starts_with("201 "), "{created}");
    }

    #[actix_web::test]
    async fn an_address_without_a_duplicate_is_created() {
        for on_duplicate in ["return", "reject"] {
            let repository = holding([fixtures::address("cus_2", 1)]).await;
            let created = answer(repository, post_duplicate(on_duplicate)).await;
            assert!(created.starts_with("201 "), "{created}");
        }
    }

    #[actix_web::test]
    async fn the_operator_sets_what_happens_to_duplicates_by_default() {
        for (on_duplicate, status) in [
            (OnDuplicate::Allow, "201 "),
            (OnDuplicate::Return, "200 "),
            (OnDuplicate::Reject, "409 "),
        ] {
            let options = HttpOptions {
                on_duplicate,
                ..HttpOptions::default()
            };
            let limits = ServiceLimits::default();
            let test_app = TestApp::with_options(holding([]).await, limits, options);
            let first = test_app.answer(post(PLAIN)).await;
            assert!(first.starts_with("201 "), "{first}");
            let second = test_app.answer(post(PLAIN)).await;
            assert!(second.starts_with(status), "{second}");
            for (asked, status) in [("allow", "201 "), ("return", "200 "), ("reject", "409 ")] {
                let uri = format!("{BOOK}?on_duplicate={asked}");
                let asked = test_app.answer(sending(Method::POST, &uri, PLAIN)).await;
                assert!(asked.starts_with(status), "{asked}");
            }
        }
    }

    #[actix_web::test]
    async fn a_key_replays_its_creation_and_is_not_used_by_a_duplicate() {
        let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
        let with_key =
            |on_duplicate, key| post_duplicate(on_duplicate).insert_header((IDEMPOTENCY_KEY, key));
        for (on_duplicate, status) in [("reject", "409 "), ("return", "200 "), ("allow", "201 ")] {
            let answer = test_app.answer(with_key(on_duplicate, "k")).await;
            assert!(answer.starts_with(status), "{answer}");
            assert_eq!(header_of(&answer, "idempotent-replayed"), None);
        }
        // Now the key was used, and its address is a duplicate of itself.
        for on_duplicate in ["reject", "return", "allow"] {
            let again = test_app.answer(with_key(on_duplicate, "k")).await;
            assert!(again.starts_with("201 "), "{again}");
            let replayed = header_of(&again, "idempotent-replayed");
            assert_eq!(replayed.as_deref(), Some("true"));
        }
    }

    #[actix_web::test]
    async fn what_to_do_with_a_duplicate_is_one_of_three_words() {
        for query in ["", "Allow", "return%20", "x", "allow&on_duplicate=allow"] {
            let refused = answer(MockAddressRepository::new(), post_duplicate(query)).await;
            assert!(refused.starts_with("400 "), "{query}: {refused}");
            let error = &body_of(&refused)["errors"][0];
            let message = match query.contains('&') {
                true => "expected once",
                false => "expected allow, return or reject",
            };
            assert_eq!(error["field"], "on_duplicate");
            assert_eq!(error["message"], message, "{query}");
        }
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
            for request in [
                post(PLAIN),
                post_with_key("k", PLAIN),
                post_duplicate("reject"),
            ] {
                let response = answer(refusing(failure), request).await;
                assert!(response.starts_with(status), "{response}");
            }
        }
    }
}
