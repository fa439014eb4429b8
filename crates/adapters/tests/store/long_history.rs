//! Reads a book with far more past revisions than addresses.

use std::time::Duration;

use addressbook_adapters::StoreOptions;
use addressbook_domain::{AddressRepository, Listing};
use addressbook_testkit::fixtures::{address, creating, customer, timestamp};
use rstest::rstest;

use crate::support::Database;

/// SQL that adds past revisions of a thousand addresses to a book that contains one address.
fn grow_histories(customer_id: &str, revisions: u32) -> String {
    format!(
        "WITH RECURSIVE numbers(n) AS (
             SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < 1000 * {revisions}
         )
         INSERT INTO address_revisions
         SELECT customer_id, 'add_0000000000000000000000' || CAST(1000 + n % 1000 AS text),
                1 + n / 1000, 'updated', created_at,
                description, region, city, country, custom_data, created_at, updated_at,
                postal_details
         FROM addresses, numbers WHERE customer_id = '{customer_id}'"
    )
}

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::postgres())]
#[tokio::test]
async fn a_book_that_is_missing_from_the_statistics_is_read_in_time(#[case] database: Database) {
    let repository = database.open(StoreOptions {
        statement_timeout: Duration::from_secs(2),
        ..StoreOptions::default()
    });
    let mut connection = database.connect();
    repository
        .commit(creating([address("cus_1", 1)]))
        .await
        .unwrap();
    connection.execute(&grow_histories("cus_1", 1));
    connection.execute("ANALYZE");
    repository
        .commit(creating([address("cus_2", 1)]))
        .await
        .unwrap();
    connection.execute(&grow_histories("cus_2", 8));
    let listing = Listing {
        as_of: Some(timestamp("2024-09-01T00:00:00.001Z")),
        ..Listing::default()
    };
    let page = repository.page_of(&customer("cus_2"), &listing).await;
    assert_eq!(page.unwrap().total(), 1_001);
}
