use crate::repository::Cause;

/// Generates secrets. This is the only source of secrets in the domain, so that tests can predict
/// them.
pub trait SecretSource: Send + Sync {
    /// Returns 256 unpredictable bits. They MUST come from the operating system's source of
    /// randomness, or an equally good one.
    ///
    /// # Errors
    /// The operating system's error if it provides no randomness.
    fn secret(&self) -> Result<[u8; 32], Cause>;
}
