//! What a customer enters, by field and by name.

use std::borrow::Cow;
use std::fmt;

use crate::address::custom_data::{CustomData, CustomDataError};
use crate::address::member::{Column, Columns, Member, Members};
use crate::address::postal_details::PostalDetails;
use crate::address::text::{City, Description, Region};
use crate::countries::format::PostalMember;
use crate::countries::postal_address::PostalAddress;
use crate::countries::rules::CountryRules;
use crate::country::Country;
use crate::field_error::FieldErrors;
use crate::json::Json;

/// What a customer enters: an address without identity and history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddressContent {
    /// What the customer calls the address ("Home").
    pub description: Option<Description>,
    /// State, county, province or region. Empty only in a country that does not require one.
    pub region: Region,
    /// City, town or village. Empty only in a country that does not require one.
    pub city: City,
    /// The country, by its ISO 3166-1 alpha-2 code.
    pub country: Country,
    /// The person, the street, the postal code and the like.
    pub details: PostalDetails,
    /// What else the client stores with the address.
    pub custom_data: Option<CustomData>,
}

/// What an input says about a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Input<T> {
    /// Nothing. An address keeps what it has; in a new one, the member is null.
    #[default]
    Absent,
    /// The member is null.
    Null,
    /// The member has this value.
    Value(T),
}

impl<T> Input<T> {
    /// Converts the value, if there is one.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Input<U> {
        match self {
            Self::Absent => Input::Absent,
            Self::Null => Input::Null,
            Self::Value(value) => Input::Value(convert(value)),
        }
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

/// The value of a member, before it is validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberValue<'a> {
    /// Text; for custom data, JSON that is still to be parsed.
    Text(Cow<'a, str>),
    /// Custom data that was already parsed.
    Json(Json<'a>),
}

impl MemberValue<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Json(json) => json.text(),
        }
    }

    fn custom_data(&self) -> Result<CustomData, CustomDataError> {
        match self {
            Self::Text(text) => CustomData::parse(text),
            Self::Json(json) => CustomData::from_json(*json),
        }
    }
}

impl<'a, T: Into<Cow<'a, str>>> From<T> for MemberValue<'a> {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

/// What an input says about each member, before it is validated.
pub type AddressInput<'a> = Members<Input<MemberValue<'a>>>;

impl AddressContent {
    /// Validates the content of a new address, in which absent members are null. Returns `None` if
    /// a member has an error; all errors are added to `errors`.
    pub fn parse(input: &AddressInput<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let mut fields = Fields { input, errors };
        let known_country = match &input[Member::Country] {
            Input::Value(value) => Country::parse(value.as_str()).ok(),
            Input::Absent | Input::Null => None,
        };
        let description = fields.optional(Member::Description, Description::parse);
        let region = fields.unless_needless(Member::Region, known_country, Region::parse);
        let city = fields.unless_needless(Member::City, known_country, City::parse);
        let country = fields.required(Member::Country, Country::parse);
        let details = fields.details(|fields, member| {
            fields.optional(member, |text| PostalDetails::parse_text(member, text))
        });
        let custom_data = fields.optional_value(Member::CustomData, |value| value.custom_data());
        // Only now, so that the errors of all members are found.
        let content = || -> Result<Self, Invalid> {
            Ok(Self {
                description: description?,
                region: region?,
                city: city?,
                country: country?,
                details: PostalDetails::new(details?),
                custom_data: custom_data?,
            })
        };
        content().ok()
    }

    /// The content whose columns a store returned. Text that only an earlier release accepted is
    /// accepted here, but no text that would be stored in another form: nothing is trimmed,
    /// normalised or compacted.
    ///
    /// # Errors
    /// The first column that cannot have been stored.
    pub fn parse_stored(stored: &Columns<Option<&str>>) -> Result<Self, Column> {
        fn value<T, E>(
            stored: &Columns<Option<&str>>,
            column: Column,
            parse: impl Fn(&str) -> Result<T, E>,
        ) -> Result<Option<T>, Column> {
            stored[column].map(parse).transpose().map_err(|_| column)
        }
        let region = value(stored, Column::Region, |text| {
            or_empty(text, Region::parse_stored)
        })?;
        let city = value(stored, Column::City, |text| {
            or_empty(text, City::parse_stored)
        })?;
        let country = value(stored, Column::Country, Country::parse)?;
        let details = value(stored, Column::PostalDetails, |json| {
            PostalDetails::from_json(json).ok_or(())
        })?;
        let content = Self {
            description: value(stored, Column::Description, Description::parse_stored)?,
            region: region.ok_or(Column::Region)?,
            city: city.ok_or(Column::City)?,
            country: country.ok_or(Column::Country)?,
            details: details.unwrap_or_default(),
            custom_data: value(stored, Column::CustomData, CustomData::parse)?,
        };
        let columns = content.columns();
        let mut all = Column::ALL.into_iter();
        match all.find(|column| columns[*column] != stored[*column]) {
            Some(column) => Err(column),
            None => Ok(content),
        }
    }

    /// The members as text, custom data as JSON. `None` is null.
    pub fn texts(&self) -> Members<Option<&str>> {
        let mut texts = Members::default();
        texts[Member::Description] = self.description.as_ref().map(Description::as_str);
        texts[Member::Region] = Some(self.region.as_str());
        texts[Member::City] = Some(self.city.as_str());
        texts[Member::Country] = Some(self.country.as_str());
        for (member, text) in Member::DETAILS.iter().zip(self.details.texts()) {
            texts[*member] = text;
        }
        texts[Member::CustomData] = self.custom_data.as_ref().map(CustomData::as_str);
        texts
    }

    /// What a store keeps: text, or JSON for postal details and custom data. `None` is null.
    pub fn columns(&self) -> Columns<Option<&str>> {
        Columns::new([
            self.description.as_ref().map(Description::as_str),
            Some(self.region.as_str()),
            Some(self.city.as_str()),
            Some(self.country.as_str()),
            self.details.as_json(),
            self.custom_data.as_ref().map(CustomData::as_str),
        ])
    }

    /// The address as the rules of countries see it.
    pub fn postal(&self) -> PostalAddress<'_> {
        let texts = self.texts();
        PostalAddress::of(self.country, |member| texts[member].unwrap_or_default())
    }

    /// Takes over a member of another content.
    pub(crate) fn take(&mut self, member: Member, from: &Self) {
        match member {
            Member::Description => self.description.clone_from(&from.description),
            Member::Region => self.region.clone_from(&from.region),
            Member::City => self.city.clone_from(&from.city),
            Member::Country => self.country = from.country,
            Member::CustomData => self.custom_data.clone_from(&from.custom_data),
            detail => self.details = self.details.with(detail, from.texts()[detail]),
        }
    }
}

/// Whether every address of a country has a region, or a city.
pub(super) fn requires(country: Country, member: Member) -> bool {
    let member = match member {
        Member::Region => PostalMember::Region,
        Member::City => PostalMember::City,
        _ => return false,
    };
    CountryRules::of(country).is_none_or(|rules| rules.requires(member))
}

/// Parses a text, or returns the default for one without visible characters.
pub(super) fn or_empty<T: Default, E>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, E> {
    match text.trim().is_empty() {
        true => Ok(T::default()),
        false => parse(text),
    }
}

/// A member is invalid. Its error was added to those of the input.
pub(super) struct Invalid;

/// Validates the members of an input one by one.
pub(super) struct Fields<'i, 'e> {
    pub(super) input: &'i AddressInput<'i>,
    pub(super) errors: &'e mut FieldErrors,
}

impl Fields<'_, '_> {
    /// A text that may be null.
    pub(super) fn optional<T, E: fmt::Display>(
        &mut self,
        member: Member,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Invalid> {
        self.optional_value(member, |value| parse(value.as_str()))
    }

    /// A member that may be null.
    pub(super) fn optional_value<T, E: fmt::Display>(
        &mut self,
        member: Member,
        parse: impl Fn(&MemberValue<'_>) -> Result<T, E>,
    ) -> Result<Option<T>, Invalid> {
        match &self.input[member] {
            Input::Value(value) => match self.errors.check(member.name(), parse(value)) {
                Some(value) => Ok(Some(value)),
                None => Err(Invalid),
            },
            Input::Absent | Input::Null => Ok(None),
        }
    }

    /// A member that may be empty in a country that does not require it.
    fn unless_needless<T: Default, E: fmt::Display>(
        &mut self,
        member: Member,
        country: Option<Country>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Invalid> {
        let is_empty = match &self.input[member] {
            Input::Value(value) => value.as_str().trim().is_empty(),
            Input::Absent | Input::Null => true,
        };
        match country {
            Some(country) if is_empty && !requires(country, member) => Ok(T::default()),
            _ => self.required(member, parse),
        }
    }

    /// A value for each of the postal details.
    pub(super) fn details<T: Default>(
        &mut self,
        parse: impl Fn(&mut Self, Member) -> Result<T, Invalid>,
    ) -> Result<[T; Member::DETAILS.len()], Invalid> {
        let mut values = std::array::from_fn(|_| T::default());
        let mut result = Ok(());
        for (member, value) in Member::DETAILS.iter().zip(&mut values) {
            match parse(self, *member) {
                Ok(parsed) => *value = parsed,
                Err(invalid) => result = Err(invalid),
            }
        }
        result.map(|()| values)
    }

    /// A member that may not be null.
    pub(super) fn required<T, E: fmt::Display>(
        &mut self,
        member: Member,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Invalid> {
        self.optional(member, parse)?.ok_or_else(|| {
            self.errors.missing(member.name());
            Invalid
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(members: &[(Member, &'static str)]) -> AddressInput<'static> {
        let mut input = AddressInput::default();
        for (member, text) in members {
            input[*member] = Input::Value((*text).into());
        }
        input
    }

    #[test]
    fn every_error_is_found_at_once() {
        let input = input(&[
            (Member::Description, ""),
            (Member::Region, "\0"),
            (Member::Country, "ZZ"),
            (Member::Phone, "none"),
            (Member::CustomData, "[]"),
        ]);
        let mut errors = FieldErrors::default();
        assert_eq!(AddressContent::parse(&input, &mut errors), None);
        let fields: Vec<_> = errors
            .into_vec()
            .into_iter()
            .map(|error| error.field)
            .collect();
        let wrong = [
            "description",
            "region",
            "city",
            "country",
            "phone",
            "custom_data",
        ];
        assert_eq!(fields, wrong);
    }

    #[test]
    fn absent_members_are_null() {
        let input = input(&[
            (Member::Region, "Kigali"),
            (Member::City, " Kigali "),
            (Member::Country, "rw"),
        ]);
        let mut errors = FieldErrors::default();
        let content = AddressContent::parse(&input, &mut errors).unwrap();
        assert!(errors.is_empty());
        let expected = [None, Some("Kigali"), Some("Kigali"), Some("RW"), None, None];
        assert_eq!(content.columns(), Columns::new(expected));
        assert_eq!(
            AddressContent::parse_stored(&content.columns()),
            Ok(content)
        );
    }

    #[test]
    fn text_in_another_form_cannot_have_been_stored() {
        let stored = Columns::new([None, Some("K"), Some(" K"), Some("RW"), None, None]);
        assert_eq!(AddressContent::parse_stored(&stored), Err(Column::City));
    }

    #[test]
    fn the_first_member_that_cannot_have_been_stored_is_named() {
        let valid = [None, Some("K"), Some("K"), Some("RW"), None, None];
        assert!(AddressContent::parse_stored(&Columns::new(valid)).is_ok());
        for (column, value) in [
            (Column::Description, Some("")),
            (Column::Region, None),
            (Column::City, None),
            (Column::Country, Some("ZZ")),
            (Column::PostalDetails, Some("{}")),
            (Column::CustomData, Some("[")),
        ] {
            let mut stored = Columns::new(valid);
            stored[column] = value;
            assert_eq!(AddressContent::parse_stored(&stored), Err(column));
        }
    }

    fn parse(members: &[(Member, &'static str)]) -> Result<AddressContent, String> {
        let mut errors = FieldErrors::default();
        AddressContent::parse(&input(members), &mut errors).ok_or_else(|| errors.to_string())
    }

    #[test]
    fn a_country_that_requires_no_region_and_no_city_needs_none() {
        let singapore = parse(&[(Member::Country, "SG"), (Member::City, " ")]).unwrap();
        assert_eq!(singapore.texts()[Member::Region], Some(""));
        assert_eq!(singapore.texts()[Member::City], Some(""));
        assert_eq!(
            AddressContent::parse_stored(&singapore.columns()),
            Ok(singapore)
        );
        // What is not needed is stored nevertheless.
        let region = parse(&[(Member::Country, "SG"), (Member::Region, "East")]).unwrap();
        assert_eq!(region.texts()[Member::Region], Some("East"));
        for country in ["US", "ZZ"] {
            let error = parse(&[(Member::Country, country)]).unwrap_err();
            assert!(error.contains("region: is required"), "{error}");
        }
    }

    #[test]
    fn details_are_validated_and_stored_in_order() {
        let content = parse(&[
            (Member::Country, "SG"),
            (Member::Phone, "+65 6123 4567"),
            (Member::FirstLine, " 1 Rue\u{301} "),
            (Member::PostalCode, "018956"),
        ])
        .unwrap();
        let json = r#"{"first_line":"1 Rué","postal_code":"018956","phone":"+65 6123 4567"}"#;
        assert_eq!(content.columns()[Column::PostalDetails], Some(json));
        assert_eq!(
            AddressContent::parse_stored(&content.columns()),
            Ok(content)
        );
        let long = "1".repeat(21).leak();
        let error = parse(&[(Member::Country, "SG"), (Member::PostalCode, long)]).unwrap_err();
        assert_eq!(error, "postal_code: expected 1 to 20 characters, got 21");
    }
}
