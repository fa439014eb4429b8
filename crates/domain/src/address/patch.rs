//! Changes of an address by a JSON merge patch (RFC 7396).

use crate::address::content::{
    AddressContent, AddressInput, Fields, Input, Invalid, MemberValue, or_empty, requires,
};
use crate::address::custom_data::{CustomData, CustomDataError};
use crate::address::member::Member;
use crate::address::postal_details::PostalDetails;
use crate::address::text::{City, Description, Region};
use crate::country::Country;
use crate::field_error::FieldErrors;
use crate::json;

/// A validated merge patch. Members that it does not name stay as they are, even if they hold what
/// is no longer accepted. Custom data is itself a merge patch, applied on every level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPatch {
    description: Input<Description>,
    region: Input<Region>,
    city: Input<City>,
    country: Option<Country>,
    details: [Input<Box<str>>; Member::DETAILS.len()],
    custom_data: Input<Box<str>>,
}

impl AddressPatch {
    /// Validates a patch. Returns `None` if a member has an error; all errors are added to `errors`.
    pub fn parse(input: &AddressInput<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let mut fields = Fields { input, errors };
        let description = fields.patched(Member::Description, |text| {
            Description::parse(text.as_str())
        });
        let region = fields.patched(Member::Region, |text| {
            or_empty(text.as_str(), Region::parse)
        });
        let city = fields.patched(Member::City, |text| or_empty(text.as_str(), City::parse));
        let country = fields.replaced(Member::Country, Country::parse);
        let details = fields.details(|fields, member| {
            fields.patched(member, |text| {
                PostalDetails::parse_text(member, text.as_str())
            })
        });
        let custom_data = fields.patched(Member::CustomData, |patch| {
            match patch {
                MemberValue::Json(json) => json.check_storable(CustomData::MAX_DEPTH)?,
                MemberValue::Text(text) => json::check(text, CustomData::MAX_DEPTH)?,
            }
            // Anything else would replace the object.
            let patch = patch.as_str();
            match patch.trim_start().starts_with('{') {
                true => Ok(patch.into()),
                false => Err(CustomDataError::NotAnObject),
            }
        });
        // Only now, so that the errors of all members are found.
        let patch = || -> Result<Self, Invalid> {
            Ok(Self {
                description: description?,
                region: region?,
                city: city?,
                country: country?,
                details: details?,
                custom_data: custom_data?,
            })
        };
        patch().ok()
    }

    /// The content that the patch makes of another one.
    ///
    /// # Errors
    /// Custom data would be too large or too deep after the merge, or the country requires a region
    /// or a city that the address would not have.
    pub fn apply(&self, content: &AddressContent) -> Result<AddressContent, FieldErrors> {
        let mut errors = FieldErrors::default();
        let country = self.country.unwrap_or(content.country);
        let region = self.region.over(Some(&content.region)).unwrap_or_default();
        let city = self.city.over(Some(&content.city)).unwrap_or_default();
        let names_place =
            self.country.is_some() || self.region != Input::Absent || self.city != Input::Absent;
        for (member, text) in [
            (Member::Region, region.as_str()),
            (Member::City, city.as_str()),
        ] {
            if names_place && text.is_empty() && requires(country, member) {
                errors.missing(member.name());
            }
        }
        let current = content.custom_data.as_ref();
        let custom_data = match &self.custom_data {
            Input::Absent => current.cloned(),
            Input::Null => None,
            Input::Value(patch) => errors.check(
                Member::CustomData.name(),
                CustomData::patched(current, patch),
            ),
        };
        let mut details = content.details.clone();
        for (member, patch) in Member::DETAILS.iter().zip(&self.details) {
            match patch {
                Input::Absent => {}
                Input::Null => details = details.with(*member, None),
                Input::Value(text) => details = details.with(*member, Some(text)),
            }
        }
        match errors.is_empty() {
            true => Ok(AddressContent {
                description: self.description.over(content.description.as_ref()),
                region,
                city,
                country,
                details,
                custom_data,
            }),
            false => Err(errors),
        }
    }
}

impl<T: Clone> Input<T> {
    /// The value that a member has after a patch, from the current one. `None` is null.
    fn over(&self, current: Option<&T>) -> Option<T> {
        match self {
            Self::Absent => current.cloned(),
            Self::Null => None,
            Self::Value(value) => Some(value.clone()),
        }
    }
}

impl Fields<'_, '_> {
    /// What a patch does to a member that may be null.
    fn patched<T, E: std::fmt::Display>(
        &mut self,
        member: Member,
        parse: impl Fn(&MemberValue<'_>) -> Result<T, E>,
    ) -> Result<Input<T>, Invalid> {
        match &self.input[member] {
            Input::Absent => Ok(Input::Absent),
            _ => Ok(self
                .optional_value(member, parse)?
                .map_or(Input::Null, Input::Value)),
        }
    }

    /// What a patch puts in place of a member that may not be null; `None` leaves it as it is.
    fn replaced<T, E: std::fmt::Display>(
        &mut self,
        member: Member,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Invalid> {
        match &self.input[member] {
            Input::Absent => Ok(None),
            _ => self.required(member, parse).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(member: Member, text: &'static str) -> Result<AddressPatch, FieldErrors> {
        let mut input = AddressInput::default();
        input[member] = Input::Value(text.into());
        let mut errors = FieldErrors::default();
        AddressPatch::parse(&input, &mut errors).ok_or(errors)
    }

    /// Text that an earlier release accepted and this one rejects.
    #[test]
    fn members_that_a_patch_does_not_name_are_not_validated() {
        let content = AddressContent {
            description: Some(Description::parse_stored("\u{2800}").unwrap()),
            region: Region::parse_stored("\u{200b}").unwrap(),
            city: City::parse_stored("\u{feff}").unwrap(),
            country: Country::parse("RW").unwrap(),
            details: PostalDetails::default(),
            custom_data: None,
        };
        let expected = AddressContent {
            country: Country::parse("FR").unwrap(),
            ..content.clone()
        };
        let to_france = patch(Member::Country, "fr").unwrap();
        assert_eq!(to_france.apply(&content), Ok(expected));
        assert_eq!(
            patch(Member::City, "\u{feff}").unwrap_err().to_string(),
            "city: expected visible text, got only invisible characters such as U+FEFF"
        );
    }
}
