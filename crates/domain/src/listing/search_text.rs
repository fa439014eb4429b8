use crate::address::text;
use crate::address::text::TextError;
use crate::listing::fold::fold;

/// A text to search for, regardless of case and accents: 1 to 200 characters, trimmed, without
/// control characters, and not only of accents.
///
/// Both texts are folded by Unicode's canonical caseless matching (definition D145), and without
/// accents. So `zurich` finds `Zürich`, and `Zürich` finds `Zurich`. Marks of scripts other than
/// Latin, Greek and Cyrillic are part of their letters and are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchText(String);

impl SearchText {
    /// The maximum length, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 200;

    /// Parses a text to search for.
    ///
    /// # Errors
    /// [`TextError`] if the text breaks a rule of the type.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let folded = fold(&text::normalise(text, Self::MAX_CHARS)?);
        if folded.is_empty() {
            return Err(TextError::OnlyAccents);
        }
        Ok(Self(folded))
    }

    /// Whether another text contains this one.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        fold(text).contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::*;
    use crate::address::text::City;

    fn finds(wanted: &str, text: &str) -> bool {
        let text = City::parse(text).unwrap();
        SearchText::parse(wanted).unwrap().is_in(text.as_str())
    }

    #[test]
    fn letters_are_found_in_either_case() {
        for (one, other) in [
            ("évry", "ÉVRY"),
            ("e\u{301}vry", "Évry"),
            ("straße", "STRASSE"),
            ("straße", "STRAẞE"),
            ("istanbul", "İSTANBUL"),
            ("istanbul", "İstanbul"),
            ("diyarbakır", "DIYARBAKIR"),
            ("όδος", "ΌΔΟΣ"),
            ("οδοσ", "Οδος"),
            ("ΐ", "Ϊ\u{301}"),
            ("ᾳ", "ΑΙ"),
            ("ﬁ", "FI"),
            ("żółć", "ŻÓŁĆ"),
            ("їжак", "ЇЖАК"),
            ("京都", "京都"),
            ("%_", "a%_b"),
        ] {
            assert!(finds(one, &format!("in {other}, x")), "{one} in {other}");
            if one != "%_" {
                assert!(finds(other, &format!("in {one}, x")), "{other} in {one}");
            }
        }
        for (wanted, text) in [
            ("ss", "s"),
            ("_", "a"),
            ("é", "a"),
            ("か", "が"),
            ("が", "か"),
        ] {
            assert!(!finds(wanted, text), "{wanted} in {text}");
        }
    }

    #[test]
    fn letters_are_found_with_and_without_their_accents() {
        for (one, other) in [
            ("zurich", "Zürich"),
            ("zürich", "Zu\u{308}rich"),
            ("lodz", "Łódź"),
            ("sao paulo", "São Paulo"),
            ("strasse", "Straße"),
            ("orsted", "Ørsted"),
            ("da nang", "Đà Nẵng"),
            ("istanbul", "İstanbul"),
            ("diyarbakir", "Diyarbakır"),
            ("οδος", "όδος"),
            ("орел", "Орёл"),
            ("e", "é"),
            ("o", "ø"),
        ] {
            assert!(finds(one, &format!("in {other}, x")), "{one} in {other}");
            assert!(finds(other, &format!("in {one}, x")), "{other} in {one}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_found_by_its_other_case(text in "\\PC{1,20}") {
            prop_assume!(!text.trim().is_empty());
            let text = City::parse(&text);
            prop_assume!(text.is_ok());
            let text = text.unwrap();
            prop_assume!(SearchText::parse(text.as_str()).is_ok());
            // In upper case, the iota subscript is a letter, and marks after it belong to it.
            prop_assume!(!text.as_str().nfd().any(|char| char == '\u{345}'));
            for wanted in [text.as_str().to_uppercase(), text.as_str().to_lowercase()] {
                prop_assert!(finds(&wanted, text.as_str()), "{:?} in {:?}", wanted, text);
            }
        }
    }

    #[test]
    fn the_search_text_follows_the_rules_of_other_texts() {
        assert!(SearchText::parse(&"ß".repeat(200)).is_ok());
        assert_eq!(SearchText::parse(" Kigali "), SearchText::parse("kigali"));
        for text in [
            "",
            " ",
            "a\0b",
            "a\nb",
            &"a".repeat(201),
            "\u{200b}",
            "\u{301}",
        ] {
            assert!(SearchText::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(
            SearchText::parse("\u{301}\u{327}"),
            Err(TextError::OnlyAccents)
        );
    }
}
