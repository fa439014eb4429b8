//! Benchmarks of parsing input into value objects.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a benchmark that cannot run panics with a message"
)]

use std::hint::black_box;

use addressbook_domain::{
    AddressId, City, Country, CustomData, CustomerId, Description, Limit, Offset, Timestamp,
};

#[path = "../../../benchmarks/pieces.rs"]
mod pieces;
use pieces::piece;

const CUSTOM_DATA: &str = r#"{"landmark":"gate blue bell porter garden","floor":"3"}"#;

fn main() {
    let large: String = format!(r#"{{"notes":["{}"]}}"#, ["a note"; 1_000].join(r#"",""#));
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
    ]);
}
