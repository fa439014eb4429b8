//! Fast reads of SQLite, which bypass the pool.

use std::time::Duration;

use addressbook_adapters::StoreOptions;
use addressbook_domain::{AddressId, AddressRepository, Column, Found, Lookup, PageRequest};
use addressbook_testkit::fixtures::{address, creating, customer};

use crate::support::Database;

#[tokio::test]
async fn a_read_sees_the_writes_of_another_process_at_once() {
    let database = Database::sqlite();
    let repository = database.open(StoreOptions::default());
    let (customer, page) = (customer("cus_1"), PageRequest::default());
    let mine = address("cus_1", 1);
    repository.commit(creating([mine.clone()])).await.unwrap();
    let mut other = database.connect();
    for city in ["Huye", "Musanze", "Rubavu"] {
        let found = repository.list(&customer, &page).await.unwrap();
        assert_ne!(
            found.iter().next().unwrap().columns[Column::City],
            Some(city)
        );
        other.execute(&format!("UPDATE addresses SET city = '{city}'"));
        let found = repository.list(&customer, &page).await.unwrap();
        assert_eq!(
            found.iter().next().unwrap().columns[Column::City],
            Some(city)
        );
        let lookup = Lookup::Id(customer.clone(), mine.id.clone());
        let found = repository.find(vec![lookup]).await.unwrap();
        assert_eq!(
            found[0].address.as_ref().unwrap().content.city.as_str(),
            city
        );
    }
    let lookup = Lookup::Id(
        customer.clone(),
        AddressId::parse(&format!("add_{}", "0".repeat(26))).unwrap(),
    );
    let head = repository.head(&customer).await.unwrap();
    let missing = Found {
        address: None,
        book_revision: head.revision,
    };
    assert_eq!(repository.find(vec![lookup]).await.unwrap(), [missing]);
}

#[tokio::test(flavor = "multi_thread")]
async fn continuous_reads_do_not_prevent_the_wal_from_restarting() {
    let database = Database::sqlite();
    let repository = database.open(StoreOptions::default());
    let customer = customer("cus_1");
    repository
        .commit(creating([address("cus_1", 1)]))
        .await
        .unwrap();
    let reading = tokio::spawn(async move {
        loop {
            repository.head(&customer).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let wal = std::path::PathBuf::from(format!(
        "{}-wal",
        database.raw_url.strip_prefix("sqlite://").unwrap()
    ));
    let mut other = database.connect();
    other.execute("PRAGMA busy_timeout = 5000");
    for round in 0..10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        other.execute(&format!("UPDATE addresses SET city = 'Huye {round}'"));
        assert_ne!(wal.metadata().unwrap().len(), 0);
        // While the service itself checks the WAL, other checkpoints fail.
        let restarts = (0..100).any(|_| {
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)");
            wal.metadata().unwrap().len() == 0
        });
        assert!(restarts, "round {round}");
    }
    reading.abort();
}
