//! Behaviour that is visible only on a real connection.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use actix_web::web;
use addressbook_http::{AppParts, ServerOptions};
use addressbook_testkit::{InMemoryRepository, SequenceIds, service};

async fn serve() -> SocketAddr {
    let service = service(Arc::new(InMemoryRepository::default()));
    let parts = AppParts::new(service, Arc::new(SequenceIds::default()));
    let options = ServerOptions::default();
    support::serve(parts, options)
}

/// Returns the head, without the date, and the body of the response to a request.
async fn answer(server: SocketAddr, request_line: &str) -> (String, String) {
    answer_to(server, request_line, "").await
}

/// Like [`answer`], with a body, and with headers after the first line.
async fn answer_to(server: SocketAddr, head: &str, body: &str) -> (String, String) {
    let request =
        format!("{head}\r\nHost: localhost\r\nX-Request-Id: 1\r\nConnection: close\r\n\r\n{body}");
    let exchange = move || {
        let mut stream = TcpStream::connect(server)?;
        stream.write_all(request.as_bytes())?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        std::io::Result::Ok(response)
    };
    let response = web::block(exchange).await.unwrap().unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let mut head: Vec<_> = head
        .lines()
        .filter(|line| !line.starts_with("date:"))
        .collect();
    head[1..].sort_unstable();
    (head.join("\n"), body.to_owned())
}

#[actix_web::test]
async fn head_is_get_without_the_body() {
    let server = serve().await;
    for (path, status) in [
        ("/v1/customers/cus_1/addresses", "200 OK"),
        ("/v1/customers/cus_1/addresses?limit=0", "400 Bad Request"),
        (
            "/v1/customers/cus_1/addresses/add_00000000000000000000000001",
            "404 Not Found",
        ),
        ("/livez", "200 OK"),
        ("/nowhere", "404 Not Found"),
    ] {
        let (get, body) = answer(server, &format!("GET {path} HTTP/1.1")).await;
        let (head, nothing) = answer(server, &format!("HEAD {path} HTTP/1.1")).await;
        assert_eq!(head, get);
        assert!(get.starts_with(&format!("HTTP/1.1 {status}\n")), "{get}");
        assert!(
            get.contains(&format!("\ncontent-length: {}\n", body.len())),
            "{get}"
        );
        assert_eq!(nothing, "");
    }
}

/// The framework responds before any code of the service runs, and closes the connection. This test
/// fails if that changes.
#[actix_web::test]
async fn bytes_that_are_not_http_get_400_without_a_body() {
    let server = serve().await;
    let (head, body) = answer(server, "GET /livez").await;
    assert_eq!(
        head,
        "HTTP/1.1 400 Bad Request\nconnection: close\ncontent-length: 0"
    );
    assert_eq!(body, "");
}

#[actix_web::test]
async fn a_body_that_is_too_large_is_rejected_with_and_without_its_length() {
    let server = serve().await;
    let request_line =
        "POST /v1/customers/cus_1/addresses HTTP/1.1\r\nContent-Type: application/json";
    let known = format!("{request_line}\r\nContent-Length: 65537");
    // One chunk of 64 KiB and a byte.
    let chunk = format!("10001\r\n{}\r\n0\r\n\r\n", " ".repeat(65537));
    let chunked = format!("{request_line}\r\nTransfer-Encoding: chunked");
    for (head, body) in [(known, " ".repeat(65537)), (chunked, chunk)] {
        let (head, body) = answer_to(server, &head, &body).await;
        assert!(
            head.starts_with("HTTP/1.1 413 Payload Too Large\n"),
            "{head}"
        );
        assert!(
            body.contains("urn:addressbook:problem:content-too-large"),
            "{body}"
        );
    }
}

/// Even if the rest of the body never arrives: the service does not wait for it.
#[actix_web::test]
async fn a_compressed_body_is_rejected_before_it_is_read() {
    let server = serve().await;
    for (method, path) in [("POST", ""), ("PATCH", "/add_00000000000000000000000001")] {
        for length in [4, 4_000] {
            let head = format!(
                "{method} /v1/customers/cus_1/addresses{path} HTTP/1.1\r\n\
                 Content-Type: application/json\r\nContent-Encoding: gzip\r\n\
                 Content-Length: {length}"
            );
            let (head, body) = answer_to(server, &head, "\x1f\x08\0\0").await;
            assert!(
                head.starts_with("HTTP/1.1 415 Unsupported Media Type\n"),
                "{head}"
            );
            assert!(head.contains("\naccept-encoding: identity\n"), "{head}");
            assert!(body.contains("the content coding gzip."), "{body}");
        }
    }
}
