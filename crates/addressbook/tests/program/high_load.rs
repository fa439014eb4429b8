//! Very many connections and customers.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use rstest::rstest;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{EXAMPLE_PATH, RawResponse, TestDir, wait_until};

const CONNECTIONS: usize = 10_000;

/// Raises this process's limit of file descriptors as far as the system allows.
fn take_all_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let enough = maximum.is_none_or(|maximum| maximum > CONNECTIONS as u64 + 500);
    assert!(
        enough,
        "raise the limit of file descriptors: ulimit -Hn 20000"
    );
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, all).unwrap();
}

/// Each connection sends half of a head. Those beyond the service's limit wait in the backlog.
#[test]
fn ten_thousand_unfinished_requests_do_not_block_others() {
    take_all_descriptors();
    let dir = TestDir::sqlite();
    let service = dir.serve(&["--demo", "--header-timeout-ms=20000", "--backlog=2048"]);
    let mut early = BufReader::new(TcpStream::connect(&service.address).unwrap());
    let mut ask = |path: &str| {
        write!(early.get_mut(), "GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        RawResponse::read(&mut early)
            .unwrap()
            .status_line()
            .to_owned()
    };
    assert!(ask(EXAMPLE_PATH).contains("200"));
    let mut crowd: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = TcpStream::connect(&service.address).unwrap();
            write!(stream, "GET {EXAMPLE_PATH} HTTP/1.1\r\n").unwrap();
            stream
        })
        .collect();
    for _ in 0..100 {
        let status = ask(EXAMPLE_PATH);
        assert!(status.contains("200"), "{status}");
    }
    // Connections that close make room, so that all others can finish their request.
    for stream in &mut crowd {
        write!(stream, "host: a\r\nconnection: close\r\n\r\n").unwrap();
    }
    let answered = crowd.into_iter().filter(|stream| {
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status).is_ok() && status.contains("200")
    });
    assert_eq!(answered.count(), CONNECTIONS);
    assert_eq!(service.get(EXAMPLE_PATH).0, 200);
}

#[rstest]
#[case::sqlite(TestDir::sqlite(), 100_000)]
#[case::postgres(TestDir::postgres(), 20_000)]
fn very_many_customers_can_be_erased_at_once(#[case] dir: TestDir, #[case] customers: u32) {
    let line = |number| {
        format!(
            r#"{{"customer_id":"cus_{number}","id":"add_{number:026}","region":"R","city":"Kigali","country":"RW"}}"#
        )
    };
    let lines: Vec<_> = (0..=customers).map(line).collect();
    dir.run_with_input(&["import", "-"], &lines.join("\n"))
        .succeeds();
    let service = dir.serve(&[]);
    let (next, erased) = (AtomicU32::new(0), AtomicU32::new(0));
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let agent = crate::support::agent();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= customers {
                        break;
                    }
                    let url = format!(
                        "http://{}/v1/customers/cus_{number}/addresses",
                        service.address
                    );
                    let mut response = agent.delete(&url).call().unwrap();
                    let receipt = response.body_mut().read_to_string().unwrap();
                    assert_eq!(
                        receipt,
                        r#"{"addresses":1,"revisions":1,"idempotency_records":0,"default_addresses":0}"#
                    );
                    erased.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    println!("erased {customers} in {:?}", started.elapsed());
    assert_eq!(erased.into_inner(), customers);
    let last = service.get(&format!("/v1/customers/cus_{customers}/addresses"));
    assert!(last.1.contains("Kigali"), "{}", last.1);
    assert_eq!(dir.query("SELECT count(*) FROM addresses"), "1");
    dir.assert_consistent();
    if dir.database_url.starts_with("sqlite://") {
        let wal = dir.database().with_extension("db-wal");
        wait_until("the WAL is emptied", || {
            std::fs::metadata(&wal).is_ok_and(|wal| wal.len() < 64 << 10)
        });
    }
}
