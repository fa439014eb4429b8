//! Benchmarks the repository on each store: pages, single commits, and concurrent commits.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a benchmark that cannot run panics"
)]

use std::cell::{Cell, LazyCell};
use std::rc::Rc;
use std::sync::Arc;

use addressbook_adapters::{SqlStore, StoreOptions};
use addressbook_domain::{AddressRepository, OpenMode, PageRequest, PageStart};
use addressbook_testkit::postgres::PostgresServer;
use addressbook_testkit::{InMemoryRepository, fixtures};
use tempfile::TempDir;
use tokio::runtime::Runtime;

#[path = "../../../benchmarks/pieces.rs"]
mod pieces;
use pieces::{Piece, piece};

const CUSTOMERS: u32 = 100;
const ADDRESSES_EACH: u32 = 10;
const AT_ONCE: usize = 64;

/// The benchmarks of a repository, which is opened and filled with addresses at its first use.
fn of(
    store: &str,
    runtime: &Rc<Runtime>,
    open: impl FnOnce() -> Arc<dyn AddressRepository> + 'static,
) -> Vec<Piece> {
    let filled = {
        let runtime = runtime.clone();
        move || {
            let repository = open();
            for customer in 0..CUSTOMERS {
                let customer = format!("cus_{customer}");
                let numbers = 0..ADDRESSES_EACH;
                let addresses = numbers.map(|number| fixtures::address(&customer, number));
                let commit = repository.commit(fixtures::creating(addresses));
                runtime.block_on(commit).unwrap();
            }
            repository
        }
    };
    let repository = Rc::new(LazyCell::new(filled));
    let next = Rc::new(Cell::new(0));
    let page = {
        let (runtime, repository, next) = (runtime.clone(), repository.clone(), next.clone());
        let request = PageRequest {
            limit: fixtures::limit(10),
            start: PageStart::default(),
        };
        piece(&format!("{store}/page of 10"), move || {
            let customer = next.replace(next.get() + 1) % CUSTOMERS;
            let customer = fixtures::customer(&format!("cus_{customer}"));
            runtime
                .block_on(repository.list(&customer, &request))
                .unwrap()
        })
    };
    let commits = |name: &str, count: usize| {
        let (runtime, repository, next) = (runtime.clone(), repository.clone(), next.clone());
        piece(&format!("{store}/{name}"), move || {
            let tasks: Vec<_> = (0..count)
                .map(|_| {
                    let number = next.replace(next.get() + 1);
                    let address = fixtures::address(&format!("cus_new_{number}"), 1);
                    let repository = Arc::clone(&**repository);
                    runtime.spawn(
                        async move { repository.commit(fixtures::creating([address])).await },
                    )
                })
                .collect();
            runtime.block_on(async {
                for task in tasks {
                    task.await.expect("no panic").unwrap();
                }
            });
        })
    };
    let at_once = format!("{AT_ONCE} commits at once");
    vec![page, commits("a commit", 1), commits(&at_once, AT_ONCE)]
}

fn opened(url: &str) -> Arc<dyn AddressRepository> {
    let url = url.parse().expect("a database's URL");
    Arc::new(
        SqlStore::open(&url, &StoreOptions::default(), OpenMode::CreateOrMigrate)
            .expect("it opens"),
    )
}

fn main() {
    let runtime = Rc::new(Runtime::new().expect("threads"));
    let folder = TempDir::new().expect("a folder");
    let sqlite = format!("sqlite://{}", folder.path().join("a.db").display());
    let mut pieces = of("memory", &runtime, || {
        Arc::new(InMemoryRepository::default())
    });
    pieces.extend(of("sqlite", &runtime, move || opened(&sqlite)));
    // Without fsync, because the benchmark of the whole service measures the disk.
    pieces.extend(of("postgres", &runtime, || {
        opened(&PostgresServer::shared().create_database())
    }));
    pieces::run(pieces);
}
