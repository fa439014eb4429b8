//! Responses of operations: statuses, headers, bodies, examples and links.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::IntoResponses;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::link::Link;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Ref, RefOr, Type};

use super::values;
use crate::response::problem_kind::{
    BUSY, DUPLICATE_ADDRESS, INSUFFICIENT_SCOPE, INTERNAL, INVALID_ADDRESS, INVALID_CREDENTIAL,
    INVALID_DEFAULT_ADDRESSES, INVALID_PARAMETER, OTHER_BOOK, ProblemKind, RATE_LIMITED, TIMED_OUT,
    UNAUTHENTICATED, UNAVAILABLE,
};

type Responses = BTreeMap<String, RefOr<Response>>;

/// Declares the problems of an operation, besides those of all operations, as a type for its
/// `responses`.
macro_rules! problems {
    ($name:ident: $($kind:ident),* $(,)?) => {
        $crate::openapi::responses::problems!($name, of_problems: $($kind),*);
    };
    ($name:ident, $of:ident: $($kind:ident),*) => {
        pub(crate) struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::response::Response>,
            > {
                $crate::openapi::responses::$of(&[$($crate::response::problem_kind::$kind),*])
            }
        }
    };
}
pub(crate) use problems;

/// Like [`problems`], for an operation that requires no credential and reads nothing from the store.
macro_rules! public_problems {
    ($name:ident: $($kind:ident),*) => {
        $crate::openapi::responses::problems!($name, of_public_problems: $($kind),*);
    };
}
pub(crate) use public_problems;

/// The problems of all operations that require no credential.
const OF_PUBLIC: [ProblemKind; 4] = [INVALID_PARAMETER, RATE_LIMITED, INTERNAL, BUSY];

/// The problems of all other operations.
const OF_ALL: [ProblemKind; 10] = [
    INVALID_PARAMETER,
    UNAUTHENTICATED,
    INVALID_CREDENTIAL,
    INSUFFICIENT_SCOPE,
    OTHER_BOOK,
    RATE_LIMITED,
    INTERNAL,
    BUSY,
    UNAVAILABLE,
    TIMED_OUT,
];

pub(crate) fn of_problems(kinds: &[ProblemKind]) -> Responses {
    by_status(kinds.iter().chain(&OF_ALL))
}

pub(crate) fn of_public_problems(kinds: &[ProblemKind]) -> Responses {
    by_status(kinds.iter().chain(&OF_PUBLIC))
}

/// One response for each status, with an example for each kind.
fn by_status<'a>(kinds: impl Iterator<Item = &'a ProblemKind>) -> Responses {
    let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
    for kind in kinds {
        by_status
            .entry(kind.status.as_u16())
            .or_default()
            .push(*kind);
    }
    let responses = by_status.into_iter().map(|(status, kinds)| {
        let titles: Vec<_> = kinds
            .iter()
            .map(|kind| format!("{} (`{}`)", kind.title, kind.uri))
            .collect();
        let examples = kinds.iter().map(|kind| {
            let example = ExampleBuilder::new()
                .summary(kind.title)
                .value(Some(example_of(kind)))
                .build();
            (kind.slug(), example)
        });
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .examples_from_iter(examples)
            .build();
        let has = |wanted: ProblemKind| kinds.iter().any(|kind| kind.uri == wanted.uri);
        let own_headers: &[_] = match status {
            401 | 403 => &["WWW-Authenticate"],
            404 => &["Book-Revision"],
            409 if has(DUPLICATE_ADDRESS) => &["Book-Revision", "Location"],
            412 => &["Book-Revision", "ETag"],
            415 => &["Accept-Encoding", "Accept-Patch"],
            429 | 503 => &["Retry-After"],
            _ => &[],
        };
        let response = with_headers(
            response(&titles.join(", or "), own_headers),
            &["Cache-Control"],
        );
        (
            status.to_string(),
            response.content("application/problem+json", content).into(),
        )
    });
    responses.collect()
}

/// An example of a problem of a kind.
pub(crate) fn example_of(kind: &ProblemKind) -> Value {
    let mut body = json!({
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status.as_u16(),
        "detail": kind.detail,
        "request_id": values::REQUEST_ID,
    });
    let error = match kind.uri {
        uri if uri == INVALID_PARAMETER.uri => Some((
            "customer_id",
            "expected 1 to 64 of the characters A-Z, a-z, 0-9, _ and -",
        )),
        uri if uri == INVALID_DEFAULT_ADDRESSES.uri => Some((
            "default_addresses.shipping",
            "is not an address of this customer",
        )),
        uri if uri == INVALID_ADDRESS.uri => Some(("city", "is required")),
        _ => None,
    };
    if let Some((field, message)) = error {
        body["errors"] = json!([{"field": field, "message": message}]);
    }
    body
}

/// A page of a customer's addresses, or 304.
pub(crate) struct Listed;

impl IntoResponses for Listed {
    fn responses() -> Responses {
        let example = serde_json::from_str(include_str!("../../tests/example-response.json"));
        let page = &[
            "Book-Revision",
            "Cache-Control",
            "ETag",
            "Link",
            "X-Total-Count",
        ];
        [
            ok(
                response("A page of the customer's addresses", page),
                "AddressList",
                example.unwrap_or_default(),
            ),
            not_modified(page),
        ]
        .into()
    }
}

/// A single address, or 304.
pub(crate) struct Found;

impl IntoResponses for Found {
    fn responses() -> Responses {
        let headers = &["Book-Revision", "Cache-Control", "ETag"];
        [
            ok(
                response("The address", headers),
                "Address",
                values::address(),
            ),
            not_modified(headers),
        ]
        .into()
    }
}

/// A new address.
pub(crate) struct Created;

impl IntoResponses for Created {
    fn responses() -> Responses {
        let headers = &[
            "Book-Revision",
            "Cache-Control",
            "ETag",
            "Idempotent-Replayed",
            "Location",
        ];
        let response = response(
            "The address was created, by this request or an earlier one with the same key. The \
             body is empty if the credential lacks the scope `addresses:read`",
            headers,
        );
        let (_, response) = ok(with_links(response), "Address", values::address());
        [("201".to_owned(), response)].into()
    }
}

/// The address that a customer has already.
pub(crate) struct Duplicate;

impl IntoResponses for Duplicate {
    fn responses() -> Responses {
        let headers = &["Book-Revision", "Cache-Control", "ETag", "Location"];
        let response = response(
            "With `on_duplicate=return`: the current state of the same address, which the customer \
             has already. It was not changed, but is the default for the purposes in `default_for`. The body is empty if the credential lacks the scope \
             `addresses:read`",
            headers,
        );
        [ok(with_links(response), "Address", values::address())].into()
    }
}

/// Adds links to the operations of the address in the body.
fn with_links(response: ResponseBuilder) -> ResponseBuilder {
    let operations = [
        "getAddress",
        "patchAddress",
        "removeAddress",
        "listAddressRevisions",
    ];
    operations
        .into_iter()
        .fold(response, |response, operation| {
            let link = Link::builder()
                .operation_id(operation)
                .parameter("customer_id", "$request.path.customer_id")
                .parameter("address_id", "$response.body#/id")
                .build();
            response.link(operation, link)
        })
}

/// A changed address.
pub(crate) struct Patched;

impl IntoResponses for Patched {
    fn responses() -> Responses {
        let response = response(
            "The current state of the address",
            &["Book-Revision", "Cache-Control", "ETag"],
        );
        let unread = response_204();
        [ok(response, "Address", values::address()), unread].into()
    }
}

fn response_204() -> (String, RefOr<Response>) {
    let response = response(
        "The address was changed. Returned if the credential lacks the scope `addresses:read`",
        &["Book-Revision", "Cache-Control", "ETag"],
    );
    ("204".to_owned(), response.into())
}

/// The default addresses of a customer, or 304.
pub(crate) struct DefaultAddressesFound;

impl IntoResponses for DefaultAddressesFound {
    fn responses() -> Responses {
        let headers = &["Book-Revision", "Cache-Control", "ETag"];
        [
            ok(
                response("The default addresses", headers),
                "DefaultAddresses",
                values::default_addresses(),
            ),
            not_modified(headers),
        ]
        .into()
    }
}

/// Changed default addresses.
pub(crate) struct DefaultAddressesPatched;

impl IntoResponses for DefaultAddressesPatched {
    fn responses() -> Responses {
        let headers = &["Book-Revision", "Cache-Control", "ETag"];
        let current = response("The current default addresses", headers);
        let unread = response(
            "The default addresses were changed. Returned if the credential lacks the scope \
             `addresses:read`",
            headers,
        );
        [
            ok(current, "DefaultAddresses", values::default_addresses()),
            ("204".to_owned(), unread.into()),
        ]
        .into()
    }
}

/// What a validation found.
pub(crate) struct Validated;

impl IntoResponses for Validated {
    fn responses() -> Responses {
        let example = json!({
            "valid": false,
            "findings": [
                {
                    "pointer": "/region",
                    "code": "unusual-form",
                    "message": "is usually written in another form",
                    "suggestion": "IL",
                },
                {
                    "pointer": "/postal_code",
                    "code": "invalid-postal-code",
                    "message": "expected a postal code such as 95014 or 22162-1010",
                    "suggestion": null,
                },
            ],
        });
        let response = response(
            "What is wrong with the address, or unusual",
            &["Cache-Control"],
        );
        [ok(response, "Validation", example)].into()
    }
}

/// A label, in one of its media types.
pub(crate) struct Labelled;

impl IntoResponses for Labelled {
    fn responses() -> Responses {
        let response = response("The label", &["Book-Revision", "Cache-Control"]);
        let response = [
            (
                "text/plain",
                "Ada Lovelace\n1 Main Street\nSpringfield, IL 62701\n",
            ),
            (
                "text/vcard",
                "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada Lovelace\r\nADR:;;1 Main \
                 Street;Springfield;IL;62701;United States\r\nEND:VCARD\r\n",
            ),
        ]
        .into_iter()
        .fold(response, |response, (media_type, example)| {
            let content = ContentBuilder::new()
                .schema(Some(values::any_text()))
                .example(Some(example.into()))
                .build();
            response.content(media_type, content)
        });
        let example = json!({"lines": ["Ada Lovelace", "1 Main Street", "Springfield, IL 62701"]});
        [ok(response, "Label", example)].into()
    }
}

/// The response to a removal, without a body.
pub(crate) struct Removed;

impl IntoResponses for Removed {
    fn responses() -> Responses {
        let response = response(
            "The address was removed from the book. Its revisions remain",
            &["Book-Revision", "Cache-Control"],
        );
        [("204".to_owned(), response.into())].into()
    }
}

/// The receipt of an erasure.
pub(crate) struct Erased;

impl IntoResponses for Erased {
    fn responses() -> Responses {
        let example = json!({"addresses": 2, "revisions": 5, "idempotency_records": 1, "default_addresses": 2});
        let response = response("All data about the customer was erased", &["Cache-Control"]);
        [ok(response, "ErasureReceipt", example)].into()
    }
}

/// A page of an address's revisions.
pub(crate) struct RevisionsListed;

impl IntoResponses for RevisionsListed {
    fn responses() -> Responses {
        let example = json!({
            "customer_id": values::CUSTOMER_ID,
            "address_id": values::ADDRESS_ID,
            "revisions": [values::address_revision()],
            "next": null,
        });
        let response = response(
            "The revisions of the address, newest first, even after its removal",
            &["Book-Revision", "Cache-Control"],
        );
        [ok(response, "AddressRevisionList", example)].into()
    }
}

/// One revision.
pub(crate) struct RevisionFound;

impl IntoResponses for RevisionFound {
    fn responses() -> Responses {
        let response = response("The revision", &["Book-Revision", "Cache-Control"]);
        [ok(response, "AddressRevision", values::address_revision())].into()
    }
}

/// The list of countries, or 304.
pub(crate) struct CountriesListed;

impl IntoResponses for CountriesListed {
    fn responses() -> Responses {
        let headers = &["Cache-Control", "ETag"];
        let response = response("All countries", headers);
        [
            ok(response, "CountryList", values::countries_listed()),
            not_modified(headers),
        ]
        .into()
    }
}

/// What addresses look like in a country, or 304.
pub(crate) struct CountryFound;

impl IntoResponses for CountryFound {
    fn responses() -> Responses {
        let headers = &["Cache-Control", "ETag"];
        let response = response("What addresses look like in the country", headers);
        [
            ok(response, "Country", values::country_found()),
            not_modified(headers),
        ]
        .into()
    }
}

fn ok(response: ResponseBuilder, schema: &str, example: Value) -> (String, RefOr<Response>) {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .example(Some(example))
        .build();
    (
        "200".to_owned(),
        response.content("application/json", content).into(),
    )
}

fn not_modified(headers: &[&str]) -> (String, RefOr<Response>) {
    let response = response(
        "The client already has this state (`If-None-Match`)",
        headers,
    );
    ("304".to_owned(), response.into())
}

fn response(description: &str, headers: &[&str]) -> ResponseBuilder {
    let response = ResponseBuilder::new().description(description);
    let response = with_headers(response, headers);
    let of_all = [
        "Preference-Applied",
        "RateLimit",
        "RateLimit-Policy",
        "X-Content-Type-Options",
        "X-Request-Id",
    ];
    with_headers(response, &of_all)
}

fn with_headers(response: ResponseBuilder, names: &[&str]) -> ResponseBuilder {
    names.iter().fold(response, |response, name| {
        response.header_ref(*name, Ref::new(format!("#/components/headers/{name}")))
    })
}

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
                values::BOOK_REVISION,
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
                values::ETAG,
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
                &format!("addresses/{}", values::ADDRESS_ID),
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
                values::REQUEST_ID.into(),
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
