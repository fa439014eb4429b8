use std::fmt;

use rust_iso3166::iso3166_3;
use thiserror::Error;

use crate::listing::fold::fold;

/// A country by its ISO 3166-1 alpha-2 code: one of the officially assigned codes
/// or `XK` (Kosovo, user-assigned and in general use), upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Country(&'static str);

/// The text is not a [`Country`]. The message suggests which country it may mean, if known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("expected a two-letter ISO 3166-1 alpha-2 country code such as RW{hint}")]
pub struct CountryError {
    hint: Hint,
}

/// What a text that is not a country code may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hint {
    /// Not known.
    Unknown,
    /// One of the countries with these codes. Not empty.
    Countries(Vec<&'static str>),
    /// A former country with too many successors to list.
    FormerCountry,
    /// A union of countries.
    Union,
}

impl Country {
    /// Parses a code in either case and converts it to upper case.
    ///
    /// # Errors
    /// [`CountryError`] if the code is not assigned.
    pub fn parse(text: &str) -> Result<Self, CountryError> {
        let code = text.to_ascii_uppercase();
        match rust_iso3166::from_alpha2(&code) {
            Some(country) => Ok(Self(country.alpha2)),
            None if code == "XK" => Ok(Self("XK")),
            None => Err(CountryError { hint: hint(text) }),
        }
    }

    /// The code, two upper-case letters.
    pub fn as_str(&self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => Ok(()),
            Self::Countries(codes) => match &codes[..] {
                [first @ .., last] if !first.is_empty() => {
                    write!(f, "; did you mean {} or {last}?", first.join(", "))
                }
                _ => write!(f, "; did you mean {}?", codes.join("")),
            },
            Self::FormerCountry => f.write_str("; that country no longer exists"),
            Self::Union => f.write_str("; that is a union of countries"),
        }
    }
}

/// Codes that are in use but not assigned, and the codes of the countries that they mean. Most are
/// exceptionally reserved by ISO 3166-1 and not in ISO 3166-3. EL is the European Union's code for
/// Greece, and XKX the common code for Kosovo.
const ALIASES: [(&str, &str); 10] = [
    ("AC", "SH"),
    ("CP", "FR"),
    ("CQ", "GG"),
    ("DG", "IO"),
    ("EA", "ES"),
    ("EL", "GR"),
    ("IC", "ES"),
    ("TA", "SH"),
    ("UK", "GB"),
    ("XKX", "XK"),
];

/// Codes that are exceptionally reserved by ISO 3166-1 for unions.
const UNIONS: [&str; 3] = ["EU", "EZ", "UN"];

/// The maximum number of countries that a hint names.
const MAX_COUNTRIES: usize = 4;

/// The country that a text probably means, by another code or its name; `None` if it means none or
/// several.
pub(crate) fn likely(text: &str) -> Option<Country> {
    match hint(text) {
        Hint::Countries(codes) => match codes[..] {
            [code] => Country::parse(code).ok(),
            _ => None,
        },
        _ => None,
    }
}

fn hint(text: &str) -> Hint {
    let text = text.trim();
    let code = text.to_ascii_uppercase();
    let assigned = rust_iso3166::from_alpha2(&code)
        .or_else(|| rust_iso3166::from_alpha3(&code))
        .or_else(|| rust_iso3166::from_numeric_str(&code));
    let alias = ALIASES.iter().find(|(alias, _)| *alias == code);
    if let Some(country) = assigned {
        return Hint::Countries(vec![country.alpha2]);
    }
    if let Some((_, code)) = alias {
        return Hint::Countries(vec![code]);
    }
    if UNIONS.contains(&&*code) {
        return Hint::Union;
    }
    let mut codes = successors(&code);
    if codes.is_empty() {
        codes = named(text);
    }
    match codes.len() {
        0 => Hint::Unknown,
        1..=MAX_COUNTRIES => Hint::Countries(codes),
        _ => Hint::FormerCountry,
    }
}

/// Returns today's successors of a former country, by its two-letter or three-letter code in
/// ISO 3166-3.
fn successors(code: &str) -> Vec<&'static str> {
    let former = iso3166_3::ALL.iter().filter(|country| {
        let former = &country.former;
        former.alpha2 == code || former.alpha3 == code
    });
    let mut codes = Vec::new();
    for successor in former.flat_map(|country| country.new_countries) {
        match rust_iso3166::from_alpha3(successor.alpha3) {
            Some(country) => codes.push(country.alpha2),
            // The successor is itself a former country.
            None => codes.extend(successors(successor.alpha3)),
        }
    }
    codes
}

/// Returns the countries with this English short name in ISO 3166-1, with or without its part in
/// parentheses. Several countries can share a name.
fn named(text: &str) -> Vec<&'static str> {
    // Longer than any name.
    if text.len() > 100 {
        return Vec::new();
    }
    let wanted = fold(text);
    let wanted = wanted.strip_prefix("the ").unwrap_or(&wanted);
    let is_name = |name: &str| {
        let name = fold(name);
        name == wanted || name.split(" (").next() == Some(wanted)
    };
    let countries = rust_iso3166::ALL.iter();
    countries
        .filter(|country| is_name(country.name))
        .map(|country| country.alpha2)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(text: &str) -> String {
        Country::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn accepts_the_assigned_codes_and_kosovo() {
        let letters = || b'A'..=b'Z';
        let known = letters()
            .flat_map(|a| letters().map(move |b| String::from_utf8(vec![a, b]).unwrap()))
            .filter(|code| Country::parse(code).is_ok())
            .count();
        assert_eq!(known, 249 + 1);
    }

    #[test]
    fn converts_codes_to_upper_case() {
        assert_eq!(Country::parse("rw").unwrap().as_str(), "RW");
        assert_eq!(Country::parse("Xk").unwrap().as_str(), "XK");
    }

    #[test]
    fn the_error_says_what_was_expected() {
        for text in [
            "",
            "R",
            "ZZ",
            "R W",
            "ｒｗ",
            "ß",
            "DE,FR",
            &"x".repeat(1000),
        ] {
            assert_eq!(
                message(text),
                "expected a two-letter ISO 3166-1 alpha-2 country code such as RW",
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_error_suggests_the_likely_country() {
        for (text, hint) in [
            // In use, but not assigned.
            ("UK", "did you mean GB?"),
            ("uk", "did you mean GB?"),
            ("EL", "did you mean GR?"),
            ("AC", "did you mean SH?"),
            ("CP", "did you mean FR?"),
            ("CQ", "did you mean GG?"),
            ("DG", "did you mean IO?"),
            ("EA", "did you mean ES?"),
            ("IC", "did you mean ES?"),
            ("TA", "did you mean SH?"),
            ("EU", "that is a union of countries"),
            ("EZ", "that is a union of countries"),
            ("UN", "that is a union of countries"),
            // Former countries.
            ("FX", "did you mean FR?"),
            ("AN", "did you mean BQ, CW or SX?"),
            ("BU", "did you mean MM?"),
            ("CS", "did you mean CZ, SK, ME or RS?"),
            ("DD", "did you mean DE?"),
            ("NT", "did you mean IQ or SA?"),
            ("SU", "that country no longer exists"),
            ("TP", "did you mean TL?"),
            ("YU", "did you mean ME or RS?"),
            ("ZR", "did you mean CD?"),
            ("ZAR", "did you mean CD?"),
            // Other codes, and names.
            ("USA", "did you mean US?"),
            ("rwa", "did you mean RW?"),
            ("646", "did you mean RW?"),
            ("XKX", "did you mean XK?"),
            (" RW", "did you mean RW?"),
            ("Rwanda", "did you mean RW?"),
            ("cote d'ivoire", "did you mean CI?"),
            ("Bolivia", "did you mean BO?"),
            ("The Netherlands", "did you mean NL?"),
            ("Korea", "did you mean KP or KR?"),
            ("Congo", "did you mean CG or CD?"),
        ] {
            let expected =
                format!("expected a two-letter ISO 3166-1 alpha-2 country code such as RW; {hint}");
            assert_eq!(message(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn hints_are_valid_codes(text in prop_oneof![any::<String>(), "[A-Z]{2,3}", "[0-9]{3}"]) {
            if let Err(CountryError { hint: Hint::Countries(codes) }) = Country::parse(&text) {
                prop_assert!(!codes.is_empty());
                for code in codes {
                    prop_assert!(Country::parse(code).is_ok(), "{}", code);
                }
            }
        }
    }
}
