//! Two releases after each other. The second one has migrations that exist for this test alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use addressbook_domain::{
    AddressRepository, City, Lookup, OpenError, OpenMode, PostalDetails, Region,
};
use addressbook_testkit::fixtures::{address, address_id, creating, customer};
use addressbook_testkit::postgres::PostgresServer;
use rstest::rstest;
use tempfile::TempDir;

use super::*;
use crate::store::sql_store::SqlStore;

pub(crate) const NEXT: Migrations = Migrations {
    sqlite: Folders(&[
        embed_migrations!("migrations/sqlite"),
        embed_migrations!("src/connection/migrations/next/sqlite"),
    ]),
    postgres: Folders(&[
        embed_migrations!("migrations/postgres"),
        embed_migrations!("src/connection/migrations/next/postgres"),
    ]),
};

/// Its last migration fails after it has changed the schema.
const BROKEN: Migrations = Migrations {
    sqlite: Folders(&[
        embed_migrations!("migrations/sqlite"),
        embed_migrations!("src/connection/migrations/next/sqlite"),
        embed_migrations!("src/connection/migrations/broken/sqlite"),
    ]),
    postgres: Folders(&[
        embed_migrations!("migrations/postgres"),
        embed_migrations!("src/connection/migrations/next/postgres"),
        embed_migrations!("src/connection/migrations/broken/postgres"),
    ]),
};

fn sqlite() -> (DatabaseUrl, Option<TempDir>) {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/addressbook.db", folder.path().display());
    (url.parse().unwrap(), Some(folder))
}

fn postgres() -> (DatabaseUrl, Option<TempDir>) {
    let url = PostgresServer::shared().create_database();
    (url.parse().unwrap(), None)
}

fn number(url: &DatabaseUrl, query: &str) -> i64 {
    let session = StoreOptions::default().session();
    let mut store = StoreConnection::establish(url, &session).unwrap();
    with_connection!(&mut store, c => select(sql::<BigInt>(query)).first(c)).unwrap()
}

#[rstest]
#[case::sqlite(sqlite())]
#[case::postgres(postgres())]
#[tokio::test]
async fn the_next_release_migrates_while_this_one_writes(
    #[case] (url, _folder): (DatabaseUrl, Option<TempDir>),
) {
    let options = StoreOptions::default();
    assert_eq!(MIGRATIONS.migrate(&url, &options).unwrap(), 3);
    assert_eq!(MIGRATIONS.migrate(&url, &options).unwrap(), 0);
    let store = Arc::new(SqlStore::open(&url, &options, OpenMode::Existing).unwrap());
    store.commit(creating([address("cus_0", 1)])).await.unwrap();

    let refused = BROKEN.migrate(&url, &options).unwrap_err().to_string();
    assert!(refused.contains("nothing was changed"), "{refused}");
    assert_eq!(MIGRATIONS.migrate(&url, &options).unwrap(), 0);

    let migrated = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, migrated) = (store.clone(), migrated.clone());
        async move {
            let mut created = 1;
            // The migration may make some of them wait too long.
            for n in 1.. {
                let commit = creating([address(&format!("cus_{n}"), 1)]);
                created += i64::from(store.commit(commit).await.is_ok());
                if migrated.load(Ordering::Relaxed) {
                    break;
                }
            }
            created
        }
    });
    let ran = tokio::task::spawn_blocking({
        let url = url.clone();
        move || NEXT.migrate(&url, &StoreOptions::default())
    });
    assert_eq!(ran.await.unwrap().unwrap(), 1);
    migrated.store(true, Ordering::Relaxed);
    let created = writer.await.unwrap();
    assert_eq!(number(&url, "count(*) FROM addresses"), created);
    let with_note = number(&url, "count(*) FROM addresses WHERE note = 'from Kigali'");
    assert!(
        (1..=created).contains(&with_note),
        "{with_note} of {created}"
    );

    assert_eq!(NEXT.migrate(&url, &options).unwrap(), 0);
    match MIGRATIONS.migrate(&url, &options) {
        Err(OpenError::NewerSchema { version }) => assert_eq!(version, "0004"),
        other => panic!("expected NewerSchema, got {other:?}"),
    }
}

#[rstest]
#[case::sqlite(sqlite())]
#[case::postgres(postgres())]
#[tokio::test]
async fn addresses_of_before_get_postal_details(
    #[case] (url, _folder): (DatabaseUrl, Option<TempDir>),
) {
    let options = StoreOptions::default();
    let mut connection = open_or_create(&url, &options.session()).unwrap();
    match &mut connection {
        StoreConnection::Sqlite(c) => drop(c.run_next_migration(MIGRATIONS.sqlite).unwrap()),
        StoreConnection::Postgres(c) => drop(c.run_next_migration(MIGRATIONS.postgres).unwrap()),
    }
    for statement in [
        "INSERT INTO address_books (customer_id, addresses, revision) VALUES ('cus_1', 1, 1)",
        "INSERT INTO addresses (customer_id, id, region, city, country, created_at, updated_at, revision)
         VALUES ('cus_1', 'add_00000000000000000000000001', 'Kigali', 'Kigali', 'RW', 1, 2, 1)",
    ] {
        with_connection!(&mut connection, c => sql_query(statement).execute(c)).unwrap();
    }
    drop(connection);

    assert_eq!(MIGRATIONS.migrate(&url, &options).unwrap(), 2);
    let store = SqlStore::open(&url, &options, OpenMode::Existing).unwrap();
    let find = async |id| {
        let found = store.find(vec![Lookup::Id(customer("cus_1"), id)]).await;
        found.unwrap().remove(0).address.unwrap()
    };
    let old = find(address_id(1)).await;
    assert_eq!(old.content.details, PostalDetails::default());
    // Only a country without regions has this address.
    let mut new = address("cus_1", 2);
    new.content.region = Region::default();
    new.content.city = City::default();
    new.content.details = PostalDetails::from_json(r#"{"postal_code":"018956"}"#).unwrap();
    store.commit(creating([new.clone()])).await.unwrap();
    assert_eq!(find(new.id.clone()).await, new);
    let no_object = "UPDATE addresses SET postal_details = '[]'";
    let mut connection = open_or_create(&url, &options.session()).unwrap();
    let refused = with_connection!(&mut connection, c => sql_query(no_object).execute(c));
    assert!(refused.is_err(), "{refused:?}");
}
