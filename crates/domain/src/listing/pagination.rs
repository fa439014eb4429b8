use std::str::FromStr;

use thiserror::Error;

/// The most addresses that a page may hold: 1 to 200, by default 50.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u8);

/// The text is not a [`Limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected a whole number from 1 to {max} in decimal digits", max = Limit::MAX)]
pub struct LimitError;

impl Limit {
    /// The largest limit.
    pub const MAX: u8 = 200;

    /// One address.
    pub const ONE: Self = Self(1);

    /// Parses decimal digits, without sign or leading zeros.
    ///
    /// # Errors
    /// [`LimitError`] if the text is not such a number or is outside the range.
    pub fn parse(text: &str) -> Result<Self, LimitError> {
        match decimal(text) {
            Some(limit) if (1..=Self::MAX).contains(&limit) => Ok(Self(limit)),
            _ => Err(LimitError),
        }
    }

    /// The number of addresses, from 1 to 200.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

/// The number of addresses that a page skips: 0 to 2^53 − 1 (the largest integer
/// that every JSON parser reads exactly), by default 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset(u64);

/// The text is not an [`Offset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected a whole number from 0 to {max} in decimal digits", max = Offset::MAX)]
pub struct OffsetError;

impl Offset {
    /// The largest offset, 2^53 − 1.
    pub const MAX: u64 = (1 << 53) - 1;

    /// Parses decimal digits, without sign or leading zeros.
    ///
    /// # Errors
    /// [`OffsetError`] if the text is not such a number or is outside the range.
    pub fn parse(text: &str) -> Result<Self, OffsetError> {
        match decimal(text) {
            Some(offset) if offset <= Self::MAX => Ok(Self(offset)),
            _ => Err(OffsetError),
        }
    }

    /// The number of addresses, from 0 to 2^53 − 1.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Parses a number of only decimal digits. The standard parsers also accept `+5` and `007`.
fn decimal<T: FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if plain && !leading_zero {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_offsets_are_plain_numbers_in_their_range() {
        for (text, limit) in [("1", 1), ("50", 50), ("200", 200)] {
            assert_eq!(Limit::parse(text).unwrap().get(), limit);
        }
        for text in [
            "",
            "0",
            "201",
            "-1",
            "+5",
            "1e2",
            "007",
            " 5",
            "5.0",
            "٥",
            "99999999999999999999",
        ] {
            assert_eq!(Limit::parse(text), Err(LimitError), "{text:?}");
        }
        assert_eq!(Offset::parse("0").unwrap().get(), 0);
        assert_eq!(
            Offset::parse("9007199254740991").unwrap().get(),
            Offset::MAX
        );
        for text in ["", "9007199254740992", "-1", "+0", "00", "1 "] {
            assert_eq!(Offset::parse(text), Err(OffsetError), "{text:?}");
        }
    }
}
