//! Reading of requests from a connection. The service speaks only HTTP/1.1: it ignores offers of
//! other protocols, such as HTTP/2 over cleartext (RFC 9110, section 7.8), and keeps the connection
//! open. It serves no request after the last of a connection (RFC 9112, section 9.6).

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use addressbook_http::{AppParts, ServerOptions};
use addressbook_testkit::{InMemoryRepository, SequenceIds, service};

fn serve() -> SocketAddr {
    let service = service(Arc::new(InMemoryRepository::default()));
    let parts = AppParts::new(service, Arc::new(SequenceIds::default()));
    let options = ServerOptions::default();
    support::serve(parts, options)
}

/// A response: its status, its header `Connection`, and its body.
#[derive(Debug, PartialEq)]
struct Response {
    status: u16,
    connection: Option<String>,
    body: String,
}

fn read_response(reader: &mut BufReader<TcpStream>) -> std::io::Result<Response> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        std::io::Result::Ok(line.trim_end().to_owned())
    };
    let status_line = line()?;
    let (mut connection, mut length) = (None, 0);
    loop {
        let header = line()?;
        match header.split_once(": ") {
            Some(("connection", value)) => connection = Some(value.to_owned()),
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Response {
        status: status_line
            .split(' ')
            .nth(1)
            .unwrap_or("0")
            .parse()
            .unwrap(),
        connection,
        body: String::from_utf8(body).unwrap(),
    })
}

/// Sends pieces on one connection, each as a separate segment, and reads this many responses.
async fn exchange(server: SocketAddr, pieces: Vec<String>, responses: usize) -> Vec<Response> {
    let exchange = move || {
        let mut stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        for piece in pieces {
            stream.write_all(piece.as_bytes())?;
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut reader = BufReader::new(stream);
        (0..responses)
            .map(|_| read_response(&mut reader))
            .collect::<std::io::Result<Vec<_>>>()
    };
    web::block(exchange).await.unwrap().unwrap()
}

/// Headers of clients that prefer another protocol.
const OFFERS: [&str; 6] = [
    // The default of Java's HttpClient.
    "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAA\r\n\
     Upgrade: h2c\r\n",
    "Connection: upgrade\r\n",
    "connection:UPGRADE\r\nUPGRADE:\twebsocket\r\n",
    "Upgrade: websocket\r\n",
    "Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n",
    "Upgrade: WebSocket \r\nConnection:  x ,upgrade , y\r\n",
];

const BOOK: &str = "/v1/customers/cus_1/addresses";
const ADDRESS: &str = r#"{"region":"Kigali","city":"upgrade","country":"RW"}"#;

fn get(offer: &str) -> String {
    format!("GET /livez HTTP/1.1\r\nHost: a\r\n{offer}\r\n")
}

fn post(offer: &str) -> String {
    let length = ADDRESS.len();
    format!(
        "POST {BOOK} HTTP/1.1\r\nHost: a\r\n{offer}Content-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{ADDRESS}"
    )
}

fn post_in_chunks(offer: &str) -> String {
    let (first, second) = ADDRESS.split_at(20);
    format!(
        "POST {BOOK} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n{offer}\
         Content-Type: application/json\r\n\r\n\
         {:x};connection=upgrade\r\n{first}\r\n{:X}\r\n{second}\r\n0\r\nConnection: upgrade\r\n\r\n",
        first.len(),
        second.len(),
    )
}

fn is_kept(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.connection, None, "{response:?}");
}

#[actix_web::test]
async fn an_offer_to_upgrade_is_ignored_and_the_connection_serves_the_next_request() {
    let server = serve();
    for offer in OFFERS {
        let requests = vec![get(offer), get(offer), get("")];
        let responses = exchange(server, requests, 3).await;
        for response in &responses {
            is_kept(response, 200);
            assert_eq!(response.body, r#"{"status":"ok"}"#, "{offer}");
        }
    }
}

#[actix_web::test]
async fn an_offer_does_not_swallow_the_requests_after_it() {
    let server = serve();
    for offer in OFFERS {
        let all = [get(offer), get(offer), post(offer), get(offer)].concat();
        let responses = exchange(server, vec![all], 4).await;
        for (response, status) in responses.iter().zip([200, 200, 201, 200]) {
            is_kept(response, status);
        }
    }
}

#[actix_web::test]
async fn a_body_is_not_changed() {
    let server = serve();
    for offer in OFFERS {
        let requests = vec![
            post(offer),
            post_in_chunks(offer),
            post_in_chunks(""),
            get(offer),
        ];
        let responses = exchange(server, requests, 4).await;
        for response in &responses[..3] {
            is_kept(response, 201);
            assert!(
                response.body.contains(r#""city":"upgrade""#),
                "{response:?}"
            );
        }
        is_kept(&responses[3], 200);
    }
}

#[actix_web::test]
async fn an_offer_is_ignored_however_it_is_cut_into_segments() {
    let server = serve();
    let all = [get(OFFERS[0]), post_in_chunks(OFFERS[2]), get(OFFERS[4])].concat();
    for size in [1, 2, 3, 5, 7, 11] {
        let pieces = all.as_bytes().chunks(size);
        let pieces = pieces.map(|piece| String::from_utf8(piece.to_vec()).unwrap());
        let responses = exchange(server, pieces.collect(), 3).await;
        for (response, status) in responses.iter().zip([200, 201, 200]) {
            is_kept(response, status);
        }
    }
}

#[actix_web::test]
async fn an_offer_with_close_closes_the_connection() {
    let server = serve();
    for offer in [
        "Connection: close, Upgrade\r\nUpgrade: h2c\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nConnection: close\r\n",
    ] {
        let responses = exchange(server, vec![get(offer)], 1).await;
        assert_eq!(responses[0].status, 200, "{offer}");
        assert_eq!(responses[0].connection.as_deref(), Some("close"), "{offer}");
    }
}

/// Sends pieces on one connection, each as a separate segment, and returns everything received
/// until the service closes it.
async fn all_of(server: SocketAddr, pieces: Vec<String>) -> String {
    let exchange = move || {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.set_nodelay(true)?;
        for piece in pieces {
            stream.write_all(piece.as_bytes())?;
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut answers = String::new();
        stream.read_to_string(&mut answers)?;
        std::io::Result::Ok(answers)
    };
    web::block(exchange).await.unwrap().unwrap()
}

#[actix_web::test]
async fn no_request_is_served_after_the_last_of_a_connection() {
    let server = serve();
    let close = "Connection: close\r\n";
    for last in [
        get(close),
        get("Connection: keep-alive\r\nconnection: x, Close\r\n"),
        get("").replace("HTTP/1.1", "HTTP/1.0"),
        post(close),
        post_in_chunks(close),
        post(close).replace(BOOK, "/nothing"),
    ] {
        let before = get("");
        let all = [&*before, &last, &before, &before].concat();
        let answers = all_of(server, vec![all]).await;
        assert_eq!(answers.matches("HTTP/1.").count(), 2, "{last}\n{answers}");
        let closes = answers.matches("connection: close\r\n").count();
        assert_eq!(
            closes,
            usize::from(last.contains("HTTP/1.1")),
            "{last}\n{answers}"
        );
    }
}

#[actix_web::test]
async fn an_unread_body_that_arrived_with_its_head_keeps_the_connection() {
    let server = serve();
    let unknown = |request: String| request.replace(BOOK, "/nothing");
    let wrong = |request: String| request.replace("application/json", "text/csv");
    for refused in [
        unknown(post("")),
        unknown(post_in_chunks("")),
        wrong(post("")),
        wrong(post_in_chunks("")),
    ] {
        let all = [&*refused, &get(""), &refused, &get("")].concat();
        let responses = exchange(server, vec![all], 4).await;
        let status = if refused.contains("text/csv") {
            415
        } else {
            404
        };
        for (response, status) in responses.iter().zip([status, 200, status, 200]) {
            is_kept(response, status);
        }
    }
}

#[actix_web::test]
async fn malformed_chunks_get_400_before_the_connection_closes() {
    let server = serve();
    let chunked = post_in_chunks("");
    let (head, _) = chunked.split_once("\r\n\r\n").unwrap();
    let head = format!("{head}\r\n\r\n");
    for pieces in [
        vec![format!("{head}zz\r\nhello\r\n0\r\n\r\n")],
        vec![format!("{head}5\r\nhelloXX\r\n0\r\n\r\n")],
        vec![head.clone(), "zz\r\n".to_owned()],
        vec![format!("{head}5\r\nhello"), "\r\nzz\r\n".to_owned()],
    ] {
        let answers = all_of(server, pieces.clone()).await;
        assert!(
            answers.starts_with("HTTP/1.1 400 "),
            "{pieces:?}: {answers}"
        );
        assert!(answers.contains("its chunks are malformed"), "{answers}");
    }
}

/// Behaviour of the framework, described on the page HTTP quirks. This test fails if it changes.
#[actix_web::test]
async fn the_framework_sends_100_continue_before_an_error() {
    let server = serve();
    let head = "POST /nothing HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\
                Content-Length: 9\r\n\r\n";
    let answers = all_of(server, vec![head.to_owned()]).await;
    assert!(
        answers.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 "),
        "{answers}"
    );
}
