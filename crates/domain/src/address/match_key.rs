use icu_properties::props::{Dash, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::address::content::AddressContent;
use crate::address::member::Member;
use crate::address::text::{is_ignorable, is_invisible};
use crate::listing::fold::fold;

/// What two addresses of a customer have in common if they are the same regardless of case, accents,
/// punctuation and blanks. Addresses with equal keys are duplicates.
///
/// Recipient, organization, both lines, district, city, region, postal code and country count. The
/// second line continues the first one. A member that is absent equals an empty one.
///
/// Texts are compared word by word: case and accents (those that a search ignores) do not count, nor
/// does which blanks and punctuation stand between two words. Where a word ends does count, because a
/// false duplicate does more harm than a missed one: `Flat A, 1 High Street` is not
/// `Flat A1, High Street`. Four details:
///
/// * An apostrophe is no part of its word: `O'Connell` is `OConnell`.
/// * Between two digits, punctuation other than a comma counts: `1/2`, `1-2` and `1 2` differ.
/// * A dash before a digit counts, because it may be a minus sign: `Floor -1` is not `Floor 1`.
/// * `+` and `#` directly after a letter count: `C++` is not `C`.
///
/// In a postal code, blanks and punctuation never count: `SW1A 1AA` is `sw1a1aa`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MatchKey(Box<str>);

impl MatchKey {
    /// The key of an address with this content.
    pub fn of(content: &AddressContent) -> Self {
        let texts = content.texts();
        let mut key = String::new();
        let mut add = |text: &str| {
            key.push_str(text);
            // No text has a control character.
            key.push('\n');
        };
        for (member, text) in texts.iter() {
            let text = text.unwrap_or_default();
            match member {
                Member::FirstLine => {
                    let second_line = texts[Member::SecondLine].unwrap_or_default();
                    add(&counted(&format!("{text}, {second_line}")));
                }
                Member::PostalCode => add(&fold(text).replace(is_blank_or_punctuation, "")),
                Member::Region
                | Member::City
                | Member::Country
                | Member::Recipient
                | Member::Organization
                | Member::District => add(&counted(text)),
                // The second line was added to the first one.
                Member::SecondLine
                | Member::Description
                | Member::SortingCode
                | Member::Phone
                | Member::CustomData => {}
            }
        }
        Self(key.into())
    }
}

/// Returns the words of a text, with what counts between them.
fn counted(text: &str) -> String {
    let mut counted = String::with_capacity(text.len());
    let mut gap = String::new();
    let chars = fold(text);
    let chars = chars.chars().filter(|char| !is_ignorable(*char));
    for char in chars.filter(|char| !APOSTROPHES.contains(char)) {
        let follows_letter = || gap.is_empty() && counted.ends_with(is_letter_or_suffix);
        if is_blank_or_punctuation(char) && !(SUFFIXES.contains(&char) && follows_letter()) {
            gap.push(char);
        } else {
            separate(&mut counted, &gap, char);
            counted.push(char);
            gap.clear();
        }
    }
    counted
}

const APOSTROPHES: [char; 5] = ['\'', '`', '\u{b4}', '\u{2018}', '\u{2019}'];

/// Marks that end a word, as in C++ and C#.
const SUFFIXES: [char; 2] = ['+', '#'];

fn is_letter_or_suffix(char: char) -> bool {
    char.is_alphabetic() || SUFFIXES.contains(&char)
}

/// Appends what counts of the blanks and the punctuation between a text and the next character.
fn separate(counted: &mut String, gap: &str, next: char) {
    if gap.is_empty() {
        return;
    }
    let marks = || gap.chars().filter(|char| !is_invisible(*char));
    let follows_digit = counted.ends_with(is_digit);
    if !counted.is_empty() {
        counted.push(' ');
    }
    if !is_digit(next) {
        return;
    }
    if follows_digit {
        let marks = marks().filter(|char| *char != ',');
        counted.extend(marks.map(|char| if is_dash(char) { '-' } else { char }));
        // `10 -1` is not `10-1`.
        if gap.chars().count() > 1 && gap.ends_with(is_dash) {
            counted.push('-');
        }
    } else if marks().next_back().is_some_and(is_dash) {
        counted.push('-');
    }
}

/// Whether a character is a blank or punctuation. Symbols are punctuation only in ASCII: others
/// can be letters, such as Ⓐ, or the mark that makes か a が.
fn is_blank_or_punctuation(char: char) -> bool {
    if char.is_ascii() {
        return !char.is_ascii_alphanumeric();
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(char);
    GeneralCategoryGroup::Punctuation.contains(category) || is_dash(char) || is_invisible(char)
}

/// Whether a character is a hyphen, a dash or a minus sign.
fn is_dash(char: char) -> bool {
    CodePointSetData::new::<Dash>().contains(char)
}

/// Whether a character is a digit or another number, such as ½ or 三.
fn is_digit(char: char) -> bool {
    char.is_numeric() || HAN_NUMERALS.contains(&char)
}

/// The numerals that Chinese and Japanese addresses are numbered with. Unicode counts them as letters.
const HAN_NUMERALS: [char; 13] = [
    '零', '一', '二', '三', '四', '五', '六', '七', '八', '九', '十', '百', '千',
];

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use unicode_normalization::UnicodeNormalization;

    use super::*;
    use crate::address::content::{AddressInput, Input};
    use crate::field_error::FieldErrors;

    const PLACE: [(Member, &str); 3] = [
        (Member::Region, "Kigali"),
        (Member::City, "Kigali"),
        (Member::Country, "RW"),
    ];

    /// An address with these members, in Kigali unless they say otherwise.
    fn content(members: &[(Member, &str)]) -> AddressContent {
        let mut input = AddressInput::default();
        for (member, text) in PLACE.iter().chain(members) {
            input[*member] = Input::Value(text.to_string().into());
        }
        AddressContent::parse(&input, &mut FieldErrors::default()).unwrap()
    }

    fn key(members: &[(Member, &str)]) -> MatchKey {
        MatchKey::of(&content(members))
    }

    fn line(text: &str) -> MatchKey {
        key(&[(Member::FirstLine, text)])
    }

    #[test]
    fn case_accents_punctuation_and_blanks_do_not_count() {
        for (one, other) in [
            ("High Street", "HIGH STREET"),
            ("High Street", " high   street. "),
            ("High Street", "High-Street"),
            ("High\u{200b}Street", "HighStreet"),
            ("O'Connell St.", "OConnell St"),
            ("O’Connell", "O'Connell"),
            ("Rue de l'Église", "rue de l’eglise"),
            ("Straße", "STRASSE"),
            ("Łódzka", "Lodzka"),
            ("Smith + Co", "Smith & Co"),
            ("Apt #5", "Apt. 5"),
            ("可\u{3000}道", "可 道"),
            ("Marktplatz 5", "Marktplatz, 5"),
            ("12, High Street", "12 High Street"),
            ("12. High Street", "12   High Street"),
            ("Flat 1, 1 High Street", "flat 1 1 high street"),
            ("High Street 12.", "High Street 12"),
            ("High Street (12)", "High Street 12"),
            ("10-12 High Street", "10 – 12 High Street"),
            ("10-12 High Street", "10\u{2212}12 High Street"),
            ("1/2", "1 / 2"),
            ("Floor -1", "Floor –1"),
            ("Floor -1", "FLOOR \u{2212} 1"),
            ("が丘", "\u{304b}\u{3099}丘"),
            ("葛\u{e0100}飾", "葛飾"),
            ("می\u{200c}خواهم", "میخواهم"),
        ] {
            assert_eq!(line(one), line(other), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn different_numbers_are_different() {
        for (one, other) in [
            ("Flat 1", "Flat 11"),
            ("Flat 1, 1 High Street", "Flat 11 High Street"),
            ("Flat 11, 1 High Street", "Flat 1, 11 High Street"),
            ("10 B Street", "10B Street"),
            ("10. B Street", "10B Street"),
            ("1/2", "12"),
            ("1/2", "1-2"),
            ("1/2", "1 2"),
            ("1-2", "12"),
            ("1-2", "1 2"),
            ("1.5", "15"),
            ("1.5", "1/5"),
            ("1, 2", "12"),
            ("1½", "1"),
            ("1½", "1 ½"),
            ("2²", "2"),
            ("Floor -1", "Floor 1"),
            ("Floor - 1", "Floor 1"),
            ("Floor –1", "Floor 1"),
            ("Floor \u{2212}1", "Floor 1"),
            ("Floor (-1)", "Floor (1)"),
            ("Level-1", "Level 1"),
            ("-1", "1"),
            ("Block 10 -1", "Block 10-1"),
            ("Block 10 -1", "Block 10 1"),
            ("一二", "一-二"),
            ("三\u{3000}丁目", "三丁目"),
            ("१ २", "१२"),
            ("12", "１２"),
        ] {
            assert_ne!(line(one), line(other), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn where_a_word_ends_counts() {
        for (one, other) in [
            ("Flat A, 1 High Street", "Flat A1, High Street"),
            ("Flat B 1", "Flat B1"),
            ("Block A - 12", "Block A12"),
            ("100 N E Street", "100 NE Street"),
            ("300 S W Street", "300 SW Street"),
            ("Flat I, I Tower", "Flat II, Tower"),
            ("Block I/I", "Block II"),
            ("12 A/B", "12 AB"),
            ("Ann Est", "Anne St"),
            ("Jo Anne Lee", "Joanne Lee"),
            ("C# Ltd", "C Ltd"),
            ("C++ Ltd", "C Ltd"),
            ("C++ Ltd", "C# Ltd"),
            ("C++ Ltd", "C+ Ltd"),
        ] {
            assert_ne!(line(one), line(other), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn letters_marks_and_symbols_count() {
        for (one, other) in [
            ("High Street", "High Road"),
            ("が", "か"),
            ("か\u{309b}", "か"),
            ("ﾊ\u{ff9e}", "ﾊ"),
            ("ポ", "ホ"),
            ("ボ", "ポ"),
            ("कि", "की"),
            ("कि", "क"),
            ("क्", "क"),
            ("กา", "กำ"),
            ("பி", "பு"),
            ("أحمد", "احمد"),
            ("강", "간"),
            ("ビール", "ビル"),
            ("Block Ⓐ", "Block Ⓑ"),
            ("😀", "🏠"),
            ("😀", "."),
            ("№ 5", "5"),
        ] {
            assert_ne!(line(one), line(other), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn blanks_and_punctuation_never_count_in_a_postal_code() {
        let code = |text| key(&[(Member::PostalCode, text)]);
        for (one, other) in [
            ("SW1A 1AA", "sw1a1aa"),
            ("12345-6789", "123456789"),
            ("1050-190", "1050 190"),
            ("-1", "1"),
        ] {
            assert_eq!(code(one), code(other), "{one:?} and {other:?}");
        }
        assert_ne!(code("SW1A 1AA"), code("SW1A 1AB"));
        assert_ne!(code("12345"), code("12345-6789"));
    }

    #[test]
    fn the_second_line_continues_the_first_one() {
        let lines = |first, second| {
            let lines = [(Member::FirstLine, first), (Member::SecondLine, second)];
            key(&lines)
        };
        let joined = line("Flat 1, 1 High Street");
        assert_eq!(lines("Flat 1", "1 High Street"), joined);
        assert_eq!(lines("Flat 1,", "1, High Street"), joined);
        assert_eq!(
            key(&[(Member::SecondLine, "High Street")]),
            line("High Street")
        );
        assert_ne!(
            lines("Flat 1", "1 High Street"),
            line("Flat 11 High Street")
        );
        assert_ne!(
            lines("Flat 1", "1 High Street"),
            lines("Flat 11", "High Street")
        );
        assert_ne!(lines("High Street", "-1"), lines("High Street", "1"));
        for ((first, second), (other_first, other_second)) in [
            (("Flat A", "1 High Street"), ("Flat A1", "High Street")),
            (("Villa B", "12 Palm Street"), ("Villa B12", "Palm Street")),
            (("Block C", "5/2 MG Road"), ("Block C5/2", "MG Road")),
        ] {
            let other = lines(other_first, other_second);
            assert_ne!(lines(first, second), other, "{first}, {second}");
        }
        assert_ne!(lines("Whg A", "B"), line("Whg AB"));
    }

    /// The members that count alone. The lines count together.
    const COUNTED: [Member; 6] = [
        Member::Region,
        Member::City,
        Member::Recipient,
        Member::Organization,
        Member::District,
        Member::PostalCode,
    ];

    #[test]
    fn each_member_counts_in_its_place() {
        let mut keys = vec![key(&[]), key(&[(Member::Country, "UG")]), line("Other")];
        keys.extend(COUNTED.map(|member| key(&[(member, "Other")])));
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key:?}");
        }
    }

    #[test]
    fn other_members_do_not_count() {
        for (member, text) in [
            (Member::Description, "Home"),
            (Member::SortingCode, "CEDEX 8"),
            (Member::Phone, "112"),
            (Member::CustomData, r#"{"a":1}"#),
        ] {
            assert_eq!(key(&[(member, text)]), key(&[]), "{member:?}");
        }
    }

    #[test]
    fn an_absent_member_equals_an_empty_one_and_no_other() {
        assert_eq!(line("..."), key(&[]));
        assert_ne!(line("a"), key(&[]));
        let singapore = [(Member::Country, "SG"), (Member::Region, "")];
        let unknown = [(Member::Country, "SG"), (Member::Region, "-")];
        assert_eq!(key(&singapore), key(&unknown));
        assert_ne!(key(&singapore), key(&singapore[..1]));
    }

    fn any_member() -> impl Strategy<Value = Member> {
        let lines = [Member::FirstLine, Member::SecondLine];
        select([&COUNTED[..], &lines].concat())
    }

    proptest! {
        /// Also in another Unicode normalisation form.
        #[test]
        fn an_address_is_the_same_as_itself(member in any_member(), text in "\\PC{1,18}") {
            prop_assume!(text.chars().any(|char| !is_invisible(char)));
            prop_assume!(text.trim().nfc().count() <= 20);
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(key(&[(member, &text)]), key(&[(member, &decomposed)]));
        }

        #[test]
        fn without_digits_case_and_the_kind_of_blanks_make_no_difference(
            member in any_member(),
            words in vec(("[aZßéØжΣが京]{1,3}", "[ .,/–-]{1,3}"), 1..5),
        ) {
            let plain: Vec<_> = words.iter().map(|(word, _)| word.as_str()).collect();
            let mut other = String::new();
            for (word, gap) in &words {
                other.push_str(&word.to_uppercase());
                other.push_str(gap);
            }
            prop_assume!(plain.join(" ").chars().count() <= 20 && other.trim().chars().count() <= 20);
            prop_assert_eq!(key(&[(member, &plain.join(" "))]), key(&[(member, &other)]));
        }

        #[test]
        fn one_digit_more_makes_another_address(
            member in any_member(),
            text in "\\PC{1,15}|[a1/ -]{1,15}",
            place in any::<Index>(),
            digit in "[0-9]",
        ) {
            prop_assume!(text.chars().any(|char| !is_invisible(char)));
            prop_assume!(text.trim().nfc().count() <= 19);
            let mut longer: Vec<char> = text.chars().collect();
            longer.insert(place.index(longer.len() + 1), digit.parse().unwrap());
            let longer: String = longer.into_iter().collect();
            prop_assert_ne!(key(&[(member, &text)]), key(&[(member, &longer)]), "{}", longer);
        }
    }
}
