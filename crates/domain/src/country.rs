use std::fmt;

use thiserror::Error;

/// A country by its ISO 3166-1 alpha-2 code: one of the officially assigned codes
/// or `XK` (Kosovo, user-assigned and in general use), upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Country(&'static str);

/// The text is no [`Country`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected a two-letter ISO 3166-1 alpha-2 country code such as RW")]
pub struct CountryError;

impl Country {
    /// Takes a code in either case and raises it.
    ///
    /// # Errors
    /// [`CountryError`] when the code is not assigned.
    pub fn parse(text: &str) -> Result<Self, CountryError> {
        let code = text.to_ascii_uppercase();
        match rust_iso3166::from_alpha2(&code) {
            Some(country) => Ok(Self(country.alpha2)),
            None if code == "XK" => Ok(Self("XK")),
            None => Err(CountryError),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_assigned_codes_and_kosovo() {
        let letters = || b'A'..=b'Z';
        let known = letters()
            .flat_map(|a| letters().map(move |b| String::from_utf8(vec![a, b]).unwrap()))
            .filter(|code| Country::parse(code).is_ok())
            .count();
        assert_eq!(known, 249 + 1);
    }

    #[test]
    fn raises_lower_case() {
        assert_eq!(Country::parse("rw").unwrap().as_str(), "RW");
        assert_eq!(Country::parse("Xk").unwrap().as_str(), "XK");
    }

    #[test]
    fn refuses_what_is_not_assigned() {
        for text in ["", "R", "RWA", "ZZ", "UK", "EU", "R W", " RW", "ｒｗ", "ß"] {
            assert_eq!(Country::parse(text), Err(CountryError), "{text:?}");
        }
    }
}
