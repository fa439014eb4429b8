/// What an operator may choose about the door itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// Whether an address is changed or removed only by a request with `If-Match`; others
    /// get 428 (RFC 6585). Default: no, the last writer wins.
    pub require_if_match: bool,
    /// The largest body that is taken, in bytes; larger ones get 413. Default: 64 KiB.
    pub max_body_bytes: usize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            require_if_match: false,
            max_body_bytes: 64 * 1024,
        }
    }
}
