use proptest::prelude::*;

use super::*;

fn full(country: &str) -> PostalAddress<'static> {
    PostalAddress {
        recipient: "Person",
        organization: "Company",
        first_line: "Street 1",
        second_line: "Floor 2",
        district: "District",
        city: "City",
        region: "Region",
        postal_code: "12345",
        sorting_code: "CEDEX",
        phone: "",
        country: Country::parse(country).unwrap(),
    }
}

fn local(address: &PostalAddress<'_>) -> Vec<String> {
    label_lines(address, Script::Local, Some(address.country))
}

fn latin(address: &PostalAddress<'_>) -> Vec<String> {
    label_lines(address, Script::Latin, Some(address.country))
}

#[test]
fn east_asian_labels_begin_with_the_largest_part() {
    let street = ["Street 1", "Floor 2"];
    assert_eq!(
        local(&full("JP")),
        [
            "〒12345", "Region", "Street 1", "Floor 2", "Company", "Person"
        ]
    );
    assert_eq!(
        latin(&full("JP")),
        ["Person", "Company", "Street 1", "Floor 2, Region", "12345"]
    );
    assert_eq!(
        local(&full("CN")),
        [
            "12345",
            "RegionCityDistrict",
            "Street 1",
            "Floor 2",
            "Company",
            "Person"
        ]
    );
    assert_eq!(
        local(&full("HK")),
        ["Region", "City", "Street 1", "Floor 2", "Company", "Person"]
    );
    assert_eq!(
        latin(&full("HK")),
        ["Person", "Company", "Street 1", "Floor 2", "City", "Region"]
    );
    assert_eq!(
        local(&full("MO")),
        [street[0], street[1], "Company", "Person"]
    );
    assert_eq!(
        latin(&full("MO")),
        ["Person", "Company", street[0], street[1]]
    );
    assert_eq!(
        local(&full("TW")),
        [
            "12345",
            "RegionCity",
            "Street 1",
            "Floor 2",
            "Company",
            "Person"
        ]
    );
    assert_eq!(
        latin(&full("TW")),
        [
            "Person",
            "Company",
            "Street 1",
            "Floor 2",
            "City, Region 12345"
        ]
    );
}

#[test]
fn punctuation_beside_an_absent_member_is_left_out() {
    let last = |city, region, postal_code| {
        let address = PostalAddress {
            first_line: "Street 1",
            city,
            region,
            postal_code,
            ..PostalAddress::new(Country::parse("US").unwrap())
        };
        local(&address).split_off(1)
    };
    assert_eq!(last("City", "CA", "12345"), ["City, CA 12345"]);
    assert_eq!(last("City", "CA", ""), ["City, CA"]);
    assert_eq!(last("City", "", "12345"), ["City 12345"]);
    assert_eq!(last("", "CA", "12345"), ["CA 12345"]);
    assert_eq!(last("City", "", ""), ["City"]);
    assert_eq!(last("", "", "12345"), ["12345"]);
    assert_eq!(last("", " ", ""), [""; 0]);
}

#[test]
fn literals_of_a_country_stay_with_their_member() {
    let lines = |country, city, postal_code| {
        local(&PostalAddress {
            first_line: "Street 1",
            city,
            postal_code,
            ..PostalAddress::new(Country::parse(country).unwrap())
        })
        .split_off(1)
    };
    assert_eq!(lines("CH", "Zürich", "8001"), ["CH-8001 Zürich"]);
    assert_eq!(lines("CH", "Zürich", ""), ["Zürich"]);
    assert_eq!(lines("SG", "", "238823"), ["SINGAPORE 238823"]);
    assert_eq!(lines("SG", "", ""), [""; 0]);
    assert_eq!(lines("PR", "San Juan", "00901"), ["San Juan PR 00901"]);
    assert_eq!(lines("GG", "", ""), ["GUERNSEY"]);
    assert_eq!(
        lines("AX", "Mariehamn", "22100"),
        ["AX-22100 Mariehamn", "ÅLAND"]
    );
}

#[test]
fn upper_case_members_are_printed_as_they_are() {
    let lines = local(&PostalAddress {
        first_line: "10 Downing Street",
        city: "London",
        postal_code: "sw1a2aa",
        ..PostalAddress::new(Country::parse("GB").unwrap())
    });
    assert_eq!(lines, ["10 Downing Street", "London", "sw1a2aa"]);
}

#[test]
fn the_country_is_the_last_line_abroad() {
    for (country, name) in [
        ("US", "UNITED STATES"),
        ("CI", "CÔTE D'IVOIRE"),
        ("XK", "KOSOVO"),
        ("AX", "FINLAND"),
        ("GG", "CHANNEL ISLANDS"),
        ("JP", "JAPAN"),
    ] {
        let address = full(country);
        let rwanda = Country::parse("RW").ok();
        for origin in [None, rwanda] {
            let lines = label_lines(&address, Script::Local, origin);
            assert_eq!(lines.last().map(String::as_str), Some(name));
            assert_eq!(&lines[..lines.len() - 1], local(&address));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_line_is_empty_and_every_used_member_is_printed(
        index in any::<prop::sample::Index>(),
        texts in proptest::array::uniform9(prop_oneof!["", "[ \t]", "\\PC{0,4}"]),
        is_latin in any::<bool>(),
    ) {
        let countries: Vec<_> = CountryRules::countries().collect();
        let country = index.get(&countries).country;
        let rules = CountryRules::of(country).unwrap();
        let [recipient, organization, first_line, second_line, district, city, ..] = &texts;
        let [.., region, postal_code, sorting_code] = &texts;
        let address = PostalAddress {
            recipient,
            organization,
            first_line,
            second_line,
            district,
            city,
            region,
            postal_code,
            sorting_code,
            country,
            phone: "",
        };
        let script = if is_latin { Script::Latin } else { Script::Local };
        let lines = label_lines(&address, script, None);
        for line in &lines {
            prop_assert!(!line.trim().is_empty(), "{:?}", lines);
        }
        for member in crate::PostalMember::ALL {
            for text in address.texts(member).filter(|_| rules.uses(member)) {
                prop_assert!(lines.iter().any(|line| line.contains(text)), "{:?}", lines);
            }
        }
    }
}
