use addressbook_domain::{
    Address, AddressContent, City, CustomData, CustomerId, Description, Listing, Region,
    RevisionRange, Scan, Timestamp,
};

use super::{Subject, find, head, list};
use crate::fixtures::{address, content, creating, customer, timestamp};

/// Commits an address and expects each way of reading to give the same one back.
async fn keeps(repository: &Subject, kept: Address) {
    repository.commit(creating([kept.clone()])).await.unwrap();
    assert_eq!(find(repository, &kept).await.as_ref(), Some(&kept));
    let page = list(repository, &kept.customer_id, 200, 0).await;
    let listed = page
        .iter()
        .find(|address| address.id == kept.id.as_str())
        .unwrap();
    let content = &kept.content;
    assert_eq!(
        listed.description,
        content.description.as_ref().map(Description::as_str)
    );
    assert_eq!(listed.region, content.region.as_str());
    assert_eq!(listed.city, content.city.as_str());
    assert_eq!(listed.country, content.country.as_str());
    assert_eq!(
        listed.custom_data,
        content.custom_data.as_ref().map(CustomData::as_str)
    );
    assert_eq!(listed.created_at, kept.created_at);
    assert_eq!(listed.updated_at, kept.updated_at);
}

/// Expects an address with this content to be kept.
async fn keeps_content(repository: &Subject, number: u32, content: AddressContent) {
    let address = Address {
        content,
        ..address("cus_1", number)
    };
    keeps(repository, address).await;
}

/// Text comes back byte for byte in every script: four-byte characters, right-to-left,
/// joiners, what looks like SQL, quotes and wildcards.
pub async fn keeps_every_script_byte_for_byte(repository: Subject) {
    let texts = [
        "京都府 𠮷野家 🏠👨‍👩‍👧‍👦",
        "القاهرة ‏(مصر)",
        "กรุงเทพมหานคร อมรรัตนโกสินทร์",
        "Île-de-France, Łódź, Đà Nẵng, İstanbul, straße STRASSE ﬁ",
        "'; DROP TABLE addresses; -- \" ` \\ \\' %_?$1 {}",
        "a\u{a0}b\u{200b}c\u{2028}d\u{fffd}e\u{10ffff}",
        "null",
        "0",
    ];
    for (number, text) in (1..).zip(texts) {
        let content = AddressContent {
            description: Some(Description::parse(text).unwrap()),
            region: Region::parse(text).unwrap(),
            city: City::parse(text).unwrap(),
            ..content()
        };
        keeps_content(&repository, number, content).await;
    }
}

/// Text that a client may no longer send comes back: it was stored before, and addresses change
/// around it.
pub async fn keeps_text_that_earlier_releases_accepted(repository: Subject) {
    let invisible = "\u{200b}\u{2800}";
    assert!(City::parse(invisible).is_err());
    let content = AddressContent {
        description: Some(Description::parse_stored(invisible).unwrap()),
        region: Region::parse_stored(invisible).unwrap(),
        city: City::parse_stored(invisible).unwrap(),
        ..content()
    };
    let kept = Address {
        content,
        ..address("cus_1", 1)
    };
    keeps(&repository, kept.clone()).await;
    let scan = Scan {
        customer_id: None,
        after: None,
        limit: 1,
    };
    assert_eq!(
        repository.scan(scan).await.unwrap(),
        std::slice::from_ref(&kept)
    );
    let latest = RevisionRange {
        before: None,
        limit: 1,
    };
    let revisions = repository.revisions(&kept.customer_id, &kept.id, latest);
    let revisions = revisions.await.unwrap();
    let states: Vec<_> = revisions
        .into_iter()
        .map(|revision| revision.address)
        .collect();
    assert_eq!(states, std::slice::from_ref(&kept));
    let listing = Listing {
        as_of: Some(timestamp("9999-12-31T23:59:59.999Z")),
        ..Listing::default()
    };
    let page = repository
        .page_of(&kept.customer_id, &listing)
        .await
        .unwrap();
    let cities: Vec<_> = page.iter().map(|address| address.city).collect();
    assert_eq!(cities, [invisible]);
}

/// A null stays a null.
pub async fn keeps_nulls(repository: Subject) {
    let content = AddressContent {
        description: None,
        custom_data: None,
        ..content()
    };
    keeps_content(&repository, 1, content).await;
}

/// Custom data keeps its spelling: the order of members, the digits of numbers, escapes,
/// blanks at the ends of strings, an escaped backslash before `u0000`.
pub async fn keeps_custom_data_as_it_was_spelled(repository: Subject) {
    let spellings = [
        "{}",
        r#"{"z":1,"a":2,"M":3,"A":4,"a ":5}"#,
        r#"{"n":[1.0,1.50,1E3,-0,12345678901234567890123,0.1000000000000000055511151231257827]}"#,
        r#"{"e":"\u0041\/\ud83c\udfe0 🏠","trailing":"x  "," ":" "}"#,
        r#"{"not a NUL":"\\u0000"}"#,
        r#"{"a":{"b":[[],{},null,true,false,""]}}"#,
    ];
    for (number, spelling) in (1..).zip(spellings) {
        let custom_data = CustomData::parse(spelling).unwrap();
        assert_eq!(custom_data.as_str(), spelling);
        let content = AddressContent {
            custom_data: Some(custom_data),
            ..content()
        };
        keeps_content(&repository, number, content).await;
    }
}

/// The longest values that the domain allows.
pub async fn keeps_the_longest_values(repository: Subject) {
    let frame = r#"{"a":""}"#.len();
    let custom_data = format!(
        r#"{{"a":"{}"}}"#,
        "🏠".repeat((CustomData::MAX_BYTES - frame) / 4)
    );
    assert_eq!(custom_data.len(), CustomData::MAX_BYTES);
    let content = AddressContent {
        description: Some(Description::parse(&"🏠".repeat(Description::MAX_CHARS)).unwrap()),
        region: Region::parse(&"京".repeat(Region::MAX_CHARS)).unwrap(),
        city: City::parse(&"é".repeat(City::MAX_CHARS)).unwrap(),
        custom_data: Some(CustomData::parse(&custom_data).unwrap()),
        ..content()
    };
    let customer_id = "c".repeat(CustomerId::MAX_LEN);
    for number in 1..=200 {
        let content = content.clone();
        repository
            .commit(creating([Address {
                content,
                ..address(&customer_id, number)
            }]))
            .await
            .unwrap();
    }
    let page = list(&repository, &customer(&customer_id), 200, 0).await;
    assert_eq!(page.len(), 200);
    assert!(
        page.iter()
            .all(|address| address.custom_data == Some(&custom_data))
    );
    keeps_content(&repository, 1, content).await;
}

/// Times are kept to the millisecond over their whole range.
pub async fn keeps_times_to_the_millisecond(repository: Subject) {
    let times = [
        "0000-01-01T00:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00.001Z",
        "2024-02-29T12:34:56.789Z",
        "9999-12-31T23:59:59.999Z",
    ];
    for (number, time) in (1..).zip(times) {
        let (created_at, updated_at): (Timestamp, _) = (timestamp(time), timestamp(time));
        keeps(
            &repository,
            Address {
                created_at,
                updated_at,
                ..address("cus_1", number)
            },
        )
        .await;
    }
}

/// Customers whose ids differ only in case have books of their own.
pub async fn keeps_ids_apart_that_differ_only_in_case(repository: Subject) {
    let (upper, lower) = (address("CUS_A", 1), address("cus_a", 1));
    repository
        .commit(creating([upper.clone(), lower.clone()]))
        .await
        .unwrap();
    assert_eq!(find(&repository, &upper).await, Some(upper));
    assert_eq!(find(&repository, &lower).await, Some(lower));
    assert_eq!(head(&repository, &customer("Cus_a")).await.addresses, 0);
}
