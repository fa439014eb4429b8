//! `Prefer` (RFC 7240): how a client wants its request to be handled. The only supported
//! preference is `handling`.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};
use addressbook_domain::AddressService;

pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How to treat unknown query parameters, and addresses that are invalid in their country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    /// Reject the request.
    Strict,
    /// Ignore parameters, and store addresses unless the operator has strict rules, as without a
    /// preference.
    Lenient,
}

impl Handling {
    /// The value of the first preference with this name, if it is known.
    fn asked_for_in(headers: &HeaderMap) -> Option<Self> {
        for line in headers.get_all(PREFER) {
            let line = String::from_utf8_lossy(line.as_bytes());
            for preference in unquoted_parts(&line, ',') {
                let mut parts = unquoted_parts(preference, ';'); // its own parameters follow
                let head = parts.next()?;
                let (name, value) = head.split_once('=').unwrap_or((head, ""));
                if name.trim().eq_ignore_ascii_case("handling") {
                    return match unquoted(value.trim()).to_ascii_lowercase().as_str() {
                        "strict" => Some(Self::Strict),
                        "lenient" => Some(Self::Lenient),
                        _ => None,
                    };
                }
            }
        }
        None
    }
}

/// Splits a header at the separators that are outside quoted strings.
fn unquoted_parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |char| {
        let is_separator = char == separator && !is_quoted;
        let is_quote = char == '"' && !is_escaped;
        is_escaped = is_quoted && char == '\\' && !is_escaped;
        is_quoted ^= is_quote;
        is_separator
    })
}

/// A token, or the content of a quoted string.
fn unquoted(word: &str) -> String {
    let quoted = word
        .strip_prefix('"')
        .and_then(|word| word.strip_suffix('"'));
    let Some(quoted) = quoted else {
        return word.to_owned();
    };
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(char) = chars.next() {
        text.extend(if char == '\\' {
            chars.next()
        } else {
            Some(char)
        });
    }
    text
}

/// A client's preference, and whether the operation applied it. It is in the extensions of a
/// request that states one. Clones share it, even if the request is abandoned.
#[derive(Clone, Debug)]
pub(crate) struct Preference {
    handling: Handling,
    is_applied: Rc<Cell<bool>>,
}

impl Preference {
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let handling = Handling::asked_for_in(headers)?;
        let is_applied = Rc::default();
        Some(Self {
            handling,
            is_applied,
        })
    }

    /// The value of `Preference-Applied`, once the preference is applied.
    pub(crate) fn applied(&self) -> Option<HeaderValue> {
        let value = match self.handling {
            Handling::Strict => "handling=strict",
            Handling::Lenient => "handling=lenient",
        };
        let is_applied = self.is_applied.get();
        is_applied.then_some(HeaderValue::from_static(value))
    }
}

/// Returns how to handle a request, and marks its preference as applied, which the response states.
/// The caller must handle the request accordingly.
pub(crate) fn apply(request: &HttpRequest) -> Handling {
    match request.extensions().get::<Preference>() {
        Some(preference) => {
            preference.is_applied.set(true);
            preference.handling
        }
        None => Handling::Lenient,
    }
}

/// Returns the use cases for a request that creates or changes an address: with strict rules of
/// countries if the client prefers strict handling.
pub(crate) fn service<'s>(
    request: &HttpRequest,
    service: &'s AddressService,
) -> Cow<'s, AddressService> {
    match apply(request) {
        Handling::Strict => Cow::Owned(service.with_strict_rules()),
        Handling::Lenient => Cow::Borrowed(service),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::test::TestRequest;
    use addressbook_domain::{
        AddressRules, ContentLimits, MockAddressRepository, MockAuthenticator, RepositoryError,
        ServiceLimits,
    };
    use addressbook_testkit::fixtures;
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::options::HttpOptions;
    use crate::testing::{
        BOOK, TestApp, answer, body_of, header_of, holding, path_of, refusing, sending,
    };

    fn handling(lines: &[&str]) -> Option<Handling> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(PREFER, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        Handling::asked_for_in(&headers)
    }

    #[test]
    fn a_preference_is_parsed_according_to_rfc_7240() {
        let (strict, lenient) = (Some(Handling::Strict), Some(Handling::Lenient));
        for (lines, expected) in [
            (&["handling=strict"][..], strict),
            (&["handling=lenient"], lenient),
            (&["Handling = STRICT"], strict),
            (&["handling=\"strict\""], strict),
            (&["handling=\"st\\rict\""], strict),
            (&["handling=strict; explain=\"why, and how\""], strict),
            (&["respond-async, wait=10, handling=strict"], strict),
            (&["return=minimal", "handling=strict"], strict),
            (
                &["note=\"a, handling=lenient; \\\", b\", handling=strict"],
                strict,
            ),
            (&["note=é, handling=strict"], strict),
            (&[",, ;x, =, handling=strict"], strict),
            // The first counts.
            (&["handling=strict, handling=lenient"], strict),
            (&["handling=lenient", "handling=strict"], lenient),
            (&["handling=quick, handling=strict"], None),
            (&["handling, handling=strict"], None),
            (&["handling; a=b, handling=strict"], None),
            (&["handling=\"\""], None),
            (&["handling=strictly"], None),
            (&["x-handling=strict"], None),
            (&["strict"], None),
            (&["return=minimal; handling=strict"], None),
            (&["note=\"open, handling=strict"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(handling(lines), expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(line in "[ -~\\x80-\\xff]{0,40}|[\",;=\\\\a ]{0,20}") {
            handling(&[&line]);
        }
    }

    fn preferring(request: TestRequest, preference: &str) -> TestRequest {
        request.insert_header((PREFER, preference.to_owned()))
    }

    fn get(uri: &str) -> TestRequest {
        TestRequest::get().uri(uri)
    }

    fn applied(answer: &str) -> Option<String> {
        header_of(answer, PREFERENCE_APPLIED.as_str())
    }

    #[actix_web::test]
    async fn unknown_parameters_are_named_with_suggestions() {
        let uri =
            format!("{BOOK}?limti=5&limit=0&country=RW&sort=city&asOf=x&limti=6&updatedSince=&=");
        let request = preferring(get(&uri), "handling=strict");
        let response = answer(MockAddressRepository::new(), request).await;
        assert_snapshot!("strict", response);
    }

    #[actix_web::test]
    async fn unknown_parameters_are_ignored_without_strict_handling() {
        let uri = format!("{BOOK}?limti=5&sort=city");
        for preference in ["handling=lenient", "return=minimal", "handling=quick"] {
            let plain = answer(holding([]).await, get(&uri)).await;
            assert!(plain.starts_with("200 "), "{plain}");
            assert_eq!(applied(&plain), None);
            let asked = answer(holding([]).await, preferring(get(&uri), preference)).await;
            let expected = (preference == "handling=lenient").then(|| preference.to_owned());
            assert_eq!(applied(&asked), expected);
            assert_eq!(body_of(&asked), body_of(&plain));
        }
    }

    /// The method and path of every operation in the OpenAPI document, for an existing address, and
    /// its documented query parameters.
    fn operations() -> Vec<(Method, String, Vec<String>)> {
        let document: Value = serde_json::from_str(crate::openapi_json()).unwrap();
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            let path = path
                .replace("{customer_id}", "cus_1")
                .replace("{address_id}", fixtures::address_id(1).as_str())
                .replace("{revision}", "1")
                .replace("{code}", "RW");
            for (method, operation) in methods.as_object().unwrap() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let parameters = operation["parameters"].as_array().unwrap();
                let names = parameters
                    .iter()
                    .filter(|parameter| parameter["in"] == "query")
                    .map(|parameter| parameter["name"].as_str().unwrap().to_owned());
                operations.push((method, path.clone(), names.collect()));
            }
        }
        assert_eq!(operations.len(), 14);
        let reads = operations.clone().into_iter();
        let heads = reads.filter(|(method, ..)| method == Method::GET);
        let heads: Vec<_> = heads
            .map(|(_, path, names)| (Method::HEAD, path, names))
            .collect();
        operations.extend(heads);
        let below_api = operations.clone().into_iter();
        operations
            .extend(below_api.map(|(method, path, names)| (method, format!("/api{path}"), names)));
        operations
    }

    const BODY: &str = r#"{"region":"Kigali","city":"Huye","country":"RW","first_line":"KN 3 Rd"}"#;

    #[actix_web::test]
    async fn every_operation_accepts_exactly_its_documented_parameters() {
        for (method, path, names) in operations() {
            let test_app =
                || async { TestApp::new(holding([fixtures::address("cus_1", 1)]).await) };
            let body = match path.ends_with("/default-addresses") {
                true => r#"{"default_addresses":{}}"#,
                false => BODY,
            };
            let send = |query: &str| sending(method.clone(), &format!("{path}?{query}"), body);
            let lenient = test_app().await.answer(send("nonsense=1")).await;
            assert!(lenient.starts_with('2'), "{method} {path}: {lenient}");
            assert_eq!(applied(&lenient), None);

            let strict = preferring(send("nonsense=1"), "handling=strict");
            let strict = test_app().await.answer(strict).await;
            assert!(strict.starts_with("400 "), "{method} {path}: {strict}");
            assert_eq!(applied(&strict).as_deref(), Some("handling=strict"));
            let has = match &names[..] {
                [] => "none".to_owned(),
                names => names.join(", "),
            };
            let message = format!("is not a parameter of this operation, which has {has}");
            assert_eq!(
                body_of(&strict)["errors"],
                json!([{"field": "nonsense", "message": message}])
            );

            let strict = preferring(send(""), "handling=strict");
            let strict = test_app().await.answer(strict).await;
            assert!(strict.starts_with('2'), "{method} {path}: {strict}");
            assert_eq!(applied(&strict).as_deref(), Some("handling=strict"));

            // Each parameter is validated: an invalid value is a field error.
            for name in names {
                let strict = preferring(send(&format!("{name}=%00")), "handling=strict");
                let strict = test_app().await.answer(strict).await;
                let errors = &body_of(&strict)["errors"];
                assert_eq!(errors[0]["field"], name.as_str(), "{method} {path}");
                let message = errors[0]["message"].as_str().unwrap();
                assert!(
                    message.starts_with("expected "),
                    "{method} {path}: {message}"
                );
            }
        }
    }

    #[actix_web::test]
    async fn an_applied_preference_is_stated_on_all_responses() {
        let strictly = |request: TestRequest| preferring(request, "handling=strict");
        let address = fixtures::address("cus_1", 1);
        let test_app = TestApp::new(holding([address]).await);
        for (request, status) in [
            (
                get(&path_of(1)).insert_header(("If-None-Match", "*")),
                "304 ",
            ),
            (get(&path_of(2)), "404 "),
            (get(&format!("{BOOK}?limit=0")), "400 "),
            (sending(Method::POST, BOOK, "{"), "400 "),
        ] {
            let answer = test_app.answer(strictly(request)).await;
            assert!(answer.starts_with(status), "{answer}");
            assert_eq!(
                applied(&answer).as_deref(),
                Some("handling=strict"),
                "{answer}"
            );
        }
        let failure = || RepositoryError::Busy("secret".into());
        let failed = answer(refusing(failure), strictly(get(BOOK))).await;
        assert_eq!(
            applied(&failed).as_deref(),
            Some("handling=strict"),
            "{failed}"
        );
    }

    #[actix_web::test]
    async fn an_ignored_preference_is_not_stated() {
        let strictly = |uri: &str| preferring(get(uri), "handling=strict");
        let mut authenticator = MockAuthenticator::new();
        authenticator.expect_is_required().return_const(true);
        let authenticated =
            TestApp::new(MockAddressRepository::new()).with_authenticator(authenticator);
        let uri = format!("{BOOK}?limti=5");
        let refused = authenticated.answer(strictly(&uri)).await;
        assert!(refused.starts_with("401 "), "{refused}");
        assert_eq!(applied(&refused), None);
        for uri in ["/livez?x=1", "/openapi.json?x=1", "/unknown?x=1"] {
            let other = answer(MockAddressRepository::new(), strictly(uri)).await;
            assert!(!other.starts_with("400 "), "{other}");
            assert_eq!(applied(&other), None);
        }
    }

    #[actix_web::test]
    async fn strict_handling_rejects_addresses_that_are_invalid_in_their_country() {
        let wrong = r#"{"region":"Nowhere","city":"Springfield","country":"US","postal_code":"1"}"#;
        let rules = |rules| ServiceLimits {
            content: ContentLimits {
                rules,
                ..ContentLimits::default()
            },
            ..ServiceLimits::default()
        };
        for (set, preference, status) in [
            (AddressRules::Lenient, None, 201),
            (AddressRules::Lenient, Some("handling=lenient"), 201),
            (AddressRules::Lenient, Some("handling=strict"), 422),
            (AddressRules::Strict, None, 422),
            (AddressRules::Strict, Some("handling=lenient"), 422),
            (AddressRules::Strict, Some("handling=strict"), 422),
        ] {
            let options = HttpOptions::default();
            let test_app = TestApp::with_options(holding([]).await, rules(set), options);
            let mut request = sending(Method::POST, BOOK, wrong);
            if let Some(preference) = preference {
                request = preferring(request, preference);
            }
            let response = test_app.answer(request).await;
            assert!(
                response.starts_with(&status.to_string()),
                "{set:?} {preference:?}: {response}"
            );
            assert_eq!(applied(&response).as_deref(), preference);
            if status == 422 {
                let errors = &body_of(&response)["errors"];
                let errors = errors.as_array().unwrap();
                let fields: Vec<_> = errors.iter().map(|error| &error["field"]).collect();
                assert_eq!(fields, ["first_line", "region", "postal_code"]);
            }
        }
    }

    #[actix_web::test]
    async fn strict_handling_rejects_a_change_only_for_what_it_makes_wrong() {
        let change = async |body: &'static str| {
            let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
            // The address lacks a street, which its country requires.
            let lenient = sending(Method::PATCH, &path_of(1), r#"{"first_line":null}"#);
            assert!(test_app.answer(lenient).await.starts_with("200 "));
            let strict = sending(Method::PATCH, &path_of(1), body);
            let strict = preferring(strict, "handling=strict");
            let response = test_app.answer(strict).await;
            assert_eq!(applied(&response).as_deref(), Some("handling=strict"));
            response
        };
        let kept = change(r#"{"description":"Old"}"#).await;
        assert!(kept.starts_with("200 "), "{kept}");
        let moved = change(r#"{"country":"US"}"#).await;
        assert!(moved.starts_with("422 "), "{moved}");
        let errors = &body_of(&moved)["errors"];
        assert_eq!(errors.as_array().unwrap().len(), 3, "{errors}");
    }

    #[actix_web::test]
    async fn at_most_50_unknown_parameters_are_named() {
        let query: Vec<_> = (0..1_000).map(|number| format!("x{number}=1")).collect();
        let uri = format!("{BOOK}?{}", query.join("&"));
        let request = preferring(get(&uri), "handling=strict");
        let response = answer(MockAddressRepository::new(), request).await;
        assert_eq!(body_of(&response)["errors"].as_array().unwrap().len(), 50);
    }
}
