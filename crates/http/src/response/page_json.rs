use addressbook_domain::{
    AddressPage, AddressRef, Cause, Column, CustomerId, DefaultAddresses, Limit, Offset, Timestamp,
};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::openapi::members::{self, Document};
use crate::openapi::values;
use crate::request::include::Included;
use crate::response::included;

/// Upper bound for the length of a list without its addresses, in bytes.
const ENVELOPE_LEN: usize = 192;
/// The length of an address without its text.
const FRAME_LEN: usize = r#",{"id":"","created_at":"","updated_at":""}"#.len()
    + Column::COUNT * r#","custom_data":null"#.len()
    + 2 * Timestamp::LEN;

/// Writes a page as JSON into one buffer, as specified in the OpenAPI document. The offset of a
/// page that begins after a cursor is 0, because the number of addresses before it is not known.
///
/// `defaults` are the default addresses of the customer, if they are included.
///
/// Ids, country codes and timestamps contain nothing to escape, and custom data is already compact
/// JSON: they are copied. All other text is written by `serde_json` if it needs escapes.
///
/// # Errors
/// [`Inconsistency`](addressbook_domain::Inconsistency) if a member is included and an address is
/// damaged. Writing text to memory does not fail.
pub(crate) fn of_page(
    customer_id: &CustomerId,
    limit: Limit,
    offset: Offset,
    page: &AddressPage,
    include: &[Included],
    defaults: &DefaultAddresses,
) -> Result<Vec<u8>, Cause> {
    let capacity = ENVELOPE_LEN + page.len() * FRAME_LEN + page.text_len();
    let mut json = Json(Vec::with_capacity(capacity));
    json.raw(r#"{"customer_id":""#)
        .raw(customer_id.as_str())
        .raw(r#"","addresses":["#);
    for (index, address) in page.iter().enumerate() {
        json.raw(if index == 0 { "" } else { "," })
            .raw(r#"{"id":""#)
            .raw(address.id)
            .raw("\"");
        for (column, text) in address.columns.iter() {
            if column == Column::PostalDetails {
                if let Some(members) = text.and_then(members_of) {
                    json.raw(",").raw(members);
                }
                continue;
            }
            json.raw(column.json_key());
            match (column, text) {
                (_, None) => json.raw("null"),
                (Column::CustomData, Some(object)) => json.raw(object),
                (Column::Country, Some(code)) => json.quoted(code),
                (_, Some(text)) => json.escaped(text)?,
            };
        }
        json.raw(r#","created_at":""#)
            .raw(address.created_at.to_iso8601())
            .raw(r#"","updated_at":""#)
            .raw(address.updated_at.to_iso8601())
            .raw("\"");
        for included in include {
            json.included(*included, &address, defaults)?;
        }
        json.raw("}");
    }
    let mut digits = itoa::Buffer::new();
    json.raw(r#"],"limit":"#)
        .raw(digits.format(limit.get()))
        .raw(r#","offset":"#)
        .raw(digits.format(offset.get()))
        .raw("}");
    Ok(json.0)
}

/// The members of a JSON object, without its braces.
fn members_of(object: &str) -> Option<&str> {
    object.strip_prefix('{')?.strip_suffix('}')
}

/// A JSON text being written.
struct Json(Vec<u8>);

impl Json {
    fn raw(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.0.extend_from_slice(text.as_ref());
        self
    }

    fn quoted(&mut self, text: &str) -> &mut Self {
        self.raw("\"").raw(text).raw("\"")
    }

    fn escaped(&mut self, text: &str) -> serde_json::Result<&mut Self> {
        // Few texts need escapes, and without an early exit the processor checks many bytes at a
        // time.
        let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.bytes().fold(true, |all, byte| all & plain(byte)) {
            return Ok(self.quoted(text));
        }
        serde_json::to_writer(&mut self.0, text)?;
        Ok(self)
    }

    fn included(
        &mut self,
        included: Included,
        address: &AddressRef<'_>,
        defaults: &DefaultAddresses,
    ) -> Result<(), Cause> {
        self.raw(",").quoted(included.name()).raw(":");
        match included {
            Included::DefaultFor => {
                let purposes = included::default_for(defaults, address.id);
                serde_json::to_writer(&mut self.0, &purposes)?;
            }
            Included::Label => {
                let label = address.with_postal(included::label)?;
                serde_json::to_writer(&mut self.0, &label)?;
            }
        }
        Ok(())
    }
}

/// The schema of a page: what [`of_page`] writes.
pub(crate) struct AddressList;

impl PartialSchema for AddressList {
    fn schema() -> RefOr<Schema> {
        let addresses = ArrayBuilder::new()
            .items(Ref::from_schema_name(ListedAddress::name()))
            .description(Some("The addresses of this page"));
        let object = values::with(ObjectBuilder::new(), "customer_id", values::customer_id())
            .property("addresses", addresses)
            .required("addresses");
        let object = values::with(object, "limit", values::limit());
        values::with(object, "offset", values::offset())
            .description(Some("A page of a customer's addresses."))
            .into()
    }
}

impl ToSchema for AddressList {}

/// The schema of an address on a page.
pub(crate) struct ListedAddress;

impl PartialSchema for ListedAddress {
    fn schema() -> RefOr<Schema> {
        let object = values::with(ObjectBuilder::new(), "id", values::address_id());
        let object = members::with_members(object, Document::Response);
        let object = values::with(object, "created_at", values::created_at());
        values::with(object, "updated_at", values::updated_at())
            .property("default_for", values::is_default_for())
            .property("label", values::label())
            .description(Some("An address in a list."))
            .into()
    }
}

impl ToSchema for ListedAddress {}

#[cfg(test)]
mod tests {
    use addressbook_domain::{AddressRef, BookHead, Columns};
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
            recipient in option::of(text()),
            custom_data in option::of(collection::btree_map(text(), text(), 0..3)),
            created_at in time(),
            updated_at in time(),
        ) -> (Value, Timestamp, Timestamp) {
            let mut value = json!({
                "id": id,
                "description": description,
                "region": region,
                "city": city,
                "country": country,
                "custom_data": custom_data,
                "created_at": created_at.to_string(),
                "updated_at": updated_at.to_string(),
            });
            if let Some(recipient) = recipient {
                value["recipient"] = recipient.into();
            }
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
                let recipient = value.get("recipient");
                let details = recipient.map(|recipient| json!({"recipient": recipient}).to_string());
                let columns = Columns::from_fn(|column| match column {
                    Column::CustomData => custom_data.as_deref().filter(|json| *json != "null"),
                    Column::PostalDetails => details.as_deref(),
                    _ => text(column.name()),
                });
                page.push(AddressRef {
                    id: text("id").unwrap(),
                    columns,
                    created_at: *created_at,
                    updated_at: *updated_at,
                }).unwrap();
            }
            let customer_id = CustomerId::parse("cus_1").unwrap();
            let body = of_page(&customer_id, Limit::default(), Offset::default(), &page, &[], &DefaultAddresses::new()).unwrap();
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
