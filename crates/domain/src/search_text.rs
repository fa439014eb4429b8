use crate::fold::fold;
use crate::{TextError, text};

/// A text to be found in others, whatever the case and the accents of its letters: 1 to 200
/// characters, trimmed, without control characters, and not only of what a search does not
/// look at.
///
/// Both texts are folded alike, so `zurich` finds `Zürich` and `Zürich` finds `Zurich`: by
/// Unicode's canonical caseless matching (definition D145), and without accents. Marks of other
/// scripts than Latin, Greek and Cyrillic are part of their letters and count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchText(String);

impl SearchText {
    /// The longest text, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 200;

    /// The search for a text.
    ///
    /// # Errors
    /// [`TextError`] when the text breaks the rules that the type states.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let folded = fold(&text::normalise(text, Self::MAX_CHARS)?);
        if folded.is_empty() {
            return Err(TextError::OnlyAccents);
        }
        Ok(Self(folded))
    }

    /// Whether another text holds this one.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        fold(text).contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::*;
    use crate::City;

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
            // In upper case the iota subscript is a letter, which marks behind it then stay behind.
            prop_assume!(!text.as_str().nfd().any(|char| char == '\u{345}'));
            for wanted in [text.as_str().to_uppercase(), text.as_str().to_lowercase()] {
                prop_assert!(finds(&wanted, text.as_str()), "{:?} in {:?}", wanted, text);
            }
        }
    }

    #[test]
    fn what_is_looked_for_is_a_text_like_others() {
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
