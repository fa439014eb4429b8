use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};

/// Of what was read: only the client keeps it, and asks each time whether it is still true.
pub(crate) const REVALIDATE: (HeaderName, HeaderValue) =
    (CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));

/// Of what was done: nobody keeps it.
pub(crate) const NO_STORE: (HeaderName, HeaderValue) =
    (CACHE_CONTROL, HeaderValue::from_static("no-store"));
