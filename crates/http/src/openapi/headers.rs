//! The headers of responses.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::{ObjectBuilder, RefOr, Type};

use super::{examples, values};

/// All headers of responses, by name.
pub(crate) fn headers() -> BTreeMap<String, RefOr<Header>> {
    let text = |description: &str, example: &str| {
        let schema = ObjectBuilder::new().schema_type(Type::String).build();
        header(schema, description, example.into())
    };
    let number = |minimum: usize, description: &str, example: u64| {
        let schema = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(minimum))
            .build();
        header(schema, description, example.into())
    };
    let one_of = |values: &[&str], description: &str| {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(values.iter().copied()))
            .build();
        header(schema, description, values[0].into())
    };
    let headers = [
        (
            "Accept-Encoding",
            one_of(
                &["identity"],
                "The supported content codings of request bodies. Present if the body had another \
                 one",
            ),
        ),
        (
            "Accept-Patch",
            text(
                "The supported media types of patches (RFC 5789)",
                "application/merge-patch+json, application/json",
            ),
        ),
        (
            "Book-Revision",
            number(
                0,
                "The revision of the customer's address book to which the response belongs; 0 if \
                 the customer has none. Send it as `Min-Book-Revision` to read nothing older. A \
                 problem has it if it is about the state of the book",
                examples::BOOK_REVISION,
            ),
        ),
        (
            "Cache-Control",
            one_of(
                &["private, no-cache", "no-store", "public, max-age=86400"],
                "Whether the client may cache the response. It must revalidate it before each use, \
                 except countries",
            ),
        ),
        (
            "ETag",
            text(
                "The entity tag of the current state: strong for a single address or a country, \
                 weak for a list of addresses and with `include`. Opaque",
                examples::ETAG,
            ),
        ),
        (
            "Idempotent-Replayed",
            one_of(
                &["true"],
                "Present if an earlier request with the same key created the address",
            ),
        ),
        (
            "Link",
            text(
                "Links to other pages (RFC 8288): `first`, `prev`, `next`, relative to this path",
                "<addresses?limit=2&offset=0>; rel=\"first\", <addresses?limit=2&offset=2>; rel=\"next\"",
            ),
        ),
        (
            "Location",
            text(
                "The path of the address, relative to this path",
                &format!("addresses/{}", examples::ADDRESS_ID),
            ),
        ),
        (
            "Preference-Applied",
            one_of(
                &["handling=strict", "handling=lenient"],
                "The applied handling (RFC 7240). Present if `Prefer` requests one",
            ),
        ),
        (
            "RateLimit",
            text(
                "Remaining requests (`r`), and seconds for which they suffice at the rate of the \
                 policy (`t`), according to draft-ietf-httpapi-ratelimit-headers. Present if the \
                 service has a rate limit",
                r#""default";r=50;t=30"#,
            ),
        ),
        (
            "RateLimit-Policy",
            text(
                "Number of requests that a client may send (`q`) within a window in seconds (`w`)",
                r#""default";q=100;w=60"#,
            ),
        ),
        (
            "Retry-After",
            number(1, "Number of seconds after which to retry", 1),
        ),
        (
            "WWW-Authenticate",
            text(
                "The required credential, and the error of the one that was sent (RFC 6750)",
                r#"Bearer realm="addressbook", error="invalid_token""#,
            ),
        ),
        (
            "X-Content-Type-Options",
            one_of(&["nosniff"], "Disables guessing of the media type"),
        ),
        (
            "X-Request-Id",
            header(
                values::request_id(),
                "The id of this exchange, also in the service's log",
                examples::REQUEST_ID.into(),
            ),
        ),
        (
            "X-Total-Count",
            number(
                0,
                "Number of addresses on all pages. Absent from 304 with a filter, an order or a \
                 cursor",
                2,
            ),
        ),
    ];
    headers
        .into_iter()
        .map(|(name, header)| (name.to_owned(), header.into()))
        .collect()
}

fn header(
    schema: impl Into<RefOr<utoipa::openapi::Schema>>,
    description: &str,
    example: Value,
) -> Header {
    HeaderBuilder::new()
        .schema(Some(schema))
        .description(Some(description))
        .example(Some(example))
        .build()
}
