use std::fmt;

use thiserror::Error;

use crate::address::address_id::AddressId;
use crate::customer_id::CustomerId;
use crate::timestamp::Timestamp;

/// A text that a client chooses for one creation, so that it can repeat the request without
/// creating a second address (draft-ietf-httpapi-idempotency-key-header-07): 1 to 255 visible
/// ASCII characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

/// The text is not an [`IdempotencyKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected 1 to 255 visible ASCII characters")]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// The maximum length of a key, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Parses a key and leaves it unchanged.
    ///
    /// # Errors
    /// [`IdempotencyKeyError`] if the text does not have the form of the type.
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

// A key may be a person's name or email address, so it must not be logged.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

/// The SHA-256 of a request's body, to detect that a key is used for another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// What is stored about a used idempotency key. The response is not stored: it is built from the
/// first revision of the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// The customer of the key. Each customer has a separate set of keys.
    pub customer_id: CustomerId,
    /// The key.
    pub key: IdempotencyKey,
    /// The digest of the request's body.
    pub fingerprint: Fingerprint,
    /// The address that was created.
    pub address_id: AddressId,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A creation that the client may repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The client's key for the request.
    pub key: IdempotencyKey,
    /// The digest of the request's body.
    pub fingerprint: Fingerprint,
}
