use actix_web::http::StatusCode;
use addressbook_domain::RepositoryError;

/// What a client can tell apart by `type`: one row each, and the only place where statuses
/// are chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) status: StatusCode,
    pub(crate) uri: &'static str,
    pub(crate) title: &'static str,
    /// What the client is told unless there is more to tell.
    pub(crate) detail: &'static str,
}

macro_rules! kinds {
    ($($name:ident: $status:ident, $slug:literal, $title:literal, $detail:literal;)*) => {$(
        pub(crate) const $name: Kind = Kind {
            status: StatusCode::$status,
            uri: concat!("urn:addressbook:problem:", $slug),
            title: $title,
            detail: $detail,
        };
    )*

        /// All of them.
        pub(crate) const ALL: &[Kind] = &[$($name),*];
    };
}

kinds! {
    UNREADABLE: BAD_REQUEST, "unreadable-request",
        "Unreadable request", "The request cannot be read.";
    INVALID_PARAMETER: BAD_REQUEST, "invalid-parameter",
        "Invalid parameter", "What is wrong with which parameter is listed under errors.";
    UNAUTHENTICATED: UNAUTHORIZED, "unauthenticated",
        "Credential missing", "The request has to bring a credential: Authorization: Bearer …";
    INVALID_CREDENTIAL: UNAUTHORIZED, "invalid-credential",
        "Invalid credential", "The credential is unknown, malformed, expired or revoked.";
    INSUFFICIENT_SCOPE: FORBIDDEN, "insufficient-scope",
        "Insufficient scope", "The credential does not allow this.";
    OTHER_BOOK: FORBIDDEN, "other-book",
        "Another customer's address book", "The credential opens the book of one customer alone.";
    NOT_FOUND: NOT_FOUND, "not-found",
        "Not found", "There is nothing under this path.";
    METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED, "method-not-allowed",
        "Method not allowed", "The methods that this path takes are listed in the header Allow.";
    REQUEST_TIMEOUT: REQUEST_TIMEOUT, "request-timeout",
        "Request timeout", "The body did not arrive in time.";
    CONFLICT: CONFLICT, "conflict",
        "Conflict", "What is kept has changed in the meantime. Read it again.";
    BOOK_FULL: CONFLICT, "book-full",
        "Address book full", "The address book holds as many addresses as it may.";
    TOO_MANY_REVISIONS: CONFLICT, "too-many-revisions",
        "Too many revisions", "The address, or its customer, has as many revisions as may be stored.";
    PRECONDITION_FAILED: PRECONDITION_FAILED, "precondition-failed",
        "Precondition failed", "The address is not in a state that If-Match and If-None-Match ask for. \
         The header ETag names the state that it is in.";
    TOO_LARGE: PAYLOAD_TOO_LARGE, "content-too-large",
        "Content too large", "The body is larger than this path takes.";
    UNSUPPORTED: UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type",
        "Unsupported media type", "The body has to be application/json.";
    INVALID_ADDRESS: UNPROCESSABLE_ENTITY, "invalid-address",
        "Invalid address", "What is wrong with which member is listed under errors.";
    KEY_REUSED: UNPROCESSABLE_ENTITY, "idempotency-key-reused",
        "Idempotency key reused", "This Idempotency-Key came with another body before.";
    PRECONDITION_REQUIRED: PRECONDITION_REQUIRED, "precondition-required",
        "Precondition required", "If-Match has to name the ETag of the address as it was read.";
    RATE_LIMITED: TOO_MANY_REQUESTS, "rate-limited",
        "Rate limited", "Too many requests came from this client. Retry-After says when to go on.";
    INTERNAL: INTERNAL_SERVER_ERROR, "internal-error",
        "Internal error", "The service failed. Its log says why, under this request_id.";
    BUSY: SERVICE_UNAVAILABLE, "busy",
        "Busy", "Too much is going on. Try again in a moment.";
    UNAVAILABLE: SERVICE_UNAVAILABLE, "unavailable",
        "Unavailable", "The addresses cannot be reached now. Try again in a moment.";
    TIMED_OUT: SERVICE_UNAVAILABLE, "timed-out",
        "Timed out", "The answer took too long. What was asked for may have been done or not.";
}

impl Kind {
    /// The last part of its URI.
    pub(crate) fn slug(&self) -> &'static str {
        self.uri.rsplit(':').next().unwrap_or(self.uri)
    }

    /// What stands for an error that only has a status.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::BAD_REQUEST => UNREADABLE,
            StatusCode::NOT_FOUND => NOT_FOUND,
            StatusCode::METHOD_NOT_ALLOWED => METHOD_NOT_ALLOWED,
            StatusCode::REQUEST_TIMEOUT => REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE => TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => UNSUPPORTED,
            StatusCode::INTERNAL_SERVER_ERROR => INTERNAL,
            StatusCode::SERVICE_UNAVAILABLE => UNAVAILABLE,
            // RFC 9457, section 4.2.1: the status says it all.
            _ => Self {
                status,
                uri: "about:blank",
                title: status.canonical_reason().unwrap_or("Unknown"),
                detail: "The status says what is wrong.",
            },
        }
    }

    /// What stands for a failure of the repository.
    pub(crate) fn of_failure(error: &RepositoryError) -> Self {
        match error {
            RepositoryError::Conflict { .. }
            | RepositoryError::BookFull { .. }
            | RepositoryError::HistoryFull { .. }
            | RepositoryError::KeyTaken => CONFLICT,
            RepositoryError::Busy(_) => BUSY,
            RepositoryError::Unavailable(_) => UNAVAILABLE,
            RepositoryError::Corrupt(_) | RepositoryError::Internal(_) => INTERNAL,
        }
    }
}
