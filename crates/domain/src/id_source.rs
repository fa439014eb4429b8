use ulid::Ulid;

/// Where new identifiers come from. The only source of randomness in the domain, so
/// that tests can foresee it.
pub trait IdSource: Send + Sync {
    /// A new identifier. Each MUST be greater than every one that this source gave
    /// before.
    fn next(&self) -> Ulid;
}
