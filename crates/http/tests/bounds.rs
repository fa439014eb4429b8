//! The limits on real connections.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use actix_web::{HttpServer, rt, web};
use addressbook_domain::{AddressContent, AddressRepository as _, CustomData};
use addressbook_http::{AppParts, HttpOptions, ServerOptions};
use addressbook_testkit::{InMemoryRepository, SequenceIds, fixtures, service};
use socket2::{Domain, Socket, Type};
use tokio::sync::Semaphore;

use crate::support::serve;

/// A timeout that is short, but not exceeded by chance on a busy machine.
const SOON: Duration = Duration::from_secs(1);

fn parts(repository: InMemoryRepository) -> AppParts {
    let service = service(Arc::new(repository));
    AppParts::new(service, Arc::new(SequenceIds::default()))
}

/// Sends bytes and returns everything received until the server closes the connection.
async fn answers_to(server: SocketAddr, sent: impl Into<String>) -> String {
    let sent = sent.into();
    let exchange = move || {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(sent.as_bytes())?;
        let mut answers = Vec::new();
        match stream.read_to_end(&mut answers) {
            // The server did not read everything that was sent.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            read => drop(read?),
        }
        std::io::Result::Ok(String::from_utf8(answers).unwrap())
    };
    web::block(exchange).await.unwrap().unwrap()
}

/// Counts requests that arrived, and holds them until they may finish.
struct Held {
    came: Semaphore,
    may_go: Semaphore,
}

#[actix_web::test]
async fn above_the_limit_in_flight_requests_get_503_immediately() {
    let held = web::Data::new(Held {
        came: Semaphore::new(0),
        may_go: Semaphore::new(0),
    });
    let mut parts = parts(InMemoryRepository::default());
    parts.options.max_in_flight = 2;
    let for_workers = held.clone();
    let server = {
        let server = HttpServer::new(move || {
            let wait = async move |held: web::Data<Held>| {
                held.came.add_permits(1);
                let _permit = held.may_go.acquire().await;
                "done"
            };
            addressbook_http::app(parts.clone())
                .app_data(for_workers.clone())
                .route("/held", web::get().to(wait))
        });
        let server = server.workers(2).bind("127.0.0.1:0").unwrap();
        let address = server.addrs()[0];
        rt::spawn(server.run());
        address
    };
    let get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        answers_to(server, request)
    };
    let waiting = [rt::spawn(get("/held")), rt::spawn(get("/held"))];
    held.came.acquire_many(2).await.unwrap().forget();
    let path = "/v1/customers/cus_1/addresses";
    let refused = get(path).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    for probe in ["/livez", "/readyz"] {
        let answer = get(probe).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    held.may_go.add_permits(2);
    for answer in waiting {
        let answer = answer.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let answer = get(path).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

const WHOLE: &str = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

#[actix_web::test]
async fn a_head_that_does_not_arrive_in_time_is_cut_off() {
    let options = ServerOptions {
        header_timeout: SOON,
        keep_alive: SOON,
        ..ServerOptions::default()
    };
    let server = serve(parts(InMemoryRepository::default()), options);
    for sent in ["", "GET /livez HTTP/1.1\r\nHo"] {
        let answers = answers_to(server, sent).await;
        assert!(answers.starts_with("HTTP/1.1 408 "), "{answers}");
    }
    for sent in [
        WHOLE.to_owned(),
        format!("{WHOLE}GET /livez HTTP/1.1\r\nHo"),
    ] {
        let answers = answers_to(server, sent).await;
        assert!(answers.starts_with("HTTP/1.1 200 "), "{answers}");
        assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{answers}");
    }
}

#[actix_web::test]
async fn a_body_that_does_not_arrive_in_time_is_408() {
    let mut parts = parts(InMemoryRepository::default());
    parts.options = HttpOptions {
        body_timeout: SOON,
        ..parts.options
    };
    // The framework waits for the rest of a chunked body like for the next request.
    let options = ServerOptions {
        header_timeout: SOON,
        keep_alive: SOON,
        ..ServerOptions::default()
    };
    let server = serve(parts, options);
    for (method, path) in [("POST", ""), ("PATCH", "/add_00000000000000000000000001")] {
        let head = format!(
            "{method} /v1/customers/cus_1/addresses{path} HTTP/1.1\r\nHost: a\r\n\
             Content-Type: application/json\r\n"
        );
        for body in [
            "Content-Length: 9\r\n\r\n{",
            "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        ] {
            let answers = answers_to(server, format!("{head}{body}")).await;
            assert!(answers.starts_with("HTTP/1.1 408 "), "{answers}");
            assert!(answers.contains("problem:request-timeout"), "{answers}");
        }
    }
}

/// Connects from an address of the loopback network.
fn connect_from(address: [u8; 4], server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.into()
}

const ADDRESS: &str = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;

/// Returns the response to a creation whose body arrives a moment after its head.
async fn answer_to_a_slow_body(mut stream: TcpStream) -> String {
    let exchange = move || {
        let head = head_of_creation(ADDRESS.len());
        stream.write_all(head.replace("Host", "Connection: close\r\nHost").as_bytes())?;
        thread::sleep(Duration::from_millis(50));
        stream.write_all(ADDRESS.as_bytes())?;
        std::io::read_to_string(stream)
    };
    web::block(exchange).await.unwrap().unwrap()
}

fn head_of_creation(length: usize) -> String {
    format!(
        "POST /v1/customers/cus_1/addresses HTTP/1.1\r\nHost: a\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[cfg(target_os = "linux")] // where every address of 127.0.0.0/8 exists
#[actix_web::test]
async fn bodies_that_never_arrive_do_not_block_other_clients() {
    let mut parts = parts(InMemoryRepository::default());
    let in_flight = parts.in_flight.clone();
    parts.options = HttpOptions {
        max_in_flight: 2,
        max_waiting_bodies: 16,
        body_timeout: Duration::from_secs(60),
        ..parts.options
    };
    let server = serve(parts, ServerOptions::default());
    // The service waits for four bodies of one client, and rejects the fifth.
    let mut greedy = Vec::new();
    for _ in 0..4 {
        let mut stream = connect_from([127, 0, 0, 1], server);
        stream.write_all(head_of_creation(9).as_bytes()).unwrap();
        greedy.push(stream);
    }
    while in_flight.waiting_bodies() < 4 {
        rt::time::sleep(Duration::from_millis(1)).await;
    }
    let refused = answer_to_a_slow_body(connect_from([127, 0, 0, 1], server)).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("problem:busy"), "{refused}");
    // A body that arrives with its head is not counted.
    let whole = format!("{}{ADDRESS}", head_of_creation(ADDRESS.len()));
    let created = answers_to(server, whole.replace("Host", "Connection: close\r\nHost")).await;
    assert!(created.starts_with("HTTP/1.1 201 "), "{created}");
    for _ in 0..8 {
        let read = answers_to(server, LIST).await;
        assert!(read.starts_with("HTTP/1.1 200 "), "{read}");
        let created = answer_to_a_slow_body(connect_from([127, 0, 0, 2], server)).await;
        assert!(created.starts_with("HTTP/1.1 201 "), "{created}");
    }
    drop(greedy);
    while in_flight.waiting_bodies() > 0 {
        rt::time::sleep(Duration::from_millis(1)).await;
    }
}

const LIST: &str =
    "GET /v1/customers/cus_1/addresses HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// The framework responds before any code of the service runs. This test fails if its limits
/// change.
#[actix_web::test]
async fn heads_that_are_too_large_get_a_response_without_a_body() {
    let server = serve(
        parts(InMemoryRepository::default()),
        ServerOptions::default(),
    );
    let head = |query: usize, headers: usize, header: usize| {
        format!(
            "GET /livez?{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}x: {}\r\n\r\n",
            "q".repeat(query),
            "y: 1\r\n".repeat(headers),
            "x".repeat(header),
        )
    };
    for (sent, status) in [
        (head(65_000, 93, 60_000), "200 OK"),
        (head(65_536, 0, 0), "400 Bad Request"),
        (head(0, 94, 0), "431 Request Header Fields Too Large"),
        (head(0, 0, 131_072), "431 Request Header Fields Too Large"),
    ] {
        let answers = answers_to(server, sent).await;
        let expected = format!("HTTP/1.1 {status}\r\n");
        assert!(answers.starts_with(&expected), "{answers}");
    }
}

/// A book whose largest page has 3.2 MB.
async fn heavy_book() -> InMemoryRepository {
    let repository = InMemoryRepository::default();
    let heavy = CustomData::parse(&format!("{{\"a\":\"{}\"}}", "x".repeat(16_000))).unwrap();
    let addresses = (1..=200).map(|number| {
        let mut address = fixtures::address("cus_1", number);
        address.content = AddressContent {
            custom_data: Some(heavy.clone()),
            ..address.content
        };
        address
    });
    let commit = fixtures::creating(addresses);
    repository.commit(commit).await.unwrap();
    repository
}

const WHOLE_PAGE: &str = "GET /v1/customers/cus_1/addresses?limit=200 HTTP/1.1\r\nHost: a\r\n\r\n";

/// With a limit of one connection, a second one is served only after the first is closed.
#[actix_web::test]
async fn a_client_that_does_not_read_its_responses_is_disconnected() {
    let options = ServerOptions {
        max_connections: 1,
        write_timeout: SOON,
        ..ServerOptions::default()
    };
    let server = serve(parts(heavy_book().await), options);
    let mut stream = TcpStream::connect(server).unwrap();
    stream.write_all(WHOLE_PAGE.repeat(8).as_bytes()).unwrap();
    let started = Instant::now();
    let answers = answers_to(
        server,
        WHOLE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
    );
    let answers = answers.await;
    assert!(answers.starts_with("HTTP/1.1 200 "), "{answers}");
    assert!(started.elapsed() >= SOON / 2);
    drop(stream);
}

/// Returns the number of bytes that a client receives that reads 1,000 bytes at a time with a pause
/// between, until the connection is closed or the response is complete.
#[cfg(target_os = "linux")]
async fn bytes_for_a_reader_with(pause: Duration, server: SocketAddr) -> usize {
    let exchange = move || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // So that the operating system reads little ahead of the client.
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        socket.connect(&server.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        let request = WHOLE_PAGE.replace("Host", "Connection: close\r\nHost");
        stream.write_all(request.as_bytes()).unwrap();
        let (mut buffer, mut got) = ([0; 1_000], 0);
        loop {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return got,
                Ok(bytes) => got += bytes,
            }
            thread::sleep(pause);
        }
    };
    web::block(exchange).await.unwrap()
}

#[cfg(target_os = "linux")]
#[actix_web::test]
async fn a_client_that_reads_its_responses_too_slowly_is_disconnected() {
    let options = ServerOptions {
        write_timeout: SOON,
        min_read_rate: 50_000,
        ..ServerOptions::default()
    };
    let server = serve(parts(heavy_book().await), options);
    let slow = bytes_for_a_reader_with(Duration::from_millis(100), server).await;
    assert!(slow < 500_000, "{slow}");
    let fast = bytes_for_a_reader_with(Duration::from_micros(10), server).await;
    assert!(fast > 3_200_000, "{fast}");
}

#[cfg(target_os = "linux")] // where every address of 127.0.0.0/8 exists
#[actix_web::test]
async fn unread_responses_do_not_block_other_clients() {
    let mut parts = parts(heavy_book().await);
    let in_flight = parts.in_flight.clone();
    // One client's share, a quarter, is one page.
    parts.options.max_unsent_bytes = 16 * 1024 * 1024;
    let server = serve(parts, ServerOptions::default());
    let mut greedy = connect_from([127, 0, 0, 1], server);
    greedy.write_all(WHOLE_PAGE.as_bytes()).unwrap();
    while in_flight.unsent_bytes() < 3_200_000 {
        rt::time::sleep(Duration::from_millis(1)).await;
    }
    let page = WHOLE_PAGE.replace("Host", "Connection: close\r\nHost");
    let refused = answers_to(server, page.clone()).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("problem:busy"), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    let short = answers_to(server, LIST.replace("addresses", "addresses?limit=1")).await;
    assert!(short.starts_with("HTTP/1.1 200 "), "{short}");
    for _ in 0..4 {
        let mut other = connect_from([127, 0, 0, 2], server);
        let page = page.clone();
        let length = web::block(move || {
            other.write_all(page.as_bytes()).unwrap();
            let mut answer = Vec::new();
            other.read_to_end(&mut answer).unwrap()
        });
        assert!(length.await.unwrap() > 3_200_000);
    }
    drop(greedy);
    while in_flight.unsent_bytes() > 0 {
        rt::time::sleep(Duration::from_millis(1)).await;
    }
}
