use std::borrow::Cow;
use std::fmt;

use crate::address::AddressContent;
use crate::address::custom_data::CustomData;
use crate::address::text::{City, Description, Region};
use crate::country::Country;
use crate::json;

/// An error in one field of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The name of the field, in the caller's spelling.
    pub field: Cow<'static, str>,
    /// What was expected. Never contains the value itself.
    pub message: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// All errors in an input, collected so that the caller sees them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Adds an error.
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, message: impl fmt::Display) {
        self.0.push(FieldError {
            field: field.into(),
            message: message.to_string(),
        });
    }

    /// Returns the value of a result, or adds its error and returns `None`.
    pub fn check<T, E: fmt::Display>(
        &mut self,
        field: &'static str,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(field, error)).ok()
    }

    /// Adds the error that a required field is missing, unless the field already has an error.
    pub fn missing(&mut self, field: &'static str) {
        if !self.0.iter().any(|error| error.field == field) {
            self.add(field, "is required");
        }
    }

    /// Whether there are no errors.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The errors, in the order in which they were found.
    pub fn into_vec(self) -> Vec<FieldError> {
        self.0
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for FieldErrors {}

/// The value of a nullable field in an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Input<T> {
    /// The field is absent. An existing address keeps its value; in a new one, the field is null.
    #[default]
    Absent,
    /// The field is null.
    Null,
    /// The field has this value.
    Value(T),
}

impl<T: Clone> Input<T> {
    /// Returns the new value of the field, given its current one.
    pub fn over(self, current: Option<&T>) -> Option<T> {
        match self {
            Self::Absent => current.cloned(),
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// The content of an address before validation. HTTP and import fill it from their own formats.
/// `None` is null or absent.
#[derive(Clone, Debug, Default)]
pub struct AddressDraft<'a> {
    /// See [`AddressContent::description`].
    pub description: Option<Cow<'a, str>>,
    /// See [`AddressContent::region`]; required.
    pub region: Option<Cow<'a, str>>,
    /// See [`AddressContent::city`]; required.
    pub city: Option<Cow<'a, str>>,
    /// See [`AddressContent::country`]; required.
    pub country: Option<Cow<'a, str>>,
    /// See [`AddressContent::custom_data`], as JSON text.
    pub custom_data: Option<Cow<'a, str>>,
}

impl AddressDraft<'_> {
    /// Validates every field. Returns the content, or adds all errors and returns `None`.
    pub fn parse(&self, errors: &mut FieldErrors) -> Option<AddressContent> {
        let description = optional(errors, "description", &self.description, Description::parse);
        let region = required(errors, "region", &self.region, Region::parse);
        let city = required(errors, "city", &self.city, City::parse);
        let country = required(errors, "country", &self.country, Country::parse);
        let custom_data = optional(errors, "custom_data", &self.custom_data, CustomData::parse);
        Some(AddressContent {
            description: description?,
            region: region?,
            city: city?,
            country: country?,
            custom_data: custom_data?,
        })
    }
}

/// A JSON merge patch (RFC 7396) of the content of an address: each field is unchanged (`None`),
/// set to null (`Some(None)`) or replaced. Custom data is itself a merge patch, as JSON text.
#[derive(Clone, Debug, Default)]
pub struct AddressPatch {
    /// See [`AddressContent::description`].
    pub description: Option<Option<String>>,
    /// See [`AddressContent::region`].
    pub region: Option<Option<String>>,
    /// See [`AddressContent::city`].
    pub city: Option<Option<String>>,
    /// See [`AddressContent::country`].
    pub country: Option<Option<String>>,
    /// See [`AddressContent::custom_data`].
    pub custom_data: Option<Option<String>>,
    /// Errors found while the patch was read. If there are any, the patch cannot be applied.
    pub errors: FieldErrors,
}

impl AddressPatch {
    /// Applies the patch to a content. Fields that the patch does not name stay unchanged, even if
    /// their values are no longer accepted.
    ///
    /// # Errors
    /// All errors of the fields that the patch names. They are validated as in a new address.
    pub fn apply(&self, content: &AddressContent) -> Result<AddressContent, FieldErrors> {
        let mut errors = self.errors.clone();
        let description = patched(&self.description, &content.description, |value| {
            optional(&mut errors, "description", value, Description::parse)
        });
        let region = patched(&self.region, &content.region, |value| {
            required(&mut errors, "region", value, Region::parse)
        });
        let city = patched(&self.city, &content.city, |value| {
            required(&mut errors, "city", value, City::parse)
        });
        let country = patched(&self.country, &content.country, |value| {
            required(&mut errors, "country", value, Country::parse)
        });
        let custom_data = patched(&self.custom_data, &content.custom_data, |value| {
            let target = content.custom_data.as_ref().map(CustomData::as_str);
            optional(&mut errors, "custom_data", value, |patch| {
                merge(target, patch)
            })
        });
        let content = || {
            Some(AddressContent {
                description: description?,
                region: region?,
                city: city?,
                country: country?,
                custom_data: custom_data?,
            })
        };
        content().filter(|_| errors.is_empty()).ok_or(errors)
    }
}

/// Returns a field after a patch. It is parsed only if the patch names it.
fn patched<T: Clone>(
    patch: &Option<Option<String>>,
    current: &T,
    parse: impl FnOnce(&Field<'_>) -> Option<T>,
) -> Option<T> {
    match patch {
        Some(value) => parse(&value.as_deref().map(Cow::Borrowed)),
        None => Some(current.clone()),
    }
}

/// Applies a merge patch to custom data.
fn merge(target: Option<&str>, patch: &str) -> Result<CustomData, String> {
    json::check(patch, CustomData::MAX_DEPTH).map_err(|error| error.to_string())?;
    let merged = json::merge_patch(target.unwrap_or("{}"), patch);
    let merged = merged.map_err(|error| error.to_string())?;
    CustomData::parse(&merged).map_err(|error| error.to_string())
}

type Field<'a> = Option<Cow<'a, str>>;

fn required<T, E: fmt::Display>(
    errors: &mut FieldErrors,
    field: &'static str,
    value: &Field<'_>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    match value {
        Some(text) => errors.check(field, parse(text)),
        None => {
            errors.missing(field);
            None
        }
    }
}

fn optional<T, E: fmt::Display>(
    errors: &mut FieldErrors,
    field: &'static str,
    value: &Field<'_>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<Option<T>> {
    match value {
        Some(text) => errors.check(field, parse(text)).map(Some),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_errors_are_reported_together() {
        let draft = AddressDraft {
            description: Some("".into()),
            region: Some("\0".into()),
            city: None,
            country: Some("ZZ".into()),
            custom_data: Some("[]".into()),
        };
        let mut errors = FieldErrors::default();
        assert_eq!(draft.parse(&mut errors), None);
        let fields: Vec<_> = errors
            .into_vec()
            .into_iter()
            .map(|error| error.field)
            .collect();
        assert_eq!(
            fields,
            ["description", "region", "city", "country", "custom_data"]
        );
    }

    /// The text was accepted by an earlier release and would be rejected by this one.
    #[test]
    fn a_patch_does_not_validate_fields_that_it_does_not_name() {
        let content = AddressContent {
            description: Some(Description::parse_stored("\u{2800}").unwrap()),
            region: Region::parse_stored("\u{200b}").unwrap(),
            city: City::parse_stored("\u{feff}").unwrap(),
            country: Country::parse("RW").unwrap(),
            custom_data: None,
        };
        let patch = AddressPatch {
            country: Some(Some("fr".into())),
            ..AddressPatch::default()
        };
        let expected = AddressContent {
            country: Country::parse("FR").unwrap(),
            ..content.clone()
        };
        assert_eq!(patch.apply(&content), Ok(expected));

        let patch = AddressPatch {
            city: Some(Some("\u{feff}".into())),
            ..AddressPatch::default()
        };
        let errors = patch.apply(&content).unwrap_err();
        assert_eq!(
            errors.to_string(),
            "city: expected visible text, got only invisible characters such as U+FEFF"
        );
    }

    #[test]
    fn optional_fields_may_be_absent() {
        let draft = AddressDraft {
            region: Some("Kigali".into()),
            city: Some(" Kigali ".into()),
            country: Some("rw".into()),
            ..AddressDraft::default()
        };
        let mut errors = FieldErrors::default();
        let content = draft.parse(&mut errors).unwrap();
        assert!(errors.is_empty());
        assert_eq!(
            (content.city.as_str(), content.country.as_str()),
            ("Kigali", "RW")
        );
        assert_eq!((content.description, content.custom_data), (None, None));
    }
}
