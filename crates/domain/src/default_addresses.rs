//! The default addresses of a customer: for each purpose, the address that is used unless the
//! customer chooses another.

pub(crate) mod patch;
pub(crate) mod purpose;
pub(crate) mod use_cases;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::address::Address;
use crate::address::address_id::AddressId;
use crate::customer_id::CustomerId;
use crate::default_addresses::patch::{DefaultAddressesPatch, TooManyPurposes};
use crate::default_addresses::purpose::Purpose;

/// The default addresses of one customer: at most one address for each purpose, in the order of the
/// purposes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultAddresses(BTreeMap<Purpose, AddressId>);

impl DefaultAddresses {
    /// No default addresses.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The maximum number of purposes of a customer.
    pub const MAX_PURPOSES: usize = 16;

    /// The default address for a purpose.
    pub fn get(&self, purpose: &Purpose) -> Option<&AddressId> {
        self.0.get(purpose)
    }

    /// Each purpose with its address, in the order of the purposes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Purpose, &AddressId)> {
        self.0.iter()
    }

    /// The purposes for which an address is the default, in their order.
    pub fn purposes_of(&self, id: &str) -> impl Iterator<Item = &Purpose> {
        let is_default = move |entry: &(&Purpose, &AddressId)| entry.1.as_str() == id;
        self.0.iter().filter(is_default).map(|(purpose, _)| purpose)
    }

    /// Identifies this state: states with different content have different versions.
    pub fn version(&self) -> DefaultAddressesVersion {
        let mut digest = Sha256::new();
        for (purpose, id) in &self.0 {
            digest.update(purpose.as_str());
            digest.update("=");
            digest.update(id.as_str());
            digest.update(";");
        }
        DefaultAddressesVersion(digest.finalize().into())
    }

    /// Returns the default addresses in which an address is the default for exactly these purposes.
    ///
    /// # Errors
    /// [`TooManyPurposes`] if that would add more purposes than a customer may have.
    pub(crate) fn with_purposes(
        &self,
        id: &AddressId,
        purposes: &BTreeSet<Purpose>,
    ) -> Result<Self, TooManyPurposes> {
        let cleared = self.purposes_of(id.as_str()).map(|purpose| (purpose, None));
        let set = purposes.iter().map(|purpose| (purpose, Some(id.clone())));
        let changes = cleared.chain(set);
        let changes = changes.map(|(purpose, id)| (purpose.clone(), id));
        DefaultAddressesPatch(changes.collect()).apply(self)
    }

    /// Sets or clears the default address for a purpose.
    pub(crate) fn set(&mut self, purpose: Purpose, id: Option<AddressId>) {
        match id {
            Some(id) => self.0.insert(purpose, id),
            None => self.0.remove(&purpose),
        };
    }

    /// The changes that turn these default addresses of a customer into others.
    pub(crate) fn changes_to(
        &self,
        others: &Self,
        customer_id: &CustomerId,
    ) -> Vec<DefaultAddressChange> {
        let cleared = self
            .0
            .keys()
            .filter(|purpose| others.get(purpose).is_none());
        let set = others
            .0
            .iter()
            .filter(|(purpose, id)| self.get(purpose) != Some(id));
        let cleared = cleared.map(|purpose| (purpose, None));
        let set = set.map(|(purpose, id)| (purpose, Some(id)));
        let change = |(purpose, id): (&Purpose, Option<&AddressId>)| DefaultAddressChange {
            customer_id: customer_id.clone(),
            purpose: purpose.clone(),
            address_id: id.cloned(),
        };
        cleared.chain(set).map(change).collect()
    }
}

impl FromIterator<(Purpose, AddressId)> for DefaultAddresses {
    fn from_iter<I: IntoIterator<Item = (Purpose, AddressId)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// Identifies one state of the default addresses of a customer: the strong validator of conditional
/// requests. It is a digest, of SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultAddressesVersion(pub [u8; 32]);

/// The default addresses of one customer, with the revision of the customer's book at that moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookDefaults {
    /// The revision of the book; 0 if there is none.
    pub revision: u64,
    /// The default addresses.
    pub addresses: DefaultAddresses,
}

/// An address as it is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedAddress {
    /// The address.
    pub address: Address,
    /// The purposes for which it is the default address, in their order.
    pub default_for: Vec<Purpose>,
}

/// The change of the default address for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultAddressChange {
    /// The customer.
    pub customer_id: CustomerId,
    /// The purpose.
    pub purpose: Purpose,
    /// The address that becomes the default. `None`: there is no default any more.
    pub address_id: Option<AddressId>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{customer, defaults, purpose};

    fn id(number: u8) -> AddressId {
        AddressId::parse(&format!("add_{number:026}")).unwrap()
    }

    #[test]
    fn each_content_has_its_own_version() {
        let states = [
            defaults(&[]),
            defaults(&[("billing", id(1))]),
            defaults(&[("billing", id(2))]),
            defaults(&[("shipping", id(1))]),
            defaults(&[("billing", id(1)), ("shipping", id(1))]),
        ];
        for (index, one) in states.iter().enumerate() {
            for (other_index, other) in states.iter().enumerate() {
                assert_eq!(one.version() == other.version(), index == other_index);
            }
        }
    }

    #[test]
    fn an_address_may_have_several_purposes() {
        let defaults = defaults(&[("billing", id(1)), ("gift", id(2)), ("shipping", id(1))]);
        let purposes = |number| {
            defaults
                .purposes_of(id(number).as_str())
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(purposes(1), [purpose("billing"), purpose("shipping")]);
        assert_eq!(purposes(2), [purpose("gift")]);
        assert_eq!(purposes(3), []);
    }

    #[test]
    fn changes_turn_one_state_into_another() {
        let before = defaults(&[("billing", id(1)), ("gift", id(2)), ("shipping", id(1))]);
        let after = defaults(&[("billing", id(1)), ("returns", id(1)), ("shipping", id(2))]);
        let change = |name, address_id| DefaultAddressChange {
            customer_id: customer(),
            purpose: purpose(name),
            address_id,
        };
        let expected = [
            change("gift", None),
            change("returns", Some(id(1))),
            change("shipping", Some(id(2))),
        ];
        assert_eq!(before.changes_to(&after, &customer()), expected);
        assert_eq!(after.changes_to(&after, &customer()), []);
    }
}
