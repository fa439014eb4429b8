use std::future::ready;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue};
use actix_web::rt::time::timeout;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, FromRequest, HttpRequest};
use futures_util::FutureExt as _;

use crate::middleware::in_flight::InFlight;
use crate::middleware::in_flight::InFlightGuard;
use crate::options::HttpOptions;
use crate::response::problem::Problem;
use crate::response::problem_kind::{REQUEST_TIMEOUT, UNSUPPORTED};

/// A request's body. A body that is too large, late or compressed is rejected before the handler.
/// The framework limits the size, but not the time.
///
/// The request is in flight from the arrival of its body until this is dropped. Before that, it is
/// not counted: otherwise clients that announce bodies without sending them would use up the limit.
pub(crate) struct RequestBody(pub(crate) Bytes, pub(crate) InFlightGuard);

impl FromRequest for RequestBody {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if let Err(problem) = check_coding(request.headers()) {
            return Box::pin(ready(Err(problem.into())));
        }
        let options = request.app_data::<Data<HttpOptions>>();
        let options = options.map(|options| ***options).unwrap_or_default();
        let in_flight = request.app_data::<Rc<InFlight>>();
        let in_flight = in_flight.cloned().unwrap_or_default();
        let mut body = Box::pin(Bytes::from_request(request, payload));
        let request = request.clone();
        Box::pin(async move {
            let bytes = match (&mut body).now_or_never() {
                Some(bytes) => bytes?,
                None => {
                    let guard = in_flight.try_receive(&request, options.max_waiting_bodies);
                    let _guard = guard.ok_or_else(|| in_flight.reject())?;
                    let bytes = timeout(options.body_timeout, body).await;
                    bytes.map_err(|_| Problem::of(REQUEST_TIMEOUT))??
                }
            };
            let guard = in_flight.try_enter(options.max_in_flight);
            Ok(Self(bytes, guard.ok_or_else(|| in_flight.reject())?))
        })
    }
}

/// Checks that a body is not encoded (RFC 9110, section 8.4), since a small encoded body could
/// decode to any size.
///
/// # Errors
/// 415, with `Accept-Encoding` as in section 12.5.3.
fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    for line in headers.get_all(CONTENT_ENCODING) {
        for coding in line.as_bytes().split(|byte| *byte == b',') {
            let coding = coding.trim_ascii();
            if !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity") {
                let name = name_of(coding).unwrap_or("of this body");
                let detail = format!(
                    "The service does not decode the content coding {name}. Send the body \
                     uncompressed, without Content-Encoding."
                );
                return Err(Problem::of(UNSUPPORTED)
                    .with_detail(detail)
                    .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity")));
            }
        }
    }
    Ok(())
}

/// The name of a coding, if it is safe to repeat: clients can write anything there.
fn name_of(coding: &[u8]) -> Option<&str> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_short = coding.len() <= 16;
    let name = str::from_utf8(coding).ok()?;
    (is_short && coding.iter().all(is_name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::test::TestRequest;
    use addressbook_testkit::{InMemoryRepository, fixtures};
    use insta::assert_snapshot;

    use super::*;
    use crate::testing::{BOOK, TestApp, body_of, header_of, holding, path_of, sending};

    const ADDRESS: &str = r#"{"region":"Kigali","city":"Huye","country":"RW"}"#;

    /// The responses to a creation and a change whose bodies have these codings, each in its own
    /// header line.
    async fn answers(codings: &[&str]) -> [String; 2] {
        let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
        let coded = |method, path: &str| {
            let request = sending(method, path, ADDRESS);
            codings.iter().fold(request, |request, coding| {
                request.append_header((CONTENT_ENCODING, *coding))
            })
        };
        [
            test_app.answer(coded(Method::POST, BOOK)).await,
            test_app.answer(coded(Method::PATCH, &path_of(1))).await,
        ]
    }

    #[actix_web::test]
    async fn an_encoded_body_is_rejected_naming_its_coding() {
        for (codings, named) in [
            (&["gzip"][..], "coding gzip."),
            (&["GZIP"], "coding GZIP."),
            (&[" br "], "coding br."),
            (&["zstd"], "coding zstd."),
            (&["x-made_up.1"], "coding x-made_up.1."),
            (&["gzip, gzip"], "coding gzip."),
            (&["identity,deflate"], "coding deflate."),
            (&["identity", "compress"], "coding compress."),
            (&["identities"], "coding identities."),
            (&["gzip;q=1"], "coding of this body."),
            (&["\u{e9}"], "coding of this body."),
            (&["cus_0123456789abc"], "coding of this body."),
        ] {
            for answer in answers(codings).await {
                assert!(answer.starts_with("415 "), "{codings:?}: {answer}");
                let accepted = header_of(&answer, "accept-encoding");
                assert_eq!(accepted.as_deref(), Some("identity"), "{answer}");
                assert_eq!(header_of(&answer, "accept-patch"), None, "{answer}");
                let problem = body_of(&answer);
                assert_eq!(
                    problem["type"],
                    "urn:addressbook:problem:unsupported-media-type"
                );
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.contains(named), "{codings:?}: {detail}");
            }
        }
        let [created, changed] = answers(&["gzip"]).await;
        assert_snapshot!("coded", created);
        assert_eq!(body_of(&changed)["detail"], body_of(&created)["detail"]);
    }

    #[actix_web::test]
    async fn a_body_that_is_not_encoded_is_accepted() {
        for codings in [
            &["identity"][..],
            &["Identity"],
            &["identity, identity"],
            &["identity", "IDENTITY"],
            &[""],
            &[" , "],
            &[],
        ] {
            let [created, changed] = answers(codings).await;
            assert!(created.starts_with("201 "), "{codings:?}: {created}");
            assert!(changed.starts_with("200 "), "{codings:?}: {changed}");
        }
    }

    /// A body of these methods has no meaning (RFC 9110, sections 9.3.1 and 9.3.5) and is not read.
    #[actix_web::test]
    async fn the_coding_is_ignored_where_no_body_is_read() {
        let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
        let path = path_of(1);
        for (method, path, status) in [
            (Method::GET, BOOK, "200 "),
            (Method::GET, &path, "200 "),
            (Method::DELETE, &path, "204 "),
            (Method::DELETE, BOOK, "200 "),
        ] {
            let request = sending(method, path, "x").insert_header((CONTENT_ENCODING, "gzip"));
            let answer = test_app.answer(request).await;
            assert!(answer.starts_with(status), "{path}: {answer}");
        }
    }

    #[actix_web::test]
    async fn other_415_responses_do_not_mention_codings() {
        let test_app = TestApp::new(InMemoryRepository::default());
        for method in [Method::POST, Method::PATCH] {
            let path = if method == Method::POST {
                BOOK
            } else {
                &path_of(1)
            };
            let request = TestRequest::with_uri(path)
                .method(method)
                .insert_header(("Content-Type", "text/plain"))
                .set_payload(ADDRESS);
            let answer = test_app.answer(request).await;
            assert!(answer.starts_with("415 "), "{answer}");
            assert_eq!(header_of(&answer, "accept-encoding"), None, "{answer}");
            let detail = body_of(&answer)["detail"].to_string();
            assert!(detail.contains("must be"), "{detail}");
        }
    }
}
