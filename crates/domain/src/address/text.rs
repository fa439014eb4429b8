use std::fmt;

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// Why a text is not a [`Region`], [`City`], [`Description`] or
/// [`SearchText`](crate::SearchText).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// The trimmed text is empty, or has more characters than the type allows.
    #[error("expected 1 to {max_chars} characters, got {chars}")]
    Length {
        /// The number of characters, after trimming and normalisation.
        chars: usize,
        /// The number of characters that the type allows.
        max_chars: usize,
    },
    /// The text contains a NUL or another control character.
    #[error("expected text without control characters, got U+{0:04X}")]
    ControlCharacter(u32),
    /// The text has only invisible characters. Contains the first of them.
    #[error("expected visible text, got only invisible characters such as U+{0:04X}")]
    Invisible(u32),
    /// The search text has only accents, which a search ignores.
    #[error("expected more than accents, which a search ignores")]
    OnlyAccents,
}

/// Converts text into the form in which it is stored: trimmed, and in Unicode normalisation form C
/// (UAX #15). Rejects control characters, too many characters, and text that is not visible.
pub(crate) fn normalise(text: &str, max_chars: usize) -> Result<Box<str>, TextError> {
    let text = normalise_stored(text, max_chars)?;
    match text.chars().next() {
        Some(first) if text.chars().all(is_invisible) => Err(TextError::Invisible(first.into())),
        _ => Ok(text),
    }
}

/// Like [`normalise`], but accepts invisible text, as earlier releases did.
fn normalise_stored(text: &str, max_chars: usize) -> Result<Box<str>, TextError> {
    let text: String = text.trim().nfc().collect();
    if let Some(control) = text.chars().find(|char| char.is_control()) {
        return Err(TextError::ControlCharacter(control.into()));
    }
    match text.chars().count() {
        chars if (1..=max_chars).contains(&chars) => Ok(text.into()),
        chars => Err(TextError::Length { chars, max_chars }),
    }
}

/// Whether a character is invisible: white space, characters that fonts may ignore
/// (Default_Ignorable_Code_Point), and characters with a blank glyph.
pub(crate) fn is_invisible(char: char) -> bool {
    !char.is_ascii_graphic()
        && (char.is_whitespace() || is_ignorable(char) || BLANKS.contains(&char))
}

/// Whether fonts may ignore a character (Default_Ignorable_Code_Point): such as a soft hyphen, a
/// joiner or a variation selector.
pub(crate) fn is_ignorable(char: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
}

/// Blank characters that no Unicode property covers: a Braille pattern without dots, marks of
/// interlinear annotation, a musical null notehead, a Khitan filler and two Egyptian blanks.
const BLANKS: [char; 8] = [
    '\u{2800}',
    '\u{fff9}',
    '\u{fffa}',
    '\u{fffb}',
    '\u{1d159}',
    '\u{16fe4}',
    '\u{13441}',
    '\u{13442}',
];

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max_chars:literal) => {
        $(#[$doc])*
        #[doc = concat!(
            "1 to ", $max_chars, " characters (Unicode scalar values), at least one of them ",
            "visible, trimmed, in normalisation form C, without control characters."
        )]
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The maximum length, in characters (Unicode scalar values).
            pub const MAX_CHARS: usize = $max_chars;

            /// Trims and normalises a text.
            ///
            /// # Errors
            /// [`TextError`] if the result breaks a rule of the type.
            pub fn parse(text: &str) -> Result<Self, TextError> {
                normalise(text, Self::MAX_CHARS).map(Self)
            }

            /// Like [`parse`](Self::parse), for text that a store returns. Accepts text of only
            /// invisible characters, which earlier releases stored.
            ///
            /// # Errors
            /// [`TextError`] if the text breaks another rule of the type.
            pub fn parse_stored(text: &str) -> Result<Self, TextError> {
                normalise_stored(text, Self::MAX_CHARS).map(Self)
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
    /// The state, county, province or region of an address. The default is empty: none, in a country
    /// that does not require it. Otherwise:
    Region, 200
);
text!(
    /// The city, town or village of an address. The default is empty: none, in a country that does
    /// not require it. Otherwise:
    City, 200
);
text!(
    /// What a customer calls an address ("Home"). The default is empty, and in no address:
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
    fn rejects_empty_and_blank_text() {
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

    /// Tested alone, between blanks, twice, and beside others.
    const INVISIBLE: [char; 28] = [
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{17b5}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2064}',
        '\u{2066}',
        '\u{2069}',
        '\u{2800}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fffb}',
        '\u{1d159}',
        '\u{e0020}',
        '\u{e01ef}',
    ];

    #[test]
    fn rejects_invisible_text() {
        for char in INVISIBLE {
            for text in [
                format!("{char}"),
                format!(" {char}\u{a0}"),
                format!("{char}{char}"),
                format!("{char} \u{3000}\u{200b}"),
            ] {
                let error = Err(TextError::Invisible(char.into()));
                assert_eq!(City::parse(&text).map(drop), error, "{text:?}");
                assert_eq!(Region::parse(&text).map(drop), error, "{text:?}");
                assert_eq!(Description::parse(&text).map(drop), error, "{text:?}");
            }
        }
        assert_eq!(
            TextError::Invisible(0x200b).to_string(),
            "expected visible text, got only invisible characters such as U+200B"
        );
    }

    #[test]
    fn invisible_characters_beside_visible_ones_are_stored() {
        for char in INVISIBLE {
            for text in [format!("{char}a"), format!("a{char}"), format!("a{char}b")] {
                assert_eq!(City::parse(&text).unwrap().as_str(), text);
            }
        }
        for text in [
            "می\u{200c}خواهم",
            "👨\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}",
            "\u{301}",
            ".",
        ] {
            assert_eq!(City::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn stored_text_may_be_invisible_but_must_follow_the_other_rules() {
        for char in INVISIBLE {
            let text = char.to_string();
            assert_eq!(City::parse_stored(&text).unwrap().as_str(), text);
        }
        for text in ["", " ", "a\0b", &"a".repeat(201)] {
            assert_eq!(City::parse_stored(text), City::parse(text));
            assert!(City::parse_stored(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn rejects_control_characters() {
        for (text, code) in [("a\0b", 0), ("a\nb", 10), ("a\u{85}b", 0x85)] {
            assert_eq!(City::parse(text), Err(TextError::ControlCharacter(code)));
        }
    }
}
