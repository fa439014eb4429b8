//! After an erasure, no file of a SQLite database holds what was erased.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use addressbook_adapters::{SqlStore, StoreOptions, backup, restore};
use addressbook_domain::{Address, AddressRepository, Change, CustomData, OpenMode};
use addressbook_testkit::fixtures;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::time::sleep;

/// What the addresses of a customer hold that nobody else's do.
fn canary(customer: u32) -> String {
    format!("canary-of-{customer:03}")
}

/// Addresses of customers one after the other, of all sizes, which change and go: pages are filled,
/// split and freed.
async fn write(repository: &dyn AddressRepository) {
    let sized = |address: Address, customer: u32, repeats: usize| {
        let text = format!("{{\"a\":\"{}\"}}", canary(customer).repeat(repeats));
        let mut address = address;
        address.content.custom_data = Some(CustomData::parse(&text).unwrap());
        address
    };
    for number in 1..=12 {
        for customer in 0..20 {
            let customer_id = format!("cus_{customer:03}");
            let address = fixtures::address(&customer_id, number);
            let repeats = (number as usize * 7 + customer as usize * 13) % 200;
            let address = sized(address, customer, repeats + 1);
            let created = fixtures::creating([address.clone()]);
            repository.commit(created).await.unwrap();
            let moved = fixtures::moved(&address, &canary(customer));
            let replaced = Change::Replace {
                expected: address.revision,
                address: sized(moved, customer, 200 - repeats),
            };
            repository
                .commit(fixtures::commit([replaced]))
                .await
                .unwrap();
        }
    }
}

/// Which files of a folder hold a canary of the first ten customers.
fn files_with_a_canary(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let bytes = fs::read(file.path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        if (0..10).any(|customer| text.contains(&canary(customer))) {
            found.push(file.file_name().into_string().unwrap());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_holds_what_was_erased() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    let url = format!("sqlite://{}", path.display()).parse().unwrap();
    let options = StoreOptions::default();
    let repository = SqlStore::open(&url, &options, OpenMode::CreateOrMigrate).unwrap();
    let repository = Arc::new(repository);
    write(&*repository).await;
    // Somebody reads for a while.
    let reader = Connection::open(&path).unwrap();
    reader
        .execute_batch("BEGIN; SELECT COUNT(*) FROM addresses")
        .unwrap();
    for customer in 0..10 {
        let customer_id = fixtures::customer(&format!("cus_{customer:03}"));
        let erased = repository.erase(&customer_id).await.unwrap();
        assert_eq!((erased.addresses, erased.revisions), (12, 24));
    }
    assert_ne!(files_with_a_canary(folder.path()), [""; 0]);
    sleep(Duration::from_millis(300)).await;
    drop(reader);
    let started = Instant::now();
    loop {
        let found = files_with_a_canary(folder.path());
        if found.is_empty() {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{found:?}");
        sleep(Duration::from_millis(20)).await;
    }
    // Others are there still.
    let others = fixtures::customer("cus_010");
    assert_eq!(repository.head(&others).await.unwrap().addresses, 12);
    let copy = folder.path().join("copy.db");
    let summary = backup(&path, &copy, |_| {}).unwrap();
    assert_eq!(summary.addresses, 120);
    restore(&copy, &folder.path().join("restored.db"), |_| {}).unwrap();
    assert_eq!(files_with_a_canary(folder.path()), [""; 0]);
}
