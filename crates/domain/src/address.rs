use crate::{AddressId, City, Country, CustomData, CustomerId, Description, Region, Timestamp};

/// One saved address of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whose address this is.
    pub customer_id: CustomerId,
    /// The address's own identifier, unique within the customer's book.
    pub id: AddressId,
    /// What the customer entered.
    pub content: AddressContent,
    /// When the address was created.
    pub created_at: Timestamp,
    /// When its content last changed; never before `created_at`.
    pub updated_at: Timestamp,
    /// How often it was written: 1 when created, one more with each change.
    pub revision: Revision,
}

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
    /// Whatever else the caller keeps with the address.
    pub custom_data: Option<CustomData>,
}

/// The number of an address's state: 1, 2, 3…
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(u32);

impl Revision {
    /// The revision of an address just created.
    pub const FIRST: Self = Self(1);

    /// The revision with this number, or `None` for 0.
    pub const fn new(number: u32) -> Option<Self> {
        match number {
            0 => None,
            number => Some(Self(number)),
        }
    }

    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number, from 1.
    pub const fn get(self) -> u32 {
        self.0
    }
}
