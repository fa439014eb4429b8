//! Schemas of request and response bodies. The bodies are parsed and written by hand; these types
//! only describe them.

#![expect(dead_code, reason = "only what is derived from them is used")]

use utoipa::ToSchema;

use super::values;

/// A page of a customer's addresses.
#[derive(ToSchema)]
pub(crate) struct AddressList {
    #[schema(schema_with = values::customer_id)]
    customer_id: String,
    /// The addresses of this page
    addresses: Vec<ListedAddress>,
    #[schema(schema_with = values::limit)]
    limit: i64,
    #[schema(schema_with = values::offset)]
    offset: i64,
}

/// An address in a list.
#[derive(ToSchema)]
pub(crate) struct ListedAddress {
    #[schema(schema_with = values::address_id)]
    id: String,
    #[schema(schema_with = values::description, required = true)]
    description: Option<String>,
    #[schema(schema_with = values::region)]
    region: String,
    #[schema(schema_with = values::city)]
    city: String,
    #[schema(schema_with = values::country)]
    country: String,
    #[schema(schema_with = values::custom_data, required = true)]
    custom_data: Option<String>,
    #[schema(schema_with = values::created_at)]
    created_at: String,
    #[schema(schema_with = values::updated_at)]
    updated_at: String,
}

/// A single address.
#[derive(ToSchema)]
#[schema(example = values::address)]
pub(crate) struct Address {
    #[schema(schema_with = values::address_id)]
    id: String,
    #[schema(schema_with = values::customer_id)]
    customer_id: String,
    #[schema(schema_with = values::description, required = true)]
    description: Option<String>,
    #[schema(schema_with = values::region)]
    region: String,
    #[schema(schema_with = values::city)]
    city: String,
    #[schema(schema_with = values::country)]
    country: String,
    #[schema(schema_with = values::custom_data, required = true)]
    custom_data: Option<String>,
    #[schema(schema_with = values::created_at)]
    created_at: String,
    #[schema(schema_with = values::updated_at)]
    updated_at: String,
}

/// A state of an address, and the change that led to it. Immutable.
#[derive(ToSchema)]
#[schema(example = values::address_revision)]
pub(crate) struct AddressRevision {
    #[schema(schema_with = values::address_id)]
    id: String,
    #[schema(schema_with = values::customer_id)]
    customer_id: String,
    #[schema(schema_with = values::description, required = true)]
    description: Option<String>,
    #[schema(schema_with = values::region)]
    region: String,
    #[schema(schema_with = values::city)]
    city: String,
    #[schema(schema_with = values::country)]
    country: String,
    #[schema(schema_with = values::custom_data, required = true)]
    custom_data: Option<String>,
    #[schema(schema_with = values::created_at)]
    created_at: String,
    #[schema(schema_with = values::updated_at)]
    updated_at: String,
    #[schema(schema_with = values::revision)]
    revision: i64,
    #[schema(schema_with = values::change)]
    change: String,
    #[schema(schema_with = values::changed_at)]
    changed_at: String,
}

/// A page of an address's revisions, newest first.
#[derive(ToSchema)]
pub(crate) struct AddressRevisionList {
    #[schema(schema_with = values::customer_id)]
    customer_id: String,
    #[schema(schema_with = values::address_id)]
    address_id: String,
    /// The revisions of this page
    revisions: Vec<AddressRevision>,
    #[schema(schema_with = values::next, required = true)]
    next: Option<String>,
}

/// The content of a new address.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "description": "Home Address",
    "region": "Kigali",
    "city": "Kigali",
    "country": "RW",
    "custom_data": {"landmark": "Office at Kigali Heights"},
}))]
pub(crate) struct NewAddress {
    #[schema(schema_with = values::description)]
    description: Option<String>,
    #[schema(schema_with = values::region)]
    region: String,
    #[schema(schema_with = values::city)]
    city: String,
    #[schema(schema_with = values::country)]
    country: String,
    #[schema(schema_with = values::custom_data)]
    custom_data: Option<String>,
}

/// A JSON merge patch (RFC 7396): an absent member stays unchanged, null removes a member.
/// In `custom_data` this applies to each member, on every level.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "description": "Old Home",
    "custom_data": {"landmark": null, "floor": "15th"},
}))]
pub(crate) struct AddressPatch {
    #[schema(schema_with = values::description)]
    description: Option<String>,
    #[schema(schema_with = values::region)]
    region: Option<String>,
    #[schema(schema_with = values::city)]
    city: Option<String>,
    #[schema(schema_with = values::country)]
    country: Option<String>,
    #[schema(schema_with = values::custom_data)]
    custom_data: Option<String>,
}

/// The numbers of erased records. Contains no personal data, so it can be stored as evidence.
#[derive(ToSchema)]
#[schema(example = json!({"addresses": 2, "revisions": 5, "idempotency_records": 1}))]
pub(crate) struct ErasureReceipt {
    #[schema(schema_with = values::count)]
    addresses: i64,
    #[schema(schema_with = values::count)]
    revisions: i64,
    #[schema(schema_with = values::count)]
    idempotency_records: i64,
}

/// Why a request failed (RFC 9457).
#[derive(ToSchema)]
pub(crate) struct Problem {
    #[schema(schema_with = values::problem_type)]
    r#type: String,
    /// A short summary for people
    title: String,
    #[schema(schema_with = values::problem_status)]
    status: i64,
    /// What is wrong with this request; the wording may change
    detail: String,
    #[schema(schema_with = values::request_id)]
    request_id: String,
    /// All field errors, if single fields are invalid
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

/// What is wrong with one field.
#[derive(ToSchema)]
pub(crate) struct FieldError {
    /// The parameter, header or member
    field: String,
    /// What was expected
    message: String,
}
