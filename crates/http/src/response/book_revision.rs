//! The revision of the book to which a response belongs.

use actix_web::http::header::{HeaderName, HeaderValue};

/// The name of the response header.
pub(crate) const BOOK_REVISION: HeaderName = HeaderName::from_static("book-revision");

/// The header with a revision.
pub(crate) fn header(revision: u64) -> (HeaderName, HeaderValue) {
    (BOOK_REVISION, revision.into())
}
