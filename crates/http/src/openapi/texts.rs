//! Schemas of texts, with the character classes of the domain.

use utoipa::openapi::{Object, ObjectBuilder};

use super::values::string;

/// Parts of character classes: Unicode's control characters, white space other than control
/// characters, and control characters that are white space.
const CONTROL: &str = r"\u0000-\u001f\u007f-\u009f";
const SPACE: &str = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
const CONTROL_SPACE: &str = r"\u0009-\u000d\u0085";

/// Part of a character class: invisible characters besides white space. Contains no characters
/// above U+FFFF, because a pattern engine may treat them as two characters.
pub(super) const INVISIBLE: &str = r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb";

/// Part of a character class: the accents that a search ignores.
pub(super) const ACCENTS: &str =
    r"\u0300-\u0344\u0346-\u034e\u0350-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f";

/// Text with a visible character.
pub(super) fn text(max_chars: usize) -> ObjectBuilder {
    text_of_more_than(INVISIBLE, max_chars)
}

/// Text with at least one character that is neither white space nor in this character class, and
/// without control characters after trimming. A schema cannot express that the length counts after
/// trimming and normalization.
pub(super) fn text_of_more_than(nothing: &str, max_chars: usize) -> ObjectBuilder {
    let space = format!("[{SPACE}{CONTROL_SPACE}]");
    let inner = format!("[^{CONTROL}]");
    let outer = format!("[^{CONTROL}{SPACE}]");
    let something = format!("[^{CONTROL}{SPACE}{nothing}]");
    string()
        .min_length(Some(1))
        .max_length(Some(max_chars))
        .pattern(Some(format!(
            "^{space}*({outer}{inner}*)?{something}({inner}*{outer})?{space}*$"
        )))
}

/// Text with a visible character, or empty.
pub(super) fn text_or_empty(max_chars: usize) -> ObjectBuilder {
    let text = Object::from(text(max_chars));
    let pattern = text.pattern.clone().unwrap_or_default();
    let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
    ObjectBuilder::from(text)
        .min_length(Some(0))
        .pattern(Some(format!("^([{SPACE}{CONTROL_SPACE}]*|{pattern})$")))
}

/// A telephone number as people write it.
pub(super) fn phone(max_chars: usize) -> ObjectBuilder {
    let number = r"[0-9 +\-.()/]*[0-9][0-9 +\-.()/]*";
    let extension = r"([Ee][Xx][Tt][Ee][Nn][Ss][Ii][Oo][Nn]|[Ee][Xx][Tt]\.?|[Xx]|#|;[Ee][Xx][Tt]=)";
    string()
        .min_length(Some(1))
        .max_length(Some(max_chars))
        .pattern(Some(format!("^ *{number}({extension} *[0-9]+)? *$")))
}

#[cfg(test)]
mod tests {
    use addressbook_domain::{City, SearchText, TextError};

    use super::*;

    /// The part of a character class with all characters up to U+FFFF that have a property.
    fn class_of(has_property: impl Fn(char) -> bool) -> String {
        let has_property = |code: &u32| char::from_u32(*code).is_some_and(&has_property);
        let mut class = String::new();
        let mut code = 0;
        while code <= 0xffff {
            let first = code;
            while has_property(&code) {
                code += 1;
            }
            match code - first {
                0 => {}
                1 => class += &format!(r"\u{first:04x}"),
                2 => class += &format!(r"\u{first:04x}\u{:04x}", code - 1),
                _ => class += &format!(r"\u{first:04x}-\u{:04x}", code - 1),
            }
            code += 1;
        }
        class
    }

    #[test]
    fn the_patterns_of_texts_agree_with_the_domain() {
        let is_invisible =
            |char: char| City::parse(&format!("{char}")) == Err(TextError::Invisible(char.into()));
        assert_eq!(class_of(is_invisible), INVISIBLE);
        let is_accent =
            |char: char| SearchText::parse(&format!("{char}")) == Err(TextError::OnlyAccents);
        assert_eq!(class_of(is_accent), ACCENTS);
    }
}
