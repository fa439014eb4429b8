//! The use case of validating an address without storing it.

use std::borrow::Cow;

use crate::address::content::{AddressContent, AddressInput, MemberValue};
use crate::address::member::Member;
use crate::countries::findings::{AddressFinding, FindingCode, findings};
use crate::countries::named::country_named;
use crate::countries::postal_address::PostalAddress;
use crate::country::Country;
use crate::field_error::{FieldError, FieldErrors};
use crate::service::AddressService;

/// What is noticed about a field of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFinding {
    /// The field's name, as the caller wrote or should have written it.
    pub field: Cow<'static, str>,
    /// What is noticed: a code of [`FindingCode`], or one of those for all countries,
    /// [`InputFinding::INVALID`] and [`InputFinding::UNKNOWN_COUNTRY`].
    pub code: &'static str,
    /// What was expected, in words. Never holds the value itself.
    pub message: Cow<'static, str>,
    /// What the field probably should hold.
    pub suggestion: Option<String>,
    /// Whether it makes the address invalid. Otherwise it is a hint.
    pub is_error: bool,
}

impl InputFinding {
    /// The code of a field that no country's address can have like this.
    pub const INVALID: &str = "invalid";
    /// The code of a country that is not one.
    pub const UNKNOWN_COUNTRY: &str = "unknown-country";

    /// All codes.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        let of_countries = FindingCode::ALL.into_iter().map(FindingCode::as_str);
        [Self::INVALID, Self::UNKNOWN_COUNTRY]
            .into_iter()
            .chain(of_countries)
    }

    fn of_error(error: FieldError, input: &AddressInput<'_>) -> Self {
        let member = Member::named(&error.field);
        let text = member.and_then(|member| text_of(input, member));
        let (code, suggestion) = match (member, text) {
            _ if error.message == FieldErrors::REQUIRED => (FindingCode::Missing.as_str(), None),
            (Some(Member::Country), Some(text)) => (Self::UNKNOWN_COUNTRY, country_named(text)),
            _ => (Self::INVALID, None),
        };
        Self {
            field: error.field,
            code,
            message: error.message.into(),
            suggestion: suggestion.map(|country| country.as_str().to_owned()),
            is_error: true,
        }
    }
}

impl From<AddressFinding> for InputFinding {
    fn from(found: AddressFinding) -> Self {
        Self {
            field: found.member.name().into(),
            code: found.code.as_str(),
            message: found.message,
            suggestion: found.suggestion,
            is_error: found.code.is_error(),
        }
    }
}

impl AddressService {
    /// Validates the content of a new address, and compares it with the rules of its country.
    /// Returns everything that is noticed: if nothing of it [is an error](InputFinding::is_error),
    /// the address can be created, also where strict rules apply.
    ///
    /// `errors` are those that were found when the input was read.
    pub fn validate(&self, input: &AddressInput<'_>, mut errors: FieldErrors) -> Vec<InputFinding> {
        let content = AddressContent::parse(input, &mut errors);
        let mut errors = errors.into_vec();
        if let Some(content) = &content {
            let limits = self.limits.content.with_lenient_rules();
            errors.extend(limits.check(content).err().unwrap_or_default().into_vec());
        }
        let errors = errors.into_iter();
        let mut found: Vec<_> = errors
            .map(|error| InputFinding::of_error(error, input))
            .collect();
        // Which members are required depends on the country.
        if found
            .iter()
            .any(|found| found.code == InputFinding::UNKNOWN_COUNTRY)
        {
            found.retain(|found| found.code != FindingCode::Missing.as_str());
        }
        let of_country = match &content {
            Some(content) => findings(&content.postal()),
            None => entered(input).as_ref().map(findings).unwrap_or_default(),
        };
        for finding in of_country {
            // A member that is invalid everywhere, or missing, was found already.
            if !found.iter().any(|known| is_error_of(known, &finding)) {
                found.push(finding.into());
            }
        }
        found
    }
}

/// Whether a finding is one about the input's form, of the same member as another.
fn is_error_of(known: &InputFinding, finding: &AddressFinding) -> bool {
    let is_of_form =
        known.code == InputFinding::INVALID || known.code == FindingCode::Missing.as_str();
    is_of_form && known.field == finding.member.name()
}

/// The text of a member, if it is one.
fn text_of<'i>(input: &'i AddressInput<'_>, member: Member) -> Option<&'i str> {
    match input[member].value()? {
        MemberValue::Text(text) => Some(text),
        MemberValue::Json(_) => None,
    }
}

/// The postal members of an input that is invalid; `None` if its country is not known.
fn entered<'i>(input: &'i AddressInput<'_>) -> Option<PostalAddress<'i>> {
    let text = |member| text_of(input, member).unwrap_or_default();
    let country = Country::parse(text(Member::Country)).ok()?;
    Some(PostalAddress::of(country, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::content::Input;
    use crate::countries::address_rules::AddressRules;
    use crate::limits::{ContentLimits, ServiceLimits};
    use crate::repository::MockAddressRepository;
    use crate::testing::service;

    fn validate(members: &[(Member, &'static str)]) -> Vec<InputFinding> {
        let mut input = AddressInput::default();
        for (member, text) in members {
            input[*member] = Input::Value((*text).into());
        }
        let mut service = service(MockAddressRepository::new());
        service.limits = ServiceLimits {
            content: ContentLimits {
                max_description_chars: 3,
                rules: AddressRules::Strict,
                ..ContentLimits::default()
            },
            ..ServiceLimits::default()
        };
        service.validate(&input, FieldErrors::default())
    }

    fn summary(found: &[InputFinding]) -> Vec<(&str, &str, Option<&str>)> {
        found
            .iter()
            .map(|found| (&*found.field, found.code, found.suggestion.as_deref()))
            .collect()
    }

    const US: [(Member, &str); 4] = [
        (Member::FirstLine, "1 Main Street"),
        (Member::City, "Springfield"),
        (Member::Region, "IL"),
        (Member::Country, "US"),
    ];

    #[test]
    fn a_valid_address_has_no_findings() {
        let mut members = US.to_vec();
        members.push((Member::PostalCode, "62701"));
        assert_eq!(validate(&members), []);
    }

    #[test]
    fn everything_is_found_at_once_and_each_thing_once() {
        let mut members = US.to_vec();
        members[0].1 = "\0";
        members[2].1 = "illinois";
        members.extend([
            (Member::Description, "Home"),
            (Member::PostalCode, "627O1"),
            (Member::District, "East"),
        ]);
        let found = validate(&members);
        assert_eq!(
            summary(&found),
            [
                ("first_line", "invalid", None),
                ("district", "unused", None),
                ("region", "unusual-form", Some("IL")),
                ("postal_code", "invalid-postal-code", None),
            ]
        );
        let is_error: Vec<_> = found.iter().map(|found| found.is_error).collect();
        assert_eq!(is_error, [true, false, false, true]);
        // Limits are checked once each member is valid.
        members[0].1 = "1 Main Street";
        let found = validate(&members);
        assert_eq!(summary(&found)[0], ("description", "invalid", None));
        // Members that are missing everywhere, and in this country.
        let found = validate(&[(Member::Country, "US")]);
        assert_eq!(
            summary(&found),
            [
                ("region", "missing", None),
                ("city", "missing", None),
                ("first_line", "missing", None),
                ("postal_code", "missing", None),
            ]
        );
    }

    #[test]
    fn a_country_that_is_named_gets_a_suggestion() {
        for (text, suggestion) in [
            ("Germany", Some("DE")),
            ("UK", Some("GB")),
            ("Atlantis", None),
        ] {
            let mut members = US.to_vec();
            members[3].1 = text;
            let found = validate(&members);
            assert_eq!(
                summary(&found),
                [("country", "unknown-country", suggestion)]
            );
        }
        let named = validate(&[(Member::Country, "Germany")]);
        assert_eq!(
            summary(&named),
            [("country", "unknown-country", Some("DE"))]
        );
        let found = validate(&US[..3]);
        assert_eq!(summary(&found), [("country", "missing", None)]);
    }
}
