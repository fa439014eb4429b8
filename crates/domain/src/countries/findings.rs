//! What an address lacks or has differently from other addresses of its country.

use std::borrow::Cow;
use std::fmt;

use crate::countries::format::PostalMember;
use crate::countries::postal_address::PostalAddress;
use crate::countries::postal_code::{PostalCodeRules, upper};
use crate::countries::rules::CountryRules;
use crate::countries::subdivision::{PostalCodePrefixes, Subdivision};

/// What is noticed about a member of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingCode {
    /// The member is absent, and every address of the country has it.
    Missing,
    /// The country's addresses have no place for the member: it is not printed on labels.
    Unused,
    /// The region is not one of the country's.
    UnknownRegion,
    /// The country has no such postal code.
    InvalidPostalCode,
    /// The region has no such postal code.
    PostalCodeOfAnotherRegion,
    /// The member is valid, and usually written as the suggestion.
    UnusualForm,
}

impl FindingCode {
    /// All codes.
    pub const ALL: [Self; 6] = [
        Self::Missing,
        Self::Unused,
        Self::UnknownRegion,
        Self::InvalidPostalCode,
        Self::PostalCodeOfAnotherRegion,
        Self::UnusualForm,
    ];

    /// The stable text of the code, in kebab case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unused => "unused",
            Self::UnknownRegion => "unknown-region",
            Self::InvalidPostalCode => "invalid-postal-code",
            Self::PostalCodeOfAnotherRegion => "postal-code-of-another-region",
            Self::UnusualForm => "unusual-form",
        }
    }

    /// Whether it makes the address invalid in its country. The others are hints: an address may be
    /// delivered in spite of an unused member, and whatever form its members have.
    pub const fn is_error(self) -> bool {
        !matches!(self, Self::Unused | Self::UnusualForm)
    }
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is noticed about a member of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressFinding {
    /// The member.
    pub member: PostalMember,
    /// What is noticed.
    pub code: FindingCode,
    /// What was expected, in words. Never holds the value itself.
    pub message: Cow<'static, str>,
    /// What the member probably should hold.
    pub suggestion: Option<String>,
}

/// Compares an address with the rules of its country. Returns at most one finding for a member,
/// except a postal code that is of another region and in an unusual form. The result is empty if
/// nothing is noticed, or if the country has no rules.
///
/// ```
/// use addressbook_domain::{Country, FindingCode, PostalAddress, findings};
///
/// let address = PostalAddress {
///     first_line: "10 Downing Street",
///     city: "London",
///     postal_code: "sw1a2aa",
///     ..PostalAddress::new(Country::parse("GB")?)
/// };
/// let found = findings(&address);
/// assert_eq!(found[0].code, FindingCode::UnusualForm);
/// assert_eq!(found[0].suggestion.as_deref(), Some("SW1A 2AA"));
/// # Ok::<(), addressbook_domain::CountryError>(())
/// ```
pub fn findings(address: &PostalAddress<'_>) -> Vec<AddressFinding> {
    let mut found = Vec::new();
    let Some(rules) = CountryRules::of(address.country) else {
        return found;
    };
    for member in PostalMember::ALL {
        let text = address.texts(member).next();
        match (text, rules.uses(member)) {
            (None, _) if rules.requires(member) => {
                found.push(finding(member, FindingCode::Missing, "is required"));
            }
            (Some(_), false) => {
                let message = "is not used in addresses of this country";
                found.push(finding(member, FindingCode::Unused, message));
            }
            _ => {}
        }
    }
    let text_of = |member| rules.uses(member).then(|| address.texts(member).next());
    let mut subdivision = None;
    if let Some(region) = text_of(PostalMember::Region).flatten() {
        subdivision = check_region(rules, region, &mut found);
    }
    let postal_code = text_of(PostalMember::PostalCode).flatten();
    if let (Some(text), Some(postal_code)) = (postal_code, &rules.postal_code) {
        let prefixes = subdivision.and_then(|subdivision| subdivision.postal_codes);
        check_postal_code(postal_code, prefixes, text, &mut found);
    }
    found
}

fn finding(
    member: PostalMember,
    code: FindingCode,
    message: impl Into<Cow<'static, str>>,
) -> AddressFinding {
    AddressFinding {
        member,
        code,
        message: message.into(),
        suggestion: None,
    }
}

fn unusual_form(member: PostalMember, usual: String) -> AddressFinding {
    AddressFinding {
        suggestion: Some(usual),
        ..finding(
            member,
            FindingCode::UnusualForm,
            "is usually written in another form",
        )
    }
}

/// Returns the subdivision that a region is.
fn check_region(
    rules: &'static CountryRules,
    region: &str,
    found: &mut Vec<AddressFinding>,
) -> Option<&'static Subdivision> {
    let member = PostalMember::Region;
    let first = rules.subdivisions.first()?;
    if let Some(known) = Subdivision::known(&rules.subdivisions, region) {
        let usual = known.usual_form();
        if usual != region {
            found.push(unusual_form(member, usual.to_owned()));
        }
        return Some(known.subdivision);
    }
    let kind = match rules.kinds.region {
        "do_si" => "province",
        kind => kind,
    };
    let code = rules.country.as_str();
    let likely = Subdivision::likely(&rules.subdivisions, code, kind, region);
    let article = if kind.starts_with(['a', 'e', 'i', 'o']) {
        "an"
    } else {
        "a"
    };
    let message = format!(
        "expected {article} {kind} of this country, such as {}",
        first.code
    );
    found.push(AddressFinding {
        suggestion: likely.map(|likely| likely.usual_form().to_owned()),
        ..finding(member, FindingCode::UnknownRegion, message)
    });
    None
}

fn check_postal_code(
    rules: &PostalCodeRules,
    prefixes: Option<PostalCodePrefixes>,
    text: &str,
    found: &mut Vec<AddressFinding>,
) {
    let member = PostalMember::PostalCode;
    let usual = rules.usual_form(text).filter(|usual| usual != text);
    if !rules.accept(text) {
        let message = match &rules.examples[..] {
            [] => "expected a postal code of this country".to_owned(),
            [example] => format!("expected a postal code such as {example}"),
            [first, second, ..] => format!("expected a postal code such as {first} or {second}"),
        };
        found.push(AddressFinding {
            suggestion: usual,
            ..finding(member, FindingCode::InvalidPostalCode, message)
        });
        return;
    }
    if let Some(prefixes) = prefixes
        && !prefixes.match_start_of(&upper(text))
    {
        let starts = prefixes.as_str().replace(',', ", ");
        let message = format!("expected a postal code of the region, which begins with {starts}");
        found.push(finding(
            member,
            FindingCode::PostalCodeOfAnotherRegion,
            message,
        ));
    }
    found.extend(usual.map(|usual| unusual_form(member, usual)));
}

#[cfg(test)]
mod tests;
