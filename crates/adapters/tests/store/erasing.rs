//! After an erasure, no file of a SQLite database contains the erased data.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use addressbook_adapters::{SqlStore, StoreOptions, Synchronous, backup, restore};
use addressbook_domain::{Address, AddressRepository, Change, CustomData, Description, OpenMode};
use addressbook_testkit::fixtures;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::time::sleep;

/// A text that only the addresses of this customer contain.
fn canary(customer: u32) -> String {
    format!("canary-of-{customer:03}")
}

/// Writes and changes addresses of many sizes, of one customer after the other, so that pages are
/// filled, split and freed.
async fn write(repository: &dyn AddressRepository) {
    let sized = |address: Address, customer: u32, repeats: usize| {
        let text = format!("{{\"a\":\"{}\"}}", canary(customer).repeat(repeats));
        let mut address = address;
        address.content.custom_data = Some(CustomData::parse(&text).unwrap());
        let details = format!("{{\"first_line\":\"{}\"}}", canary(customer));
        address.content.details = fixtures::postal_details(&details);
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

/// Makes enough random changes that SQLite balances neighbouring pages many times.
async fn write_at_random(repository: &dyn AddressRepository, mut seed: u64) {
    let mut random = move |below: u64| {
        // Knuth's MMIX generator: any distribution of sizes is good enough.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut books: Vec<Vec<Address>> = vec![Vec::new(); 20];
    for number in 1..2_000 {
        let customer = random(20) as u32;
        let addresses = &mut books[customer as usize];
        let text = canary(customer).repeat(600);
        let description = Description::parse(&text[..9 + random(990) as usize]).unwrap();
        let length = [0, 60, 400, 1_500, 4_000, 7_800][random(6) as usize];
        let data = format!("{{\"a\":\"{}\"}}", &text[..length]);
        let fill = |address: &mut Address| {
            address.content.description = Some(description.clone());
            let data = CustomData::parse(&data).unwrap();
            address.content.custom_data = (length > 0).then_some(data);
        };
        let change = match (random(20), addresses.is_empty()) {
            (0..10, _) | (_, true) => {
                let mut address = fixtures::address(&format!("cus_{customer:03}"), number);
                fill(&mut address);
                addresses.push(address.clone());
                Change::Create(address)
            }
            (10..17, false) => {
                let index = random(addresses.len() as u64) as usize;
                let before = addresses[index].clone();
                let mut address = fixtures::moved(&before, &canary(customer));
                fill(&mut address);
                addresses[index] = address.clone();
                Change::Replace {
                    address,
                    expected: before.revision,
                }
            }
            _ => {
                let index = random(addresses.len() as u64) as usize;
                fixtures::removal(addresses.swap_remove(index))
            }
        };
        let commit = fixtures::commit([change]);
        repository.commit(commit).await.unwrap();
    }
}

/// The files of a folder that contain the canary or the id of one of the first ten customers.
fn files_with_a_canary(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let bytes = fs::read(file.path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let holds = |customer| {
            text.contains(&canary(customer)) || text.contains(&format!("cus_{customer:03}"))
        };
        if (0..10).any(holds) {
            found.push(file.file_name().into_string().unwrap());
        }
    }
    found
}

/// SQLite leaves copies of rows in unused space of pages, even with `secure_delete`.
#[tokio::test(flavor = "multi_thread")]
async fn unused_space_does_not_contain_erased_data() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    let url = format!("sqlite://{}", path.display()).parse().unwrap();
    let options = StoreOptions {
        synchronous: Synchronous::Normal,
        ..StoreOptions::default()
    };
    let repository = SqlStore::open(&url, &options, OpenMode::CreateOrMigrate).unwrap();
    for seed in 1..=3 {
        write_at_random(&repository, seed).await;
        for customer in 0..10 {
            let customer_id = fixtures::customer(&format!("cus_{customer:03}"));
            repository.erase(&customer_id).await.unwrap();
        }
        let copy = folder.path().join("copy.db");
        backup(&path, &copy, |_| {}).unwrap();
        let found = files_with_a_canary(folder.path());
        assert!(!found.contains(&"copy.db".to_owned()), "{found:?}");
        fs::remove_file(copy).unwrap();
        let started = Instant::now();
        while !files_with_a_canary(folder.path()).is_empty() {
            assert!(started.elapsed() < Duration::from_secs(30), "seed {seed}");
            sleep(Duration::from_millis(20)).await;
        }
        for customer in 10..20 {
            let customer_id = fixtures::customer(&format!("cus_{customer:03}"));
            repository.erase(&customer_id).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_contains_erased_data() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    let url = format!("sqlite://{}", path.display()).parse().unwrap();
    let options = StoreOptions::default();
    let repository = SqlStore::open(&url, &options, OpenMode::CreateOrMigrate).unwrap();
    let repository = Arc::new(repository);
    write(&*repository).await;
    // A reader delays the emptying of the WAL.
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
    // The data of other customers remains.
    let others = fixtures::customer("cus_010");
    assert_eq!(repository.head(&others).await.unwrap().addresses, 12);
    let copy = folder.path().join("copy.db");
    let summary = backup(&path, &copy, |_| {}).unwrap();
    assert_eq!(summary.addresses, 120);
    restore(&copy, &folder.path().join("restored.db"), |_| {}).unwrap();
    assert_eq!(files_with_a_canary(folder.path()), [""; 0]);
}
