use std::collections::BTreeMap;

use thiserror::Error;

use crate::address::address_id::AddressId;
use crate::default_addresses::DefaultAddresses;
use crate::default_addresses::purpose::Purpose;

/// A merge patch (RFC 7396) of default addresses: each purpose with its new address, or `None` to
/// clear it. Other purposes stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultAddressesPatch(pub BTreeMap<Purpose, Option<AddressId>>);

/// A customer would have default addresses for too many purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "expected at most {} purposes of a customer",
    DefaultAddresses::MAX_PURPOSES
)]
pub struct TooManyPurposes;

impl DefaultAddressesPatch {
    /// Applies the patch.
    ///
    /// # Errors
    /// [`TooManyPurposes`] if it would add more purposes than a customer may have.
    pub(crate) fn apply(
        &self,
        current: &DefaultAddresses,
    ) -> Result<DefaultAddresses, TooManyPurposes> {
        let mut patched = current.clone();
        for (purpose, id) in &self.0 {
            patched.set(purpose.clone(), id.clone());
        }
        if patched.iter().len() > DefaultAddresses::MAX_PURPOSES {
            return Err(TooManyPurposes);
        }
        Ok(patched)
    }
}
