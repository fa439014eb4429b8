use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};

/// For reads: only the client may cache the response, and must revalidate it each time.
pub(crate) const REVALIDATE: (HeaderName, HeaderValue) =
    (CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));

/// For changes: nothing may cache the response.
pub(crate) const NO_STORE: (HeaderName, HeaderValue) =
    (CACHE_CONTROL, HeaderValue::from_static("no-store"));
