//! Arbitrary addresses for property tests. Characters that often cause defects are more frequent
//! than by chance: quotes, separators, wildcards, four-byte characters.

use addressbook_domain::{
    Address, AddressContent, AddressId, AddressInput, City, Country, CustomData, CustomerId,
    Description, FieldErrors, Input, Member, PostalDetails, Region, Revision, Timestamp,
};
use proptest::prelude::*;
use proptest::{collection, option, sample};

/// Any text without control characters that has a visible character.
fn text() -> impl Strategy<Value = String> {
    let awkward = sample::select(vec![
        '"', '\'', '\\', '/', ',', ';', ' ', '%', '_', '{', '\u{2028}', '\u{feff}', '🏠', 'é',
    ]);
    let char = prop_oneof![
        any::<char>().prop_filter("no control character", |char| !char.is_control()),
        awkward,
    ];
    (collection::vec(char, 0..20), "[A-Za-z京é]")
        .prop_map(|(chars, visible)| chars.into_iter().chain(visible.chars()).collect())
}

/// Any JSON value with at most `depth` levels.
fn json(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(depth, 16, 4, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            object(inner).prop_map(Into::into),
        ]
    })
}

fn object(
    value: impl Strategy<Value = serde_json::Value>,
) -> impl Strategy<Value = serde_json::Map<String, serde_json::Value>> {
    collection::btree_map(text(), value, 0..4).prop_map(|members| members.into_iter().collect())
}

fn custom_data() -> impl Strategy<Value = CustomData> {
    object(json(3)).prop_map(|object| {
        CustomData::parse(&serde_json::Value::Object(object).to_string()).unwrap()
    })
}

fn postal_details() -> impl Strategy<Value = PostalDetails> {
    let texts = [option::of(text()), option::of(text()), option::of(text())];
    (texts, option::of("[0-9]{1,20}")).prop_map(|([recipient, line, district], code)| {
        let mut input = AddressInput::default();
        input[Member::Country] = Input::Value("SG".into());
        for (member, text) in [
            (Member::Recipient, recipient),
            (Member::FirstLine, line),
            (Member::District, district),
            (Member::PostalCode, code),
        ] {
            input[member] = text.map_or(Input::Null, |text| Input::Value(text.into()));
        }
        let content = AddressContent::parse(&input, &mut FieldErrors::default());
        content.unwrap().details
    })
}

/// Any timestamp.
pub fn timestamp() -> impl Strategy<Value = Timestamp> {
    (-62_167_219_200_000..=253_402_300_799_999_i64)
        .prop_map(|unix_ms| Timestamp::from_unix_ms(unix_ms).unwrap())
}

prop_compose! {
    /// Any content.
    pub fn content()(
        description in option::of(text()),
        region in text(),
        city in text(),
        country in sample::select(vec!["RW", "US", "JP", "FR", "XK"]),
        details in postal_details(),
        custom_data in option::of(custom_data()),
    ) -> AddressContent {
        AddressContent {
            description: description.map(|text| Description::parse(&text).unwrap()),
            region: Region::parse(&region).unwrap(),
            city: City::parse(&city).unwrap(),
            country: Country::parse(country).unwrap(),
            details,
            custom_data,
        }
    }
}

prop_compose! {
    /// Any newly created address.
    pub fn address()(
        customer_id in "[A-Za-z0-9_-]{1,64}".prop_filter("no address's", |id| !id.starts_with("add_")),
        id in "add_[0-9a-z]{26}",
        content in content(),
        mut times in [timestamp(), timestamp()],
    ) -> Address {
        times.sort();
        Address {
            customer_id: CustomerId::parse(&customer_id).unwrap(),
            id: AddressId::parse(&id).unwrap(),
            content,
            created_at: times[0],
            updated_at: times[1],
            revision: Revision::FIRST,
        }
    }
}
