use std::borrow::Cow;
use std::collections::BTreeSet;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpMessage as _, HttpRequest};
use addressbook_domain::json::Json;
use addressbook_domain::{AddressInput, FieldErrors, Input, Member, MemberValue, Purpose};
use serde_json::json;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::openapi::members::{self, Document};
use crate::openapi::{examples, values};
use crate::request::json_body::{self, Members};
use crate::response::problem::Problem;
use crate::response::problem_kind::INVALID_ADDRESS;

/// Whether a request declares an accepted media type for its body. JSON is UTF-8 (RFC 8259, section
/// 8.1): another charset is rejected; other parameters are ignored. A repeated header is rejected,
/// because another reader might use the other value.
pub(crate) fn has_media_type(request: &HttpRequest, accepts: impl Fn(&str) -> bool) -> bool {
    if request.headers().get_all(CONTENT_TYPE).nth(1).is_some() {
        return false;
    }
    let Ok(Some(media_type)) = request.mime_type() else {
        return false;
    };
    let charset = media_type.get_param("charset");
    accepts(media_type.essence_str()) && charset.is_none_or(|charset| charset == "utf-8")
}

/// Whether a media type is JSON or has the suffix `+json` (RFC 6839, section 3.1).
pub(crate) fn is_json(media_type: &str) -> bool {
    media_type == "application/json"
        || media_type.starts_with("application/") && media_type.ends_with("+json")
}

/// Reads the members of an address in the body of a change. Adds an error for each unknown member
/// and for each value of a wrong type.
///
/// # Errors
/// 400 if the body is not JSON, or is JSON that two readers could read differently; 422 if it is
/// not an object.
pub(crate) fn read<'a>(
    body: &'a [u8],
    errors: &mut FieldErrors,
) -> Result<AddressInput<'a>, Problem> {
    let members = json_body::members(body, INVALID_ADDRESS)?;
    Ok(read_members(members, errors))
}

/// Like [`read`], for the body of a creation, which also says for which purposes the address becomes
/// the default.
///
/// # Errors
/// Those of [`read`].
pub(crate) fn read_new<'a>(
    body: &'a [u8],
    errors: &mut FieldErrors,
) -> Result<(AddressInput<'a>, BTreeSet<Purpose>), Problem> {
    let mut members = json_body::members(body, INVALID_ADDRESS)?;
    let default_for = members
        .extract_if(.., |(name, _)| *name == DEFAULT_FOR)
        .next()
        .map(|(_, value)| purposes(value, errors));
    Ok((
        read_members(members, errors),
        default_for.unwrap_or_default(),
    ))
}

/// The purposes for which a new address becomes the default.
fn purposes(value: Json<'_>, errors: &mut FieldErrors) -> BTreeSet<Purpose> {
    if value.is_null() {
        return BTreeSet::new();
    }
    let Some(names) = value.strings() else {
        errors.add(DEFAULT_FOR, "expected an array of strings");
        return BTreeSet::new();
    };
    let mut purposes = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        match Purpose::parse(name) {
            Ok(purpose) if purposes.contains(&purpose) => {
                errors.add(format!("{DEFAULT_FOR}[{index}]"), "repeats a purpose");
            }
            Ok(purpose) => drop(purposes.insert(purpose)),
            Err(error) => errors.add(format!("{DEFAULT_FOR}[{index}]"), error),
        }
    }
    purposes
}

fn read_members<'a>(members: Members<'a>, errors: &mut FieldErrors) -> AddressInput<'a> {
    let mut input = AddressInput::default();
    for (name, value) in members {
        match Member::named(&name) {
            Some(member) => input[member] = value_of(member, value, errors),
            None if SET_BY_THE_SERVICE.contains(&&*name) => {
                errors.add(name.into_owned(), "is set by the service");
            }
            None if name == DEFAULT_FOR => errors.add(
                DEFAULT_FOR,
                "can be set by a creation only; otherwise use PATCH on default-addresses",
            ),
            None => errors.add(name.into_owned(), "is not a member of an address"),
        }
    }
    input
}

/// The purposes for which a new address becomes the default.
const DEFAULT_FOR: &str = "default_for";

const SET_BY_THE_SERVICE: [&str; 4] = ["id", "customer_id", "created_at", "updated_at"];

/// The value of a member. One of a wrong type adds an error, and is absent.
fn value_of<'a>(
    member: Member,
    value: Json<'a>,
    errors: &mut FieldErrors,
) -> Input<MemberValue<'a>> {
    if value.is_null() {
        return Input::Null;
    }
    if member == Member::CustomData {
        return Input::Value(MemberValue::Json(value));
    }
    let text = value.string();
    if text.is_none() {
        errors.add(member.name(), "expected a string");
    }
    text.map_or(Input::Absent, |text| Input::Value(text.into()))
}

/// The content of a new address.
pub(crate) struct NewAddress;

impl PartialSchema for NewAddress {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().description(Some("The content of a new address."));
        members::with_members(object, Document::Creation)
            .property(DEFAULT_FOR, values::default_for())
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .examples([examples::content()])
            .into()
    }
}

impl ToSchema for NewAddress {}

/// The content of an address that may be invalid.
pub(crate) struct AddressDraft;

impl PartialSchema for AddressDraft {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .description(Some(
                "The content of an address that may be invalid. Its members are those of \
                 `NewAddress`.",
            ))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .examples([examples::draft()])
            .into()
    }
}

impl ToSchema for AddressDraft {}

/// A merge patch of an address.
pub(crate) struct AddressChange;

impl PartialSchema for AddressChange {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().description(Some(
            "A JSON merge patch (RFC 7396): an absent member stays unchanged, null removes a \
             member.\nIn `custom_data` this applies to each member, on every level.",
        ));
        members::with_members(object, Document::Patch)
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .examples([json!({
                "description": "Old Home",
                "custom_data": {"landmark": null, "floor": "15th"},
            })])
            .into()
    }
}

impl ToSchema for AddressChange {
    fn name() -> Cow<'static, str> {
        "AddressPatch".into()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use addressbook_testkit::{InMemoryRepository, fixtures};
    use insta::assert_snapshot;
    use serde_json::json;

    use crate::testing::{BOOK, answer, body_of, holding, path_of, sending};

    /// The responses to a body sent as a new address and as a change.
    async fn answers(body: &[u8]) -> [String; 2] {
        let body = body.to_vec();
        let create = sending(Method::POST, BOOK, body.clone());
        let change = sending(Method::PATCH, &path_of(1), body);
        let kept = holding([fixtures::address("cus_1", 1)]).await;
        [
            answer(InMemoryRepository::default(), create).await,
            answer(kept, change).await,
        ]
    }

    fn body(members: &str) -> Vec<u8> {
        format!(r#"{{"region":"Kigali","city":"Kigali","country":"RW",{members}}}"#).into_bytes()
    }

    #[actix_web::test]
    async fn a_body_that_cannot_be_parsed_is_400() {
        let plain = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;
        let deep = format!(r#""custom_data":{}"#, "[".repeat(50_000));
        for bytes in [
            Vec::new(),
            b" ".to_vec(),
            format!("\u{feff}{plain}").into_bytes(),
            format!("{plain}x").into_bytes(),
            format!("{plain}{plain}").into_bytes(),
            plain.replace("Kigali", "'").into_bytes()[..plain.len() / 2].to_vec(),
            plain.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            b"{\"city\":\"\xff\"}".to_vec(),
            b"{\"city\":\"\xed\xa0\x80\"}".to_vec(),
            body(r#""city":"Huye""#),
            body(r#""\u0063ity":"Huye""#),
            body(r#""unknown":1,"unknown":2"#),
            body(r#""custom_data":{"a":{"b":1,"\u0062":2}}"#),
            body(r#""description":"\ud800""#),
            body(r#""description":"\udc00\ud800""#),
            body(r#""custom_data":{"\ud800":1}"#),
            body(r#""custom_data":{"a":["\udfff"]}"#),
            body(r#""description":"a\"#),
            body("\"description\":\"a\nb\""),
            body(r#""custom_data":{"a":1e999}"#),
            body(r#""custom_data":{"a":01}"#),
            body(r#""custom_data":{"a":NaN}"#),
            body(r#""custom_data":{"a":1,}"#),
            body(r#""custom_data":{} // none"#),
            body(&deep),
        ] {
            for response in answers(&bytes).await {
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
                assert!(response.starts_with("400 "), "{text}: {response}");
                assert!(
                    response.contains(":unreadable-request\""),
                    "{text}: {response}"
                );
            }
        }
        let [twice, _] = answers(&body(r#""city":"Huye""#)).await;
        assert_snapshot!("twice", twice);
    }

    #[actix_web::test]
    async fn a_problem_says_what_a_wrong_body_is() {
        let json = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;
        let utf_16 = "The body cannot be read: it is in UTF-16 or UTF-32; expected UTF-8.";
        let empty = "The body cannot be read: it is empty; expected a JSON object.";
        let array = "The body must be a JSON object, but it is an array. Send each object in its \
                     own request.";
        let string = "The body must be a JSON object, but it is a string. It may have been encoded \
                      as JSON twice.";
        let bytes_of = |units: &mut dyn Iterator<Item = u16>| -> Vec<u8> {
            units.flat_map(u16::to_le_bytes).collect()
        };
        for (body, detail) in [
            (Vec::new(), empty),
            (b" \r\n".to_vec(), empty),
            (
                format!("\u{feff}{json}").into_bytes(),
                "The body cannot be read: the JSON begins with a byte order mark (U+FEFF): remove \
                 it.",
            ),
            (bytes_of(&mut json.encode_utf16()), utf_16),
            (
                bytes_of(&mut format!("\u{feff}{json}").encode_utf16()),
                utf_16,
            ),
            (
                json.encode_utf16().flat_map(u16::to_be_bytes).collect(),
                utf_16,
            ),
            (
                json.chars()
                    .flat_map(|char| (char as u32).to_be_bytes())
                    .collect(),
                utf_16,
            ),
            (format!("[{json}]").into_bytes(), array),
            (serde_json::to_vec(json).unwrap(), string),
            (b"true".to_vec(), "The body must be a JSON object."),
        ] {
            for response in answers(&body).await {
                assert_eq!(body_of(&response)["detail"], detail, "{body:?}");
            }
        }
    }

    #[actix_web::test]
    async fn an_invalid_country_gets_a_suggestion() {
        let body = r#"{"region":"London","city":"London","country":"UK"}"#;
        for response in answers(body.as_bytes()).await {
            let message = "expected a two-letter ISO 3166-1 alpha-2 country code such as RW; did \
                           you mean GB?";
            let errors = json!([{"field": "country", "message": message}]);
            assert_eq!(body_of(&response)["errors"], errors);
        }
    }

    #[actix_web::test]
    async fn an_invalid_member_is_422_and_named() {
        let deep = format!(r#"{}1{}"#, r#"{"a":"#.repeat(33), "}".repeat(33));
        let long = "x".repeat(1025);
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(16 * 1024));
        for (field, value) in [
            ("description", r#""a\u0000b""#),
            ("description", r#""a\nb""#),
            ("description", r#""a\u0085b""#),
            ("description", r#""""#),
            ("description", r#""\u200b\ufeff""#),
            ("description", "\"\u{2800} \u{2060}\""),
            ("description", &format!("\"{long}\"")),
            ("description", "1"),
            ("description", "false"),
            ("description", "[]"),
            ("description", r#"{"a":1}"#),
            ("custom_data", r#"{"a":"\u0000"}"#),
            ("custom_data", r#"{"\u0000":1}"#),
            ("custom_data", r#""{}""#),
            ("custom_data", "1"),
            ("custom_data", "true"),
            ("custom_data", "[{}]"),
            ("custom_data", &deep),
            ("custom_data", &large),
            ("Region", r#""Kigali""#),
            ("", "1"),
        ] {
            for response in answers(&body(&format!(r#""{field}":{value}"#))).await {
                assert!(response.starts_with("422 "), "{field} {value}: {response}");
                let errors = format!(r#""errors":[{{"field":"{field}","message":"#);
                assert!(response.contains(&errors), "{field} {value}: {response}");
            }
        }
        for text in ["null", "true", "1", "\"{}\"", " [] "] {
            for response in answers(text.as_bytes()).await {
                assert!(response.starts_with("422 "), "{text}: {response}");
            }
        }
    }

    #[actix_web::test]
    async fn custom_data_is_stored_unchanged() {
        let custom_data = r#"{"z":1.50,"big":123456789012345678901234567890,"tiny":-0.0e-5,"s":"\u00e9\/\ud83c\udfe0","":[null,true]}"#;
        let spaced = custom_data.replace(':', " : ").replace(',', "\r\n,\t");
        let create = sending(
            Method::POST,
            BOOK,
            body(&format!(r#""custom_data":{spaced}"#)),
        );
        let response = answer(InMemoryRepository::default(), create).await;
        assert!(
            response.contains(&format!(r#""custom_data":{custom_data},"#)),
            "{response}"
        );
    }
}
