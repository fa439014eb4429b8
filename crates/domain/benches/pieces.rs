//! Benchmarks of parsing input into value objects, and of the rules of countries.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a benchmark that cannot run panics with a message"
)]

use std::hint::black_box;

use addressbook_domain::{
    AddressId, City, Country, CustomData, CustomerId, Description, Limit, Offset, PostalAddress,
    Script, Timestamp, country_named, findings, label_lines, vcard,
};

#[path = "../../../benchmarks/pieces.rs"]
mod pieces;
use pieces::piece;

const CUSTOM_DATA: &str = r#"{"landmark":"gate blue bell porter garden","floor":"3"}"#;

fn main() {
    let large: String = format!(r#"{{"notes":["{}"]}}"#, ["a note"; 1_000].join(r#"",""#));
    let address = |country: &str| PostalAddress {
        recipient: "Ada Lovelace",
        first_line: "1 Main Street",
        ..PostalAddress::new(Country::parse(country).unwrap())
    };
    let california = PostalAddress {
        city: "Cupertino",
        region: "CA",
        postal_code: "95014",
        ..address("US")
    };
    let unusual_form = PostalAddress {
        region: "california",
        postal_code: "95014 1234",
        ..california
    };
    let london = PostalAddress {
        city: "London",
        postal_code: "sw1a 1aa",
        ..address("GB")
    };
    pieces::run(vec![
        piece("parse/customer id", || {
            CustomerId::parse(black_box("cus_01h1w8r7s2v4l5m6n7p8j9k0q2")).unwrap()
        }),
        piece("parse/address id", || {
            AddressId::parse(black_box("add_01h1x0z5y4c1v2f5k6p3j9n8m7")).unwrap()
        }),
        piece("parse/limit and offset", || {
            let limit = Limit::parse(black_box("10")).unwrap();
            (limit, Offset::parse(black_box("100000")).unwrap())
        }),
        piece("parse/time", || {
            Timestamp::parse(black_box("2024-08-01T12:15:30.123+02:00")).unwrap()
        }),
        piece("parse/country", || Country::parse(black_box("rw")).unwrap()),
        piece("parse/ASCII text", || {
            Description::parse(black_box("Summer house by the lake")).unwrap()
        }),
        piece("parse/text to be normalised", || {
            City::parse(black_box(" Zu\u{308}rich ")).unwrap()
        }),
        piece("parse/custom data of 60 bytes", || {
            CustomData::parse(black_box(CUSTOM_DATA)).unwrap()
        }),
        piece("parse/custom data of 9 kB", move || {
            CustomData::parse(black_box(&large)).unwrap()
        }),
        piece("countries/findings, US", move || {
            findings(black_box(&california))
        }),
        piece("countries/findings, US in an unusual form", move || {
            findings(black_box(&unusual_form))
        }),
        piece("countries/findings, GB", move || {
            findings(black_box(&london))
        }),
        piece("countries/label", move || {
            label_lines(black_box(&california), Script::Local, None)
        }),
        piece("countries/vcard", move || vcard(black_box(&california))),
        piece("countries/name", || country_named(black_box("Zimbabwe"))),
    ]);
}
