//! Countries by what people call them.

use crate::countries::rules::CountryRules;
use crate::country::{self, Country};
use crate::listing::fold::fold;

/// Names that neither ISO 3166 nor the data has, folded, with the codes of their countries.
const OTHER_NAMES: [(&str, &str); 15] = [
    ("america", "US"),
    ("burma", "MM"),
    ("czech republic", "CZ"),
    ("east timor", "TL"),
    ("england", "GB"),
    ("great britain", "GB"),
    ("holland", "NL"),
    ("ivory coast", "CI"),
    ("macau", "MO"),
    ("northern ireland", "GB"),
    ("palestine", "PS"),
    ("scotland", "GB"),
    ("u.s.a.", "US"),
    ("u.k.", "GB"),
    ("wales", "GB"),
];

/// The country that a text means: by a code in either case, as `DE`, `deu` or `UK`, or by an
/// English name regardless of case and accents, as `Germany` or `Cote d'Ivoire`. `None` if no
/// country is meant, or one of several.
pub fn country_named(text: &str) -> Option<Country> {
    let text = text.trim();
    // Longer than any name.
    if text.len() > 100 {
        return None;
    }
    let folded = fold(text);
    let name = folded.strip_prefix("the ").unwrap_or(&folded);
    let is_name = |candidate: &str| fold(candidate) == name;
    let by_name = || {
        let mut countries = CountryRules::countries();
        let found =
            countries.find(|found| is_name(found.name) || found.other_name.is_some_and(is_name))?;
        Some(found.country)
    };
    let by_other_name = || {
        let (_, code) = OTHER_NAMES.iter().find(|(other, _)| *other == name)?;
        Country::parse(code).ok()
    };
    Country::parse(text)
        .ok()
        .or_else(by_name)
        .or_else(by_other_name)
        .or_else(|| country::likely(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_found_by_their_codes_and_names() {
        for (text, code) in [
            ("DE", "DE"),
            ("de", "DE"),
            ("DEU", "DE"),
            ("Germany", "DE"),
            (" germany ", "DE"),
            ("UK", "GB"),
            ("United Kingdom", "GB"),
            ("Scotland", "GB"),
            ("USA", "US"),
            ("united states of america", "US"),
            ("The United States", "US"),
            ("cote d'ivoire", "CI"),
            ("Curacao", "CW"),
            ("The Netherlands", "NL"),
            ("Turkey", "TR"),
            ("Türkiye", "TR"),
            ("turkiye", "TR"),
            ("Swaziland", "SZ"),
            ("South Korea", "KR"),
            ("Russia", "RU"),
            ("Kosovo", "XK"),
            ("Czech Republic", "CZ"),
            ("Guernsey", "GG"),
            ("Aland Islands", "AX"),
            ("Palestine", "PS"),
        ] {
            let found = country_named(text).map(|country| country.as_str());
            assert_eq!(found, Some(code), "{text}");
        }
    }

    #[test]
    fn text_that_means_no_country_or_several_is_not_found() {
        for text in [
            "",
            "Atlantis",
            "Korea",
            "EU",
            "Channel Islands",
            &"a".repeat(1000),
        ] {
            assert_eq!(country_named(text), None, "{text}");
        }
    }
}
