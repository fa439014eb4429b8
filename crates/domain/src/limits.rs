use std::time::Duration;

use crate::address::content::AddressContent;
use crate::address::custom_data::CustomData;
use crate::address::member::Member;
use crate::address::text::{City, Description, Region};
use crate::countries::address_rules::AddressRules;
use crate::field_error::FieldErrors;
use crate::json;

/// Limits of addresses, revisions and idempotency keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceLimits {
    /// The maximum number of addresses of a customer. Default: 1,000.
    pub max_addresses: u32,
    /// The maximum number of revisions of an address. At the limit, the address can be removed, but
    /// not changed. Default: 1,000.
    pub max_revisions: u32,
    /// The maximum number of past revisions of a customer, including those of removed addresses. At
    /// the limit, the customer's addresses can be removed, but not changed, and none can be
    /// created. Default: 20,000.
    pub max_past_revisions: u32,
    /// How long an idempotency key is stored. Default: 24 hours.
    pub idempotency_retention: Duration,
    /// Limits of the content of an address.
    pub content: ContentLimits,
}

/// Limits of the content of new and changed addresses, within the limits of the types. Stored
/// content that exceeds them stays. The default is the limits of the types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentLimits {
    /// The maximum length of a description, in characters.
    pub max_description_chars: usize,
    /// The maximum length of a region and of a city, in characters.
    pub max_region_or_city_chars: usize,
    /// The maximum size of custom data, in bytes of compact JSON.
    pub max_custom_data_bytes: usize,
    /// The maximum depth of custom data, in levels of objects and arrays.
    pub max_custom_data_depth: usize,
    /// Whether the rules of the country must be obeyed. Default: they need not.
    pub rules: AddressRules,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self {
            max_addresses: 1_000,
            max_revisions: 1_000,
            max_past_revisions: 20_000,
            idempotency_retention: Duration::from_secs(24 * 60 * 60),
            content: ContentLimits::default(),
        }
    }
}

impl Default for ContentLimits {
    fn default() -> Self {
        Self {
            max_description_chars: Description::MAX_CHARS,
            max_region_or_city_chars: Region::MAX_CHARS.max(City::MAX_CHARS),
            max_custom_data_bytes: CustomData::MAX_BYTES,
            max_custom_data_depth: CustomData::MAX_DEPTH,
            rules: AddressRules::default(),
        }
    }
}

impl ContentLimits {
    /// Validates the content of a new address.
    ///
    /// # Errors
    /// An error for each field that exceeds a limit.
    pub fn check(&self, content: &AddressContent) -> Result<(), FieldErrors> {
        self.validate(None, content)
    }

    /// The same limits without the rules of countries.
    pub(crate) const fn with_lenient_rules(self) -> Self {
        Self {
            rules: AddressRules::Lenient,
            ..self
        }
    }

    /// Validates a content that replaces another. Unchanged fields are not validated, unless the
    /// change makes them wrong in their country.
    ///
    /// # Errors
    /// An error for each changed field that exceeds a limit.
    pub fn check_change(
        &self,
        stored: &AddressContent,
        content: &AddressContent,
    ) -> Result<(), FieldErrors> {
        self.validate(Some(stored), content)
    }

    fn validate(
        &self,
        stored: Option<&AddressContent>,
        content: &AddressContent,
    ) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::default();
        for (member, text) in content.texts().iter() {
            let before = stored.and_then(|stored| stored.texts()[member]);
            if let Some(text) = text.filter(|text| before != Some(text)) {
                self.check_member(member, text, &mut errors);
            }
        }
        self.rules.check(stored, content, &mut errors);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    fn check_member(&self, member: Member, text: &str, errors: &mut FieldErrors) {
        let mut at_most = |max: usize, unit, found: usize| {
            if found > max {
                let message = format_args!("expected at most {max} {unit}, got {found}");
                errors.add(member.name(), message);
            }
        };
        match member {
            Member::Description => {
                at_most(
                    self.max_description_chars,
                    "characters",
                    text.chars().count(),
                );
            }
            Member::Region | Member::City => {
                at_most(
                    self.max_region_or_city_chars,
                    "characters",
                    text.chars().count(),
                );
            }
            Member::CustomData => {
                at_most(
                    self.max_custom_data_bytes,
                    "bytes as compact JSON",
                    text.len(),
                );
                at_most(self.max_custom_data_depth, "levels", json::depth(text));
            }
            // Its own limits are smaller than any that a setting could have.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::content;

    #[test]
    fn every_field_that_exceeds_a_limit_is_reported() {
        let limits = ContentLimits {
            max_description_chars: 3,
            max_region_or_city_chars: 6,
            max_custom_data_bytes: 9,
            max_custom_data_depth: 2,
            ..ContentLimits::default()
        };
        let full = |description, city, custom_data| AddressContent {
            description: Some(Description::parse(description).unwrap()),
            custom_data: Some(CustomData::parse(custom_data).unwrap()),
            ..content(city)
        };
        assert_eq!(limits.check(&full("äöü", "Kigali", r#"{"a":[1]}"#)), Ok(()));
        let errors = limits
            .check(&full("äöü!", "Kigali!", r#"{"a":[[]]}"#))
            .unwrap_err();
        assert_eq!(
            errors.to_string(),
            "description: expected at most 3 characters, got 4; \
             city: expected at most 6 characters, got 7; \
             custom_data: expected at most 9 bytes as compact JSON, got 10; \
             custom_data: expected at most 2 levels, got 3"
        );
    }

    #[test]
    fn unchanged_fields_are_not_validated() {
        let limits = ContentLimits {
            max_region_or_city_chars: 5,
            ..ContentLimits::default()
        };
        let stored = content("Kigali");
        let described = AddressContent {
            description: Some(Description::parse("Home").unwrap()),
            ..stored.clone()
        };
        assert_eq!(limits.check_change(&stored, &described), Ok(()));
        let moved = AddressContent {
            city: City::parse("Musanze").unwrap(),
            ..described
        };
        let errors = limits.check_change(&stored, &moved).unwrap_err();
        assert_eq!(
            errors.to_string(),
            "city: expected at most 5 characters, got 7"
        );
    }
}
