//! Several instances on one database, like several processes.

use addressbook_adapters::StoreOptions;
use addressbook_domain::{AddressRepository, ApiKeyRepository, Column, Listing};
use addressbook_testkit::fixtures::{
    address, api_key, commit_replacing, creating, customer, moved, timestamp,
};
use rstest::rstest;

use crate::support::Database;

#[rstest]
#[case::sqlite(Database::sqlite())]
#[case::postgres(Database::postgres())]
#[tokio::test]
async fn the_next_call_of_one_instance_sees_the_writes_of_another(#[case] database: Database) {
    let [one, other] = [(), ()].map(|()| database.open(StoreOptions::default()));
    let whose = customer("cus_1");
    let mut last = address("cus_1", 1);
    one.commit(creating([last.clone()])).await.unwrap();
    for number in 0..20 {
        let (writer, reader) = match number % 2 {
            0 => (&one, &other),
            _ => (&other, &one),
        };
        let city = format!("City {number}");
        writer.commit(commit_replacing(&last, &city)).await.unwrap();
        last = moved(&last, &city);
        let page = AddressRepository::list(reader, &whose, &Default::default()).await;
        let page = page.unwrap();
        let listed = page
            .iter()
            .next()
            .and_then(|address| Some(address.columns[Column::City]?.to_owned()));
        assert_eq!(listed, Some(city.clone()), "a page of the other instance");
        let head = reader.head(&whose).await.unwrap();
        assert_eq!(head, page.head(), "the head in the other instance");
        let other_page = reader.page_of(&whose, &Listing::default()).await.unwrap();
        assert_eq!(
            other_page, page,
            "a page of a listing of the other instance"
        );
    }
    one.add(api_key(1)).await.unwrap();
    let digest = api_key(1).digest;
    let found = ApiKeyRepository::find(&other, &digest).await.unwrap();
    assert_eq!(
        found,
        Some(api_key(1)),
        "a key that the other instance added"
    );
    let at = timestamp("2024-09-01T00:00:00.000Z");
    let revoked = other.revoke(&api_key(1).id, at).await.unwrap();
    let found = ApiKeyRepository::find(&one, &digest).await.unwrap();
    assert_eq!(found, revoked, "a key that the other instance revoked");
}
