//! The subdivisions of a country: states, provinces, prefectures, counties.

use crate::listing::fold::fold;

/// A state, province, prefecture or other first-level subdivision of a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subdivision {
    /// How addresses name it, such as `CA`, `Co. Dublin` or `東京都`.
    pub code: &'static str,
    /// The code in ISO 3166-2, without the country's; `None` if it has none.
    pub iso_code: Option<&'static str>,
    /// The full name in the country's main language; the code if it is the name.
    pub name: &'static str,
    /// The name in Latin letters, if the code and the name are in others.
    pub latin_name: Option<&'static str>,
    /// Names in other languages of the country.
    pub other_names: Vec<&'static str>,
    /// How postal codes of the subdivision begin; `None` if that is not known.
    pub postal_codes: Option<PostalCodePrefixes>,
    /// The code and all names, in this order, folded.
    folded: Vec<Box<str>>,
}

/// How postal codes begin: prefixes, and ranges of them that differ in digits, such as
/// `90-95,960-961`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostalCodePrefixes(&'static str);

/// A known spelling of a [`Subdivision`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    pub(super) subdivision: &'static Subdivision,
    text: &'static str,
}

impl Subdivision {
    pub(super) fn new(
        code: &'static str,
        iso_code: Option<&'static str>,
        name: Option<&'static str>,
        latin_name: Option<&'static str>,
        other_names: Vec<&'static str>,
        postal_codes: Option<&'static str>,
    ) -> Self {
        let mut subdivision = Self {
            code,
            iso_code,
            name: name.unwrap_or(code),
            latin_name,
            other_names,
            postal_codes: postal_codes.map(PostalCodePrefixes),
            folded: Vec::new(),
        };
        subdivision.folded = subdivision
            .spellings()
            .map(|text| fold(text).into())
            .collect();
        subdivision
    }

    fn spellings(&self) -> impl Iterator<Item = &'static str> {
        let names = [self.code, self.name].into_iter().chain(self.latin_name);
        names.chain(self.other_names.iter().copied())
    }

    /// The subdivision that a text names by its code or one of its names, regardless of case and
    /// accents.
    pub(super) fn known(all: &'static [Self], text: &str) -> Option<Spelling> {
        let exact = |subdivision: &'static Self| {
            let text = subdivision.spellings().find(|spelling| *spelling == text)?;
            Some(Spelling { subdivision, text })
        };
        all.iter().find_map(exact).or_else(|| {
            let folded = fold_name(text)?;
            Self::spelled(all, |spelling| spelling == folded).next()
        })
    }

    /// The subdivision that an unknown text probably means: by its ISO code, with or without the
    /// country's, or by most of one name. `kind` is a word that may stand beside the name.
    pub(super) fn likely(
        all: &'static [Self],
        country: &str,
        kind: &str,
        text: &str,
    ) -> Option<Spelling> {
        let folded = fold_name(text)?;
        let upper = text.to_ascii_uppercase();
        let iso_code = upper
            .strip_prefix(country)
            .and_then(|rest| rest.strip_prefix('-'))
            .unwrap_or(&upper);
        if let Some(subdivision) = all.iter().find(|sub| sub.iso_code == Some(iso_code)) {
            let text = subdivision.code;
            return Some(Spelling { subdivision, text });
        }
        let words = folded.split_whitespace();
        let name: Vec<&str> = words
            .filter(|word| *word != kind && *word != "of")
            .collect();
        let name = name.join(" ");
        let mut same = Self::spelled(all, |spelling| spelling == name);
        let mut most = Self::spelled(all, |spelling| is_most_of(&name, spelling));
        // Several are equally likely: none is suggested.
        let only_one = || most.next().filter(|_| most.next().is_none());
        same.next().or_else(only_one)
    }

    /// The subdivisions of which a folded spelling is as wanted, each with its first one.
    fn spelled(
        all: &'static [Self],
        is_wanted: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = Spelling> {
        all.iter().filter_map(move |subdivision| {
            let mut pairs = subdivision.folded.iter().zip(subdivision.spellings());
            let (_, text) = pairs.find(|(spelling, _)| is_wanted(spelling))?;
            Some(Spelling { subdivision, text })
        })
    }
}

/// Longer than any name with a word beside it.
const MAX_BYTES: usize = 120;

/// A folded name; `None` if the text is too long for one.
fn fold_name(text: &str) -> Option<String> {
    (text.len() <= MAX_BYTES).then(|| fold(text))
}

/// Whether a text is at least the half of a name, at its beginning or its end, and whole words of
/// it where words are separated.
fn is_most_of(text: &str, name: &str) -> bool {
    let ends = name
        .strip_suffix(text)
        .filter(|rest| !rest.ends_with(is_letter));
    let begins = || {
        name.strip_prefix(text)
            .filter(|rest| !rest.starts_with(is_letter))
    };
    2 * text.chars().count() >= name.chars().count() && ends.or_else(begins).is_some()
}

/// Whether a character continues a word of a script that separates words.
fn is_letter(char: char) -> bool {
    char.is_alphanumeric() && !matches!(char, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7ff}')
}

impl Spelling {
    /// The subdivision as an address should name it: its code, or the found name if that is in
    /// another script, as 九龍 beside `Kowloon` or `Tokyo` beside 東京都.
    pub(super) fn usual_form(self) -> &'static str {
        match is_latin(self.text) == is_latin(self.subdivision.code) {
            true => self.subdivision.code,
            false => self.text,
        }
    }
}

/// Whether the first letter of a name is Latin.
fn is_latin(name: &str) -> bool {
    let first = name.chars().find(|char| char.is_alphabetic());
    first.is_some_and(|char| matches!(char, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}'))
}

impl PostalCodePrefixes {
    /// The prefixes and ranges of prefixes, separated by commas.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The first and the last prefix of each range. Both are as long as each other.
    pub fn ranges(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let ranges = self.0.split(',');
        ranges.map(|range| range.split_once('-').unwrap_or((range, range)))
    }

    /// Whether a postal code, in upper case, begins with one of the prefixes.
    pub fn match_start_of(self, postal_code: &str) -> bool {
        self.ranges().any(|(first, last)| {
            let start = postal_code.get(..first.len());
            start.is_some_and(|start| first <= start && start <= last)
        })
    }
}
