//! Folding: the form in which texts are compared regardless of case and accents.

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization;

/// Returns the text without the case and the accents of its letters.
///
/// Case is folded by Unicode's full case folding, so ß becomes ss. Accents are the marks in the
/// blocks for combining diacritical marks, which Latin, Greek and Cyrillic letters use. Marks of
/// other scripts are part of their letters and stay, as in が or हि. Latin letters that Unicode
/// does not decompose become the [plain letters](plain_letters) that people type instead.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed: String = text.nfd().collect();
    let lower = CaseMapper::new().fold_string(&decomposed);
    let mut plain = String::with_capacity(lower.len());
    for char in lower.nfd().filter(|char| !is_accent(*char)) {
        match plain_letters(char) {
            Some(letters) => plain.push_str(letters),
            None => plain.push(char),
        }
    }
    plain.nfc().collect()
}

/// Whether a character is a mark in one of the blocks Combining Diacritical Marks, …Extended,
/// …Supplement or Combining Half Marks.
fn is_accent(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Returns what people type for a lower-case Latin letter with a stroke or a hook, and for a
/// ligature: letters of living alphabets that Unicode does not decompose. The plain letters are
/// those of CLDR's transform Latin-ASCII, and e for ə, as in passports.
fn plain_letters(char: char) -> Option<&'static str> {
    Some(match char {
        'æ' => "ae",
        'ƀ' | 'ɓ' => "b",
        'đ' | 'ð' | 'ɖ' | 'ɗ' => "d",
        'ə' | 'ǝ' | 'ɛ' => "e",
        'ƒ' => "f",
        'ǥ' | 'ɠ' | 'ɣ' => "g",
        'ħ' => "h",
        'ı' | 'ɨ' | 'ɩ' => "i",
        'ƙ' => "k",
        'ł' | 'ƚ' => "l",
        'ŋ' | 'ɲ' => "n",
        'œ' => "oe",
        'ø' | 'ɔ' | 'ɵ' => "o",
        'ĸ' => "q",
        'ŧ' | 'ƭ' => "t",
        'þ' => "th",
        'ʉ' => "u",
        'ʋ' => "v",
        'ƴ' => "y",
        'ƶ' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letters_lose_their_case_and_their_accents() {
        for (text, folded) in [
            ("KIGALI", "kigali"),
            ("Zürich", "zurich"),
            ("Zu\u{308}rich", "zurich"),
            ("São Paulo", "sao paulo"),
            ("Łódź", "lodz"),
            ("Ørsted, Ærø", "orsted, aero"),
            ("Straße STRAẞE", "strasse strasse"),
            ("İSTANBUL Diyarbakır", "istanbul diyarbakir"),
            ("Đà Nẵng, Thừa Thiên Huế", "da nang, thua thien hue"),
            ("Þingvellir, Ísafjörður", "thingvellir, isafjordur"),
            ("Ħamrun, Ŋorđ", "hamrun, nord"),
            ("Gəncə, Œuvre", "gence, oeuvre"),
            ("ΌΔΟΣ Αθήνα ᾴ", "οδοσ αθηνα αι"),
            ("Орёл, Київ", "орел, киів"),
            ("\u{301}a\u{1ab0}\u{1dff}\u{fe2f}", "a"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    /// Without its mark, it would be another letter, or a syllable without its vowel.
    #[test]
    fn marks_of_other_scripts_stay() {
        for text in [
            "が",
            "ベルリン",
            "हिन्दी",
            "กรุงเทพ",
            "강남",
            "עִבְרִית",
            "مُحَمَّد",
            "أحمد",
        ] {
            let composed: String = text.nfc().collect();
            assert_eq!(fold(text), composed, "{text}");
            let decomposed: String = text.nfd().collect();
            assert_eq!(fold(&decomposed), composed, "{text}");
        }
        assert_ne!(fold("が"), fold("か"));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in any::<String>()) {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded);
        }

        #[test]
        fn accents_make_no_difference(
            text in "[a-zA-Zßøłαβж ]{1,20}",
            accents in proptest::collection::vec(proptest::char::range('\u{300}', '\u{344}'), 20),
        ) {
            let pairs = text.chars().zip(accents);
            let accented: String = pairs.flat_map(|(char, accent)| [char, accent]).collect();
            prop_assert_eq!(fold(&accented), fold(&text));
            let composed: String = accented.nfc().collect();
            prop_assert_eq!(fold(&composed), fold(&text));
        }
    }
}
