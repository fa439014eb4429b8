//! The lowest revision of a book that a client accepts.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use addressbook_domain::{FieldErrors, MinRevision};

/// The name of the request header.
pub(crate) const MIN_BOOK_REVISION: HeaderName = HeaderName::from_static("min-book-revision");

/// Parses the header. Without it, any revision is accepted.
pub(crate) fn read(request: &HttpRequest, errors: &mut FieldErrors) -> Option<MinRevision> {
    const FIELD: &str = "Min-Book-Revision";
    let mut values = request.headers().get_all(MIN_BOOK_REVISION);
    let Some(value) = values.next() else {
        return Some(MinRevision::default());
    };
    if values.next().is_some() {
        errors.add(FIELD, "expected once");
        return None;
    }
    errors.check(FIELD, MinRevision::parse(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use addressbook_testkit::fixtures;
    use insta::assert_snapshot;

    use super::*;
    use crate::testing::{BOOK, TestApp, header_of, holding, path_of};

    /// The operations that accept the header.
    fn paths() -> [String; 7] {
        [
            BOOK.to_owned(),
            format!("{BOOK}?include=default_for"),
            path_of(1),
            format!("{}/label", path_of(1)),
            format!("{}/revisions", path_of(1)),
            format!("{}/revisions/1", path_of(1)),
            BOOK.replace("addresses", "default-addresses"),
        ]
    }

    async fn answer(path: &str, min_revisions: &[&str]) -> String {
        let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
        let mut request = TestRequest::get().uri(path);
        for min_revision in min_revisions {
            request = request.append_header((MIN_BOOK_REVISION, *min_revision));
        }
        test_app.answer(request).await
    }

    #[actix_web::test]
    async fn a_read_returns_that_revision_or_a_later_one() {
        for path in paths() {
            for min_revision in ["0", "1"] {
                let read = answer(&path, &[min_revision]).await;
                assert!(read.starts_with("200"), "{path}: {read}");
                assert_eq!(header_of(&read, "book-revision").unwrap(), "1", "{path}");
            }
            assert_snapshot!("behind", answer(&path, &["2"]).await);
        }
    }

    #[actix_web::test]
    async fn a_book_that_does_not_exist_has_no_later_revision() {
        let path = "/v1/customers/cus_2/addresses";
        let read = answer(path, &["7"]).await;
        assert!(read.starts_with("200"), "{read}");
        assert_eq!(header_of(&read, "book-revision").unwrap(), "0");
    }

    #[actix_web::test]
    async fn anything_but_one_number_is_a_field_error() {
        for path in paths() {
            assert_snapshot!("malformed", answer(&path, &["1.5"]).await);
            assert_snapshot!("repeated", answer(&path, &["1", "1"]).await);
        }
    }
}
