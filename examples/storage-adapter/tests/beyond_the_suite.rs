//! What the contract suites cannot test.

use std::path::Path;

use addressbook_domain::{
    AddressRepository, ApiKeyRepository, Engine, Lookup, OpenError, OpenMode, RepositoryError,
};
use addressbook_redb::{RedbEngine, RedbStore};
use addressbook_testkit::fixtures::{address, address_id, api_key, creating, customer};
use redb::{Database, TableDefinition};
use tempfile::TempDir;

fn lookup() -> Vec<Lookup> {
    vec![Lookup::Id(customer("cus_1"), address_id(1))]
}

async fn filled(path: &Path) {
    let store = RedbStore::open(path).unwrap();
    store.commit(creating([address("cus_1", 1)])).await.unwrap();
    store.add(api_key(1)).await.unwrap();
}

#[tokio::test]
async fn a_reopened_file_contains_what_was_committed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("addressbook.redb");
    filled(&path).await;
    let store = RedbStore::open(&path).unwrap();
    let found = AddressRepository::find(&store, lookup()).await.unwrap();
    assert_eq!(found[0].address, Some(address("cus_1", 1)), "the address");
    let keys = ApiKeyRepository::list(&store, None, 9).await.unwrap();
    assert_eq!(keys, [api_key(1)], "the API key");
}

#[tokio::test]
async fn an_open_file_is_unavailable_to_others() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("addressbook.redb");
    let first = RedbStore::open(&path).unwrap();
    let second = RedbStore::open(&path);
    assert!(
        matches!(second, Err(RepositoryError::Unavailable(_))),
        "expected the second opening to fail"
    );
    first.ready().await.unwrap();
}

#[tokio::test]
async fn a_damaged_address_is_reported() {
    type Row = (
        u32,
        Option<&'static str>,
        Option<&'static str>,
        Option<&'static str>,
        Option<&'static str>,
        Option<&'static str>,
        Option<&'static str>,
        i64,
        i64,
    );
    let addresses: TableDefinition<(&str, &str), Row> = TableDefinition::new("addresses");
    let id = address_id(1).to_string();
    let kigali = Some("Kigali");
    let rw = Some("RW");
    for (field, row) in [
        (
            "country",
            (1, None, kigali, kigali, Some("rw"), None, None, 0, 0),
        ),
        (
            "region",
            (1, None, Some(" Kigali"), kigali, rw, None, None, 0, 0),
        ),
        (
            "custom_data",
            (1, None, kigali, kigali, rw, None, Some("[]"), 0, 0),
        ),
        (
            "time",
            (1, None, kigali, kigali, rw, None, None, i64::MAX, 0),
        ),
        ("revision", (0, None, kigali, kigali, rw, None, None, 0, 0)),
    ] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("addressbook.redb");
        filled(&path).await;
        {
            let database = Database::create(&path).unwrap();
            let transaction = database.begin_write().unwrap();
            let mut table = transaction.open_table(addresses).unwrap();
            table.insert(("cus_1", id.as_str()), row).unwrap();
            drop(table);
            transaction.commit().unwrap();
        }
        let store = RedbStore::open(&path).unwrap();
        let found = AddressRepository::find(&store, lookup()).await;
        match found {
            Err(RepositoryError::Corrupt(damage)) => assert_eq!(damage.field, field),
            other => panic!("expected a damaged {field}, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_file_is_created_only_if_the_mode_allows_it() {
    let folder = TempDir::new().unwrap();
    let engine = RedbEngine {
        path: folder.path().join("addressbook.redb"),
    };
    assert!(
        matches!(
            engine.open(OpenMode::Existing),
            Err(OpenError::Missing { location }) if location == engine.location()
        ),
        "expected a missing file to be an error"
    );
    assert!(!engine.path.exists(), "expected no file");
    drop(engine.open(OpenMode::CreateOrMigrate).unwrap());
    let store = engine.open(OpenMode::Existing).unwrap();
    store.addresses.ready().await.unwrap();
    assert!(
        matches!(
            engine.open(OpenMode::Existing),
            Err(OpenError::Unreachable { .. })
        ),
        "expected an open file to be unreachable"
    );
}
