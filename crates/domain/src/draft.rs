use std::borrow::Cow;
use std::fmt;

use crate::{AddressContent, City, Country, CustomData, Description, Region, json};

/// What is wrong with one field of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field's name, as the caller wrote or should have written it.
    pub field: Cow<'static, str>,
    /// What was expected of it. Never holds the value itself.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Everything that is wrong with an input, collected so that the caller learns of it
/// at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a fault.
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, message: impl fmt::Display) {
        self.0.push(Fault {
            field: field.into(),
            message: message.to_string(),
        });
    }

    /// The value of a result, or `None` with its error noted.
    pub fn check<T, E: fmt::Display>(
        &mut self,
        field: &'static str,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(field, error)).ok()
    }

    /// Notes that a required field is missing, unless it is known to be faulty already.
    pub fn missing(&mut self, field: &'static str) {
        if !self.0.iter().any(|fault| fault.field == field) {
            self.add(field, "is required");
        }
    }

    /// Whether nothing was wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults, in the order in which they were found.
    pub fn into_vec(self) -> Vec<Fault> {
        self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The content of an address before it is judged: what each door fills in from its
/// own format. `None` is null or absent.
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
    /// Judges every field: the content, or `None` with each fault noted.
    pub fn parse(&self, faults: &mut Faults) -> Option<AddressContent> {
        let description = optional(faults, "description", &self.description, Description::parse);
        let region = required(faults, "region", &self.region, Region::parse);
        let city = required(faults, "city", &self.city, City::parse);
        let country = required(faults, "country", &self.country, Country::parse);
        let custom_data = optional(faults, "custom_data", &self.custom_data, CustomData::parse);
        Some(AddressContent {
            description: description?,
            region: region?,
            city: city?,
            country: country?,
            custom_data: custom_data?,
        })
    }
}

/// What a JSON merge patch (RFC 7396) does to the content of an address: each field is left
/// alone (`None`), made null (`Some(None)`) or replaced. Custom data is a merge patch of
/// its own, as JSON text.
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
    /// What is known to be wrong with it already: it applies to nothing then.
    pub faults: Faults,
}

impl AddressPatch {
    /// The content that a patch makes of another.
    ///
    /// # Errors
    /// Every fault of the result, found as in any other address.
    pub fn apply(&self, content: &AddressContent) -> Result<AddressContent, Faults> {
        fn over<'a>(patch: &'a Option<Option<String>>, kept: Option<&'a str>) -> Field<'a> {
            match patch {
                Some(value) => value.as_deref(),
                None => kept,
            }
            .map(Cow::Borrowed)
        }
        let mut faults = self.faults.clone();
        let kept_data = content.custom_data.as_ref().map(CustomData::as_str);
        let custom_data = match &self.custom_data {
            Some(Some(patch)) => faults
                .check("custom_data", json::check(patch, CustomData::MAX_DEPTH))
                .and_then(|()| {
                    let merged = json::merge_patch(kept_data.unwrap_or("{}"), patch);
                    faults.check("custom_data", merged).map(Cow::Owned)
                }),
            Some(None) => None,
            None => kept_data.map(Cow::Borrowed),
        };
        let kept_description = content.description.as_ref().map(Description::as_str);
        let draft = AddressDraft {
            description: over(&self.description, kept_description),
            region: over(&self.region, Some(content.region.as_str())),
            city: over(&self.city, Some(content.city.as_str())),
            country: over(&self.country, Some(content.country.as_str())),
            custom_data,
        };
        match draft.parse(&mut faults) {
            Some(content) if faults.is_empty() => Ok(content),
            _ => Err(faults),
        }
    }
}

type Field<'a> = Option<Cow<'a, str>>;

fn required<T, E: fmt::Display>(
    faults: &mut Faults,
    field: &'static str,
    value: &Field<'_>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    match value {
        Some(text) => faults.check(field, parse(text)),
        None => {
            faults.missing(field);
            None
        }
    }
}

fn optional<T, E: fmt::Display>(
    faults: &mut Faults,
    field: &'static str,
    value: &Field<'_>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<Option<T>> {
    match value {
        Some(text) => faults.check(field, parse(text)).map(Some),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_every_fault_at_once() {
        let draft = AddressDraft {
            description: Some("".into()),
            region: Some("\0".into()),
            city: None,
            country: Some("ZZ".into()),
            custom_data: Some("[]".into()),
        };
        let mut faults = Faults::default();
        assert_eq!(draft.parse(&mut faults), None);
        let fields: Vec<_> = faults
            .into_vec()
            .into_iter()
            .map(|fault| fault.field)
            .collect();
        assert_eq!(
            fields,
            ["description", "region", "city", "country", "custom_data"]
        );
    }

    #[test]
    fn an_absent_option_is_no_fault() {
        let draft = AddressDraft {
            region: Some("Kigali".into()),
            city: Some(" Kigali ".into()),
            country: Some("rw".into()),
            ..AddressDraft::default()
        };
        let mut faults = Faults::default();
        let content = draft.parse(&mut faults).unwrap();
        assert!(faults.is_empty());
        assert_eq!(
            (content.city.as_str(), content.country.as_str()),
            ("Kigali", "RW")
        );
        assert_eq!((content.description, content.custom_data), (None, None));
    }
}
