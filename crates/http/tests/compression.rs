//! Responses to clients that accept gzip, on real connections.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
)]

mod support;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use actix_web::web;
use addressbook_domain::AddressRepository as _;
use addressbook_http::{AppParts, HttpOptions, ServerOptions};
use addressbook_testkit::{InMemoryRepository, SequenceIds, fixtures, service};
use flate2::read::GzDecoder;

const MIN_BYTES: usize = 1_000;
const BOOK: &str = "/v1/customers/cus_1/addresses";

/// Serves a book of 200 addresses, and compresses responses of at least this size.
async fn serve(compress_min_bytes: Option<usize>) -> SocketAddr {
    let repository = InMemoryRepository::default();
    let addresses = (1..=200).map(|number| fixtures::address("cus_1", number));
    repository
        .commit(fixtures::creating(addresses))
        .await
        .unwrap();
    let service = service(Arc::new(repository));
    let parts = AppParts {
        cors_origins: vec!["https://shop.example".into()],
        options: HttpOptions {
            compress_min_bytes,
            ..HttpOptions::default()
        },
        ..AppParts::new(service, Arc::new(SequenceIds::default()))
    };
    let options = ServerOptions::default();
    support::serve(parts, options)
}

#[derive(Debug, PartialEq)]
struct Response {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Response {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn is_gzip(&self) -> bool {
        self.header("content-encoding") == "gzip"
    }

    fn inflated(&self) -> Vec<u8> {
        let mut inflated = Vec::new();
        GzDecoder::new(&*self.body)
            .read_to_end(&mut inflated)
            .unwrap();
        inflated
    }
}

async fn ask(server: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Response {
    send(server, method, path, headers, "").await
}

/// Like [`ask`], with a body.
async fn send(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Response {
    let own = [
        "Host: a",
        "X-Request-Id: 1",
        "Origin: https://shop.example",
        "Connection: close",
    ];
    let headers = [&own, headers].concat().join("\r\n");
    let request = format!("{method} {path} HTTP/1.1\r\n{headers}\r\n\r\n{body}");
    let exchange = move || {
        let mut stream = TcpStream::connect(server)?;
        stream.write_all(request.as_bytes())?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response)?;
        std::io::Result::Ok(response)
    };
    let response = web::block(exchange).await.unwrap().unwrap();
    let end = response.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = response.split_at(end.unwrap() + 4);
    let head = std::str::from_utf8(head).unwrap();
    let (status_line, lines) = head.split_once("\r\n").unwrap();
    let headers = lines
        .lines()
        .filter_map(|line| line.split_once(": "))
        // The order of the list in the second one varies.
        .filter(|(name, _)| !["date", "access-control-expose-headers"].contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Response {
        status: status_line[9..12].parse().unwrap(),
        headers: headers.collect(),
        body: body.to_vec(),
    }
}

const GZIP: &str = "Accept-Encoding: gzip, deflate, br";

#[actix_web::test]
async fn a_compressed_response_decompresses_to_the_same_bytes() {
    let (server, plain) = (serve(Some(MIN_BYTES)).await, serve(None).await);
    for path in [
        BOOK,
        &format!("{BOOK}?limit=200"),
        &format!("{BOOK}?limit=200&q=kigali&after="),
    ] {
        let expected = ask(plain, "GET", path, &[GZIP]).await;
        assert_eq!(expected.header("content-encoding"), "", "{path}");
        assert_eq!(
            expected.header("vary"),
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        );
        let answer = ask(server, "GET", path, &[GZIP]).await;
        assert!(answer.is_gzip(), "{path}: {:?}", answer.headers);
        assert_eq!(answer.inflated(), expected.body, "{path}");
        assert!(answer.body.len() < expected.body.len() / 2, "{path}");
        let length = answer.body.len().to_string();
        assert_eq!(answer.header("content-length"), length, "{path}");
        // Everything else is the same.
        let differences = ["content-encoding", "content-length", "vary"];
        let others = |response: &Response| {
            let mut headers = response.headers.clone();
            headers.retain(|name, _| !differences.contains(&&**name));
            headers
        };
        assert_eq!(others(&answer), others(&expected), "{path}");
        let identity = ask(server, "GET", path, &[]).await;
        assert_eq!(identity.body, expected.body, "{path}");
        for answer in [answer, identity] {
            let vary = answer.header("vary");
            assert!(vary.starts_with("Accept-Encoding, Origin"), "{vary}");
        }
        let head = ask(server, "HEAD", path, &[GZIP]).await;
        let get = ask(server, "GET", path, &[GZIP]).await;
        assert_eq!((head.headers, head.body), (get.headers, vec![]), "{path}");
    }
}

#[actix_web::test]
async fn the_files_of_the_program_are_always_compressed() {
    for server in [serve(None).await, serve(Some(1)).await] {
        for path in [
            "/openapi.json",
            "/docs",
            "/docs/start.js",
            "/docs/swagger-ui-bundle.js",
            "/docs/swagger-ui.css",
        ] {
            let identity = ask(server, "GET", path, &[]).await;
            assert_eq!(identity.header("content-encoding"), "", "{path}");
            let answer = ask(server, "GET", path, &[GZIP]).await;
            assert!(answer.is_gzip(), "{path}: {:?}", answer.headers);
            assert_eq!(answer.inflated(), identity.body, "{path}");
            assert_ne!(answer.header("etag"), identity.header("etag"), "{path}");
            for (coding, had) in [("Accept: a", identity), (GZIP, answer)] {
                assert_eq!(had.header("vary").matches("Accept-Encoding").count(), 1);
                let known = format!("If-None-Match: {}", had.header("etag"));
                let again = ask(server, "GET", path, &[coding, &known]).await;
                assert_eq!((again.status, &*again.body), (304, &b""[..]), "{path}");
                assert_eq!(again.header("etag"), had.header("etag"), "{path}");
            }
        }
    }
}

#[actix_web::test]
async fn revisions_have_no_strong_tag_and_are_compressed() {
    let (server, plain) = (serve(Some(1)).await, serve(None).await);
    for path in ["revisions", "revisions/1"] {
        let path = format!("{BOOK}/{}/{path}", fixtures::address_id(1));
        let expected = ask(plain, "GET", &path, &[GZIP]).await;
        assert_eq!((expected.status, expected.header("etag")), (200, ""));
        let answer = ask(server, "GET", &path, &[GZIP]).await;
        assert!(answer.is_gzip(), "{path}: {:?}", answer.headers);
        assert_eq!(answer.inflated(), expected.body, "{path}");
        let length = answer.body.len().to_string();
        assert_eq!(answer.header("content-length"), length, "{path}");
    }
}

#[actix_web::test]
async fn only_gzip_is_used_and_only_if_the_client_prefers_it() {
    let server = serve(Some(MIN_BYTES)).await;
    for (lines, is_gzip) in [
        (&["gzip"][..], true),
        (&["GZIP"], true),
        (&["gzip;q=0.5"], true),
        (&["br, gzip;q=0.1, identity;q=0"], true),
        (&["deflate", "gzip"], true),
        (&["identity;q=0.5, gzip;q=0.8"], true),
        (&["gzip;q=0.5, identity"], false),
        (&["gzip;q=0"], false),
        (&["gzip;q=0, *"], false),
        (&["identity"], false),
        (&["br, zstd, deflate"], false),
        (&["*"], true),
        (&["identity;q=0, *"], true),
        (&["*;q=0.5, identity"], false),
        (&["*;q=0, gzip"], true),
        (&[""], false),
        (&["gzip;q=x"], false),
        // No other coding is available, and an error would not help the client.
        (&["identity;q=0"], false),
        (&["*;q=0"], false),
    ] {
        let headers: Vec<_> = lines
            .iter()
            .map(|line| format!("Accept-Encoding: {line}"))
            .collect();
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let answer = ask(server, "GET", BOOK, &headers).await;
        assert_eq!(
            (answer.status, answer.is_gzip()),
            (200, is_gzip),
            "{lines:?}"
        );
        assert!(answer.header("vary").starts_with("Accept-Encoding"));
    }
}

#[actix_web::test]
async fn a_short_response_is_not_compressed() {
    let server = serve(Some(MIN_BYTES)).await;
    let path = format!("{BOOK}?limit=2");
    let answer = ask(server, "GET", &path, &[GZIP]).await;
    assert!(answer.body.len() < MIN_BYTES && !answer.is_gzip());
    assert!(answer.header("vary").starts_with("Accept-Encoding"));
    let length = answer.body.len();
    for (min_bytes, is_gzip) in [(length, true), (length + 1, false)] {
        let server = serve(Some(min_bytes)).await;
        let answer = ask(server, "GET", &path, &[GZIP]).await;
        assert_eq!(answer.is_gzip(), is_gzip, "{min_bytes}");
    }
    // Gzip would make it longer.
    let answer = ask(serve(Some(1)).await, "GET", "/livez", &[GZIP]).await;
    assert_eq!(answer.body, br#"{"status":"ok"}"#);
    assert!(!answer.is_gzip());
}

#[actix_web::test]
async fn an_address_keeps_its_strong_tag_and_is_never_compressed() {
    let (server, plain) = (serve(Some(1)).await, serve(None).await);
    let path = format!("{BOOK}/{}", fixtures::address_id(1));
    let answer = ask(server, "GET", &path, &[GZIP]).await;
    let tag = answer.header("etag").to_owned();
    assert!(tag.starts_with('"'), "{tag}");
    assert_eq!(answer, ask(plain, "GET", &path, &[GZIP]).await);
    let known = format!("If-None-Match: {tag}");
    let answer = ask(server, "GET", &path, &[GZIP, &known]).await;
    assert_eq!((answer.status, answer.header("etag")), (304, &*tag));
    assert_eq!(answer, ask(plain, "GET", &path, &[GZIP, &known]).await);
    let condition = format!("If-Match: {tag}");
    let json = "Content-Type: application/json";
    let change = [GZIP, json, "Content-Length: 2", &condition];
    let answer = send(server, "PATCH", &path, &change, "{}").await;
    assert_eq!((answer.status, answer.header("etag")), (200, &*tag));
    assert!(!answer.is_gzip());
}

#[actix_web::test]
async fn responses_without_a_body_have_no_coding() {
    let server = serve(Some(1)).await;
    let tag = ask(server, "GET", BOOK, &[GZIP]).await;
    let known = format!("If-None-Match: {}", tag.header("etag"));
    let answer = ask(server, "GET", BOOK, &[GZIP, &known]).await;
    assert_eq!((answer.status, &*answer.body), (304, &b""[..]));
    assert_eq!(answer.header("etag"), tag.header("etag"));
    assert!(answer.header("vary").starts_with("Accept-Encoding"));
    assert!(!answer.is_gzip());
    let path = format!("{BOOK}/{}", fixtures::address_id(1));
    let answer = ask(server, "DELETE", &path, &[GZIP]).await;
    assert_eq!((answer.status, &*answer.body), (204, &b""[..]));
    assert!(!answer.is_gzip());
}

#[actix_web::test]
async fn problems_and_responses_to_changes_are_not_compressed() {
    let server = serve(Some(1)).await;
    for (method, path, status) in [
        ("GET", "/nowhere", 404),
        ("GET", &*format!("{BOOK}?limit=0"), 400),
        ("PUT", BOOK, 405),
        ("DELETE", BOOK, 200),
    ] {
        let answer = ask(server, method, path, &[GZIP]).await;
        assert_eq!((answer.status, answer.is_gzip()), (status, false), "{path}");
        assert!(answer.body.starts_with(b"{"), "{path}");
    }
}
