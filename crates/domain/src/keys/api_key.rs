use std::fmt;

use thiserror::Error;
use ulid::Ulid;

use crate::customer_id::CustomerId;
use crate::keys::access::{Access, Scope};
use crate::keys::api_token::TokenDigest;
use crate::timestamp::Timestamp;

/// An API key as it is stored: everything except its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The id by which operators refer to the key.
    pub id: ApiKeyId,
    /// The name of the key in logs.
    pub name: KeyName,
    /// The permissions of the key, in the order of [`Scope::ALL`].
    pub scopes: Vec<Scope>,
    /// The only customer whose address book the key allows. `None`: all customers.
    pub customer_id: Option<CustomerId>,
    /// The digest of its token, by which the key is found.
    pub digest: TokenDigest,
    /// When the key was created.
    pub created_at: Timestamp,
    /// When the key expires. `None`: never.
    pub expires_at: Option<Timestamp>,
    /// When the key was revoked. `None`: it is not revoked.
    pub revoked_at: Option<Timestamp>,
    /// When the key was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// The state of the key at a time.
    pub fn state(&self, now: Timestamp) -> KeyState {
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if self.expires_at.is_some_and(|expires_at| expires_at <= now) {
            KeyState::Expired
        } else {
            KeyState::Active
        }
    }

    /// What the holder of the key may do while it is active.
    pub fn access(&self) -> Access {
        Access {
            name: self.name.as_str().into(),
            scopes: self.scopes.clone(),
            customer_id: self.customer_id.clone(),
        }
    }
}

/// Whether a key can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// The key is valid.
    Active,
    /// The key has expired.
    Expired,
    /// The key was revoked.
    Revoked,
}

/// The identifier of an API key, which is not secret: `key_` and a lower-case
/// [ULID](https://github.com/ulid/spec).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiKeyId(Box<str>);

/// The text is not an [`ApiKeyId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected the id of a key: key_ followed by 26 of the characters 0-9 and a-z")]
pub struct ApiKeyIdError;

impl ApiKeyId {
    /// Parses an identifier and leaves it unchanged.
    ///
    /// # Errors
    /// [`ApiKeyIdError`] if the text does not have the form of the type.
    pub fn parse(text: &str) -> Result<Self, ApiKeyIdError> {
        let ulid = text.strip_prefix("key_").ok_or(ApiKeyIdError)?;
        let ulid = Ulid::from_string(ulid).map_err(|_| ApiKeyIdError)?;
        Some(Self::from_ulid(ulid))
            .filter(|id| id.as_str() == text)
            .ok_or(ApiKeyIdError)
    }

    /// Creates the identifier of a new key.
    pub fn from_ulid(ulid: Ulid) -> Self {
        Self(format!("key_{}", ulid.to_string().to_ascii_lowercase()).into())
    }

    /// The identifier, 30 bytes of ASCII.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a key in logs: 1 to 64 visible ASCII characters. Several keys may have the same
/// name, such as an old key and its replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(Box<str>);

/// The text is not a [`KeyName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected 1 to 64 visible ASCII characters without spaces, such as checkout")]
pub struct KeyNameError;

impl KeyName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 64;

    /// Parses a name and leaves it unchanged.
    ///
    /// # Errors
    /// [`KeyNameError`] if the text does not have the form of the type.
    pub fn parse(text: &str) -> Result<Self, KeyNameError> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > Self::MAX_LEN || !visible {
            return Err(KeyNameError);
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_ids_parse() {
        let id = ApiKeyId::from_ulid(Ulid::from_parts(1, 2));
        assert_eq!(ApiKeyId::parse(id.as_str()), Ok(id));
        for text in [
            "",
            "key_",
            "key_01h1x0z5y4c1v2f5k6p3j9n8mu",
            "key_01H1X0Z5Y4C1V2F5K6P3J9N8M7",
            "add_01h1x0z5y4c1v2f5k6p3j9n8m7",
            " key_01h1x0z5y4c1v2f5k6p3j9n8m7",
        ] {
            assert_eq!(ApiKeyId::parse(text), Err(ApiKeyIdError), "{text:?}");
        }
    }

    #[test]
    fn names_have_only_visible_ascii_characters() {
        for text in ["a", "checkout", "shop/eu-1:blue", &"x".repeat(64)] {
            assert_eq!(KeyName::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a b", "a\nb", "é", "a\u{7f}", &"x".repeat(65)] {
            assert_eq!(KeyName::parse(text), Err(KeyNameError), "{text:?}");
        }
    }
}
