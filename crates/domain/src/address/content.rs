//! What a customer enters, by field and by name.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Index, IndexMut};

use crate::address::custom_data::{CustomData, CustomDataError};
use crate::address::text::{City, Description, Region};
use crate::country::Country;
use crate::field_error::FieldErrors;
use crate::json::Json;

/// What a customer enters: an address without identity and history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddressContent {
    /// What the customer calls the address ("Home").
    pub description: Option<Description>,
    /// State, county, province or region.
    pub region: Region,
    /// City, town or village.
    pub city: City,
    /// The country, by its ISO 3166-1 alpha-2 code.
    pub country: Country,
    /// What else the client stores with the address.
    pub custom_data: Option<CustomData>,
}

macro_rules! members {
    ($($(#[$doc:meta])* $variant:ident $name:literal $meaning:literal,)*) => {
        /// A member of [`AddressContent`], by the name that it has in JSON, in CSV and in the
        /// database.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Member {
            $(#[doc = concat!("`", $name, "`: ", $meaning, ".")] $variant,)*
        }

        impl Member {
            /// All members, in their order in documents.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant),*];
            /// How many members there are.
            pub const COUNT: usize = [$($name),*].len();

            /// The name, in snake case.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The name as it stands in a JSON object behind another member: `,"city":`.
            pub const fn json_key(self) -> &'static str {
                match self { $(Self::$variant => concat!(",\"", $name, "\":"),)* }
            }

            /// What the member holds, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

members! {
    Description "description" "What the customer calls the address",
    Region "region" "State, county, province or region",
    City "city" "City, town or village",
    Country "country" "Country, by its ISO 3166-1 alpha-2 code",
    CustomData "custom_data" "What else the client stores with the address",
}

impl Member {
    /// The member of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|member| member.name() == name)
    }

    /// Whether a new address must have it.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Region | Self::City | Self::Country)
    }

    /// The longest text, in characters; `None` if the member is not free text.
    pub const fn max_chars(self) -> Option<usize> {
        match self {
            Self::Description => Some(Description::MAX_CHARS),
            Self::Region => Some(Region::MAX_CHARS),
            Self::City => Some(City::MAX_CHARS),
            Self::Country | Self::CustomData => None,
        }
    }

    /// Whether a text search looks at it.
    pub const fn is_searched(self) -> bool {
        matches!(self, Self::Description | Self::Region | Self::City)
    }

    /// Whether a store can have been given this value. The check is for damage from outside and
    /// cheap: it does not parse JSON again.
    pub(crate) fn can_be(self, value: Option<&str>) -> bool {
        let Some(value) = value else {
            return !self.is_required();
        };
        match self {
            Self::Country => {
                value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_uppercase())
            }
            Self::CustomData => value.starts_with('{') && value.ends_with('}'),
            _ => !value.is_empty(),
        }
    }
}

/// A value for each [`Member`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Members<T>([T; Member::COUNT]);

impl<T> Members<T> {
    /// The values, in the order of [`Member::ALL`].
    pub const fn new(values: [T; Member::COUNT]) -> Self {
        Self(values)
    }

    /// The value that a function has for each member.
    pub fn from_fn(value: impl FnMut(Member) -> T) -> Self {
        Self(Member::ALL.map(value))
    }

    /// The values, in the order of [`Member::ALL`].
    pub fn into_values(self) -> [T; Member::COUNT] {
        self.0
    }

    /// Each member with its value, in the order of [`Member::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Member, &T)> {
        Member::ALL.into_iter().zip(&self.0)
    }
}

impl<T> Index<Member> for Members<T> {
    type Output = T;

    fn index(&self, member: Member) -> &T {
        &self.0[member as usize]
    }
}

impl<T> IndexMut<Member> for Members<T> {
    fn index_mut(&mut self, member: Member) -> &mut T {
        &mut self.0[member as usize]
    }
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
        let description = fields.optional(Member::Description, Description::parse);
        let region = fields.required(Member::Region, Region::parse);
        let city = fields.required(Member::City, City::parse);
        let country = fields.required(Member::Country, Country::parse);
        let custom_data = fields.optional_value(Member::CustomData, |value| value.custom_data());
        // Only now, so that the errors of all members are found.
        let content = || -> Result<Self, Invalid> {
            Ok(Self {
                description: description?,
                region: region?,
                city: city?,
                country: country?,
                custom_data: custom_data?,
            })
        };
        content().ok()
    }

    /// The content whose members a store returned. Text that only an earlier release accepted is
    /// accepted here, but no text that would be stored in another form: nothing is trimmed,
    /// normalised or compacted.
    ///
    /// # Errors
    /// The first member that cannot have been stored.
    pub fn parse_stored(stored: &Members<Option<&str>>) -> Result<Self, Member> {
        fn value<T, E>(
            stored: &Members<Option<&str>>,
            member: Member,
            parse: impl Fn(&str) -> Result<T, E>,
        ) -> Result<Option<T>, Member> {
            stored[member].map(parse).transpose().map_err(|_| member)
        }
        let region = value(stored, Member::Region, Region::parse_stored)?;
        let city = value(stored, Member::City, City::parse_stored)?;
        let country = value(stored, Member::Country, Country::parse)?;
        let content = Self {
            description: value(stored, Member::Description, Description::parse_stored)?,
            region: region.ok_or(Member::Region)?,
            city: city.ok_or(Member::City)?,
            country: country.ok_or(Member::Country)?,
            custom_data: value(stored, Member::CustomData, CustomData::parse)?,
        };
        let texts = content.texts();
        let mut members = Member::ALL.into_iter();
        match members.find(|member| texts[*member] != stored[*member]) {
            Some(member) => Err(member),
            None => Ok(content),
        }
    }

    /// The members as text, custom data as JSON. `None` is null.
    pub fn texts(&self) -> Members<Option<&str>> {
        Members([
            self.description.as_ref().map(Description::as_str),
            Some(self.region.as_str()),
            Some(self.city.as_str()),
            Some(self.country.as_str()),
            self.custom_data.as_ref().map(CustomData::as_str),
        ])
    }

    /// Takes over a member of another content.
    pub(crate) fn take(&mut self, member: Member, from: &Self) {
        match member {
            Member::Description => self.description.clone_from(&from.description),
            Member::Region => self.region.clone_from(&from.region),
            Member::City => self.city.clone_from(&from.city),
            Member::Country => self.country = from.country,
            Member::CustomData => self.custom_data.clone_from(&from.custom_data),
        }
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
            (Member::CustomData, "[]"),
        ]);
        let mut errors = FieldErrors::default();
        assert_eq!(AddressContent::parse(&input, &mut errors), None);
        let fields: Vec<_> = errors
            .into_vec()
            .into_iter()
            .map(|error| error.field)
            .collect();
        assert_eq!(fields, Member::ALL.map(Member::name));
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
        let expected = [None, Some("Kigali"), Some("Kigali"), Some("RW"), None];
        assert_eq!(content.texts(), Members::new(expected));
        assert_eq!(AddressContent::parse_stored(&content.texts()), Ok(content));
    }

    #[test]
    fn text_in_another_form_cannot_have_been_stored() {
        let stored = Members::new([None, Some("K"), Some(" K"), Some("RW"), None]);
        assert_eq!(AddressContent::parse_stored(&stored), Err(Member::City));
    }

    #[test]
    fn the_first_member_that_cannot_have_been_stored_is_named() {
        for (stored, member) in [
            ([None, None, Some("K"), Some("RW"), None], Member::Region),
            (
                [Some(""), Some("K"), Some("K"), Some("RW"), None],
                Member::Description,
            ),
            (
                [None, Some("K"), Some("K"), Some("ZZ"), None],
                Member::Country,
            ),
            (
                [None, Some("K"), Some("K"), Some("RW"), Some("[")],
                Member::CustomData,
            ),
        ] {
            assert_eq!(
                AddressContent::parse_stored(&Members::new(stored)),
                Err(member)
            );
        }
    }
}
