//! Whether addresses must obey the rules of their country.

use crate::address::content::AddressContent;
use crate::countries::findings::{AddressFinding, findings};
use crate::countries::format::PostalMember;
use crate::field_error::FieldErrors;

/// Whether new and changed addresses must obey the rules of their country.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressRules {
    /// They need not.
    #[default]
    Lenient,
    /// Those with a finding that [is an error](crate::FindingCode::is_error) are rejected.
    Strict,
}

impl AddressRules {
    /// Adds an error for each member that the rules reject. In a content that replaces another, a
    /// finding that the stored content has in the same text of the same country is not one: a
    /// change is rejected only for what it makes wrong.
    pub(crate) fn check(
        self,
        stored: Option<&AddressContent>,
        content: &AddressContent,
        errors: &mut FieldErrors,
    ) {
        if self == Self::Lenient {
            return;
        }
        let address = content.postal();
        let stored = stored.map(AddressContent::postal);
        let stored = stored.filter(|stored| stored.country == address.country);
        let before = stored.as_ref().map(findings).unwrap_or_default();
        let is_kept = |found: &AddressFinding| {
            let text_is_kept = stored
                .is_some_and(|stored| stored.texts(found.member).eq(address.texts(found.member)));
            let is_same =
                |old: &AddressFinding| (old.member, old.code) == (found.member, found.code);
            text_is_kept && before.iter().any(is_same)
        };
        for found in findings(&address) {
            if found.code.is_error() && !is_kept(&found) {
                errors.add(found.member.name(), message_of(&found));
            }
        }
    }
}

/// The message of a finding. It names a region that was probably meant, but no postal code, which
/// would repeat what was entered.
fn message_of(found: &AddressFinding) -> String {
    match (&found.suggestion, found.member) {
        (Some(region), PostalMember::Region) => {
            format!("{}; did you mean {region}?", found.message)
        }
        _ => found.message.clone().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::content::{AddressInput, Input};
    use crate::address::member::Member;

    fn content(members: &[(Member, &'static str)]) -> AddressContent {
        let mut input = AddressInput::default();
        for (member, text) in members {
            input[*member] = Input::Value((*text).into());
        }
        AddressContent::parse(&input, &mut FieldErrors::default()).unwrap()
    }

    fn in_us(region: &'static str, postal_code: &'static str) -> AddressContent {
        content(&[
            (Member::FirstLine, "1 Main Street"),
            (Member::City, "Springfield"),
            (Member::Region, region),
            (Member::PostalCode, postal_code),
            (Member::Country, "US"),
        ])
    }

    fn errors(
        rules: AddressRules,
        stored: Option<&AddressContent>,
        content: &AddressContent,
    ) -> String {
        let mut errors = FieldErrors::default();
        rules.check(stored, content, &mut errors);
        errors.to_string()
    }

    #[test]
    fn only_strict_rules_reject_and_only_errors_are_rejected() {
        let wrong = in_us("State of Illinois", "627O1");
        assert_eq!(errors(AddressRules::Lenient, None, &wrong), "");
        assert_eq!(
            errors(AddressRules::Strict, None, &wrong),
            "region: expected a state of this country, such as AL; did you mean IL?; postal_code: \
             expected a postal code such as 95014 or 22162-1010"
        );
        // The usual form would be IL, which is a hint only.
        let unusual = in_us("illinois", "62701");
        assert_eq!(errors(AddressRules::Strict, None, &unusual), "");
        let rwanda = content(&[
            (Member::Region, "Kigali"),
            (Member::City, "Kigali"),
            (Member::Country, "RW"),
        ]);
        let missing = "first_line: is required";
        assert_eq!(errors(AddressRules::Strict, None, &rwanda), missing);
    }

    #[test]
    fn a_change_is_rejected_only_for_what_it_makes_wrong() {
        let changed = |stored: &AddressContent, content: &AddressContent| {
            errors(AddressRules::Strict, Some(stored), content)
        };
        let wrong = in_us("Nowhere", "0");
        assert_eq!(changed(&wrong, &wrong), "");
        assert_eq!(changed(&wrong, &in_us("IL", "0")), "");
        let postal_code = "postal_code: expected a postal code such as 95014 or 22162-1010";
        assert_eq!(changed(&wrong, &in_us("Nowhere", "1")), postal_code);
        // The region makes the unchanged postal code wrong.
        let of_another = changed(&in_us("IL", "62701"), &in_us("CA", "62701"));
        assert!(
            of_another.starts_with("postal_code: expected a postal code of the region"),
            "{of_another}"
        );
        // Another country has other rules, even for the same text.
        let canada = AddressContent {
            country: crate::country::Country::parse("CA").unwrap(),
            ..wrong.clone()
        };
        let elsewhere = changed(&wrong, &canada);
        assert!(elsewhere.contains("region: "), "{elsewhere}");
        assert!(elsewhere.contains("postal_code: "), "{elsewhere}");
    }
}
