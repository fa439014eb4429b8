pub(crate) mod address_id;
pub(crate) mod content;
pub(crate) mod custom_data;
pub(crate) mod match_key;
pub(crate) mod member;
pub(crate) mod patch;
pub(crate) mod postal_details;
pub(crate) mod text;

use crate::address::address_id::AddressId;
use crate::address::content::AddressContent;
use crate::customer_id::CustomerId;
use crate::timestamp::Timestamp;

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
    /// The number of its current state: 1 when created, one more with each change.
    pub revision: Revision,
}

/// One state of an address, stored until its customer is erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRevision {
    /// The address in this state. Its `revision` is the number of the state.
    pub address: Address,
    /// What happened.
    pub change: ChangeKind,
    /// When it happened, by the clock of this service.
    pub changed_at: Timestamp,
}

/// What happened to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The address was created.
    Created,
    /// Its content or times changed.
    Updated,
    /// The address was removed from the book. The revision contains its last content.
    Removed,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Removed];

    /// The name of the kind: `created`, `updated` or `removed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Removed => "removed",
        }
    }
}

/// Identifies one state of an address: the strong validator of conditional requests. It also
/// differs from the states of an address that was erased and created again at another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// The number of the state.
    pub revision: Revision,
    /// When the content last changed.
    pub updated_at: Timestamp,
}

impl Address {
    /// The version of this state.
    pub fn version(&self) -> Version {
        Version {
            revision: self.revision,
            updated_at: self.updated_at,
        }
    }
}

/// The number of a state of an address: 1, 2, 3…
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(u32);

impl Revision {
    /// The revision of a new address.
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
