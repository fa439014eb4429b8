use actix_web::{HttpMessage as _, HttpRequest};
use addressbook_domain::{AddressPatch, Faults, json};
use serde_json::value::RawValue;

use crate::problem::Problem;
use crate::problem_kind::UNREADABLE;

/// Whether a request says that its body is of an accepted media type. JSON is UTF-8 (RFC
/// 8259, section 8.1): another charset is not accepted; other parameters do not matter.
pub(crate) fn has_media_type(request: &HttpRequest, accepts: impl Fn(&str) -> bool) -> bool {
    let Ok(Some(media_type)) = request.mime_type() else {
        return false;
    };
    let charset = media_type.get_param("charset");
    accepts(media_type.essence_str()) && charset.is_none_or(|charset| charset == "utf-8")
}

/// The members of an address in a body, for creations and changes alike: each left out,
/// null or with a value. What no address takes is noted among the faults.
///
/// # Errors
/// 400 when the body is not JSON, or JSON that two readers could read differently; 422 when
/// it is no object.
pub(crate) fn read(body: &[u8]) -> Result<AddressPatch, Problem> {
    let text = str::from_utf8(body).map_err(unreadable)?;
    let value: &RawValue = serde_json::from_str(text).map_err(unreadable)?;
    let mut input = AddressPatch::default();
    if !value.get().starts_with('{') {
        input.faults.add("", "expected a JSON object");
        return Err(Problem::invalid_address(input.faults));
    }
    for (name, value) in json::members(value.get()).map_err(unreadable)? {
        match &*name {
            "description" => input.description = string(&mut input.faults, "description", value)?,
            "region" => input.region = string(&mut input.faults, "region", value)?,
            "city" => input.city = string(&mut input.faults, "city", value)?,
            "country" => input.country = string(&mut input.faults, "country", value)?,
            "custom_data" => {
                input.custom_data = Some(not_null(value).map(|json| json.get().into()))
            }
            "id" | "customer_id" | "created_at" | "updated_at" => {
                input.faults.add(name.into_owned(), "is set by the service");
            }
            _ => input
                .faults
                .add(name.into_owned(), "is no member of an address"),
        }
    }
    Ok(input)
}

fn unreadable(error: impl std::fmt::Display) -> Problem {
    Problem::of(UNREADABLE).with_detail(format!("The body cannot be read: {error}."))
}

fn not_null(value: &RawValue) -> Option<&RawValue> {
    Some(value).filter(|value| value.get() != "null")
}

/// A text or null; `None` where it is neither, which is a fault.
fn string(
    faults: &mut Faults,
    name: &'static str,
    value: &RawValue,
) -> Result<Option<Option<String>>, Problem> {
    let Some(value) = not_null(value) else {
        return Ok(Some(None));
    };
    let text = json::string(value).map_err(unreadable)?;
    if text.is_none() {
        faults.add(name, "expected a string");
    }
    Ok(text.map(Some))
}
