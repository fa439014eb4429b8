use std::borrow::Borrow;
use std::fmt;

use thiserror::Error;

/// The identifier of a customer: 1 to 64 of `A–Z a–z 0–9 _ -`, stored and compared byte for byte.
/// It comes from the caller's systems and is opaque to the service.
///
/// The prefix `cus_` is usual, but not required. An id that begins with `add_` is rejected: it is
/// the id of an address, so the caller has swapped two ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomerId(Box<str>);

/// Why a text is not a [`CustomerId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CustomerIdError {
    /// The text is empty or too long, or contains a character that is not allowed.
    #[error("expected 1 to 64 of the characters A-Z, a-z, 0-9, _ and -")]
    Malformed,
    /// The text is the identifier of an address.
    #[error("expected the id of a customer, got the id of an address (add_…)")]
    AddressId,
}

impl CustomerId {
    /// The maximum length of an identifier, in bytes.
    pub const MAX_LEN: usize = 64;

    /// Parses an identifier and leaves it unchanged.
    ///
    /// # Errors
    /// [`CustomerIdError`] if the text does not have the form of the type.
    pub fn parse(text: &str) -> Result<Self, CustomerIdError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if text.is_empty() || text.len() > Self::MAX_LEN || !text.bytes().all(allowed) {
            return Err(CustomerIdError::Malformed);
        }
        if text.starts_with("add_") {
            return Err(CustomerIdError::AddressId);
        }
        Ok(Self(text.into()))
    }

    /// An identifier that no customer has, because [`parse`](Self::parse) rejects it. A store can
    /// try its statements with it, as in [`ready`](crate::AddressRepository::ready).
    pub fn of_nobody() -> Self {
        Self("add_nobody".into())
    }

    /// The identifier, unchanged.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for CustomerId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_every_allowed_spelling() {
        for text in [
            "cus_01h1w8r7s2v4l5m6n7p8j9k0q2",
            "A",
            "-",
            "_",
            "Cus_A-9",
            &"x".repeat(64),
        ] {
            assert_eq!(CustomerId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn rejects_any_other_text() {
        for text in [
            "",
            " cus_1",
            "cus_1 ",
            "cus/1",
            "cus_é",
            "cus\0",
            "%41",
            &"x".repeat(65),
        ] {
            assert_eq!(
                CustomerId::parse(text),
                Err(CustomerIdError::Malformed),
                "{text:?}"
            );
        }
    }

    #[test]
    fn nobody_is_no_customer() {
        let nobody = CustomerId::of_nobody();
        assert!(CustomerId::parse(nobody.as_str()).is_err());
    }

    #[test]
    fn rejects_the_id_of_an_address() {
        assert_eq!(
            CustomerId::parse("add_01h1x0z5y4c1v2f5k6p3j9n8m7"),
            Err(CustomerIdError::AddressId)
        );
    }
}
