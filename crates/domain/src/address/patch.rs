//! Changes of an address by a JSON merge patch (RFC 7396).

use crate::address::content::{
    AddressContent, AddressInput, Fields, Input, Invalid, Member, MemberValue,
};
use crate::address::custom_data::{CustomData, CustomDataError};
use crate::address::text::{City, Description, Region};
use crate::country::Country;
use crate::field_error::FieldErrors;
use crate::json;

/// A validated merge patch. Members that it does not name stay as they are, even if they hold what
/// is no longer accepted. Custom data is itself a merge patch, applied on every level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPatch {
    description: Input<Description>,
    region: Option<Region>,
    city: Option<City>,
    country: Option<Country>,
    custom_data: Input<Box<str>>,
}

impl AddressPatch {
    /// Validates a patch. Returns `None` if a member has an error; all errors are added to `errors`.
    pub fn parse(input: &AddressInput<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let mut fields = Fields { input, errors };
        let description = fields.patched(Member::Description, |text| {
            Description::parse(text.as_str())
        });
        let region = fields.replaced(Member::Region, Region::parse);
        let city = fields.replaced(Member::City, City::parse);
        let country = fields.replaced(Member::Country, Country::parse);
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
                custom_data: custom_data?,
            })
        };
        patch().ok()
    }

    /// The content that the patch makes of another one.
    ///
    /// # Errors
    /// Custom data would be too large or too deep after the merge.
    pub fn apply(&self, content: &AddressContent) -> Result<AddressContent, FieldErrors> {
        let current = content.custom_data.as_ref();
        let custom_data = match &self.custom_data {
            Input::Absent => current.cloned(),
            Input::Null => None,
            Input::Value(patch) => Some(CustomData::patched(current, patch).map_err(|error| {
                let mut errors = FieldErrors::default();
                errors.add(Member::CustomData.name(), error);
                errors
            })?),
        };
        Ok(AddressContent {
            description: match &self.description {
                Input::Absent => content.description.clone(),
                Input::Null => None,
                Input::Value(description) => Some(description.clone()),
            },
            region: self.region.as_ref().unwrap_or(&content.region).clone(),
            city: self.city.as_ref().unwrap_or(&content.city).clone(),
            country: self.country.unwrap_or(content.country),
            custom_data,
        })
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
