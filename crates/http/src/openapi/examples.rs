//! The examples of the document.

use addressbook_domain::{Country, CountryRules, Member};
use serde_json::{Value, json};

use crate::response::country_json::{CountryJson, CountryListJson};

pub(crate) const CUSTOMER_ID: &str = "cus_01h1w8r7s2v4l5m6n7p8j9k0q2";
pub(crate) const ADDRESS_ID: &str = "add_01h1x0z5y4c1v2f5k6p3j9n8m7";
pub(crate) const CREATED_AT: &str = "2024-08-01T10:15:30.000Z";
pub(crate) const UPDATED_AT: &str = "2024-08-29T14:45:22.000Z";
pub(crate) const ETAG: &str = "\"2-1724942722000\"";
pub(crate) const REQUEST_ID: &str = "01m82y3vmz5c4vn016vxs2n35w";
pub(crate) const BOOK_REVISION: u64 = 1_795_395_019_534;

/// An example of default addresses.
pub(crate) fn default_addresses() -> Value {
    json!({
        "customer_id": CUSTOMER_ID,
        "default_addresses": {"billing": ADDRESS_ID, "shipping": ADDRESS_ID},
    })
}

/// An example of a member's value: that of the documented example, if it has one.
pub(crate) fn of_member(member: Member) -> Value {
    match member {
        Member::Recipient => "Aline Uwase".into(),
        Member::Organization => "Kigali Books Ltd".into(),
        Member::FirstLine => "KG 7 Avenue 12".into(),
        Member::SecondLine => "4th floor".into(),
        Member::District => "Kacyiru".into(),
        Member::PostalCode => "00100".into(),
        Member::SortingCode => "CEDEX 12".into(),
        Member::Phone => "+250 788 123 456".into(),
        _ => content()[member.name()].clone(),
    }
}

/// The content of the documented example.
pub(crate) fn content() -> Value {
    json!({
        "description": "Home Address",
        "region": "Kigali",
        "city": "Kigali",
        "country": "RW",
        "custom_data": {"landmark": "Office at Kigali Heights"},
    })
}

/// An address with a wrong postal code.
pub(crate) fn draft() -> Value {
    json!({
        "first_line": "1 Main Street",
        "city": "Springfield",
        "region": "illinois",
        "country": "US",
        "postal_code": "627O1",
    })
}

/// The address of the documented example.
pub(crate) fn address() -> Value {
    let mut value = json!({"id": ADDRESS_ID, "customer_id": CUSTOMER_ID});
    for member in Member::ALL.into_iter().filter(|member| !member.is_detail()) {
        value[member.name()] = content()[member.name()].clone();
    }
    value["created_at"] = CREATED_AT.into();
    value["updated_at"] = UPDATED_AT.into();
    value
}

/// A revision of [`address`].
pub(crate) fn address_revision() -> Value {
    let mut value = address();
    value["revision"] = 2.into();
    value["change"] = "updated".into();
    value["changed_at"] = UPDATED_AT.into();
    value
}

/// The beginning of the list of countries.
pub(crate) fn countries_listed() -> Value {
    let listed = |source| CountryListJson::new(source, CountryRules::countries().take(3));
    json!(CountryRules::source().map(listed))
}

/// What addresses look like in Australia.
pub(crate) fn country_found() -> Value {
    let rules = Country::parse("AU").ok().and_then(CountryRules::of);
    json!(rules.map(CountryJson::new))
}
