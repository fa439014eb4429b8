//! Many clients at once, over HTTP, on both stores.

use std::sync::Mutex;
use std::thread;

use rstest::rstest;
use serde_json::Value;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use crate::support::{Response, Service, TestDir};

const BOOK: &str = "/v1/customers/cus_1/addresses";
const ADDRESS: &str =
    r#"{"region":"Kigali","city":"Kigali","country":"RW","custom_data":{"value":0}}"#;

/// Creates an address and returns its path.
fn create(service: &Service) -> String {
    let created = service.send("POST", BOOK, &[], ADDRESS);
    assert_eq!(created.status, 201, "{}", created.body);
    format!("{BOOK}/{}", created.json()["id"].as_str().unwrap())
}

fn set(service: &Service, path: &str, headers: &[(&str, &str)], value: u64) -> Response {
    let patch = format!(r#"{{"custom_data":{{"value":{value}}}}}"#);
    service.send("PATCH", path, headers, &patch)
}

fn value(response: &Response) -> u64 {
    response.json()["custom_data"]["value"].as_u64().unwrap()
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn increments_of_twenty_clients_are_not_lost(#[case] dir: TestDir) {
    let service = dir.serve(&[]);
    let path = create(&service);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                loop {
                    let read = service.send("GET", &path, &[], "");
                    let if_match = [("If-Match", read.header("ETag"))];
                    let changed = set(&service, &path, &if_match, value(&read) + 1);
                    match changed.status {
                        200 => break,
                        412 | 503 => {}
                        other => panic!("{other}: {}", changed.body),
                    }
                }
            });
        }
    });
    assert_eq!(value(&service.send("GET", &path, &[], "")), 20);
    let revisions = service.send("GET", &format!("{path}/revisions"), &[], "");
    assert_eq!(revisions.json()["revisions"].as_array().unwrap().len(), 21);
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn sixteen_creations_with_one_key_create_one_address(#[case] dir: TestDir) {
    let service = dir.serve(&[]);
    let key = [("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324")];
    let responses: Vec<Response> = thread::scope(|scope| {
        let clients: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| service.send("POST", BOOK, &key, ADDRESS)))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    let created: Vec<_> = responses
        .iter()
        .filter(|response| response.status == 201)
        .collect();
    assert!(!created.is_empty());
    assert!(
        created
            .iter()
            .all(|response| response.body == created[0].body)
    );
    let first: Vec<_> = created
        .iter()
        .filter(|response| response.header("Idempotent-Replayed").is_empty())
        .collect();
    assert_eq!(first.len(), 1);
    assert!(
        responses
            .iter()
            .all(|response| [201, 409, 503].contains(&response.status))
    );
    let book: Value = serde_json::from_str(&service.get(BOOK).1).unwrap();
    assert_eq!(book["addresses"].as_array().unwrap().len(), 1);
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn sixteen_creations_of_the_same_address_create_one_unless_duplicates_are_allowed(
    #[case] dir: TestDir,
) {
    let service = dir.serve(&["--on-duplicate", "reject"]);
    for (customer, query, otherwise) in [
        ("cus_1", "", 409),
        ("cus_2", "?on_duplicate=reject", 409),
        ("cus_3", "?on_duplicate=return", 200),
    ] {
        let book = format!("/v1/customers/{customer}/addresses");
        let path = format!("{book}{query}");
        let responses: Vec<Response> = thread::scope(|scope| {
            let clients: Vec<_> = (0..16)
                .map(|number| {
                    let address = ADDRESS.replace(":0}", &format!(":{number}}}"));
                    let (service, path) = (&service, &path);
                    scope.spawn(move || service.send("POST", path, &[], &address))
                })
                .collect();
            let responses = clients.into_iter().map(|client| client.join().unwrap());
            responses.collect()
        });
        let list: Value = serde_json::from_str(&service.get(&book).1).unwrap();
        let addresses = list["addresses"].as_array().unwrap();
        assert_eq!(addresses.len(), 1, "{customer}: {list}");
        let location = format!("addresses/{}", addresses[0]["id"].as_str().unwrap());
        let count = |status| {
            let is = |response: &&Response| {
                response.status == status && response.header("Location") == location
            };
            responses.iter().filter(is).count()
        };
        let busy = responses.iter().filter(|response| response.status == 503);
        let counts = (count(201), count(otherwise) + busy.count());
        assert_eq!(counts, (1, 15), "{customer}");
    }
}

/// One address as a client sees it: a value and its revision.
#[derive(Clone, Debug, PartialEq)]
struct Register {
    value: u64,
    revision: u64,
}

#[derive(Clone, Debug)]
enum Op {
    Read,
    Write(u64),
    /// Writes a value if the revision is still the first number.
    WriteIf(u64, u64),
}

#[derive(Clone, Debug, PartialEq)]
enum Ret {
    Is(Register),
    Refused,
}

impl SequentialSpec for Register {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match *op {
            Op::Read => {}
            Op::WriteIf(revision, _) if revision != self.revision => return Ret::Refused,
            Op::Write(value) | Op::WriteIf(_, value) => {
                *self = Register {
                    value,
                    revision: self.revision + 1,
                };
            }
        }
        Ret::Is(self.clone())
    }
}

/// The revision that an entity tag begins with.
fn revision(etag: &str) -> u64 {
    etag.trim_matches('"')
        .split('-')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

fn perform(service: &Service, path: &str, op: &Op, last_etag: &mut String) -> Ret {
    let response = match op {
        Op::Read => service.send("GET", path, &[], ""),
        Op::Write(value) => set(service, path, &[], *value),
        Op::WriteIf(_, value) => set(service, path, &[("If-Match", last_etag)], *value),
    };
    match response.status {
        200 => {
            *last_etag = response.header("ETag").to_owned();
            Ret::Is(Register {
                value: value(&response),
                revision: revision(last_etag),
            })
        }
        412 => Ret::Refused,
        other => panic!("{other}: {}", response.body),
    }
}

const ROUNDS: u64 = 12;
const CLIENTS: u64 = 4;
const STEPS: u64 = 6;

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn concurrent_histories_of_one_address_are_linearizable(#[case] dir: TestDir) {
    let service = dir.serve(&[]);
    for round in 0..ROUNDS {
        let path = create(&service);
        let history = Mutex::new(LinearizabilityTester::new(Register {
            value: 0,
            revision: 1,
        }));
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (history, path, service) = (&history, &path, &service);
                scope.spawn(move || {
                    let mut etag = service.send("GET", path, &[], "").header("ETag").to_owned();
                    for step in 0..STEPS {
                        // Each value is written once, so that a read identifies the write.
                        let value = 1 + client * STEPS + step;
                        let op = match (round + client + step) % 3 {
                            0 => Op::Read,
                            1 => Op::Write(value),
                            _ => Op::WriteIf(revision(&etag), value),
                        };
                        history
                            .lock()
                            .unwrap()
                            .on_invoke(client, op.clone())
                            .unwrap();
                        let ret = perform(service, path, &op, &mut etag);
                        history.lock().unwrap().on_return(client, ret).unwrap();
                    }
                });
            }
        });
        let history = history.into_inner().unwrap();
        assert!(history.is_consistent(), "round {round}: {history:?}");
    }
}

/// The default address of a customer for one purpose, as clients see it. Addresses are numbered.
#[derive(Clone, Debug, Default)]
struct DefaultAddress {
    current: Option<usize>,
    removed: Vec<usize>,
}

#[derive(Clone, Debug)]
enum DefaultOp {
    Read,
    Set(usize),
    /// Sets the second address if the first is still the default.
    SetIf(Option<usize>, usize),
    Remove(usize),
}

#[derive(Clone, Debug, PartialEq)]
enum DefaultRet {
    Is(Option<usize>),
    Removed,
    Refused,
}

impl SequentialSpec for DefaultAddress {
    type Op = DefaultOp;
    type Ret = DefaultRet;

    fn invoke(&mut self, op: &DefaultOp) -> DefaultRet {
        match *op {
            DefaultOp::Read => {}
            DefaultOp::SetIf(expected, _) if expected != self.current => {
                return DefaultRet::Refused;
            }
            DefaultOp::Set(number) | DefaultOp::SetIf(_, number) | DefaultOp::Remove(number)
                if self.removed.contains(&number) =>
            {
                return DefaultRet::Refused;
            }
            DefaultOp::Set(number) | DefaultOp::SetIf(_, number) => self.current = Some(number),
            DefaultOp::Remove(number) => {
                self.removed.push(number);
                self.current = self.current.filter(|current| *current != number);
                return DefaultRet::Removed;
            }
        }
        DefaultRet::Is(self.current)
    }
}

const DEFAULTS: &str = "/v1/customers/cus_1/default-addresses";

fn set_default(service: &Service, headers: &[(&str, &str)], purpose: &str, id: &str) -> Response {
    let patch = format!(r#"{{"default_addresses":{{"{purpose}":"{id}"}}}}"#);
    service.send("PATCH", DEFAULTS, headers, &patch)
}

/// Performs an operation on one purpose. `last` is the state that the client saw last.
fn perform_on_default(
    service: &Service,
    (purpose, ids): (&str, &[String]),
    op: &DefaultOp,
    last: &mut (Option<usize>, String),
) -> DefaultRet {
    let response = match *op {
        DefaultOp::Read => service.send("GET", DEFAULTS, &[], ""),
        DefaultOp::Set(number) => set_default(service, &[], purpose, &ids[number]),
        DefaultOp::SetIf(_, number) => {
            set_default(service, &[("If-Match", &last.1)], purpose, &ids[number])
        }
        DefaultOp::Remove(number) => {
            service.send("DELETE", &format!("{BOOK}/{}", ids[number]), &[], "")
        }
    };
    match response.status {
        200 => {
            let is = response.json()["default_addresses"][purpose].clone();
            let current = ids.iter().position(|id| is == id.as_str());
            *last = (current, response.header("ETag").to_owned());
            DefaultRet::Is(current)
        }
        204 => DefaultRet::Removed,
        404 | 412 | 422 => DefaultRet::Refused,
        other => panic!("{other}: {}", response.body),
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn concurrent_histories_of_default_addresses_are_linearizable(#[case] dir: TestDir) {
    let service = dir.serve(&[]);
    for round in 0..ROUNDS as usize {
        let ids: Vec<_> = (0..CLIENTS)
            .map(|_| create(&service).rsplit('/').next().unwrap().to_owned())
            .collect();
        // Each round begins without a default, because the addresses are new.
        let purpose = "shipping";
        let empty = service.send("GET", DEFAULTS, &[], "").json()["default_addresses"].clone();
        assert_eq!(empty, serde_json::json!({}), "round {round}");
        let history = Mutex::new(LinearizabilityTester::new(DefaultAddress::default()));
        thread::scope(|scope| {
            for client in 0..CLIENTS as usize {
                let (history, ids, service) = (&history, &ids, &service);
                scope.spawn(move || {
                    let etag = service
                        .send("GET", DEFAULTS, &[], "")
                        .header("ETag")
                        .to_owned();
                    let mut last = (None, etag);
                    for step in 0..STEPS as usize {
                        let other = (client + step) % ids.len();
                        let op = match (round + client + step) % 4 {
                            // Another client may have set a default before the first read.
                            _ if step == 0 => DefaultOp::Read,
                            0 => DefaultOp::Read,
                            1 => DefaultOp::SetIf(last.0, other),
                            2 if step == STEPS as usize - 1 => DefaultOp::Remove(client),
                            _ => DefaultOp::Set(other),
                        };
                        history
                            .lock()
                            .unwrap()
                            .on_invoke(client, op.clone())
                            .unwrap();
                        let ret = perform_on_default(service, (purpose, ids), &op, &mut last);
                        history.lock().unwrap().on_return(client, ret).unwrap();
                    }
                });
            }
        });
        let history = history.into_inner().unwrap();
        assert!(history.is_consistent(), "round {round}: {history:?}");
        for id in &ids {
            service.send("DELETE", &format!("{BOOK}/{id}"), &[], "");
        }
    }
}

#[rstest]
#[case::sqlite(TestDir::sqlite())]
#[case::postgres(TestDir::postgres())]
fn of_twenty_clients_that_set_a_default_address_exactly_one_stands(#[case] dir: TestDir) {
    let service = dir.serve(&[]);
    let created = ADDRESS.replace(r#""RW","#, r#""RW","default_for":["shipping"],"#);
    thread::scope(|scope| {
        for number in 0..20 {
            let (service, created) = (&service, &created);
            scope.spawn(move || {
                // Half of them set it with the creation.
                let status = match number % 2 {
                    0 => service.send("POST", BOOK, &[], created).status,
                    _ => {
                        let path = create(service);
                        let id = path.rsplit('/').next().unwrap();
                        set_default(service, &[], "shipping", id).status
                    }
                };
                assert!(matches!(status, 200 | 201), "{status}");
            });
        }
    });
    let defaults = service.send("GET", DEFAULTS, &[], "").json();
    let list = service.send("GET", &format!("{BOOK}?include=default_for"), &[], "");
    let list = list.json();
    let addresses = list["addresses"].as_array().unwrap();
    assert_eq!(addresses.len(), 20);
    let claiming = addresses
        .iter()
        .filter(|address| address["default_for"] == serde_json::json!(["shipping"]));
    let claiming: Vec<_> = claiming.map(|address| &address["id"]).collect();
    assert_eq!(claiming, [&defaults["default_addresses"]["shipping"]]);
}

/// Shows that the tester can reject a history.
#[test]
fn a_lost_update_is_not_linearizable() {
    let mut history = LinearizabilityTester::new(Register {
        value: 0,
        revision: 1,
    });
    let is = |value, revision| Ret::Is(Register { value, revision });
    history.on_invret(1, Op::WriteIf(1, 7), is(7, 2)).unwrap();
    history.on_invret(2, Op::WriteIf(1, 8), is(8, 2)).unwrap();
    assert!(!history.is_consistent());
}
