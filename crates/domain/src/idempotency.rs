use std::fmt;

use thiserror::Error;

use crate::{AddressId, CustomerId, Timestamp};

/// What a client calls one creation, so that it can repeat it without creating twice
/// (draft-ietf-httpapi-idempotency-key-header-07): 1 to 255 visible ASCII characters, kept
/// as they are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

/// The text is no [`IdempotencyKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected 1 to 255 visible ASCII characters")]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// The longest key, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Takes a key as it is.
    ///
    /// # Errors
    /// [`IdempotencyKeyError`] when it breaks the rule that the type states.
    pub fn parse(text: &[u8]) -> Result<Self, IdempotencyKeyError> {
        let visible = text.iter().all(u8::is_ascii_graphic);
        if text.is_empty() || text.len() > Self::MAX_LEN || !visible {
            return Err(IdempotencyKeyError);
        }
        str::from_utf8(text)
            .map(|text| Self(text.into()))
            .map_err(|_| IdempotencyKeyError)
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// A key may be somebody's name or mail address: it stays out of logs.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

/// What tells one request from another: the SHA-256 of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// That a key was used, for what, and what came of it. The answer itself is the first
/// revision of the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Whose key it is: each customer has keys of its own.
    pub customer_id: CustomerId,
    /// The key.
    pub key: IdempotencyKey,
    /// The request that it came with.
    pub fingerprint: Fingerprint,
    /// The address that was created.
    pub address_id: AddressId,
    /// When.
    pub created_at: Timestamp,
}
