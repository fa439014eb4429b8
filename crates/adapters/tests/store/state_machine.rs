//! Runs the same random sequences of calls on the in-memory repository, SQLite and PostgreSQL. All
//! results must be the same.
//!
//! To run more sequences than by default: `PROPTEST_CASES=2000 ./scripts/test state_machine`.

mod calls;

use std::cmp::Ordering;
use std::sync::LazyLock;

use addressbook_adapters::{SqlStore, StoreOptions, Synchronous};
use addressbook_domain::{
    Address, AddressContent, AddressId, AddressPage, AddressRepository, AddressRevision, BookHead,
    Commit, CustomerId, DefaultAddresses, Erased, IdempotencyKey, IdempotencyRecord, Listing,
    Lookup, PageRequest, RevisionRange, Scan, Timestamp,
};
use addressbook_testkit::InMemoryRepository;
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use tokio::runtime::{Builder, Runtime};

use self::calls::{CLOCK_BACK, customers, ids, keys};
use crate::support::Database;

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn all_stores_return_the_same_results(sequential 1..=60 => SideBySide);
}

fn config() -> Config {
    let default = Config::default();
    Config {
        cases: match std::env::var_os("PROPTEST_CASES") {
            Some(_) => default.cases,
            None => 100,
        },
        max_shrink_time: 120_000,
        failure_persistence: None,
        ..default
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().unwrap()
});

const EVERYTHING: Scan = Scan {
    customer_id: None,
    after: None,
    limit: u32::MAX,
};

/// One call of the port, or a few that belong together.
#[derive(Clone, Debug)]
enum Call {
    Commit(Commit),
    List(CustomerId, PageRequest),
    PageOf(CustomerId, Listing),
    Find(Vec<Lookup>),
    Revisions(CustomerId, AddressId, RevisionRange),
    Record(CustomerId, IdempotencyKey),
    /// Prunes all records in steps of this size, because each store may choose the order.
    Prune(Timestamp, u32),
    DefaultAddresses(Vec<CustomerId>),
    Erase(CustomerId),
    Scan(Scan),
}

#[derive(Clone, Debug, PartialEq)]
enum Response {
    /// The customers whose revisions it returned.
    Commit(Result<Vec<CustomerId>, String>),
    Page(AddressPage),
    Find(Vec<Option<Found>>),
    Revisions(Vec<AddressRevision>),
    Record(Option<IdempotencyRecord>),
    Prune(Vec<u64>),
    DefaultAddresses(Vec<DefaultAddresses>),
    Erase(Erased),
    Scan(Vec<Address>),
}

/// A found address. Of several addresses with the same content, a store may find any, so only the
/// content is compared.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    ById(Address),
    ByContent(AddressContent),
}

/// The outcome of a call: the response, and the head of each book after it. Stores may start book
/// revisions at different numbers, so only the direction of their change is compared.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    response: Response,
    heads: Vec<(u64, Ordering)>,
}

/// A repository, and the highest revision of each customer's book so far.
#[derive(Clone, Debug)]
struct Watched<R> {
    repository: R,
    highest: Vec<u64>,
}

impl<R: AddressRepository> Watched<R> {
    fn new(repository: R) -> Self {
        Self {
            repository,
            highest: vec![0; customers().len()],
        }
    }

    fn call(&mut self, call: &Call) -> Outcome {
        RUNTIME.block_on(async {
            Outcome {
                response: self.response(call).await,
                heads: self.heads().await,
            }
        })
    }

    async fn heads(&mut self) -> Vec<(u64, Ordering)> {
        let mut heads = Vec::new();
        for (customer_id, highest) in customers().iter().zip(&mut self.highest) {
            let head = self.repository.head(customer_id).await.unwrap();
            heads.push((head.addresses, head.revision.cmp(highest)));
            *highest = head.revision.max(*highest);
        }
        heads
    }

    async fn response(&self, call: &Call) -> Response {
        let repository = &self.repository;
        match call.clone() {
            Call::Commit(commit) => {
                let result = repository.commit(commit).await;
                let books = result.map(|committed| committed.book_revisions.into_keys().collect());
                Response::Commit(books.map_err(|error| format!("{error:?}")))
            }
            Call::List(customer_id, request) => {
                let page = repository.list(&customer_id, &request).await.unwrap();
                Response::Page(self.without_revision(&customer_id, page).await)
            }
            Call::PageOf(customer_id, listing) => {
                let page = repository.page_of(&customer_id, &listing).await.unwrap();
                Response::Page(self.without_revision(&customer_id, page).await)
            }
            Call::Find(lookups) => {
                let found = repository.find(lookups.clone()).await.unwrap();
                let mut comparable = Vec::new();
                for (lookup, found) in lookups.iter().zip(found) {
                    comparable.push(match (lookup, found.address) {
                        (_, None) => None,
                        (Lookup::Id(..), Some(address)) => Some(Found::ById(address)),
                        (Lookup::Content(..), Some(address)) => {
                            let id = Lookup::Id(address.customer_id.clone(), address.id.clone());
                            let by_id = repository.find(vec![id]).await.unwrap();
                            assert_eq!(by_id[0].address.as_ref(), Some(&address));
                            Some(Found::ByContent(address.content))
                        }
                    });
                }
                Response::Find(comparable)
            }
            Call::Revisions(customer_id, id, range) => {
                let found = repository.revisions(&customer_id, &id, range).await;
                Response::Revisions(found.unwrap().revisions)
            }
            Call::Record(customer_id, key) => {
                let record = repository.idempotency_record(&customer_id, &key).await;
                Response::Record(record.unwrap())
            }
            Call::Prune(before, step) => {
                let mut steps = Vec::new();
                while steps.last().is_none_or(|pruned| *pruned == u64::from(step)) {
                    let pruned = repository.prune_idempotency_records(before, step).await;
                    steps.push(pruned.unwrap());
                }
                Response::Prune(steps)
            }
            Call::DefaultAddresses(customers) => {
                let found = repository.default_addresses(customers.clone()).await;
                let mut addresses = Vec::new();
                for (customer_id, found) in customers.iter().zip(found.unwrap()) {
                    let head = repository.head(customer_id).await.unwrap();
                    assert_eq!(found.revision, head.revision);
                    addresses.push(found.addresses);
                }
                Response::DefaultAddresses(addresses)
            }
            Call::Erase(customer_id) => {
                Response::Erase(repository.erase(&customer_id).await.unwrap())
            }
            Call::Scan(scan) => Response::Scan(repository.scan(scan).await.unwrap()),
        }
    }

    /// Checks that the head of a page is the book's, and returns the page without the revision.
    async fn without_revision(&self, customer_id: &CustomerId, page: AddressPage) -> AddressPage {
        let head = self.repository.head(customer_id).await.unwrap();
        assert_eq!(page.head(), head);
        let head = BookHead {
            revision: 0,
            ..head
        };
        let mut same = AddressPage::with_total(head, page.total());
        page.iter().for_each(|address| same.push(address).unwrap());
        same
    }
}

thread_local! {
    /// One database of each kind for all sequences, because creating one takes longer than a
    /// sequence.
    static STORES: [(SqlStore, Database); 2] =
        [Database::sqlite(), Database::postgres()].map(|database| {
            // Durability is not tested here.
            let options = StoreOptions {
                synchronous: Synchronous::Normal,
                ..StoreOptions::default()
            };
            (database.open(options), database)
        });
}

struct SideBySide;

impl StateMachineTest for SideBySide {
    /// SQLite and PostgreSQL, by name.
    type SystemUnderTest = Vec<(&'static str, Watched<SqlStore>)>;
    type Reference = Reference;

    fn init_test(_: &State) -> Self::SystemUnderTest {
        let empty = |(repository, _): &(SqlStore, Database)| {
            for customer_id in customers() {
                RUNTIME.block_on(repository.erase(&customer_id)).unwrap();
            }
            Watched::new(repository.clone())
        };
        STORES.with(|stores| {
            ["SQLite", "PostgreSQL"]
                .into_iter()
                .zip(stores.iter().map(empty))
                .collect()
        })
    }

    fn apply(
        mut stores: Self::SystemUnderTest,
        reference: &State,
        call: Call,
    ) -> Self::SystemUnderTest {
        for (engine, store) in &mut stores {
            let outcome = store.call(&call);
            assert_eq!(
                Some(&outcome),
                reference.outcome.as_ref(),
                "{engine}: {call:?}"
            );
        }
        stores
    }

    /// Compares everything that the stores contain.
    fn teardown(mut stores: Self::SystemUnderTest, mut reference: State) {
        let mut calls = vec![Call::Scan(EVERYTHING)];
        for customer_id in customers() {
            calls.push(Call::PageOf(customer_id.clone(), Listing::default()));
            let range = RevisionRange {
                before: None,
                limit: u32::MAX,
            };
            let revisions = |id| Call::Revisions(customer_id.clone(), id, range);
            calls.extend(ids().into_iter().map(revisions));
            let record = |key| Call::Record(customer_id.clone(), key);
            calls.extend(keys().into_iter().map(record));
        }
        for call in calls {
            reference = Reference::apply(reference, &call);
            stores = Self::apply(stores, &reference, call);
        }
    }
}

/// The in-memory repository, the outcome of its last call, and the time.
#[derive(Clone, Debug)]
struct State {
    memory: Watched<InMemoryRepository>,
    outcome: Option<Outcome>,
    now: u32,
}

struct Reference;

impl ReferenceStateMachine for Reference {
    type State = State;
    type Transition = Call;

    fn init_state() -> BoxedStrategy<State> {
        Just(State {
            memory: Watched::new(InMemoryRepository::default()),
            outcome: None,
            now: CLOCK_BACK,
        })
        .boxed()
    }

    fn transitions(state: &State) -> BoxedStrategy<Call> {
        let current = state.memory.repository.scan(EVERYTHING);
        calls::any_call(state.now, RUNTIME.block_on(current).unwrap()).boxed()
    }

    fn apply(mut state: State, call: &Call) -> State {
        state.outcome = Some(state.memory.call(call));
        state.now += match call {
            Call::Commit(_) => 1,
            // The revision of a book that is created again starts at the time, so the clock must
            // not go back here.
            Call::Erase(_) => CLOCK_BACK + 1,
            _ => 0,
        };
        state
    }
}
