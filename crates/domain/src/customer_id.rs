use std::fmt;

use thiserror::Error;

/// The identifier of a customer, owned by the caller's systems and hence opaque:
/// 1 to 64 of `A–Z a–z 0–9 _ -`, kept and compared byte for byte.
///
/// Typically prefixed with `cus_`, which is not required. An id that begins with
/// `add_` is refused: it is an address's, so two ids were swapped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomerId(Box<str>);

/// Why a text is no [`CustomerId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CustomerIdError {
    /// Empty, too long, or with a character outside the alphabet.
    #[error("expected 1 to 64 of the characters A-Z, a-z, 0-9, _ and -")]
    Malformed,
    /// The identifier of an address.
    #[error("expected the id of a customer, got that of an address (add_…)")]
    AddressId,
}

impl CustomerId {
    /// The longest identifier, in bytes.
    pub const MAX_LEN: usize = 64;

    /// Takes an identifier as it is.
    ///
    /// # Errors
    /// [`CustomerIdError`] when it breaks the rules that the type states.
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

    /// The identifier as it was given.
    pub fn as_str(&self) -> &str {
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
    fn keeps_every_allowed_spelling() {
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
    fn refuses_all_else() {
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
    fn refuses_the_id_of_an_address() {
        assert_eq!(
            CustomerId::parse("add_01h1x0z5y4c1v2f5k6p3j9n8m7"),
            Err(CustomerIdError::AddressId)
        );
    }
}
