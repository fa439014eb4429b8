use addressbook_domain::{
    Address, AddressContent, City, Column, Country, CustomData, CustomerId, Description, Listing,
    PageRequest, PostalDetails, Region,
};

use super::Subject;
use super::calls::{commit_ok, find_one, head, list, page_of, revisions, scan};
use crate::fixtures::{
    address, content, creating, custom_data, customer, postal_details, text, timestamp,
};

/// Commits an address and expects each method that reads it to return it unchanged.
async fn stores(repository: &Subject, stored: Address, what: &str) {
    let created = creating([stored.clone()]);
    commit_ok(repository, created, &format!("create one with {what}")).await;
    for (found, how) in [
        (find_one(repository, &stored).await, "find"),
        (
            revisions(repository, &stored.customer_id, &stored.id)
                .await
                .pop()
                .map(|revision| revision.address),
            "revisions",
        ),
        (
            scan(
                repository,
                addressbook_domain::Scan {
                    customer_id: Some(stored.customer_id.clone()),
                    ..super::calls::ALL
                },
            )
            .await
            .into_iter()
            .find(|found| found.id == stored.id),
            "scan",
        ),
    ] {
        assert_eq!(
            found.as_ref(),
            Some(&stored),
            "{how}: expected the address unchanged, with {what}"
        );
    }
    let customer_id = stored.customer_id.as_str();
    let listing = Listing {
        page: PageRequest {
            limit: crate::fixtures::limit(200),
            ..PageRequest::default()
        },
        ..Listing::default()
    };
    for (page, how) in [
        (list(repository, customer_id, 200, 0).await, "list"),
        (page_of(repository, customer_id, &listing).await, "page_of"),
    ] {
        let found = page.iter().find(|found| found.id == stored.id.as_str());
        assert_eq!(
            found,
            Some((&stored).into()),
            "{how}: expected the address unchanged, with {what}"
        );
    }
}

/// Commits an address with this content and expects it to be stored unchanged.
async fn stores_content(repository: &Subject, number: u32, content: AddressContent, what: &str) {
    let address = Address {
        content,
        ..address("cus_1", number)
    };
    stores(repository, address, what).await;
}

/// Text is returned byte for byte in every script: four-byte characters, right-to-left,
/// joiners, ligatures, text that looks like SQL, quotes and wildcards.
pub async fn stores_every_script_byte_for_byte(repository: Subject) {
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
    for (number, value) in (1..).zip(texts) {
        let content = AddressContent {
            description: Some(text(value, Description::parse)),
            region: text(value, Region::parse),
            city: text(value, City::parse),
            ..content()
        };
        stores_content(&repository, number, content, &format!("the text {value:?}")).await;
    }
}

/// Text that earlier releases stored is returned, even if clients may no longer send it.
pub async fn stores_text_that_earlier_releases_accepted(repository: Subject) {
    let invisible = "\u{200b}\u{2800}";
    assert!(
        City::parse(invisible).is_err(),
        "expected text that the domain no longer accepts as a city"
    );
    let content = AddressContent {
        description: Some(text(invisible, Description::parse_stored)),
        region: text(invisible, Region::parse_stored),
        city: text(invisible, City::parse_stored),
        ..content()
    };
    stores_content(&repository, 1, content, "text that is rejected today").await;
}

/// A null stays a null.
pub async fn stores_nulls(repository: Subject) {
    let content = AddressContent {
        description: None,
        details: PostalDetails::default(),
        custom_data: None,
        ..content()
    };
    let what = "no description, no postal details and no custom data";
    stores_content(&repository, 1, content, what).await;
}

/// Postal details are returned as they were stored, whichever of them an address has.
pub async fn stores_postal_details(repository: Subject) {
    let objects = [
        r#"{"recipient":"山田 太郎","organization":"O\"Neill \\ Söhne","first_line":"銀座1-2-3","second_line":"4階","district":"中央","postal_code":"100-0001","sorting_code":"CEDEX 12","phone":"+81 3 1234 5678"}"#,
        r#"{"postal_code":"00100"}"#,
        r#"{"second_line":"{}","phone":"112"}"#,
    ];
    for (number, object) in (1..).zip(objects) {
        let content = AddressContent {
            details: postal_details(object),
            ..content()
        };
        let what = format!("the postal details {object}");
        stores_content(&repository, number, content, &what).await;
    }
}

/// The region and the city may be empty texts, which are not nulls.
pub async fn stores_an_empty_region_and_city(repository: Subject) {
    let content = AddressContent {
        region: Region::default(),
        city: City::default(),
        country: text("SG", Country::parse),
        ..content()
    };
    stores_content(&repository, 1, content, "an empty region and city").await;
}

/// Custom data keeps its spelling: the order of members, the digits of numbers, escapes,
/// blanks at the ends of strings, an escaped backslash before `u0000`.
pub async fn stores_custom_data_as_it_was_spelled(repository: Subject) {
    let spellings = [
        "{}",
        r#"{"z":1,"a":2,"M":3,"A":4,"a ":5}"#,
        r#"{"n":[1.0,1.50,1E3,-0,12345678901234567890123,0.1000000000000000055511151231257827]}"#,
        r#"{"e":"\u0041\/\ud83c\udfe0 🏠","trailing":"x  "," ":" "}"#,
        r#"{"not a NUL":"\\u0000"}"#,
        r#"{"a":{"b":[[],{},null,true,false,""]}}"#,
    ];
    for (number, spelling) in (1..).zip(spellings) {
        let data = custom_data(spelling);
        assert_eq!(
            data.as_str(),
            spelling,
            "the domain: expected it to preserve the spelling of custom data"
        );
        let content = AddressContent {
            custom_data: Some(data),
            ..content()
        };
        let what = format!("the custom data {spelling}");
        stores_content(&repository, number, content, &what).await;
    }
}

/// The longest values that the domain allows are stored, also on a page with the maximum limit.
pub async fn stores_the_longest_values(repository: Subject) {
    let frame = r#"{"a":""}"#.len();
    let house = "🏠";
    let data = format!(
        r#"{{"a":"{}"}}"#,
        house.repeat((CustomData::MAX_BYTES - frame) / house.len())
    );
    assert_eq!(
        data.len(),
        CustomData::MAX_BYTES,
        "the suite: expected custom data of the maximum length"
    );
    let content = AddressContent {
        description: Some(text(
            &house.repeat(Description::MAX_CHARS),
            Description::parse,
        )),
        region: text(&"京".repeat(Region::MAX_CHARS), Region::parse),
        city: text(&"é".repeat(City::MAX_CHARS), City::parse),
        custom_data: Some(custom_data(&data)),
        ..content()
    };
    let customer_id = "c".repeat(CustomerId::MAX_LEN);
    for number in 1..=199 {
        let longest = Address {
            content: content.clone(),
            ..address(&customer_id, number)
        };
        commit_ok(&repository, creating([longest]), "the longest values").await;
    }
    let last = Address {
        content,
        ..address(&customer_id, 200)
    };
    stores(&repository, last, "the longest values").await;
    let page = list(&repository, &customer_id, 200, 0).await;
    assert_eq!(
        page.len(),
        200,
        "list: expected a page of 200 addresses with the longest values"
    );
    assert!(
        page.iter()
            .all(|found| found.columns[Column::CustomData] == Some(&*data)),
        "list: expected the custom data of all 200 addresses unchanged"
    );
}

/// Times are stored to the millisecond over their whole range.
pub async fn stores_times_to_the_millisecond(repository: Subject) {
    let times = [
        "0000-01-01T00:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00.001Z",
        "2024-02-29T12:34:56.789Z",
        "9999-12-31T23:59:59.999Z",
    ];
    for (number, time) in (1..).zip(times) {
        let at_one_time = Address {
            created_at: timestamp(time),
            updated_at: timestamp(time),
            ..address("cus_1", number)
        };
        stores(&repository, at_one_time, &format!("both times {time}")).await;
    }
    let apart = Address {
        created_at: timestamp(times[0]),
        updated_at: timestamp(times[4]),
        ..address("cus_1", 9)
    };
    stores(&repository, apart, "times as far apart as possible").await;
}

/// Customers whose ids differ only in case have separate books.
pub async fn tells_ids_apart_that_differ_only_in_case(repository: Subject) {
    let both = [address("CUS_A", 1), address("cus_a", 1)];
    let created = creating(both.clone());
    commit_ok(&repository, created, "create one in each of two books").await;
    for expected in both {
        assert_eq!(
            find_one(&repository, &expected).await.as_ref(),
            Some(&expected),
            "find: expected each customer to have a separate address"
        );
    }
    for (customer_id, expected) in [("CUS_A", 1), ("cus_a", 1), ("Cus_a", 0)] {
        assert_eq!(
            head(&repository, customer_id).await.addresses,
            expected,
            "head: expected a separate book for {}",
            customer(customer_id)
        );
    }
}
