use std::collections::BTreeMap;

use crate::address::address_id::AddressId;
use crate::default_addresses::DefaultAddresses;
use crate::default_addresses::purpose::Purpose;

/// A merge patch (RFC 7396) of default addresses: each purpose with its new address, or `None` to
/// clear it. Other purposes stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultAddressesPatch(pub BTreeMap<Purpose, Option<AddressId>>);

impl DefaultAddressesPatch {
    /// Applies the patch.
    pub(crate) fn apply(&self, current: &DefaultAddresses) -> DefaultAddresses {
        let mut patched = current.clone();
        for (purpose, id) in &self.0 {
            patched.set(purpose.clone(), id.clone());
        }
        patched
    }
}
