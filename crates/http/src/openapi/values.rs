//! Schemas of single values, with the limits of the types that validate them.

use addressbook_domain::{
    Country, CustomData, CustomerId, DefaultAddresses, IdempotencyKey, InputFinding, Limit,
    MinRevision, Offset, Purpose, SearchText,
};
use serde_json::json;
use utoipa::openapi::schema::{AdditionalProperties, SchemaType};
use utoipa::openapi::{
    Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, Type,
};

use super::examples;
use super::texts::{ACCENTS, INVISIBLE, text_of_more_than};
use crate::operations::{create_address, label};
use crate::request::include::Included;
use crate::request::request_id::RequestId;
use crate::response::country_json;

pub(super) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn integer(minimum: u64, maximum: u64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(minimum as usize))
        .maximum(Some(maximum as usize))
}

pub(super) fn or_null(schema: ObjectBuilder, kind: Type) -> ObjectBuilder {
    schema.schema_type(SchemaType::from_iter([kind, Type::Null]))
}

pub(crate) fn customer_id() -> Object {
    let max = CustomerId::MAX_LEN;
    string()
        .min_length(Some(1))
        .max_length(Some(max))
        .pattern(Some(format!("^(?!add_)[A-Za-z0-9_-]{{1,{max}}}$")))
        .description(Some(
            "The customer's id, owned by the caller's systems, typically prefixed with `cus_`",
        ))
        .examples([examples::CUSTOMER_ID])
        .build()
}

pub(crate) fn address_id() -> Object {
    string()
        .pattern(Some("^add_[0-9a-z]{26}$"))
        .description(Some("The address's id"))
        .examples([examples::ADDRESS_ID])
        .build()
}

pub(crate) fn address_id_or_null() -> Object {
    or_null(ObjectBuilder::from(address_id()), Type::String).build()
}

fn purpose() -> ObjectBuilder {
    let max = Purpose::MAX_LEN - 1;
    string()
        .pattern(Some(format!("^[a-z][a-z0-9_]{{0,{max}}}$")))
        .description(Some("A purpose of default addresses"))
        .examples(["shipping"])
}

/// Purposes of default addresses.
pub(crate) fn purposes() -> Array {
    ArrayBuilder::new().items(purpose()).build()
}

/// An object with a value for each purpose.
pub(crate) fn by_purpose(value: Object) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property_names(Some(purpose()))
        .additional_properties(Some(Schema::Object(value)))
        .description(Some(
            "The default address for each purpose. A customer has at most 16",
        ))
        .build()
}

/// The purposes for which a new address becomes the default.
pub(crate) fn default_for() -> Array {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(purpose())
        .unique_items(true)
        .max_items(Some(DefaultAddresses::MAX_PURPOSES))
        .description(Some(
            "The purposes for which the address becomes the default. A customer has at most 16",
        ))
        .build()
}

/// Adds a required property to an object.
pub(crate) fn with(object: ObjectBuilder, name: &str, schema: Object) -> ObjectBuilder {
    object.property(name, schema).required(name)
}

/// A pattern of all codes, grouped by their first letters.
fn country_pattern() -> ObjectBuilder {
    let of = |first: char| {
        let seconds: String = ('A'..='Z')
            .filter(|second| Country::parse(&format!("{first}{second}")).is_ok())
            .collect();
        (!seconds.is_empty()).then(|| format!("{first}[{seconds}]"))
    };
    let codes: Vec<_> = ('A'..='Z').filter_map(of).collect();
    string()
        .min_length(Some(2))
        .max_length(Some(2))
        .pattern(Some(format!("^({})$", codes.join("|"))))
        .examples(["RW"])
}

/// The country of a request or an address.
pub(crate) fn country() -> Object {
    country_pattern()
        .description(Some(
            "ISO 3166-1 alpha-2 code, officially assigned or `XK`. Lower case is accepted and \
             converted to upper case",
        ))
        .build()
}

pub(crate) fn country_code() -> Object {
    country_pattern()
        .description(Some("ISO 3166-1 alpha-2 code, or `XK`"))
        .build()
}

/// The name of a member that labels have a place for.
pub(crate) fn postal_member() -> Object {
    string()
        .enum_values(Some(country_json::member_names()))
        .description(Some("The name of the member in an address"))
        .build()
}

/// The members on each line of a label.
pub(crate) fn label_lines() -> Array {
    lines_of(ArrayBuilder::new())
        .description(Some("The names of the members on each line of a label"))
        .build()
}

pub(crate) fn latin_label_lines() -> Array {
    let types = SchemaType::from_iter([Type::Array, Type::Null]);
    lines_of(ArrayBuilder::new().schema_type(types))
        .description(Some(
            "The same for an address in Latin letters; null if it is the same",
        ))
        .build()
}

fn lines_of(lines: ArrayBuilder) -> ArrayBuilder {
    lines.items(ArrayBuilder::new().items(postal_member()))
}

pub(crate) fn countries() -> Array {
    ArrayBuilder::new().items(country()).build()
}

/// The values of the parameter `include`.
pub(crate) fn include() -> Array {
    let names = Included::ALL.map(Included::name);
    let name = string().enum_values(Some(names));
    ArrayBuilder::new()
        .items(name)
        .description(Some(
            "Names of members. Repeat the parameter for several, or separate them by commas",
        ))
        .build()
}

/// The purposes for which an address is the default.
pub(crate) fn is_default_for() -> Array {
    ArrayBuilder::new()
        .items(purpose())
        .description(Some(
            "The purposes for which this is the customer's default address. Present only if \
             `include` contains `default_for`",
        ))
        .build()
}

/// The lines of an address's label.
pub(crate) fn label() -> Array {
    ArrayBuilder::new()
        .items(string())
        .description(Some(
            "The lines of the label, from top to bottom, as `GET …/label` returns them without \
             parameters. Present only if `include` contains `label`",
        ))
        .examples([json!(["Kigali", "RWANDA"])])
        .build()
}

pub(crate) fn custom_data() -> Object {
    or_null(ObjectBuilder::new(), Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .description(Some(format!(
            "Additional data about the address: at most {} bytes as compact JSON and {} levels of \
             objects and arrays, without NUL. Members keep their order and spelling",
            CustomData::MAX_BYTES,
            CustomData::MAX_DEPTH,
        )))
        .examples([json!({"landmark": "Office at Kigali Heights"})])
        .build()
}

fn time(description: &str, example: &str) -> ObjectBuilder {
    string()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some(description))
        .examples([example])
}

/// A time in the format that the service returns.
fn moment(description: &str, example: &str) -> Object {
    time(description, example)
        .pattern(Some(
            r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        ))
        .build()
}

pub(crate) fn created_at() -> Object {
    moment("When the address was created", examples::CREATED_AT)
}

pub(crate) fn updated_at() -> Object {
    moment(
        "When the address last changed; never before `created_at`",
        examples::UPDATED_AT,
    )
}

pub(crate) fn changed_at() -> Object {
    moment("When the change happened", examples::UPDATED_AT)
}

pub(crate) fn updated_since() -> Object {
    time("An RFC 3339 time in any time zone", examples::CREATED_AT).build()
}

pub(crate) fn as_of() -> Object {
    time("An RFC 3339 time in any time zone", "2026-01-01T00:00:00Z").build()
}

pub(crate) fn limit() -> Object {
    integer(1, Limit::MAX.into())
        .default(Some(Limit::default().get().into()))
        .description(Some("Maximum number of items on a page"))
        .build()
}

pub(crate) fn offset() -> Object {
    integer(0, Offset::MAX)
        .default(Some(0.into()))
        .description(Some("Number of addresses to skip"))
        .build()
}

pub(crate) fn revision() -> Object {
    integer(1, u32::MAX.into())
        .description(Some("1 for a new address, one more with each change"))
        .examples([2])
        .build()
}

pub(crate) fn change() -> Object {
    string()
        .enum_values(Some(["created", "updated", "removed"]))
        .description(Some("What happened to the address"))
        .build()
}

/// Letters, digits, `-` and `_`: the characters of all cursors.
const CURSORS: &str = "^[A-Za-z0-9_-]*$";

pub(crate) fn after() -> Object {
    string()
        .max_length(Some(128))
        .pattern(Some(CURSORS))
        .description(Some("An opaque cursor from the service"))
        .build()
}

/// A cursor that must not be empty, unlike [`after`].
pub(crate) fn after_revision() -> Object {
    string()
        .min_length(Some(1))
        .max_length(Some(128))
        .pattern(Some(CURSORS))
        .build()
}

pub(crate) fn next() -> Object {
    or_null(string(), Type::String)
        .pattern(Some(CURSORS))
        .description(Some("The cursor of the next page; null on the last page"))
        .build()
}

pub(crate) fn search_text() -> Object {
    let nothing = format!("{INVISIBLE}{ACCENTS}");
    text_of_more_than(&nothing, SearchText::MAX_CHARS)
        .examples(["kigali"])
        .build()
}

pub(crate) fn order() -> Object {
    string()
        .enum_values(Some(crate::request::list_order::orders()))
        .default(Some("id".into()))
        .build()
}

pub(crate) fn count() -> Object {
    integer(0, Offset::MAX).build()
}

pub(crate) fn book_revision() -> Object {
    let max = MinRevision::MAX_DIGITS;
    string()
        .pattern(Some(format!("^[0-9]{{1,{max}}}$")))
        .examples([examples::BOOK_REVISION.to_string()])
        .build()
}

pub(crate) fn idempotency_key() -> Object {
    let max = IdempotencyKey::MAX_LEN;
    string()
        .min_length(Some(1))
        .max_length(Some(max))
        .pattern(Some(format!("^[!-~]{{1,{max}}}$")))
        .examples(["5f0c1d1e-6a3b-4c53-9a43-0f4f7c9e2b11"])
        .build()
}

pub(crate) fn on_duplicate() -> Object {
    string()
        .enum_values(Some(create_address::ON_DUPLICATE.map(|(name, _)| name)))
        .build()
}

pub(crate) fn script() -> Object {
    string()
        .enum_values(Some(label::SCRIPTS.map(|(name, _)| name)))
        .default(Some("local".into()))
        .build()
}

pub(crate) fn finding_code() -> Object {
    string()
        .enum_values(Some(InputFinding::codes()))
        .description(Some(
            "What is noticed. `unused` and `unusual-form` are hints, the others are errors",
        ))
        .build()
}

/// `*`, or entity tags (RFC 9110, section 8.8.3).
pub(crate) fn condition() -> Object {
    let tag = r#"(W/)?"[!#-~]*""#;
    string()
        .pattern(Some(format!(r"^(\*|{tag}([ \t]*,[ \t]*{tag})*)$")))
        .build()
}

/// Text of any form.
pub(crate) fn any_text() -> Object {
    string().build()
}

pub(crate) fn problem_type() -> Object {
    string()
        .format(Some(SchemaFormat::Custom("uri".into())))
        .description(Some(
            "The kind of problem, as a stable identifier. Distinguish problems by it",
        ))
        .examples(
            crate::response::problem_kind::ALL
                .iter()
                .map(|kind| kind.uri),
        )
        .build()
}

pub(crate) fn problem_status() -> Object {
    integer(400, 599)
        .description(Some("The HTTP status"))
        .build()
}

pub(crate) fn request_id() -> Object {
    let max = RequestId::MAX_LEN;
    string()
        .pattern(Some(format!("^[A-Za-z0-9._-]{{1,{max}}}$")))
        .description(Some("The value of `X-Request-Id`"))
        .examples([examples::REQUEST_ID])
        .build()
}
