//! Parameters of requests in paths, queries and headers.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{RefOr, Required, Schema};

use super::values;

/// Parameters in one location: the path, the query or the headers.
pub(crate) trait Parameters {
    const NAMES: &'static [&'static str];
}

/// Declares parameters in one location as a type for an operation's `params`.
macro_rules! parameters {
    ($type:ident in $location:ident: $($name:literal $value:ident $description:literal;)*) => {
        pub(crate) struct $type;

        impl Parameters for $type {
            const NAMES: &'static [&'static str] = &[$($name),*];
        }

        impl IntoParams for $type {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                vec![$(parameter(
                    ParameterIn::$location,
                    $name,
                    values::$value(),
                    $description,
                )),*]
            }
        }
    };
}

fn parameter(
    location: ParameterIn,
    name: &str,
    schema: impl Into<RefOr<Schema>>,
    description: &str,
) -> Parameter {
    // Only parameters in the path cannot be absent.
    let required = if location == ParameterIn::Path {
        Required::True
    } else {
        Required::False
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(location)
        .required(required)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

parameters! { CustomerPath in Path:
    "customer_id" customer_id "The customer to whom the addresses belong";
}

parameters! { AddressPath in Path:
    "customer_id" customer_id "The customer to whom the address belongs";
    "address_id" address_id "The address";
}

parameters! { RevisionPath in Path:
    "revision" revision "The revision";
}

parameters! { CountryPath in Path:
    "code" country "The country";
}

parameters! { ListQuery in Query:
    "limit" limit "Maximum number of addresses on a page";
    "offset" offset "Number of addresses to skip; cannot be combined with `after`";
    "after" after "The cursor from the `Link` to the next page, or empty for the first page when \
        paging by cursors. Concurrent changes do not cause addresses to be skipped or repeated";
    "country" countries "Only addresses in this country; repeat it for several countries";
    "q" search_text "Only addresses whose description, region or city contains this text, ignoring \
        case and accents: `zurich` finds `Zürich`";
    "order" order "The order; the id breaks ties";
    "updated_since" updated_since "Only addresses that changed at this time or later";
    "as_of" as_of "The state of the book at this time";
    "default_for" purposes "Only the default address for this purpose; repeat it for several. Cannot \
        be combined with `as_of`";
    "include" include "Members to add to each address. `default_for` cannot be combined with `as_of`";
}

parameters! { GetQuery in Query:
    "include" include "Members to add to the address";
}

parameters! { CreateQuery in Query:
    "on_duplicate" on_duplicate "What to do if the customer has the same address already, regardless \
        of case, accents, punctuation and blanks: `allow` creates it nevertheless, `return` returns \
        that address with 200, and `reject` rejects the request with 409. Description, sorting code, \
        phone and custom data are not compared. The default is `allow`, unless configured otherwise";
}

parameters! { RevisionsQuery in Query:
    "limit" limit "Maximum number of revisions on a page";
    "after" after_revision "`next` from the previous page";
}

parameters! { LabelQuery in Query:
    "script" script "The script in which the address is written, which determines the order of the \
        lines";
    "origin" country "The country from which the letter is sent: the name of the address's country \
        is left out if it is the same";
}

parameters! { NoQuery in Query: }

parameters! { RequestHeaders in Header:
    "X-Request-Id" any_text "The id of this exchange: 1 to 128 of `A–Z a–z 0–9 . _ -`. If it is \
        absent or invalid, the service generates one";
    "Prefer" any_text "`handling=strict` (RFC 7240): unknown query parameters are rejected with \
        400, and new or changed addresses that the rules of their country reject with 422. \
        `handling=lenient`, the default: parameters are ignored, and the service's configuration \
        says whether such addresses are rejected. Other preferences are ignored";
}

parameters! { ReadCondition in Header:
    "If-None-Match" any_text "The tags of the states that the client has, or `*`: 304 if one of \
        them is current";
}

parameters! { ReadRevision in Header:
    "Min-Book-Revision" book_revision "The last `Book-Revision` that the client saw of this \
        customer's addresses: the response is of that revision or a later one. 503 if it is not \
        available yet";
}

parameters! { ChangeConditions in Header:
    "If-Match" condition "The strong tags of the states to which the change applies, or `*` for \
        any: 412 if none of them is current. A weak tag, or one to which a proxy appended `-gzip`, \
        `-br` or `-zstd`, matches nothing. Without this header the last writer wins, unless the \
        service is configured to require it (428)";
    "If-None-Match" condition "The tags of states to which the change does not apply, or `*` for \
        all: 412 if one of them is current";
}

parameters! { ErasureCondition in Header:
    "If-Match" any_text "`*` or absent: a book has no strong tag, so any other value gets 412";
}

parameters! { Idempotency in Header:
    "Idempotency-Key" idempotency_key "Identifies this creation, so that the client can repeat the \
        request: the same key with the same body creates only one address. Stored per customer, \
        for 24 hours unless configured otherwise (draft-ietf-httpapi-idempotency-key-header-07)";
}
