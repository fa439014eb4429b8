//! Migrations of old databases do not lose data.

use addressbook_adapters::StoreOptions;
use addressbook_domain::{
    AddressRepository, ChangeKind, Commit, Limit, Offset, PageRequest, PageStart, RepositoryError,
    RevisionRange,
};
use addressbook_testkit::fixtures::{address, address_id, creating, customer};
use rstest::rstest;

use crate::support::Database;

/// The schema before migration 0005: each current state was stored twice, and no book had parts.
macro_rules! before_0005 {
    ($store:literal) => {
        concat!(
            include_str!(concat!(
                "../../migrations/",
                $store,
                "/0001_address_books/up.sql"
            )),
            include_str!(concat!("../../migrations/", $store, "/0002_history/up.sql")),
            include_str!(concat!(
                "../../migrations/",
                $store,
                "/0003_deep_offsets/up.sql"
            )),
            include_str!(concat!(
                "../../migrations/",
                $store,
                "/0004_api_keys/up.sql"
            )),
            "CREATE TABLE __diesel_schema_migrations (
                 version VARCHAR(50) PRIMARY KEY NOT NULL,
                 run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
             INSERT INTO __diesel_schema_migrations (version)
             VALUES ('0001'), ('0002'), ('0003'), ('0004');"
        )
    };
}

/// Addresses that were imported (1), changed (2), removed and created again (3), and removed (4),
/// and a large book.
const ROWS: &str = "
    INSERT INTO address_books VALUES ('cus_1', 3, 9), ('cus_2', 1201, 1);
    WITH states (id, revision, change, changed_at, city, updated_at) AS (VALUES
        ('1', 1, 'created', 9000, 'a', 5),
        ('2', 1, 'created', 1000, 'a', 1000),
        ('2', 2, 'updated', 2000, 'b', 2000),
        ('3', 1, 'created', 1000, 'a', 1000),
        ('3', 2, 'removed', 2000, 'a', 1000),
        ('3', 3, 'created', 3000, 'c', 3000),
        ('4', 1, 'created', 1000, 'a', 1000),
        ('4', 2, 'removed', 2000, 'a', 1000))
    INSERT INTO address_revisions
    SELECT 'cus_1', 'add_0000000000000000000000000' || id, revision, change, changed_at,
           NULL, 'R', city, 'RW', NULL, 5, updated_at
    FROM states;
    INSERT INTO addresses
    SELECT customer_id, id, description, region, city, country, custom_data, created_at,
           updated_at, revision
    FROM address_revisions AS state
    WHERE change <> 'removed' AND NOT EXISTS (
        SELECT 1 FROM address_revisions AS later
        WHERE later.id = state.id AND later.revision > state.revision);
    WITH RECURSIVE numbers(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2200)
    INSERT INTO addresses
    SELECT 'cus_2', 'add_0000000000000000000000' || n, NULL, 'R', 'a', 'RW', NULL, 5, 5, 1
    FROM numbers;
    INSERT INTO address_revisions
    SELECT customer_id, id, revision, 'created', 5, NULL, 'R', 'a', 'RW', NULL, 5, 5
    FROM addresses WHERE customer_id = 'cus_2';";

fn sqlite() -> (Database, &'static str) {
    let database = Database::sqlite();
    let path = database.raw_url.strip_prefix("sqlite://").unwrap();
    std::fs::create_dir(std::path::Path::new(path).parent().unwrap()).unwrap();
    (database, before_0005!("sqlite"))
}

fn postgres() -> (Database, &'static str) {
    (Database::empty_postgres(), before_0005!("postgres"))
}

#[rstest]
#[case::sqlite(sqlite())]
#[case::postgres(postgres())]
#[tokio::test]
async fn migrations_lose_no_revision_or_address(#[case] (database, schema): (Database, &str)) {
    let mut connection = database.connect();
    connection.execute(schema);
    connection.execute(ROWS);
    let repository = database.open(StoreOptions::default());
    let range = RevisionRange {
        before: None,
        limit: 9,
    };
    let (created, updated, removed) = (
        ChangeKind::Created,
        ChangeKind::Updated,
        ChangeKind::Removed,
    );
    for (id, expected) in [
        (1, vec![(1, created, 9000, "a")]),
        (2, vec![(2, updated, 2000, "b"), (1, created, 1000, "a")]),
        (
            3,
            vec![
                (3, created, 3000, "c"),
                (2, removed, 2000, "a"),
                (1, created, 1000, "a"),
            ],
        ),
        (4, vec![(2, removed, 2000, "a"), (1, created, 1000, "a")]),
    ] {
        let revisions = repository
            .revisions(&customer("cus_1"), &address_id(id), range)
            .await
            .unwrap();
        let found: Vec<_> = revisions
            .iter()
            .map(|revision| {
                let address = &revision.address;
                let number = address.revision.get();
                let city = address.content.city.as_str();
                (number, revision.change, revision.changed_at.unix_ms(), city)
            })
            .collect();
        assert_eq!(found, expected, "address {id}");
    }
    // cus_1 has five past revisions: one of address 2, two of 3, and two of 4.
    let create = |max_past_revisions| Commit {
        max_past_revisions,
        ..creating([address("cus_1", 9)])
    };
    let refused = repository.commit(create(5)).await;
    let is_full = matches!(refused, Err(RepositoryError::HistoryFull { index: 0 }));
    assert!(is_full, "{refused:?}");
    repository.commit(create(6)).await.unwrap();
    for offset in [0, 999, 1_001, 1_198] {
        let page = PageRequest {
            limit: Limit::parse("3").unwrap(),
            start: PageStart::Offset(Offset::parse(&offset.to_string()).unwrap()),
        };
        let page = repository.list(&customer("cus_2"), &page).await.unwrap();
        let ids: Vec<_> = page.iter().map(|address| address.id.to_owned()).collect();
        let expected = (1_000 + offset..)
            .take(3)
            .map(|n| address_id(n).to_string());
        assert_eq!(ids, expected.collect::<Vec<_>>(), "from {offset}");
    }
}
