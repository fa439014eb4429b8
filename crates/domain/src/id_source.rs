use ulid::Ulid;

/// Generates identifiers. This is the only source of identifiers in the domain, so that tests can
/// predict them.
pub trait IdSource: Send + Sync {
    /// Returns a new identifier. It MUST be greater than every identifier that this source returned
    /// before.
    fn next(&self) -> Ulid;
}
