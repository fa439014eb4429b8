use addressbook_domain::{AddressPage, CustomerId, Limit, Offset, Timestamp};

/// Upper bound for the length of a list without its addresses, in bytes.
const ENVELOPE_LEN: usize = 192;
/// Length of an address without its text, in bytes.
const FRAME_LEN: usize = r#",{"id":"","description":"","region":"","city":"","country":"","custom_data":null,"created_at":"","updated_at":""}"#.len()
    + 2 * Timestamp::LEN;

/// Writes a page as JSON into one buffer, as specified in the OpenAPI document. The offset of a
/// page that begins after a cursor is 0, because the number of addresses before it is not known.
///
/// Ids, country codes and timestamps contain nothing to escape, and custom data is already compact
/// JSON: they are copied. All other text is written by `serde_json` if it needs escapes.
///
/// # Errors
/// None are expected: writing text to memory does not fail.
pub(crate) fn of_page(
    customer_id: &CustomerId,
    limit: Limit,
    offset: Offset,
    page: &AddressPage,
) -> serde_json::Result<Vec<u8>> {
    let capacity = ENVELOPE_LEN + page.len() * FRAME_LEN + page.text_len();
    let mut json = Json(Vec::with_capacity(capacity));
    json.raw(r#"{"customer_id":""#)
        .raw(customer_id.as_str())
        .raw(r#"","addresses":["#);
    for (index, address) in page.iter().enumerate() {
        json.raw(if index == 0 { "" } else { "," })
            .raw(r#"{"id":""#)
            .raw(address.id)
            .raw(r#"","description":"#);
        match address.description {
            Some(description) => json.escaped(description)?,
            None => json.raw("null"),
        }
        .raw(r#","region":"#)
        .escaped(address.region)?
        .raw(r#","city":"#)
        .escaped(address.city)?
        .raw(r#","country":""#)
        .raw(address.country)
        .raw(r#"","custom_data":"#)
        .raw(address.custom_data.unwrap_or("null"))
        .raw(r#","created_at":""#)
        .raw(address.created_at.to_iso8601())
        .raw(r#"","updated_at":""#)
        .raw(address.updated_at.to_iso8601())
        .raw(r#""}"#);
    }
    let mut digits = itoa::Buffer::new();
    json.raw(r#"],"limit":"#)
        .raw(digits.format(limit.get()))
        .raw(r#","offset":"#)
        .raw(digits.format(offset.get()))
        .raw("}");
    Ok(json.0)
}

/// A JSON text being written.
struct Json(Vec<u8>);

impl Json {
    fn raw(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.0.extend_from_slice(text.as_ref());
        self
    }

    fn escaped(&mut self, text: &str) -> serde_json::Result<&mut Self> {
        // Few texts need escapes, and without an early exit the processor checks many bytes at a
        // time.
        let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.bytes().fold(true, |all, byte| all & plain(byte)) {
            return Ok(self.raw("\"").raw(text).raw("\""));
        }
        serde_json::to_writer(&mut self.0, text)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use addressbook_domain::{AddressRef, BookHead};
    use proptest::prelude::*;
    use proptest::{collection, option};
    use serde_json::{Value, json};

    use super::*;

    /// Any text, with a high share of characters that need careful escaping.
    fn text() -> impl Strategy<Value = String> {
        let char = prop_oneof![
            any::<char>(),
            prop::sample::select(vec![
                '"', '\\', '/', '\u{1f}', '\u{7f}', '\u{2028}', '\u{feff}', '🏠'
            ]),
        ];
        collection::vec(char, 1..20).prop_map(String::from_iter)
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        (0..253_402_300_799_999_i64).prop_map(|unix_ms| Timestamp::from_unix_ms(unix_ms).unwrap())
    }

    prop_compose! {
        /// An address as JSON, and its times.
        fn address()(
            id in "add_[0-9a-z]{26}",
            description in option::of(text()),
            region in text(),
            city in text(),
            country in "[A-Z]{2}",
            custom_data in option::of(collection::btree_map(text(), text(), 0..3)),
            created_at in time(),
            updated_at in time(),
        ) -> (Value, Timestamp, Timestamp) {
            let value = json!({
                "id": id,
                "description": description,
                "region": region,
                "city": city,
                "country": country,
                "custom_data": custom_data,
                "created_at": created_at.to_string(),
                "updated_at": updated_at.to_string(),
            });
            (value, created_at, updated_at)
        }
    }

    proptest! {
        #[test]
        fn a_body_parses_to_what_was_written(
            addresses in collection::vec(address(), 0..4),
        ) {
            let mut page = AddressPage::new(BookHead::default());
            for (value, created_at, updated_at) in &addresses {
                let text = |field: &str| value[field].as_str();
                let custom_data = Some(value["custom_data"].to_string());
                page.push(AddressRef {
                    id: text("id").unwrap(),
                    description: text("description"),
                    region: text("region").unwrap(),
                    city: text("city").unwrap(),
                    country: text("country").unwrap(),
                    custom_data: custom_data.as_deref().filter(|json| *json != "null"),
                    created_at: *created_at,
                    updated_at: *updated_at,
                }).unwrap();
            }
            let customer_id = CustomerId::parse("cus_1").unwrap();
            let body = of_page(&customer_id, Limit::default(), Offset::default(), &page).unwrap();
            let expected = json!({
                "customer_id": "cus_1",
                "addresses": addresses.into_iter().map(|(value, ..)| value).collect::<Value>(),
                "limit": 50,
                "offset": 0,
            });
            prop_assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
            prop_assert!(!body.contains(&b'\n'));
        }
    }
}
