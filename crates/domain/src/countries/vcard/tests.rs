use proptest::prelude::*;

use super::*;
use crate::country::Country;

fn address(country: &str) -> PostalAddress<'static> {
    PostalAddress::new(Country::parse(country).unwrap())
}

#[test]
fn a_card_has_every_member() {
    let card = vcard(&PostalAddress {
        recipient: "Jean Dupont",
        organization: "Dupont, Fils; Cie",
        first_line: "1 rue \\ Test",
        second_line: "Étage 2",
        district: "Quartier",
        city: "Paris",
        region: "IDF",
        postal_code: "75007",
        sorting_code: "CEDEX 07",
        phone: "+33 1 23",
        ..address("FR")
    });
    let expected = [
        "BEGIN:VCARD",
        "VERSION:4.0",
        "FN:Jean Dupont",
        "ORG:Dupont\\, Fils\\; Cie",
        "ADR:;;1 rue \\\\ Test,Étage 2,Quartier;Paris CEDEX 07;IDF;75007;France",
        "TEL:+33 1 23",
        "END:VCARD",
        "",
    ];
    assert_eq!(card, expected.join("\r\n"));
}

#[test]
fn a_card_has_a_name_whatever_is_absent() {
    let name = |address: PostalAddress<'_>| vcard(&address).lines().nth(2).unwrap().to_owned();
    let empty = address("RW");
    assert_eq!(name(empty), "FN:Rwanda");
    let first_line = "KG 7 Ave";
    let with_line = PostalAddress {
        first_line,
        ..empty
    };
    assert_eq!(name(with_line), "FN:KG 7 Ave");
    let organization = "Company";
    let with_company = PostalAddress {
        organization,
        ..with_line
    };
    assert_eq!(name(with_company), "FN:Company");
}

/// Joins continued lines, as readers do.
fn unfolded(card: &str) -> String {
    card.replace("\r\n ", "")
}

#[test]
fn long_lines_are_folded_between_characters() {
    for (char, bytes) in [("a", 1), ("é", 2), ("東", 3), ("🏠", 4)] {
        let recipient = char.repeat(300);
        let card = vcard(&PostalAddress {
            recipient: &recipient,
            ..address("JP")
        });
        for line in card.split("\r\n") {
            assert!(line.len() <= 75, "{}", line.len());
        }
        let first = card.split("\r\n").nth(2).unwrap();
        assert!(first.len() > 75 - bytes, "{}", first.len());
        assert!(unfolded(&card).contains(&format!("\r\nFN:{recipient}\r\n")));
    }
}

proptest! {
    #[test]
    fn no_text_adds_a_property(recipient in any::<String>(), city in "[\\PC\n\r\0]{0,100}") {
        let card = vcard(&PostalAddress {
            recipient: &recipient,
            first_line: "1 Street",
            city: &city,
            ..address("US")
        });
        for line in card.split("\r\n") {
            prop_assert!(line.len() <= 75);
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
        let unfolded = unfolded(&card);
        let names: Vec<&str> = unfolded
            .split_terminator("\r\n")
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name)
            .collect();
        prop_assert_eq!(names, ["BEGIN", "VERSION", "FN", "ADR", "END"]);
    }
}
