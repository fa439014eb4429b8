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

/// One state of an address, kept for ever (until its customer is erased).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRevision {
    /// The address as it was then; its `revision` is this one's number.
    pub address: Address,
    /// What happened.
    pub change: ChangeKind,
    /// When it happened, by the clock of this service.
    pub changed_at: Timestamp,
}

/// What happened to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It came into the book.
    Created,
    /// Its content or times changed.
    Updated,
    /// It left the book; the revision holds its last content.
    Removed,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Removed];

    /// Its name: `created`, `updated` or `removed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Removed => "removed",
        }
    }
}

/// What tells one state of an address from all others, also from those of an address that
/// was erased and came again at another time: the strong validator of conditional requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub revision: Revision,
    /// When its content last changed.
    pub updated_at: Timestamp,
}

impl Address {
    /// Which state of the address this is.
    pub fn version(&self) -> Version {
        Version {
            revision: self.revision,
            updated_at: self.updated_at,
        }
    }
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
