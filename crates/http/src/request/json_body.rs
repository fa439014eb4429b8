//! The JSON object in the body of a request.

use addressbook_domain::json::{self, ObjectMembers};

use crate::response::problem::Problem;
use crate::response::problem_kind::{ProblemKind, UNREADABLE};

/// The members of a JSON object, in their order.
pub(crate) type Members<'a> = ObjectMembers<'a>;

/// Reads the members of the object in a body.
///
/// # Errors
/// 400 if the body is not JSON, or is JSON that two readers could read differently; a problem of
/// this kind if it is not an object.
pub(crate) fn members(body: &[u8], no_object: ProblemKind) -> Result<Members<'_>, Problem> {
    if body.trim_ascii().is_empty() {
        return Err(unreadable("it is empty; expected a JSON object"));
    }
    if is_utf_16(body) {
        return Err(unreadable("it is in UTF-16 or UTF-32; expected UTF-8"));
    }
    let text = str::from_utf8(body).map_err(unreadable)?;
    let members = json::object(text).map_err(unreadable)?;
    let detail = match text.trim_start().as_bytes().first() {
        Some(b'{') => None,
        Some(b'[') => Some(
            "The body must be a JSON object, but it is an array. Send each object in its own \
             request.",
        ),
        Some(b'"') => Some(
            "The body must be a JSON object, but it is a string. It may have been encoded as JSON \
             twice.",
        ),
        _ => Some("The body must be a JSON object."),
    };
    if let Some(detail) = detail {
        return Err(Problem::of(no_object).with_detail(detail));
    }
    Ok(members.unwrap_or_default())
}

fn unreadable(error: impl std::fmt::Display) -> Problem {
    Problem::of(UNREADABLE).with_detail(format!("The body cannot be read: {error}."))
}

/// Whether a body begins with a byte order mark of UTF-16 or UTF-32, or with an ASCII character in
/// one of these encodings.
fn is_utf_16(body: &[u8]) -> bool {
    matches!(
        body,
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, ..] | [_, 0, ..]
    )
}
