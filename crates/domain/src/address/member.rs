//! The members of an address, and the columns in which stores keep them.

use std::ops::{Index, IndexMut};

use crate::address::text::{City, Description, Region};

macro_rules! members {
    ($($variant:ident $name:literal, $max_chars:expr, $meaning:literal;)*) => {
        /// A member of [`AddressContent`](crate::AddressContent), by the name that it has in JSON and in CSV.
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

            /// What the member holds, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// The longest text, in characters; `None` if the member is not free text.
            pub const fn max_chars(self) -> Option<usize> {
                match self { $(Self::$variant => $max_chars,)* }
            }
        }
    };
}

// Those between the country and the custom data are the postal details.
members! {
    Description "description", Some(Description::MAX_CHARS), "What the customer calls the address";
    Region "region", Some(Region::MAX_CHARS), "State, county, province or region";
    City "city", Some(City::MAX_CHARS), "City, town or village";
    Country "country", None, "Country, by its ISO 3166-1 alpha-2 code";
    Recipient "recipient", Some(200), "Person on the label";
    Organization "organization", Some(200), "Company on the label";
    FirstLine "first_line", Some(200), "Street and house";
    SecondLine "second_line", Some(200), "Building, floor or unit";
    District "district", Some(200), "Suburb, neighbourhood or district";
    PostalCode "postal_code", Some(20), "Postal code, as the customer writes it";
    SortingCode "sorting_code", Some(20), "CEDEX and the like";
    Phone "phone", Some(40), "Telephone number, for the carrier";
    CustomData "custom_data", None, "What else the client stores with the address";
}

impl Member {
    /// The members of [`PostalDetails`](crate::PostalDetails), in their order.
    pub const DETAILS: &[Self] = {
        let (_, rest) = Self::ALL.split_at(Self::Country as usize + 1);
        rest.split_at(rest.len() - 1).0
    };

    /// The member of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|member| member.name() == name)
    }

    /// Whether the member belongs to [`PostalDetails`](crate::PostalDetails). Documents leave it out where it is null.
    pub fn is_detail(self) -> bool {
        Self::DETAILS.contains(&self)
    }

    /// Whether a text search looks at it.
    pub fn is_searched(self) -> bool {
        !matches!(self, Self::Country | Self::Phone | Self::CustomData)
    }
}

macro_rules! columns {
    ($($variant:ident $name:literal,)*) => {
        /// A value of [`AddressContent`](crate::AddressContent) as stores keep it, by the name of its column in the
        /// database.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Column {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Column {
            /// All columns, in the order in which a page has them.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant),*];
            /// How many columns there are.
            pub const COUNT: usize = [$($name),*].len();

            /// The name, in snake case.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The name as it stands in a JSON object behind another member: `,"city":`.
            pub const fn json_key(self) -> &'static str {
                match self { $(Self::$variant => concat!(",\"", $name, "\":"),)* }
            }
        }
    };
}

columns! {
    Description "description",
    Region "region",
    City "city",
    Country "country",
    PostalDetails "postal_details",
    CustomData "custom_data",
}

impl Column {
    /// Whether the value may be null. Those of the others may be empty text, but for the country.
    pub const fn is_nullable(self) -> bool {
        matches!(
            self,
            Self::Description | Self::PostalDetails | Self::CustomData
        )
    }

    /// Whether a store can have been given this value. The check is for damage from outside and
    /// cheap: it does not parse JSON again.
    pub(crate) fn can_be(self, value: Option<&str>) -> bool {
        let Some(value) = value else {
            return self.is_nullable();
        };
        match self {
            Self::Description => !value.is_empty(),
            Self::Region | Self::City => true,
            Self::Country => {
                value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_uppercase())
            }
            Self::PostalDetails | Self::CustomData => {
                value.starts_with('{') && value.ends_with('}')
            }
        }
    }
}

macro_rules! values_by {
    ($(#[$doc:meta])* $name:ident, $key:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name<T>([T; $key::COUNT]);

        impl<T> $name<T> {
            #[doc = concat!("The values, in the order of [`", stringify!($key), "::ALL`].")]
            pub const fn new(values: [T; $key::COUNT]) -> Self {
                Self(values)
            }

            #[doc = concat!("The value that a function has for each [`", stringify!($key), "`].")]
            pub fn from_fn(value: impl FnMut($key) -> T) -> Self {
                Self($key::ALL.map(value))
            }

            #[doc = concat!("The values, in the order of [`", stringify!($key), "::ALL`].")]
            pub fn into_values(self) -> [T; $key::COUNT] {
                self.0
            }

            #[doc = concat!("Each value with its [`", stringify!($key), "`], in their order.")]
            pub fn iter(&self) -> impl Iterator<Item = ($key, &T)> {
                $key::ALL.into_iter().zip(&self.0)
            }
        }

        impl<T> Index<$key> for $name<T> {
            type Output = T;

            fn index(&self, key: $key) -> &T {
                &self.0[key as usize]
            }
        }

        impl<T> IndexMut<$key> for $name<T> {
            fn index_mut(&mut self, key: $key) -> &mut T {
                &mut self.0[key as usize]
            }
        }
    };
}

values_by!(
    /// A value for each [`Member`].
    Members,
    Member
);
values_by!(
    /// A value for each [`Column`].
    Columns,
    Column
);
