//! Schemas of single values, with the limits of the types that validate them.

use addressbook_domain::{
    Country, CountryRules, CustomData, CustomerId, DefaultAddresses, IdempotencyKey, InputFinding,
    Limit, Member, MinRevision, Offset, Purpose, SearchText,
};
use serde_json::{Value, json};
use utoipa::openapi::schema::{AdditionalProperties, SchemaType};
use utoipa::openapi::{
    Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, Type,
};

use crate::operations::{create_address, label};
use crate::request::include::Included;
use crate::request::request_id::RequestId;
use crate::response::country_json::{self, CountryJson, CountryListJson};

pub(crate) const CUSTOMER_ID: &str = "cus_01h1w8r7s2v4l5m6n7p8j9k0q2";
pub(crate) const ADDRESS_ID: &str = "add_01h1x0z5y4c1v2f5k6p3j9n8m7";
pub(crate) const CREATED_AT: &str = "2024-08-01T10:15:30.000Z";
pub(crate) const UPDATED_AT: &str = "2024-08-29T14:45:22.000Z";
pub(crate) const ETAG: &str = "\"2-1724942722000\"";
pub(crate) const REQUEST_ID: &str = "01m82y3vmz5c4vn016vxs2n35w";

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn integer(minimum: u64, maximum: u64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(minimum as usize))
        .maximum(Some(maximum as usize))
}

fn or_null(schema: ObjectBuilder, kind: Type) -> ObjectBuilder {
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
        .examples([CUSTOMER_ID])
        .build()
}

pub(crate) fn address_id() -> Object {
    string()
        .pattern(Some("^add_[0-9a-z]{26}$"))
        .description(Some("The address's id"))
        .examples([ADDRESS_ID])
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

/// An example of default addresses.
pub(crate) fn default_addresses() -> Value {
    json!({
        "customer_id": CUSTOMER_ID,
        "default_addresses": {"billing": ADDRESS_ID, "shipping": ADDRESS_ID},
    })
}

/// Parts of character classes: Unicode's control characters, white space other than control
/// characters, and control characters that are white space.
const CONTROL: &str = r"\u0000-\u001f\u007f-\u009f";
const SPACE: &str = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
const CONTROL_SPACE: &str = r"\u0009-\u000d\u0085";

/// Part of a character class: invisible characters besides white space. Contains no characters
/// above U+FFFF, because a pattern engine may treat them as two characters.
const INVISIBLE: &str = r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb";

/// Part of a character class: the accents that a search ignores.
const ACCENTS: &str =
    r"\u0300-\u0344\u0346-\u034e\u0350-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f";

/// Text with a visible character.
fn text(max_chars: usize) -> ObjectBuilder {
    text_of_more_than(INVISIBLE, max_chars)
}

/// Text with at least one character that is neither white space nor in this character class, and
/// without control characters after trimming. A schema cannot express that the length counts after
/// trimming and normalization.
fn text_of_more_than(nothing: &str, max_chars: usize) -> ObjectBuilder {
    let space = format!("[{SPACE}{CONTROL_SPACE}]");
    let inner = format!("[^{CONTROL}]");
    let outer = format!("[^{CONTROL}{SPACE}]");
    let something = format!("[^{CONTROL}{SPACE}{nothing}]");
    string()
        .min_length(Some(1))
        .max_length(Some(max_chars))
        .pattern(Some(format!(
            "^{space}*({outer}{inner}*)?{something}({inner}*{outer})?{space}*$"
        )))
}

/// The documents that have the members of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// A new address.
    Creation,
    /// A merge patch.
    Patch,
    /// An address in a response.
    Response,
}

impl Document {
    fn always_has(self, member: Member) -> bool {
        match self {
            Self::Creation => member == Member::Country,
            Self::Patch => false,
            Self::Response => !member.is_detail(),
        }
    }

    fn may_be_null(self, member: Member) -> bool {
        match self {
            Self::Creation | Self::Patch => member != Member::Country,
            Self::Response => member == Member::Description,
        }
    }
}

/// A member of an address.
fn member(member: Member, document: Document) -> Object {
    let text = match (member, member.max_chars()) {
        (Member::Country, _) => return country(),
        (Member::CustomData, _) => return custom_data(),
        (Member::Phone, max_chars) => phone(max_chars.unwrap_or_default()),
        (Member::Region | Member::City, max_chars) => text_or_empty(max_chars.unwrap_or_default()),
        (_, max_chars) => text(max_chars.unwrap_or_default()),
    };
    let text = match document.may_be_null(member) {
        true => or_null(text, Type::String),
        false => text,
    };
    let meaning = member.meaning();
    let description = match member {
        Member::Region | Member::City => {
            format!("{meaning}; empty only in a country that does not require it")
        }
        _ => meaning.into(),
    };
    let text = text.description(Some(description));
    text.examples([example(member)]).build()
}

/// Adds the members of an address to an object.
pub(crate) fn with_members(object: ObjectBuilder, document: Document) -> ObjectBuilder {
    Member::ALL.into_iter().fold(object, |object, member| {
        let name = member.name();
        let object = object.property(name, self::member(member, document));
        match document.always_has(member) {
            true => object.required(name),
            false => object,
        }
    })
}

/// Text with a visible character, or empty.
fn text_or_empty(max_chars: usize) -> ObjectBuilder {
    let text = Object::from(text(max_chars));
    let pattern = text.pattern.clone().unwrap_or_default();
    let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
    ObjectBuilder::from(text)
        .min_length(Some(0))
        .pattern(Some(format!("^([{SPACE}{CONTROL_SPACE}]*|{pattern})$")))
}

/// A telephone number as people write it.
fn phone(max_chars: usize) -> ObjectBuilder {
    let number = r"[0-9 +\-.()/]*[0-9][0-9 +\-.()/]*";
    let extension = r"([Ee][Xx][Tt][Ee][Nn][Ss][Ii][Oo][Nn]|[Ee][Xx][Tt]\.?|[Xx]|#|;[Ee][Xx][Tt]=)";
    string()
        .min_length(Some(1))
        .max_length(Some(max_chars))
        .pattern(Some(format!("^ *{number}({extension} *[0-9]+)? *$")))
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
    moment("When the address was created", CREATED_AT)
}

pub(crate) fn updated_at() -> Object {
    moment(
        "When the address last changed; never before `created_at`",
        UPDATED_AT,
    )
}

pub(crate) fn changed_at() -> Object {
    moment("When the change happened", UPDATED_AT)
}

pub(crate) fn updated_since() -> Object {
    time("An RFC 3339 time in any time zone", CREATED_AT).build()
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
        .examples([BOOK_REVISION.to_string()])
        .build()
}

/// An example.
pub(crate) const BOOK_REVISION: u64 = 1_795_395_019_534;

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
        .examples([REQUEST_ID])
        .build()
}

/// An example of a member's value: that of the documented example, if it has one.
fn example(member: Member) -> Value {
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

#[cfg(test)]
mod tests {
    use addressbook_domain::{City, TextError};

    use super::*;

    /// The part of a character class with all characters up to U+FFFF that have a property.
    fn class_of(has_property: impl Fn(char) -> bool) -> String {
        let has_property = |code: &u32| char::from_u32(*code).is_some_and(&has_property);
        let mut class = String::new();
        let mut code = 0;
        while code <= 0xffff {
            let first = code;
            while has_property(&code) {
                code += 1;
            }
            match code - first {
                0 => {}
                1 => class += &format!(r"\u{first:04x}"),
                2 => class += &format!(r"\u{first:04x}\u{:04x}", code - 1),
                _ => class += &format!(r"\u{first:04x}-\u{:04x}", code - 1),
            }
            code += 1;
        }
        class
    }

    #[test]
    fn the_patterns_of_texts_agree_with_the_domain() {
        let is_invisible =
            |char: char| City::parse(&format!("{char}")) == Err(TextError::Invisible(char.into()));
        assert_eq!(class_of(is_invisible), INVISIBLE);
        let is_accent =
            |char: char| SearchText::parse(&format!("{char}")) == Err(TextError::OnlyAccents);
        assert_eq!(class_of(is_accent), ACCENTS);
    }
}
