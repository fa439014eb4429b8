//! The in-memory repositories fulfil their contracts.

use std::sync::Arc;

use addressbook_domain::{AddressRepository, ApiKeyRepository};
use addressbook_testkit::{InMemoryApiKeys, InMemoryRepository};

async fn addresses() -> (Arc<dyn AddressRepository>, ()) {
    (Arc::new(InMemoryRepository::default()), ())
}

addressbook_testkit::address_repository_contract!(addresses);

async fn api_keys() -> (Arc<dyn ApiKeyRepository>, ()) {
    (Arc::new(InMemoryApiKeys::default()), ())
}

addressbook_testkit::api_key_repository_contract!(api_keys);
