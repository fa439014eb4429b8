use std::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// Why a text is no [`Region`], [`City`], [`Description`] or
/// [`SearchText`](crate::SearchText).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// Nothing is left after trimming, or more characters than the type allows.
    #[error("expected 1 to {max_chars} characters, got {chars}")]
    Length {
        /// How many characters there were, after trimming and normalisation.
        chars: usize,
        /// How many the type allows.
        max_chars: usize,
    },
    /// A NUL or another control character, which no address line has.
    #[error("expected text without control characters, got U+{0:04X}")]
    ControlCharacter(u32),
    /// A search passes over accents, and nothing else is left of its text.
    #[error("expected more than accents, which a search passes over")]
    OnlyAccents,
}

/// Brings text into the one form in which it is kept: trimmed, in Unicode
/// normalisation form C (UAX #15), without control characters, of bounded length.
pub(crate) fn normalise(text: &str, max_chars: usize) -> Result<Box<str>, TextError> {
    let text: String = text.trim().nfc().collect();
    if let Some(control) = text.chars().find(|char| char.is_control()) {
        return Err(TextError::ControlCharacter(control.into()));
    }
    match text.chars().count() {
        chars if (1..=max_chars).contains(&chars) => Ok(text.into()),
        chars => Err(TextError::Length { chars, max_chars }),
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max_chars:literal) => {
        $(#[$doc])*
        #[doc = concat!(
            "1 to ", $max_chars, " characters (Unicode scalar values), trimmed, in ",
            "normalisation form C, without control characters."
        )]
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The longest text, in characters (Unicode scalar values).
            pub const MAX_CHARS: usize = $max_chars;

            /// Trims and normalises a text.
            ///
            /// # Errors
            /// [`TextError`] when the result breaks the rules that the type states.
            pub fn parse(text: &str) -> Result<Self, TextError> {
                normalise(text, Self::MAX_CHARS).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// The state, county, province or region of an address:
    Region, 200
);
text!(
    /// The city, town or village of an address:
    City, 200
);
text!(
    /// What a customer calls an address ("Home"):
    Description, 1024
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_and_composes() {
        assert_eq!(
            City::parse("  Zu\u{308}rich \n").unwrap().as_str(),
            "Z\u{fc}rich"
        );
    }

    #[test]
    fn counts_characters_not_bytes() {
        assert!(Region::parse(&"京".repeat(200)).is_ok());
        assert_eq!(
            Region::parse(&"京".repeat(201)),
            Err(TextError::Length {
                chars: 201,
                max_chars: 200
            })
        );
        assert!(Description::parse(&"🏠".repeat(1024)).is_ok());
    }

    #[test]
    fn refuses_nothing_and_blanks() {
        for text in ["", " ", "\u{a0}\t\n"] {
            assert_eq!(
                City::parse(text),
                Err(TextError::Length {
                    chars: 0,
                    max_chars: 200
                })
            );
        }
    }

    #[test]
    fn refuses_control_characters() {
        for (text, code) in [("a\0b", 0), ("a\nb", 10), ("a\u{85}b", 0x85)] {
            assert_eq!(City::parse(text), Err(TextError::ControlCharacter(code)));
        }
    }
}
