//! Countries, and what their addresses look like, as JSON with the schemas.

use addressbook_domain::{
    AddressFormat, CountryName, CountryRules, FormatElement, MemberKinds, PostalMember,
    RulesSource, Subdivision,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::values;

/// All countries, and where their rules come from.
#[derive(Serialize, ToSchema)]
#[schema(as = CountryList)]
pub(crate) struct CountryListJson {
    #[schema(inline)]
    data: SourceJson,
    /// The countries, sorted by code
    countries: Vec<CountryNameJson>,
}

/// Where the rules of countries come from.
#[derive(Serialize, ToSchema)]
struct SourceJson {
    /// The package that the data was taken from, with its version
    source: &'static str,
    /// The date of the data
    #[schema(format = Date)]
    date: &'static str,
    /// The licence of the data, as its SPDX identifier
    licence: &'static str,
    /// Who made the data. The licence requires that this is stated where the data is published
    attribution: &'static str,
}

/// What the licence of the data requires to be stated.
const ATTRIBUTION: &str = "Address Data Service of libaddressinput, Copyright Google LLC, changed";

/// A country by its code and name.
#[derive(Serialize, ToSchema)]
#[schema(as = CountryName)]
struct CountryNameJson {
    #[schema(schema_with = values::country_code)]
    code: &'static str,
    /// The short name in English
    name: &'static str,
}

impl CountryListJson {
    pub(crate) fn new(source: RulesSource, countries: impl Iterator<Item = CountryName>) -> Self {
        let RulesSource {
            source,
            date,
            licence,
        } = source;
        let named = |CountryName { country, name, .. }| CountryNameJson {
            code: country.as_str(),
            name,
        };
        Self {
            data: SourceJson {
                source,
                date,
                licence,
                attribution: ATTRIBUTION,
            },
            countries: countries.map(named).collect(),
        }
    }
}

/// What the addresses of a country look like: enough for a form in which they are entered.
#[derive(Serialize, ToSchema)]
#[schema(as = Country)]
pub(crate) struct CountryJson {
    #[schema(schema_with = values::country_code)]
    code: &'static str,
    /// The short name in English
    name: &'static str,
    /// The languages of the country as BCP 47 tags, the main one first. Empty if not known
    languages: &'static [&'static str],
    /// The members that an address of the country has, in the order in which it is written.
    /// Others are not printed on labels
    members: Vec<MemberJson>,
    /// The names of the members on each line of a label
    #[schema(schema_with = values::label_lines)]
    lines: Vec<Vec<&'static str>>,
    /// The same for an address in Latin letters; null if it is the same
    #[schema(schema_with = values::latin_label_lines, required = true)]
    latin_lines: Option<Vec<Vec<&'static str>>>,
    /// What postal codes look like; null if the country has none, or their form is not known
    #[schema(required = true)]
    postal_code: Option<PostalCodeJson>,
    /// What `region` can be, in the usual order. Empty if any text is accepted
    subdivisions: Vec<SubdivisionJson>,
}

/// A member of a country's addresses.
#[derive(Serialize, ToSchema)]
#[schema(as = CountryMember)]
struct MemberJson {
    /// The name of the member in an address
    #[schema(schema_with = values::postal_member)]
    name: &'static str,
    /// Whether every address of the country has it
    required: bool,
    /// Whether the post prefers it in upper case
    upper_case: bool,
    /// What the member is in this country, such as `prefecture`. Stable, for translations. Later
    /// releases can add kinds
    kind: &'static str,
    /// What to call the member in a form in English
    label: &'static str,
}

/// What the postal codes of a country look like.
#[derive(Serialize, ToSchema)]
#[schema(as = CountryPostalCode)]
struct PostalCodeJson {
    /// A regular expression for a whole postal code, trimmed and in upper case. Add `^(?:` before
    /// it and `)$` after it. JavaScript's `RegExp` reads it
    pattern: &'static str,
    /// Postal codes that match, as people write them
    examples: &'static [&'static str],
}

/// A state, province, prefecture, county or similar part of a country.
#[derive(Serialize, ToSchema)]
#[schema(as = Subdivision)]
struct SubdivisionJson {
    /// What to store as `region`, such as `CA` or `東京都`
    code: &'static str,
    /// The name in the main language of the country
    name: &'static str,
    /// The name in Latin letters; null if the code and the name are in Latin letters
    #[schema(required = true)]
    latin_name: Option<&'static str>,
    /// The code in ISO 3166-2; null if it has none
    #[schema(required = true)]
    iso_code: Option<String>,
    /// How the postal codes of the subdivision begin. Empty if not known
    postal_code_prefixes: Vec<PrefixesJson>,
}

/// The beginnings of postal codes from `first` to `last`, compared as texts of the same length.
#[derive(Serialize, ToSchema)]
#[schema(as = PostalCodePrefixes)]
struct PrefixesJson {
    first: &'static str,
    last: &'static str,
}

impl CountryJson {
    pub(crate) fn new(rules: &'static CountryRules) -> Self {
        let code = rules.country.as_str();
        let lines = lines(&rules.format);
        let latin_lines = rules.latin_format.as_ref().map(self::lines);
        let subdivisions = rules.subdivisions.iter();
        Self {
            code,
            name: rules.name,
            languages: &rules.languages,
            members: members(rules),
            latin_lines: latin_lines.filter(|latin| *latin != lines),
            lines,
            postal_code: rules.postal_code.as_ref().map(|rules| PostalCodeJson {
                pattern: &rules.pattern,
                examples: &rules.examples,
            }),
            subdivisions: subdivisions
                .map(|subdivision| SubdivisionJson::new(code, subdivision))
                .collect(),
        }
    }
}

/// The second street line, which the rules count as a part of the first.
const SECOND_LINE: &str = "second_line";

/// The names of all members, as documented.
pub(crate) fn member_names() -> impl Iterator<Item = &'static str> {
    PostalMember::ALL.into_iter().flat_map(names)
}

fn names(member: PostalMember) -> impl Iterator<Item = &'static str> {
    let second = (member == PostalMember::StreetLines).then_some(SECOND_LINE);
    [member.name()].into_iter().chain(second)
}

/// The lines of a label. The second street line is one of its own.
fn lines(format: &AddressFormat) -> Vec<Vec<&'static str>> {
    let mut lines = vec![Vec::new()];
    for element in format.elements() {
        match element {
            FormatElement::NewLine => lines.push(Vec::new()),
            FormatElement::Member(member) => {
                let mut names = names(*member);
                if let Some(line) = lines.last_mut() {
                    line.extend(names.next());
                }
                lines.extend(names.map(|name| vec![name]));
            }
            FormatElement::Literal(_) => {}
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn members(rules: &CountryRules) -> Vec<MemberJson> {
    let members = rules.format.elements().iter();
    let members = members.filter_map(|element| match element {
        FormatElement::Member(member) => Some(*member),
        FormatElement::NewLine | FormatElement::Literal(_) => None,
    });
    members
        .flat_map(|member| {
            names(member).map(move |name| {
                let (kind, label) = kind_and_label(name, member, rules.kinds);
                MemberJson {
                    name,
                    required: rules.requires(member) && name != SECOND_LINE,
                    upper_case: rules.upper_case.contains(&member),
                    kind,
                    label,
                }
            })
        })
        .collect()
}

/// The kind of a member, and what to call it.
fn kind_and_label(
    name: &'static str,
    member: PostalMember,
    kinds: MemberKinds,
) -> (&'static str, &'static str) {
    let kind = match member {
        PostalMember::District => kinds.district,
        PostalMember::City => kinds.city,
        PostalMember::Region => kinds.region,
        PostalMember::PostalCode => kinds.postal_code,
        _ => name,
    };
    let known = LABELS.iter().find(|(known, _)| *known == kind);
    // A test shows that every kind has a label.
    (kind, known.map_or(kind, |(_, label)| *label))
}

/// What each kind of member is called in English.
const LABELS: [(&str, &str); 27] = [
    ("recipient", "Name"),
    ("organization", "Company"),
    ("first_line", "Street address"),
    (SECOND_LINE, "Apartment, floor or building"),
    ("sorting_code", "Sorting code"),
    ("area", "Area"),
    ("city", "City"),
    ("county", "County"),
    ("department", "Department"),
    ("district", "District"),
    ("do_si", "Province or city"),
    ("eircode", "Eircode"),
    ("emirate", "Emirate"),
    ("island", "Island"),
    ("neighborhood", "Neighborhood"),
    ("oblast", "Oblast"),
    ("parish", "Parish"),
    ("pin", "PIN code"),
    ("post_town", "Post town"),
    ("postal", "Postal code"),
    ("prefecture", "Prefecture"),
    ("province", "Province"),
    ("state", "State"),
    ("suburb", "Suburb"),
    ("townland", "Townland"),
    ("village_township", "Village or township"),
    ("zip", "ZIP code"),
];

impl SubdivisionJson {
    fn new(country: &str, subdivision: &'static Subdivision) -> Self {
        let iso_code = subdivision.iso_code;
        let prefixes = subdivision.postal_codes.into_iter();
        Self {
            code: subdivision.code,
            name: subdivision.name,
            latin_name: subdivision.latin_name,
            iso_code: iso_code.map(|code| format!("{country}-{code}")),
            postal_code_prefixes: prefixes
                .flat_map(|prefixes| prefixes.ranges())
                .map(|(first, last)| PrefixesJson { first, last })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use addressbook_domain::Country;

    use super::*;

    fn all() -> impl Iterator<Item = CountryJson> {
        let countries = CountryRules::countries();
        countries.map(|name| CountryJson::new(CountryRules::of(name.country).unwrap()))
    }

    fn of(code: &str) -> CountryJson {
        let country = Country::parse(code).unwrap();
        CountryJson::new(CountryRules::of(country).unwrap())
    }

    fn member(country: &CountryJson, name: &str) -> (bool, &'static str, &'static str) {
        let member = country.members.iter().find(|member| member.name == name);
        let member = member.unwrap();
        (member.required, member.kind, member.label)
    }

    #[test]
    fn members_are_in_the_order_of_the_country() {
        let order = |country: &CountryJson| -> Vec<_> {
            country.members.iter().map(|member| member.name).collect()
        };
        let japan = of("JP");
        let local = [
            "postal_code",
            "region",
            "first_line",
            "second_line",
            "organization",
            "recipient",
        ];
        assert_eq!(order(&japan), local);
        assert_eq!(japan.lines.concat(), local);
        let latin = japan.latin_lines.unwrap();
        assert_eq!(
            latin[2..5],
            [
                vec!["first_line"],
                vec!["second_line", "region"],
                vec!["postal_code"]
            ]
        );
        let lines = of("US").lines;
        assert_eq!(lines.last().unwrap(), &["city", "region", "postal_code"]);
        assert_eq!(of("US").latin_lines, None);
    }

    #[test]
    fn members_have_the_kind_and_label_of_the_country() {
        let states = of("US");
        assert_eq!(member(&states, "region"), (true, "state", "State"));
        assert_eq!(member(&states, "postal_code"), (true, "zip", "ZIP code"));
        let street = member(&states, "first_line");
        assert_eq!(street, (true, "first_line", "Street address"));
        assert!(!member(&states, "second_line").0);
        assert_eq!(
            member(&of("JP"), "region"),
            (true, "prefecture", "Prefecture")
        );
        assert_eq!(
            member(&of("IE"), "postal_code"),
            (false, "eircode", "Eircode")
        );
        assert_eq!(member(&of("GB"), "city"), (true, "post_town", "Post town"));
    }

    #[test]
    fn every_kind_has_a_label_and_every_label_a_kind() {
        let mut used: Vec<_> = all()
            .flat_map(|country| country.members)
            .map(|member| member.kind)
            .collect();
        used.sort_unstable();
        used.dedup();
        let mut labelled: Vec<_> = LABELS.iter().map(|(kind, _)| *kind).collect();
        labelled.sort_unstable();
        assert_eq!(used, labelled);
    }

    #[test]
    fn every_country_has_a_complete_form() {
        for country in all() {
            let code = country.code;
            let rules = CountryRules::of(Country::parse(code).unwrap()).unwrap();
            let mut names: Vec<_> = country.members.iter().map(|member| member.name).collect();
            assert_eq!(country.lines.concat(), names, "{code}");
            for required in &rules.required {
                assert!(names.contains(&required.name()), "{code} {required:?}");
            }
            if country.postal_code.is_some() {
                assert!(names.contains(&"postal_code"), "{code}");
            }
            if let Some(latin) = country.latin_lines {
                let mut latin = latin.concat();
                latin.sort_unstable();
                names.sort_unstable();
                assert_eq!(latin, names, "{code}");
            }
        }
    }

    #[test]
    fn subdivisions_have_iso_codes_and_prefixes() {
        let tokyo = of("JP");
        let tokyo = tokyo.subdivisions.iter().find(|sub| sub.code == "東京都");
        let tokyo = tokyo.unwrap();
        assert_eq!(tokyo.name, "東京都");
        assert_eq!(tokyo.latin_name, Some("Tokyo"));
        assert_eq!(tokyo.iso_code.as_deref(), Some("JP-13"));
        let first = &tokyo.postal_code_prefixes[0];
        assert_eq!((first.first, first.last), ("10", "18"));
    }
}
