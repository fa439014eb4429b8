use actix_web::http::StatusCode;
use addressbook_domain::RepositoryError;

/// A kind of problem, which clients distinguish by `type`. `kinds!` defines one per row, and is the
/// only place that chooses statuses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProblemKind {
    pub(crate) status: StatusCode,
    pub(crate) uri: &'static str,
    pub(crate) title: &'static str,
    /// The default detail.
    pub(crate) detail: &'static str,
}

macro_rules! kinds {
    ($($name:ident: $status:ident, $slug:literal, $title:literal, $detail:literal;)*) => {$(
        pub(crate) const $name: ProblemKind = ProblemKind {
            status: StatusCode::$status,
            uri: concat!("urn:addressbook:problem:", $slug),
            title: $title,
            detail: $detail,
        };
    )*

        /// All kinds.
        pub(crate) const ALL: &[ProblemKind] = &[$($name),*];
    };
}

kinds! {
    UNREADABLE: BAD_REQUEST, "unreadable-request",
        "Unreadable request", "The request cannot be parsed.";
    INVALID_PARAMETER: BAD_REQUEST, "invalid-parameter",
        "Invalid parameter", "See errors for each invalid parameter.";
    UNAUTHENTICATED: UNAUTHORIZED, "unauthenticated",
        "Credential missing", "Send a credential: Authorization: Bearer …";
    INVALID_CREDENTIAL: UNAUTHORIZED, "invalid-credential",
        "Invalid credential", "The credential is unknown, malformed, expired or revoked.";
    INSUFFICIENT_SCOPE: FORBIDDEN, "insufficient-scope",
        "Insufficient scope", "The credential does not allow this.";
    OTHER_BOOK: FORBIDDEN, "other-book",
        "Another customer's address book", "The credential is bound to another customer.";
    NOT_FOUND: NOT_FOUND, "not-found",
        "Not found", "There is no resource at this path.";
    METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED, "method-not-allowed",
        "Method not allowed", "See the Allow header for the methods of this path.";
    NOT_ACCEPTABLE: NOT_ACCEPTABLE, "not-acceptable",
        "Not acceptable", "None of the media types in Accept is available.";
    REQUEST_TIMEOUT: REQUEST_TIMEOUT, "request-timeout",
        "Request timeout", "The body did not arrive in time.";
    CONFLICT: CONFLICT, "conflict",
        "Conflict", "The stored data has changed since it was read. Read it again and retry.";
    DUPLICATE_ADDRESS: CONFLICT, "duplicate-address",
        "Duplicate address", "The customer has the same address already. See the Location header.";
    BOOK_FULL: CONFLICT, "book-full",
        "Address book full", "The customer has the maximum number of addresses.";
    TOO_MANY_REVISIONS: CONFLICT, "too-many-revisions",
        "Too many revisions", "The address or the customer has the maximum number of revisions.";
    PRECONDITION_FAILED: PRECONDITION_FAILED, "precondition-failed",
        "Precondition failed", "The current state does not match If-Match or If-None-Match. \
         See the ETag header for its current state.";
    TOO_LARGE: PAYLOAD_TOO_LARGE, "content-too-large",
        "Content too large", "The body exceeds the size limit.";
    UNSUPPORTED: UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type",
        "Unsupported media type", "The body must be application/json.";
    INVALID_ADDRESS: UNPROCESSABLE_ENTITY, "invalid-address",
        "Invalid address", "See errors for each invalid member.";
    INVALID_DEFAULT_ADDRESSES: UNPROCESSABLE_ENTITY, "invalid-default-addresses",
        "Invalid default addresses", "See errors for each invalid member.";
    KEY_REUSED: UNPROCESSABLE_ENTITY, "idempotency-key-reused",
        "Idempotency key reused", "This Idempotency-Key was used with another body.";
    PRECONDITION_REQUIRED: PRECONDITION_REQUIRED, "precondition-required",
        "Precondition required", "Send If-Match with the ETag of the current state.";
    RATE_LIMITED: TOO_MANY_REQUESTS, "rate-limited",
        "Rate limited", "The client has sent too many requests. Retry after the seconds in Retry-After.";
    INTERNAL: INTERNAL_SERVER_ERROR, "internal-error",
        "Internal error", "The service failed. Its log has the cause under this request_id.";
    BUSY: SERVICE_UNAVAILABLE, "busy",
        "Busy", "The service is overloaded. Retry shortly.";
    UNAVAILABLE: SERVICE_UNAVAILABLE, "unavailable",
        "Unavailable", "The database is unavailable or accepts no writes. Retry shortly.";
    REVISION_UNAVAILABLE: SERVICE_UNAVAILABLE, "revision-unavailable",
        "Revision unavailable", "No database that can be reached has the revision in \
         Min-Book-Revision yet. Retry shortly.";
    TIMED_OUT: SERVICE_UNAVAILABLE, "timed-out",
        "Timed out", "The request took too long. It may or may not have been carried out.";
}

impl ProblemKind {
    /// The last part of the URI.
    pub(crate) fn slug(&self) -> &'static str {
        self.uri.rsplit(':').next().unwrap_or(self.uri)
    }

    /// The kind of an error that has only a status.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::BAD_REQUEST => UNREADABLE,
            StatusCode::NOT_FOUND => NOT_FOUND,
            StatusCode::METHOD_NOT_ALLOWED => METHOD_NOT_ALLOWED,
            StatusCode::NOT_ACCEPTABLE => NOT_ACCEPTABLE,
            StatusCode::REQUEST_TIMEOUT => REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE => TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => UNSUPPORTED,
            StatusCode::INTERNAL_SERVER_ERROR => INTERNAL,
            StatusCode::SERVICE_UNAVAILABLE => UNAVAILABLE,
            // RFC 9457, section 4.2.1: no meaning beyond that of the status.
            _ => Self {
                status,
                uri: "about:blank",
                title: status.canonical_reason().unwrap_or("Unknown"),
                detail: "See the HTTP status.",
            },
        }
    }

    /// The kind of a repository's error.
    pub(crate) fn of_failure(error: &RepositoryError) -> Self {
        match error {
            RepositoryError::Busy(_) => BUSY,
            RepositoryError::Unavailable(_) => UNAVAILABLE,
            RepositoryError::Corrupt(_) | RepositoryError::Internal(_) => INTERNAL,
        }
    }
}
