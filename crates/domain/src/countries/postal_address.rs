//! The postal members of an address, as the rules of countries see them.

use crate::address::member::Member;
use crate::countries::format::PostalMember;
use crate::country::Country;

/// The postal members of an address. Empty texts, and those of only white space, are absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostalAddress<'a> {
    /// The person on the label.
    pub recipient: &'a str,
    /// The company on the label.
    pub organization: &'a str,
    /// Street and house.
    pub first_line: &'a str,
    /// Building, floor or unit.
    pub second_line: &'a str,
    /// Suburb, neighbourhood or district.
    pub district: &'a str,
    /// City, town or village.
    pub city: &'a str,
    /// State, county, province or region.
    pub region: &'a str,
    /// The postal code, as typed.
    pub postal_code: &'a str,
    /// CEDEX and the like.
    pub sorting_code: &'a str,
    /// The country, whose rules apply.
    pub country: Country,
    /// The telephone number, for the carrier.
    pub phone: &'a str,
}

impl<'a> PostalAddress<'a> {
    /// An address in a country, without any other member.
    pub const fn new(country: Country) -> Self {
        Self {
            recipient: "",
            organization: "",
            first_line: "",
            second_line: "",
            district: "",
            city: "",
            region: "",
            postal_code: "",
            sorting_code: "",
            country,
            phone: "",
        }
    }

    /// An address in a country, with the text that a function has for each member.
    pub fn of(country: Country, text: impl Fn(Member) -> &'a str) -> Self {
        Self {
            recipient: text(Member::Recipient),
            organization: text(Member::Organization),
            first_line: text(Member::FirstLine),
            second_line: text(Member::SecondLine),
            district: text(Member::District),
            city: text(Member::City),
            region: text(Member::Region),
            postal_code: text(Member::PostalCode),
            sorting_code: text(Member::SortingCode),
            country,
            phone: text(Member::Phone),
        }
    }

    /// The texts of a member that are present, trimmed: of the street lines up to two, of the
    /// others at most one.
    pub fn texts(&self, member: PostalMember) -> impl Iterator<Item = &'a str> + use<'a> {
        let texts = match member {
            PostalMember::Recipient => [self.recipient, ""],
            PostalMember::Organization => [self.organization, ""],
            PostalMember::StreetLines => [self.first_line, self.second_line],
            PostalMember::District => [self.district, ""],
            PostalMember::City => [self.city, ""],
            PostalMember::Region => [self.region, ""],
            PostalMember::PostalCode => [self.postal_code, ""],
            PostalMember::SortingCode => [self.sorting_code, ""],
        };
        let texts = texts.into_iter().map(str::trim);
        texts.filter(|text| !text.is_empty())
    }

    /// Whether the address has a member.
    pub fn has(&self, member: PostalMember) -> bool {
        self.texts(member).next().is_some()
    }
}
