//! Both contract suites, on redb files in temporary folders.

use std::sync::Arc;

use addressbook_domain::{AddressRepository, ApiKeyRepository};
use addressbook_redb::RedbStore;
use tempfile::TempDir;

fn store() -> (RedbStore, TempDir) {
    let folder = TempDir::new().unwrap();
    let store = RedbStore::open(&folder.path().join("addressbook.redb")).unwrap();
    (store, folder)
}

/// An empty repository, and the folder of its file, which must live as long as the test.
async fn addresses() -> (Arc<dyn AddressRepository>, TempDir) {
    let (store, folder) = store();
    (Arc::new(store), folder)
}

addressbook_testkit::address_repository_contract!(addresses);

/// The same for API keys.
async fn api_keys() -> (Arc<dyn ApiKeyRepository>, TempDir) {
    let (store, folder) = store();
    (Arc::new(store), folder)
}

addressbook_testkit::api_key_repository_contract!(api_keys);
