//! What requests hold in their paths, queries and headers.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{RefOr, Required, Schema};

use super::values;

/// Parameters of one place.
pub(crate) trait Parameters {
    const NAMES: &'static [&'static str];
}

/// Declares parameters of one place as a type for an operation's `params`.
macro_rules! parameters {
    ($type:ident in $place:ident: $($name:literal $value:ident $description:literal;)*) => {
        pub(crate) struct $type;

        impl Parameters for $type {
            const NAMES: &'static [&'static str] = &[$($name),*];
        }

        impl IntoParams for $type {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                vec![$(parameter(
                    ParameterIn::$place,
                    $name,
                    values::$value(),
                    $description,
                )),*]
            }
        }
    };
}

fn parameter(
    place: ParameterIn,
    name: &str,
    schema: impl Into<RefOr<Schema>>,
    description: &str,
) -> Parameter {
    // Whatever else than the path could be left out.
    let required = if place == ParameterIn::Path {
        Required::True
    } else {
        Required::False
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

parameters! { CustomerPath in Path:
    "customer_id" customer_id "The customer whose addresses are meant";
}

parameters! { AddressPath in Path:
    "customer_id" customer_id "The customer whose address is meant";
    "address_id" address_id "The address that is meant";
}

parameters! { RevisionPath in Path:
    "revision" revision "The revision that is meant";
}

parameters! { ListQuery in Query:
    "limit" limit "How many addresses a page holds at most";
    "offset" offset "How many addresses are passed over; not together with `after`";
    "after" after "A cursor as a `Link` to the next page gave it, or empty for the first page of a \
        client that pages by cursors. No address is skipped or repeated while others come and go";
    "country" countries "Only addresses in this country; several times for several countries";
    "q" search_text "Only addresses whose description, region or city holds this text, whatever \
        the case and the accents of its letters: `zurich` finds `Zürich`";
    "order" order "What goes first; the id breaks ties";
    "updated_since" updated_since "Only addresses that changed then or later";
    "as_of" as_of "The book as it stood then";
}

parameters! { RevisionsQuery in Query:
    "limit" limit "How many revisions a page holds at most";
    "after" after_revision "`next` of the page before";
}

parameters! { NoQuery in Query: }

parameters! { RequestHeaders in Header:
    "X-Request-Id" any_text "What to call this exchange: 1 to 128 of `A–Z a–z 0–9 . _ -`. All else \
        is passed over, and the service makes a name";
    "Prefer" any_text "`handling=strict` (RFC 7240): parameters in the query that the operation does \
        not know are refused with 400 instead of ignored. `handling=lenient`: they are ignored, as \
        by default. Other preferences are ignored";
}

parameters! { ReadCondition in Header:
    "If-None-Match" any_text "The tags of what the client has, or `*`: 304 where one of them is the \
        current one";
}

parameters! { ChangeConditions in Header:
    "If-Match" condition "The strong tags of the states that the change is meant for, or `*` for \
        any: 412 where none of them is the current one. A weak tag, or one to which a proxy appended \
        `-gzip`, `-br` or `-zstd`, matches nothing. Without it the last writer wins, unless the \
        service was told to require it (428)";
    "If-None-Match" condition "The tags of states that the change is not meant for, or `*` for all: \
        412 where one of them is the current one";
}

parameters! { ErasureCondition in Header:
    "If-Match" any_text "`*`, or nothing: a book has no strong tag, so that any other value gets 412";
}

parameters! { Idempotency in Header:
    "Idempotency-Key" idempotency_key "What the client calls this creation, so that it may repeat \
        the request: the same key with the same body creates once. Kept for each customer, for 24 \
        hours unless set otherwise (draft-ietf-httpapi-idempotency-key-header-07)";
}
