//! The postal codes of a country.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex_lite::Regex;

/// What the postal codes of a country look like.
#[derive(Debug)]
pub struct PostalCodeRules {
    /// A regular expression for a whole postal code in upper case. It is not anchored, and both
    /// `regex` and JavaScript read it in the same way.
    pub pattern: Cow<'static, str>,
    /// Postal codes that match, as people write them.
    pub examples: Vec<&'static str>,
    /// What a label has in front of each postal code, such as `CH-`. Not a part of the code.
    pub prefix: &'static str,
    regex: OnceLock<Option<Regex>>,
}

impl PostalCodeRules {
    pub(super) fn new(
        pattern: Cow<'static, str>,
        examples: Vec<&'static str>,
        prefix: &'static str,
    ) -> Self {
        Self {
            pattern,
            examples,
            prefix,
            regex: OnceLock::new(),
        }
    }

    /// Whether a text is a postal code of the country, in either case.
    pub fn accept(&self, text: &str) -> bool {
        let compile = || Regex::new(&format!("^(?:{})$", self.pattern)).ok();
        let regex = self.regex.get_or_init(compile);
        // Every pattern of the data compiles: a test shows it.
        regex
            .as_ref()
            .is_none_or(|regex| regex.is_match(&upper(text)))
    }

    /// A postal code as people write it: in upper case, with the blanks and hyphens of the
    /// examples, without the [prefix](Self::prefix). `None` if the text does not become a postal
    /// code of the country in this way.
    pub fn usual_form(&self, text: &str) -> Option<String> {
        let compact = compact(text)?;
        let prefix: String = self
            .prefix
            .chars()
            .filter(|char| char.is_alphanumeric())
            .collect();
        let without_prefix = compact
            .strip_prefix(&*prefix)
            .filter(|_| !prefix.is_empty());
        let separated = |compact: &str| self.separated(compact);
        let mut forms = [
            separated(&compact),
            // Blanks that the country allows stay, even if no example has them: 114 55 in Sweden.
            Some(upper(text).into_owned()),
            Some(compact.clone()),
            without_prefix.and_then(separated),
            without_prefix.map(str::to_owned),
        ]
        .into_iter()
        .flatten();
        forms.find(|form| self.accept(form))
    }

    /// The letters and digits of a postal code with the separators of an example: one with letters
    /// and digits in the same places, or else all that are as long, if they agree.
    fn separated(&self, compact: &str) -> Option<String> {
        let as_long = |example: &&&str| alphanumeric(example).count() == compact.len();
        let mut agreed = None;
        let mut agree = true;
        for example in self.examples.iter().filter(as_long) {
            let mut chars = compact.chars();
            let form: String = example
                .chars()
                .filter_map(|char| match char.is_ascii_alphanumeric() {
                    true => chars.next(),
                    false => Some(char),
                })
                .collect();
            let mut pairs = alphanumeric(example).zip(compact.chars());
            if pairs.all(|(a, b)| a.is_ascii_digit() == b.is_ascii_digit()) {
                return Some(form).filter(|form| form != compact);
            }
            agree &= agreed.as_ref().is_none_or(|agreed| *agreed == form);
            agreed = Some(form);
        }
        agreed.filter(|form| agree && form != compact)
    }
}

fn alphanumeric(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(char::is_ascii_alphanumeric)
}

/// A postal code as patterns expect it.
pub(super) fn upper(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    match text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        true => text.to_ascii_uppercase().into(),
        false => text.into(),
    }
}

/// Longer than any postal code with its separators.
const MAX_BYTES: usize = 60;

/// The letters and digits of a postal code in upper case, also of full-width ones. `None` if it has
/// anything else than these, white space and hyphens.
fn compact(text: &str) -> Option<String> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut compact = String::new();
    for char in text.chars().map(half_width) {
        match char {
            _ if char.is_ascii_alphanumeric() => compact.push(char.to_ascii_uppercase()),
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}' => {}
            _ if char.is_whitespace() => {}
            _ => return None,
        }
    }
    Some(compact)
}

/// The ASCII character of a full-width one, which Japanese keyboards write. Others as they are.
fn half_width(char: char) -> char {
    match char {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0).unwrap_or(char),
        _ => char,
    }
}
