//! Bodies that are JSON merge patches (RFC 7396).

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};

use crate::request::address_input::has_media_type;
use crate::response::problem::Problem;
use crate::response::problem_kind::UNSUPPORTED;

/// RFC 5789, section 3.1.
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
const MEDIA_TYPES: &str = "application/merge-patch+json, application/json";

/// Checks that a request declares a merge patch.
///
/// # Errors
/// 415 with `Accept-Patch`.
pub(crate) fn expect_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let is_patch = |media_type: &str| MEDIA_TYPES.split(", ").any(|known| known == media_type);
    match has_media_type(request, is_patch) {
        true => Ok(()),
        false => Err(Problem::of(UNSUPPORTED)
            .with_detail("The body must be of a media type listed in the Accept-Patch header.")
            .with_header(ACCEPT_PATCH, HeaderValue::from_static(MEDIA_TYPES))),
    }
}
