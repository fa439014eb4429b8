//! Responses with problems: one for each status, with an example for each kind.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{ContentBuilder, Ref};

use super::examples;
use super::responses::{Responses, response, with_headers};
use crate::response::problem_kind::{
    BUSY, DUPLICATE_ADDRESS, INSUFFICIENT_SCOPE, INTERNAL, INVALID_ADDRESS, INVALID_CREDENTIAL,
    INVALID_DEFAULT_ADDRESSES, INVALID_PARAMETER, OTHER_BOOK, ProblemKind, RATE_LIMITED, TIMED_OUT,
    UNAUTHENTICATED, UNAVAILABLE,
};

/// Declares the problems of an operation, besides those of all operations, as a type for its
/// `responses`.
macro_rules! problems {
    ($name:ident: $($kind:ident),* $(,)?) => {
        $crate::openapi::problems::problems!($name, of_problems: $($kind),*);
    };
    ($name:ident, $of:ident: $($kind:ident),*) => {
        pub(crate) struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::response::Response>,
            > {
                $crate::openapi::problems::$of(&[$($crate::response::problem_kind::$kind),*])
            }
        }
    };
}
pub(crate) use problems;

/// Like [`problems`], for an operation that requires no credential and reads nothing from the store.
macro_rules! public_problems {
    ($name:ident: $($kind:ident),*) => {
        $crate::openapi::problems::problems!($name, of_public_problems: $($kind),*);
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
        "request_id": examples::REQUEST_ID,
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
