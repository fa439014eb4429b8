use std::fmt;

use thiserror::Error;

/// What an address is used for by default, such as `billing` or `shipping`: a lower-case letter and
/// up to 31 more lower-case letters, digits and underscores.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Purpose(Box<str>);

/// The text is not a [`Purpose`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "expected a purpose such as billing: a letter a-z, then up to 31 of the characters a-z, 0-9 and _"
)]
pub struct PurposeError;

impl Purpose {
    /// The maximum length of a purpose, in characters.
    pub const MAX_LEN: usize = 32;

    /// Parses a purpose and leaves it unchanged.
    ///
    /// # Errors
    /// [`PurposeError`] if the text does not have the form of the type.
    pub fn parse(text: &str) -> Result<Self, PurposeError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let has_form = text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.len() <= Self::MAX_LEN
            && text.bytes().all(allowed);
        if has_form {
            Ok(Self(text.into()))
        } else {
            Err(PurposeError)
        }
    }

    /// The purpose, unchanged.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_is_a_short_lower_case_name() {
        for text in ["a", "billing", "ship_to_2", &"x".repeat(32)] {
            assert_eq!(Purpose::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "1", "_a", "Billing", "a-b", "a b", "é", &"x".repeat(33)] {
            assert_eq!(Purpose::parse(text), Err(PurposeError), "{text}");
        }
    }
}
