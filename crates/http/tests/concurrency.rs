//! Several clients that change an address at the same time.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
)]

mod support;

use std::sync::{Arc, Barrier};
use std::thread;

use actix_web::web;
use addressbook_http::{AppParts, ServerOptions};
use addressbook_testkit::{InMemoryRepository, SequenceIds, service};
use serde_json::Value;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

const BODY: &str =
    r#"{"region":"Kigali","city":"Kigali","country":"RW","custom_data":{"count":0}}"#;

/// Starts a server and returns the URL of the book of `cus_1`.
async fn serve() -> String {
    let service = service(Arc::new(InMemoryRepository::default()));
    let parts = AppParts::new(service, Arc::new(SequenceIds::default()));
    let options = ServerOptions {
        workers: 4,
        ..ServerOptions::default()
    };
    let address = support::serve(parts, options);
    format!("http://{address}/v1/customers/cus_1/addresses")
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None);
    config.build().into()
}

fn sending(method: &str, url: &str, header: (&str, &str), json: &str) -> Request<String> {
    Request::builder()
        .method(method)
        .uri(url)
        .header("Content-Type", "application/json")
        .header(header.0, header.1)
        .body(json.to_owned())
        .unwrap()
}

fn header(response: &Response<Body>, name: &str) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(value.to_str().unwrap().to_owned())
}

fn json(mut response: Response<Body>) -> Value {
    serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
}

/// Runs this many clients that start at the same moment, and returns their results.
fn at_once<T: Send + 'static>(
    clients: usize,
    client: impl Fn(Agent) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let client = Arc::new(client);
    let start = Arc::new(Barrier::new(clients));
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let (client, start) = (client.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                client(agent())
            })
        })
        .collect();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect()
}

/// Reads an address and adds 1 to its count, until no other client changed it in between.
fn add_one(agent: &Agent, url: &str) {
    loop {
        let read = agent.get(url).call().unwrap();
        let etag = header(&read, "etag").unwrap();
        let count = json(read)["custom_data"]["count"].as_u64().unwrap();
        let patch = format!(r#"{{"custom_data":{{"count":{}}}}}"#, count + 1);
        let request = sending("PATCH", url, ("If-Match", &etag), &patch);
        let response = agent.run(request).unwrap();
        match response.status().as_u16() {
            200 => return,
            412 => assert_ne!(header(&response, "etag"), Some(etag)),
            status => panic!("{status}"),
        }
    }
}

#[actix_web::test]
async fn no_update_is_lost() {
    let book = serve().await;
    let count = web::block(move || {
        let response = agent().run(sending("POST", &book, ("Accept", "*/*"), BODY));
        let location = header(&response.unwrap(), "location").unwrap();
        let url = book.replace("addresses", &location);
        let client_url = url.clone();
        at_once(20, move |agent| add_one(&agent, &client_url));
        json(agent().get(&url).call().unwrap())["custom_data"]["count"].clone()
    });
    assert_eq!(count.await.unwrap(), 20);
}

#[actix_web::test]
async fn one_idempotency_key_creates_one_address() {
    let book = serve().await;
    let (answers, list) = web::block(move || {
        let url = book.clone();
        let answers = at_once(16, move |agent| {
            let request = sending("POST", &url, ("Idempotency-Key", "k"), BODY);
            let response = agent.run(request).unwrap();
            assert_eq!(response.status(), 201);
            let replayed = header(&response, "idempotent-replayed").is_some();
            (replayed, json(response)["id"].clone())
        });
        (answers, json(agent().get(&book).call().unwrap()))
    })
    .await
    .unwrap();
    let created = answers.iter().filter(|(replayed, _)| !replayed).count();
    let addresses = list["addresses"].as_array().unwrap();
    assert_eq!((created, addresses.len()), (1, 1));
    assert!(answers.iter().all(|(_, id)| *id == addresses[0]["id"]));
}

#[actix_web::test]
async fn of_sixteen_creations_that_reject_duplicates_one_succeeds() {
    let book = serve().await;
    let (answers, list) = web::block(move || {
        let url = format!("{book}?on_duplicate=reject");
        let answers = at_once(16, move |agent| {
            let request = sending("POST", &url, ("Accept", "*/*"), BODY);
            let response = agent.run(request).unwrap();
            let location = header(&response, "location").unwrap();
            (response.status().as_u16(), location)
        });
        (answers, json(agent().get(&book).call().unwrap()))
    })
    .await
    .unwrap();
    let addresses = list["addresses"].as_array().unwrap();
    assert_eq!(addresses.len(), 1);
    let location = format!("addresses/{}", addresses[0]["id"].as_str().unwrap());
    let count = |status| {
        answers
            .iter()
            .filter(|answer| **answer == (status, location.clone()))
            .count()
    };
    assert_eq!((count(201), count(409)), (1, 15), "{answers:?}");
}
