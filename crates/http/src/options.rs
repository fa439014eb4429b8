use std::time::Duration;

use addressbook_domain::OnDuplicate;

/// Settings of the HTTP interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// Whether changing or removing an address requires `If-Match`; requests without it get 428
    /// (RFC 6585). Default: no, the last writer wins.
    pub require_if_match: bool,
    /// What to do with a new address that the customer has already, if the request does not say.
    /// Default: create it.
    pub on_duplicate: OnDuplicate,
    /// The maximum size of a request body, in bytes; larger ones get 413. Default: 64 KiB.
    pub max_body_bytes: usize,
    /// Time for a request body to arrive; a slower one gets 408. Default: 10 s.
    pub body_timeout: Duration,
    /// Time for a request from its head to its response, including its body; a slower one gets
    /// 503. Default: 20 s.
    pub request_timeout: Duration,
    /// The maximum number of requests in flight, on all threads together; further ones get 503
    /// immediately. Default: 1000.
    pub max_in_flight: usize,
    /// The maximum number of request bodies that have not fully arrived, on all threads together.
    /// One client can use a quarter of them; further ones get 503 immediately. Default: 1000.
    pub max_waiting_bodies: usize,
    /// The maximum number of bytes of long responses that clients have not read yet, on all threads
    /// together. One client can use a quarter of them; above that, a response becomes 503.
    /// Default: 128 MiB.
    pub max_unsent_bytes: usize,
    /// Whether `/docs` is served. Default: yes.
    pub has_docs: bool,
    /// The minimum size of a response that is compressed for clients that accept gzip, in bytes.
    /// Default: none are compressed.
    pub compress_min_bytes: Option<usize>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            require_if_match: false,
            on_duplicate: OnDuplicate::default(),
            max_body_bytes: 64 * 1024,
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(20),
            max_in_flight: 1_000,
            max_waiting_bodies: 1_000,
            max_unsent_bytes: 128 * 1024 * 1024,
            has_docs: true,
            compress_min_bytes: None,
        }
    }
}
