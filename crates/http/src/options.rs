use std::time::Duration;

/// What an operator may choose about the door itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// Whether an address is changed or removed only by a request with `If-Match`; others
    /// get 428 (RFC 6585). Default: no, the last writer wins.
    pub require_if_match: bool,
    /// The largest body that is taken, in bytes; larger ones get 413. Default: 64 KiB.
    pub max_body_bytes: usize,
    /// How long a body may take to arrive; a slower one gets 408. Default: 10 s.
    pub body_timeout: Duration,
    /// How long a request may take from its head to its answer, the body included; then it is
    /// given up with 503. Default: 20 s.
    pub request_timeout: Duration,
    /// The most requests that are answered at the same time, on all threads together; one more
    /// gets 503 at once. Default: 1000.
    pub max_in_flight: usize,
    /// The most bodies that are waited for at the same time, on all threads together. One client may
    /// have a quarter of them; one more gets 503 at once. Default: 1000.
    pub max_waiting_bodies: usize,
    /// The most bytes of long answers that wait until their clients take them, on all threads
    /// together. One client may have a quarter of them; one more answer becomes 503. Default:
    /// 128 MiB.
    pub max_unsent_bytes: usize,
    /// Whether `/docs` is there. Default: yes.
    pub has_docs: bool,
    /// The shortest answer that is compressed for clients that accept gzip, in bytes. Default:
    /// none is.
    pub compress_min_bytes: Option<usize>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            require_if_match: false,
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
