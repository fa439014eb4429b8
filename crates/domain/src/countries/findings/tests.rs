use proptest::prelude::*;

use super::*;
use crate::country::Country;

fn address(country: &str) -> PostalAddress<'static> {
    PostalAddress::new(Country::parse(country).unwrap())
}

/// The findings as `member: code -> suggestion`.
fn found(address: PostalAddress<'_>) -> Vec<String> {
    let findings = findings(&address);
    let lines = findings.iter().map(|finding| {
        let suggestion = finding.suggestion.as_ref();
        let suggestion = suggestion.map_or(String::new(), |text| format!(" -> {text}"));
        format!("{}: {}{suggestion}", finding.member.name(), finding.code)
    });
    lines.collect()
}

/// The findings of an address that lacks nothing, about its postal code and region.
fn found_in(country: &str, region: &str, postal_code: &str) -> Vec<String> {
    found(PostalAddress {
        recipient: "A",
        first_line: "1 Main Street",
        city: "Town",
        region,
        postal_code,
        ..address(country)
    })
}

fn none() -> [String; 0] {
    []
}

#[test]
fn codes_are_stable() {
    assert_eq!(
        FindingCode::ALL.map(FindingCode::as_str),
        [
            "missing",
            "unused",
            "unknown-region",
            "invalid-postal-code",
            "postal-code-of-another-region",
            "unusual-form",
        ]
    );
    let errors = FindingCode::ALL.map(FindingCode::is_error);
    assert_eq!(errors, [true, false, true, true, true, false]);
}

#[test]
fn messages_say_what_was_expected_and_repeat_nothing() {
    let messages = |region, postal_code| -> Vec<String> {
        let address = PostalAddress {
            region,
            postal_code,
            second_line: "Floor 1",
            district: "Hills",
            ..address("US")
        };
        let findings = findings(&address);
        let lines = findings.iter();
        lines
            .map(|finding| format!("{}: {}", finding.member.name(), finding.message))
            .collect()
    };
    let unused = "district: is not used in addresses of this country";
    assert_eq!(
        messages("Atlantis", "1"),
        [
            unused,
            "city: is required",
            "region: expected a state of this country, such as AL",
            "postal_code: expected a postal code such as 95014 or 22162-1010",
        ]
    );
    assert_eq!(
        messages("california", "10001"),
        [
            unused,
            "city: is required",
            "region: is usually written in another form",
            "postal_code: expected a postal code of the region, which begins with 90-95, 960-961",
        ]
    );
}

#[test]
fn a_valid_address_has_no_findings() {
    assert_eq!(found_in("US", "CA", "95014"), none());
    assert_eq!(found_in("CA", "ON", "K1A 0B1"), none());
    assert_eq!(found_in("DE", "", "10115"), none());
}

#[test]
fn either_street_line_is_enough() {
    let second = PostalAddress {
        second_line: "Unit 7",
        city: "Kigali",
        ..address("RW")
    };
    assert_eq!(found(second), none());
    let blank = PostalAddress {
        first_line: " \t",
        ..second
    };
    assert_eq!(found(blank), none());
    let neither = PostalAddress {
        second_line: "",
        ..blank
    };
    assert_eq!(found(neither), ["first_line: missing"]);
}

/// The API contract's own example has a region in Rwanda, whose addresses have none.
#[test]
fn an_unused_member_is_a_hint() {
    let findings = findings(&PostalAddress {
        first_line: "KG 7 Ave",
        city: "Kigali",
        region: "Kigali City",
        ..address("RW")
    });
    let [finding] = &findings[..] else {
        panic!("{findings:?}");
    };
    assert_eq!(
        (finding.member, finding.code),
        (PostalMember::Region, FindingCode::Unused)
    );
    assert!(!finding.code.is_error());
}

#[test]
fn known_spellings_of_a_region_get_the_usual_one() {
    for (country, region, usual) in [
        ("US", "ca", Some("CA")),
        ("US", "California", Some("CA")),
        ("US", "CALIFORNIA", Some("CA")),
        ("US", " CA", None),
        ("CA", "Québec", Some("QC")),
        ("CA", "Nouveau-Brunswick", Some("NB")),
        ("AU", "New South Wales", Some("NSW")),
        ("MX", "Nuevo León", Some("N.L.")),
        ("ES", "Alacant", Some("A")),
        ("ES", "Bizkaia", Some("BI")),
        ("ES", "a coruna", Some("C")),
        // The names of both scripts stand as they are.
        ("JP", "東京都", None),
        ("JP", "Tokyo", None),
        ("JP", "tokyo", Some("Tokyo")),
        ("HK", "Kowloon", None),
        ("HK", "九龍", None),
        ("AE", "Dubai", None),
        ("AE", "دبي", Some("إمارة دبيّ")),
        ("IN", "केरल", None),
        ("RU", "Moskva", None),
    ] {
        let found = found_in(country, region, "");
        let unknown = found.iter().any(|line| line.starts_with("region: unknown"));
        assert!(!unknown, "{country} {region}: {found:?}");
        let expected = usual.map(|usual| format!("region: unusual-form -> {usual}"));
        let actual = found.into_iter().find(|line| line.starts_with("region"));
        assert_eq!(actual, expected, "{country} {region}");
    }
}

#[test]
fn unknown_regions_get_the_likely_one() {
    for (country, region, likely) in [
        ("US", "US-CA", Some("CA")),
        ("US", "Calif", None),
        ("US", "State of New York", Some("NY")),
        ("US", "New York State", Some("NY")),
        ("US", "Carolina", None),
        ("US", "Virginia West", None),
        ("JP", "JP-13", Some("東京都")),
        ("JP", "13", Some("東京都")),
        ("JP", "東京", Some("東京都")),
        ("JP", "Tokyo Prefecture", Some("Tokyo")),
        ("IE", "Dublin", Some("Co. Dublin")),
        ("IE", "County Mayo", Some("Co. Mayo")),
        ("MX", "JAL", Some("Jal.")),
        ("IT", "Lombardia", None),
        ("US", "Atlantis", None),
    ] {
        let actual = found_in(country, region, "");
        let actual = actual.into_iter().find(|line| line.starts_with("region"));
        let likely = likely.map_or(String::new(), |likely| format!(" -> {likely}"));
        let expected = format!("region: unknown-region{likely}");
        assert_eq!(actual, Some(expected), "{country} {region}");
    }
}

#[test]
fn postal_codes_get_their_usual_form() {
    for (country, text, usual) in [
        ("GB", "sw1a1aa", "SW1A 1AA"),
        ("GB", "SW1A  1AA", "SW1A 1AA"),
        ("GB", "m25bq", "M2 5BQ"),
        ("GB", "gir0aa", "GIR 0AA"),
        ("GB", "bfpo801", "BFPO 801"),
        ("CA", "k1a0b1", "K1A 0B1"),
        ("CA", "K1A-0B1", "K1A 0B1"),
        ("JP", "1000001", "100-0001"),
        ("JP", "１００ー０００１", "100-0001"),
        ("BR", "40301110", "40301-110"),
        ("CZ", "10000", "100 00"),
        ("IE", "d02x285", "D02 X285"),
        ("NL", "1234ab", "1234 AB"),
        ("PT", "2725079", "2725-079"),
        ("PL", "00950", "00-950"),
        ("US", "221621010", "22162-1010"),
        ("US", "22162 1010", "22162-1010"),
        ("MT", "bzn1130", "BZN 1130"),
        ("LV", "lv1073", "LV-1073"),
        // What a label has in front of the code.
        ("CH", "CH-8001", "8001"),
        ("SE", "SE-114 55", "11455"),
        ("DE", "10 115", "10115"),
        ("FR", "33380 ", "33380"),
    ] {
        let country = Country::parse(country).unwrap();
        let rules = CountryRules::of(country).and_then(|rules| rules.postal_code.as_ref());
        let usual_form = rules.unwrap().usual_form(text);
        assert_eq!(usual_form.as_deref(), Some(usual), "{country} {text}");
        assert!(rules.unwrap().accept(usual), "{country} {usual}");
    }
    for (country, text) in [
        ("DE", "1011"),
        ("DE", "D-10115"),
        ("GB", "London"),
        ("US", "9501#"),
        ("GB", &"SW".repeat(1000)),
    ] {
        let country = Country::parse(country).unwrap();
        let rules = CountryRules::of(country).and_then(|rules| rules.postal_code.as_ref());
        assert_eq!(rules.unwrap().usual_form(text), None, "{country} {text}");
    }
}

/// Sweden writes 114 55; no example does.
#[test]
fn a_blank_that_the_country_allows_is_not_unusual() {
    assert_eq!(found_in("SE", "", "114 55"), none());
    assert_eq!(found_in("SE", "", "11455"), none());
}

#[test]
fn invalid_and_unusual_postal_codes_differ() {
    assert_eq!(
        found_in("CA", "ON", "k1a 0b1"),
        ["postal_code: unusual-form -> K1A 0B1"]
    );
    assert_eq!(
        found_in("US", "VA", "221621010"),
        ["postal_code: invalid-postal-code -> 22162-1010"]
    );
    assert_eq!(
        found_in("DE", "", "1011"),
        ["postal_code: invalid-postal-code"]
    );
    assert_eq!(
        found_in("CA", "BC", "k1a0b1"),
        [
            "postal_code: postal-code-of-another-region",
            "postal_code: unusual-form -> K1A 0B1"
        ]
    );
}

/// The alternatives of a pattern are anchored together.
#[test]
fn patterns_match_whole_postal_codes() {
    assert_eq!(
        found_in("LI", "", "94851"),
        ["postal_code: invalid-postal-code"]
    );
    assert_eq!(
        found_in("CR", "San José", "1000-000"),
        ["postal_code: invalid-postal-code"]
    );
    assert_eq!(found_in("BH", "", "1215"), none());
    assert_eq!(
        found_in("BH", "", "3170"),
        ["postal_code: invalid-postal-code"]
    );
}

#[test]
fn territories_are_countries_and_states() {
    let sender = |country| PostalAddress {
        first_line: "1 Calle",
        city: "San Juan",
        postal_code: "00901",
        ..address(country)
    };
    assert_eq!(found(sender("PR")), none());
    let as_state = |region, postal_code| PostalAddress {
        region,
        postal_code,
        ..sender("US")
    };
    assert_eq!(found(as_state("PR", "00901")), none());
    assert_eq!(found(as_state("GU", "96910")), none());
    let guam = PostalAddress {
        postal_code: "96910",
        ..sender("GU")
    };
    assert_eq!(found(guam), none());
    let region = "Guam";
    assert_eq!(found(PostalAddress { region, ..guam }), ["region: unused"]);
    let postal_code = "95014";
    assert_eq!(
        found(PostalAddress {
            postal_code,
            ..guam
        }),
        ["postal_code: invalid-postal-code"]
    );
}

#[test]
fn military_mail_of_the_united_states_has_its_own_postal_codes() {
    for (region, postal_code) in [
        ("AA", "34012"),
        ("AE", "09123"),
        ("AP", "96201"),
        ("AP", "96699"),
    ] {
        assert_eq!(found_in("US", region, postal_code), none());
    }
    let other = ["postal_code: postal-code-of-another-region"];
    assert_eq!(found_in("US", "AE", "34012"), other);
    assert_eq!(found_in("US", "AP", "96701"), other);
}

#[test]
fn kosovo_has_rules() {
    assert_eq!(found_in("XK", "", "10000"), none());
    assert_eq!(
        found_in("XK", "", "80000"),
        ["postal_code: invalid-postal-code"]
    );
}

#[test]
fn ireland_has_eircodes_and_needs_no_county() {
    assert_eq!(found_in("IE", "", "A65 F4E2"), none());
    assert_eq!(found_in("IE", "Co. Dublin", "D02 X285"), none());
    assert_eq!(found_in("IE", "", ""), none());
    let rules = CountryRules::of(Country::parse("IE").unwrap()).unwrap();
    assert_eq!(rules.kinds.postal_code, "eircode");
}

#[test]
fn the_emirates_have_no_postal_codes() {
    let dubai = PostalAddress {
        first_line: "1 Sheikh Zayed Road",
        region: "Dubai",
        ..address("AE")
    };
    assert_eq!(found(dubai), none());
    let postal_code = "00000";
    assert_eq!(
        found(PostalAddress {
            postal_code,
            ..dubai
        }),
        ["postal_code: unused"]
    );
}

#[test]
fn the_united_kingdom_needs_no_county() {
    assert_eq!(found_in("GB", "", "SW1A 1AA"), none());
    assert_eq!(found_in("GB", "Surrey", "SW1A 1AA"), ["region: unused"]);
}

#[test]
fn some_countries_have_neither_city_nor_region() {
    let singapore = PostalAddress {
        first_line: "1 Orchard Road",
        postal_code: "238823",
        ..address("SG")
    };
    assert_eq!(found(singapore), none());
    let city = "Singapore";
    assert_eq!(found(PostalAddress { city, ..singapore }), ["city: unused"]);
    let vatican = PostalAddress {
        first_line: "Via della Conciliazione",
        city: "Città del Vaticano",
        postal_code: "00120",
        ..address("VA")
    };
    assert_eq!(found(vatican), none());
    let seychelles = PostalAddress {
        first_line: "Bel Ombre",
        city: "Victoria",
        ..address("SC")
    };
    assert_eq!(found(seychelles), none());
    let macao = PostalAddress {
        first_line: "Avenida da Praia Grande 1",
        ..address("MO")
    };
    assert_eq!(found(macao), none());
    assert_eq!(found_in("MC", "", "98000"), none());
    assert_eq!(found_in("GG", "", "GY1 1AA"), none());
}

/// Andorra's addresses have no region, so that none determines the postal code.
#[test]
fn a_region_without_a_place_is_not_compared() {
    assert_eq!(found_in("AD", "Atlantis", "AD500"), ["region: unused"]);
    assert_eq!(found_in("AD", "Canillo", "AD500"), ["region: unused"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_makes_the_rules_panic(
        index in any::<prop::sample::Index>(),
        first_line in ".{0,8}",
        city in any::<String>(),
        region in any::<String>(),
        postal_code in prop_oneof![any::<String>(), "[A-Za-z0-9 -]{0,10}"],
    ) {
        let countries: Vec<_> = CountryRules::countries().collect();
        let address = PostalAddress {
            first_line: &first_line,
            city: &city,
            region: &region,
            postal_code: &postal_code,
            ..PostalAddress::new(index.get(&countries).country)
        };
        for finding in findings(&address) {
            prop_assert!(!finding.message.is_empty());
            prop_assert_ne!(finding.suggestion.as_deref(), Some(""));
        }
    }

    /// A client that takes a suggestion does not get another one for the same member.
    #[test]
    fn a_suggested_postal_code_is_final(
        index in any::<prop::sample::Index>(),
        postal_code in "[A-Za-z0-9 -]{0,10}",
    ) {
        let countries: Vec<_> = CountryRules::countries().collect();
        let rules = CountryRules::of(index.get(&countries).country).unwrap();
        if let Some(rules) = &rules.postal_code
            && let Some(usual) = rules.usual_form(&postal_code)
        {
            prop_assert!(rules.accept(&usual));
            prop_assert_eq!(rules.usual_form(&usual), Some(usual));
        }
    }
}
