//! Responses of operations: statuses, headers, bodies, examples and links.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::IntoResponses;
use utoipa::openapi::link::Link;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use super::{examples, values};

pub(super) type Responses = BTreeMap<String, RefOr<Response>>;

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
                examples::address(),
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
        let (_, response) = ok(with_links(response), "Address", examples::address());
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
        [ok(with_links(response), "Address", examples::address())].into()
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
        [ok(response, "Address", examples::address()), unread].into()
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
                examples::default_addresses(),
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
            ok(current, "DefaultAddresses", examples::default_addresses()),
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
            "customer_id": examples::CUSTOMER_ID,
            "address_id": examples::ADDRESS_ID,
            "revisions": [examples::address_revision()],
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
        [ok(
            response,
            "AddressRevision",
            examples::address_revision(),
        )]
        .into()
    }
}

/// The list of countries, or 304.
pub(crate) struct CountriesListed;

impl IntoResponses for CountriesListed {
    fn responses() -> Responses {
        let headers = &["Cache-Control", "ETag"];
        let response = response("All countries", headers);
        [
            ok(response, "CountryList", examples::countries_listed()),
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
            ok(response, "Country", examples::country_found()),
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

pub(super) fn response(description: &str, headers: &[&str]) -> ResponseBuilder {
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

pub(super) fn with_headers(response: ResponseBuilder, names: &[&str]) -> ResponseBuilder {
    names.iter().fold(response, |response, name| {
        response.header_ref(*name, Ref::new(format!("#/components/headers/{name}")))
    })
}
