use std::fmt;

use thiserror::Error;
use ulid::Ulid;

/// The identifier of an address: `add_` and 26 of `0–9 a–z`, compared byte for byte.
///
/// The service generates lower-case [ULIDs](https://github.com/ulid/spec), so newer ids
/// sort after older ones. Imported ids stay unchanged even if they are not ULIDs: the
/// examples of the API contract contain `i` and `l`, which ULIDs do not have.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressId(Box<str>);

/// The text is not an [`AddressId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected add_ followed by 26 of the characters 0-9 and a-z")]
pub struct AddressIdError;

impl AddressId {
    /// The length of every identifier, in bytes.
    pub const LEN: usize = 30;

    /// Parses an identifier and leaves it unchanged.
    ///
    /// # Errors
    /// [`AddressIdError`] if the text does not have the form of the type.
    pub fn parse(text: &str) -> Result<Self, AddressIdError> {
        if Self::is_valid(text) {
            Ok(Self(text.into()))
        } else {
            Err(AddressIdError)
        }
    }

    /// Creates the identifier of a new address.
    pub fn from_ulid(ulid: Ulid) -> Self {
        Self(format!("add_{}", ulid.to_string().to_ascii_lowercase()).into())
    }

    /// The identifier, 30 bytes of ASCII.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_valid(text: &str) -> bool {
        text.len() == Self::LEN
            && text.strip_prefix("add_").is_some_and(|rest| {
                // Without an early exit, the compiler can check many bytes in one step.
                rest.bytes().fold(true, |valid, byte| {
                    valid & (byte.is_ascii_digit() | byte.is_ascii_lowercase())
                })
            })
    }
}

impl fmt::Display for AddressId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_ids_in_the_examples_of_the_api() {
        for text in [
            "add_01h1x0z5y4c1v2f5k6p3j9n8m7",
            "add_01h2y1z6b5d7e8f9g0h1i2j3k4",
        ] {
            assert_eq!(AddressId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn rejects_any_other_text() {
        let (short, long) = (
            format!("add_{}", "0".repeat(25)),
            format!("add_{}", "0".repeat(27)),
        );
        for text in [
            "",
            "add_",
            "cus_01h1x0z5y4c1v2f5k6p3j9n8m7",
            "add_01H1X0Z5Y4C1V2F5K6P3J9N8M7",
            &short,
            &long,
        ] {
            assert_eq!(AddressId::parse(text), Err(AddressIdError), "{text:?}");
        }
    }

    #[test]
    fn a_ulid_becomes_lower_case_and_keeps_its_order() {
        let (older, newer) = (Ulid::from_parts(1, u128::MAX), Ulid::from_parts(2, 0));
        let (older, newer) = (AddressId::from_ulid(older), AddressId::from_ulid(newer));
        assert_eq!(AddressId::parse(newer.as_str()).unwrap(), newer);
        assert!(older < newer);
    }
}
