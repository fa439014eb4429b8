use crate::Cause;

/// Where secrets come from. The only source of them in the domain, so that tests can foresee
/// them.
pub trait SecretSource: Send + Sync {
    /// 256 bits that nobody can foresee: they MUST come from the system's own source of
    /// randomness, or one as good.
    ///
    /// # Errors
    /// What the system says when it has none to give.
    fn secret(&self) -> Result<[u8; 32], Cause>;
}
