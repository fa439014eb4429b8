use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};

/// For reads: only the client may cache the response, and must revalidate it each time.
pub(crate) const REVALIDATE: (HeaderName, HeaderValue) =
    (CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));

/// For data that is the same for all clients until the next release: anyone may cache the response
/// for a day.
pub(crate) const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// For files of pages: they may be cached, and must be revalidated each time.
pub(crate) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// For changes: nothing may cache the response.
pub(crate) const NO_STORE: (HeaderName, HeaderValue) =
    (CACHE_CONTROL, HeaderValue::from_static("no-store"));
