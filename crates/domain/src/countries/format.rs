//! In which order a country's addresses are printed.

/// A member of a postal address that a country's format places. The street lines count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PostalMember {
    /// The person.
    Recipient,
    /// The company.
    Organization,
    /// The first and the second line: street, house, building, unit.
    StreetLines,
    /// The suburb, neighbourhood or district of a city.
    District,
    /// The city, town or village.
    City,
    /// The state, county, province or region.
    Region,
    /// The postal code.
    PostalCode,
    /// The sorting code, such as CEDEX.
    SortingCode,
}

impl PostalMember {
    /// All members, from the person outwards.
    pub const ALL: [Self; 8] = [
        Self::Recipient,
        Self::Organization,
        Self::StreetLines,
        Self::District,
        Self::City,
        Self::Region,
        Self::PostalCode,
        Self::SortingCode,
    ];

    /// The name of the member in documents. Street lines are named by the first of them.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recipient => "recipient",
            Self::Organization => "organization",
            Self::StreetLines => "first_line",
            Self::District => "district",
            Self::City => "city",
            Self::Region => "region",
            Self::PostalCode => "postal_code",
            Self::SortingCode => "sorting_code",
        }
    }

    /// The member that a letter of libaddressinput stands for.
    fn of_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'N' => Self::Recipient,
            'O' => Self::Organization,
            'A' => Self::StreetLines,
            'D' => Self::District,
            'C' => Self::City,
            'S' => Self::Region,
            'Z' => Self::PostalCode,
            'X' => Self::SortingCode,
            _ => return None,
        })
    }

    /// The members that a text of letters names, such as `ACSZ`.
    pub(super) fn of_letters(letters: &str) -> Vec<Self> {
        letters.chars().filter_map(Self::of_letter).collect()
    }
}

/// A part of an [`AddressFormat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatElement {
    /// A new line begins.
    NewLine,
    /// A member of the address.
    Member(PostalMember),
    /// Text that is the same in every address, such as a comma or `SINGAPORE`.
    Literal(&'static str),
}

/// In which order a country's addresses are printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressFormat(Box<[FormatElement]>);

impl AddressFormat {
    /// Reads libaddressinput's form: `%n` is a new line, `%` and a letter a member, and the rest is
    /// literal. Letters that stand for nothing are skipped.
    pub(super) fn parse(text: &'static str) -> Self {
        let mut elements = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, token) = rest.split_once('%').unwrap_or((rest, ""));
            if !literal.is_empty() {
                elements.push(FormatElement::Literal(literal));
            }
            let mut chars = token.chars();
            match chars.next() {
                Some('n') => elements.push(FormatElement::NewLine),
                Some(letter) => {
                    elements.extend(PostalMember::of_letter(letter).map(FormatElement::Member))
                }
                None => {}
            }
            rest = chars.as_str();
        }
        Self(elements.into())
    }

    /// The parts, in the order in which they are printed.
    pub fn elements(&self) -> &[FormatElement] {
        &self.0
    }

    /// Whether the format has a place for a member.
    pub fn has(&self, member: PostalMember) -> bool {
        self.0.contains(&FormatElement::Member(member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_read_into_its_parts() {
        use FormatElement::{Literal, Member, NewLine};
        assert_eq!(
            AddressFormat::parse("%N%nCH-%Z %C%q%").elements(),
            [
                Member(PostalMember::Recipient),
                NewLine,
                Literal("CH-"),
                Member(PostalMember::PostalCode),
                Literal(" "),
                Member(PostalMember::City),
            ]
        );
        assert_eq!(AddressFormat::parse("").elements(), []);
    }
}
