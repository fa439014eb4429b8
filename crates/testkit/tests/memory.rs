//! The in-memory repository fulfils the contract.

use std::sync::Arc;

use addressbook_domain::AddressRepository;
use addressbook_testkit::InMemoryRepository;

fn subject() -> (Arc<dyn AddressRepository>, ()) {
    (Arc::new(InMemoryRepository::default()), ())
}

addressbook_testkit::address_repository_contract!(subject);
