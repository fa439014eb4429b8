//! Rows that were not written through the port.

use addressbook_domain::{
    ApiKey, Inconsistency, Lookup, Offset, PageRequest, PageStart, RepositoryError, Scan,
};
use addressbook_testkit::fixtures::{address, address_id, api_key, creating, customer};
use rstest::rstest;

use crate::support::{Database, RawConnection};

/// Removes the constraints that reject such rows.
fn drop_checks(connection: &mut RawConnection) {
    connection.execute(match connection {
        RawConnection::Sqlite(_) => "PRAGMA ignore_check_constraints = ON",
        RawConnection::Postgres(_) => {
            "DO $$ DECLARE name text; BEGIN
                 FOR name IN SELECT conname FROM pg_constraint
                     WHERE contype = 'c' AND conrelid = 'addresses'::regclass
                 LOOP EXECUTE format('ALTER TABLE addresses DROP CONSTRAINT %I', name); END LOOP;
             END $$"
        }
    });
}

/// Invalid values, and the field that each of them damages.
const DAMAGES: [(&str, &str); 10] = [
    ("id = 'add_1'", "id"),
    ("description = ''", "description"),
    ("country = 'rw'", "country"),
    ("postal_details = '[]'", "postal_details"),
    ("postal_details = ''", "postal_details"),
    ("custom_data = '[]'", "custom_data"),
    ("custom_data = ''", "custom_data"),
    ("created_at = -62167219200001", "created_at"),
    ("updated_at = 253402300800000", "updated_at"),
    ("revision = 0", "revision"),
];

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::postgres())]
#[tokio::test]
async fn damaged_rows_are_reported_with_their_key_and_field(#[case] database: Database) {
    let (repository, database) = database.subject();
    let mut connection = database.connect();
    drop_checks(&mut connection);
    for (damage, field) in DAMAGES {
        repository.erase(&customer("cus_1")).await.unwrap();
        repository
            .commit(creating([address("cus_1", 1)]))
            .await
            .unwrap();
        connection.execute(&format!("UPDATE addresses SET {damage}"));
        let key = if field == "id" {
            "add_1".to_owned()
        } else {
            address_id(1).to_string()
        };
        let expected = Inconsistency {
            record: "address",
            key,
            field,
        };

        let scan = Scan {
            customer_id: None,
            after: None,
            limit: 10,
        };
        let mut results = vec![repository.scan(scan).await.err()];
        if field != "id" {
            let lookup = Lookup::Id(customer("cus_1"), address_id(1));
            results.push(repository.find(vec![lookup]).await.err());
        }
        if field != "revision" {
            let page = PageRequest::default();
            results.push(repository.list(&customer("cus_1"), &page).await.err());
        }
        for result in results {
            match result {
                Some(RepositoryError::Corrupt(found)) => assert_eq!(found, expected),
                other => panic!("{damage}: {other:?}"),
            }
        }
    }
}

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::postgres())]
#[tokio::test]
async fn a_wrong_count_of_addresses_is_reported(#[case] database: Database) {
    let (repository, database) = database.subject();
    repository
        .commit(creating([address("cus_1", 1)]))
        .await
        .unwrap();
    database
        .connect()
        .execute("UPDATE address_books SET addresses = 2");
    let start = PageStart::Offset(Offset::parse("1").unwrap());
    let page = PageRequest {
        start,
        ..PageRequest::default()
    };
    let result = repository.list(&customer("cus_1"), &page).await;
    assert!(
        matches!(result, Err(RepositoryError::Corrupt(_))),
        "{result:?}"
    );
}

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::postgres())]
#[tokio::test]
async fn the_schema_rejects_damaged_rows(#[case] database: Database) {
    let (repository, database) = database.subject();
    repository
        .commit(creating([address("cus_1", 1)]))
        .await
        .unwrap();
    let mut connection = database.connect();
    for (damage, _) in DAMAGES {
        let refused = connection.try_execute(&format!("UPDATE addresses SET {damage}"));
        assert!(refused.is_err(), "{damage}");
    }
    assert!(connection.try_execute("DELETE FROM address_books").is_err());
}

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::postgres())]
#[tokio::test]
async fn damaged_api_keys_are_reported_and_not_returned(#[case] database: Database) {
    let (keys, database) = database.key_subject();
    let customer_id = Some(customer("cus_1"));
    let key = ApiKey {
        customer_id,
        ..api_key(1)
    };
    keys.add(key.clone()).await.unwrap();
    let mut connection = database.connect();
    for (damage, field) in [
        ("name = 'a b'", "name"),
        ("scopes = 'addresses:read  addresses:write'", "scopes"),
        ("scopes = 'everything'", "scopes"),
        ("customer_id = 'add_1'", "customer_id"),
        ("expires_at = 253402300800000", "expires_at"),
    ] {
        connection.execute(&format!("UPDATE api_keys SET {damage}"));
        match keys.find(&key.digest).await {
            Err(RepositoryError::Corrupt(found)) => {
                let (record, key) = ("API key", key.id.to_string());
                assert_eq!(found, Inconsistency { record, key, field });
            }
            other => panic!("{damage}: {other:?}"),
        }
        connection.execute(
            "UPDATE api_keys SET name = 'key', scopes = 'addresses:read', customer_id = NULL, \
             expires_at = NULL",
        );
        keys.find(&key.digest).await.unwrap();
    }
}
