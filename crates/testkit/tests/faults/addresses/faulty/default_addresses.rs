use addressbook_domain::{
    AddressId, AddressRepository, BookDefaults, Change, Commit, CommitError, CustomerId,
    DefaultAddressChange, DefaultAddresses, Lookup, Purpose, Refusal, RepositoryError,
};

use super::Faulty;
use crate::addresses::table::Fault::*;

impl Faulty {
    pub(super) async fn faulty_default_addresses(
        &self,
        customers: Vec<CustomerId>,
    ) -> Result<Vec<BookDefaults>, RepositoryError> {
        let mut found = self.store().default_addresses(customers.clone()).await?;
        match self.fault {
            FailsForCustomersWithoutABook if found.iter().any(|book| book.revision == 0) => {
                return Err(RepositoryError::Internal("no book".into()));
            }
            FindsDefaultAddressesAcrossCustomers => {
                let everybody = self.all(None).await;
                let everybody = everybody.into_iter().map(|address| address.customer_id);
                let theirs = self.store().default_addresses(everybody.collect()).await?;
                let theirs = theirs.into_iter().map(|book| book.addresses);
                if let Some(any) = theirs
                    .into_iter()
                    .find(|addresses| addresses.iter().len() > 0)
                {
                    found
                        .iter_mut()
                        .for_each(|book| book.addresses = any.clone());
                }
            }
            FindsDefaultAddressesOf1000Customers => {
                let rest = found.iter_mut().skip(1_000);
                rest.for_each(|book| book.addresses = DefaultAddresses::default());
            }
            FindsDefaultAddressesOfAnotherMoment => {
                self.pause().await;
                let later = self.store().default_addresses(customers.clone()).await?;
                for (book, later) in found.iter_mut().zip(later) {
                    book.addresses = later.addresses;
                }
            }
            _ => {}
        }
        for left in &self.past().left_defaults {
            let books = customers.iter().zip(&mut found);
            for (_, book) in books.filter(|(customer_id, _)| **customer_id == left.customer_id) {
                let entries = book.addresses.iter();
                let entries = entries.map(|(purpose, id)| (purpose.clone(), id.clone()));
                let left = left.address_id.clone().map(|id| (left.purpose.clone(), id));
                book.addresses = entries.chain(left).collect();
            }
        }
        Ok(found)
    }

    /// Alters the default addresses of a commit. Returns those that it leaves behind.
    pub(super) async fn alter_defaults(
        &self,
        commit: &mut Commit,
    ) -> Result<Vec<DefaultAddressChange>, CommitError> {
        let mut left = Vec::new();
        match self.fault {
            IgnoresClearedDefaultAddresses => {
                commit
                    .default_addresses
                    .retain(|change| change.address_id.is_some());
            }
            LeavesTheFirstDefaultAddress => {
                let mut new = Vec::new();
                for change in commit.default_addresses.drain(..) {
                    let known = self.default_changes(&change.customer_id).await;
                    let is_known = known.iter().any(|known| known.purpose == change.purpose);
                    new.extend(
                        Some(change).filter(|change| !is_known || change.address_id.is_none()),
                    );
                }
                commit.default_addresses = new;
            }
            LeavesDefaultAddressesOfRemovedAddresses => {
                for change in &commit.changes {
                    if let Change::Remove { address, .. } = change {
                        let known = self.default_changes(&address.customer_id).await;
                        let of_address = |known: &DefaultAddressChange| {
                            known.address_id.as_ref() == Some(&address.id)
                        };
                        left.extend(known.into_iter().filter(of_address));
                    }
                }
            }
            AcceptsDefaultAddressesThatAreMissing => left = self.missing(commit).await?,
            ChecksDefaultAddressesBeforeItCommits if !commit.default_addresses.is_empty() => {
                if !self.missing(commit).await?.is_empty() {
                    return Err(Refusal::NotInBook { index: 0 }.into());
                }
                self.pause().await;
            }
            _ => {}
        }
        if self.has(AcceptsDefaultAddressesThatAreMissing) {
            commit
                .default_addresses
                .retain(|change| !left.contains(change));
        }
        Ok(left)
    }

    /// The default addresses of a commit that are not in their book before it.
    async fn missing(&self, commit: &Commit) -> Result<Vec<DefaultAddressChange>, RepositoryError> {
        let mut missing = Vec::new();
        for change in &commit.default_addresses {
            if let Some(id) = &change.address_id {
                let lookup = Lookup::Id(change.customer_id.clone(), id.clone());
                if self.store().find(vec![lookup]).await?[0].address.is_none() {
                    missing.push(change.clone());
                }
            }
        }
        Ok(missing)
    }

    /// The default addresses of a customer in the store, as the changes that set them.
    pub(super) async fn default_changes(
        &self,
        customer_id: &CustomerId,
    ) -> Vec<DefaultAddressChange> {
        let customers = vec![customer_id.clone()];
        let found = self.store().default_addresses(customers).await.unwrap();
        let set = |(purpose, id): (&Purpose, &AddressId)| DefaultAddressChange {
            customer_id: customer_id.clone(),
            purpose: purpose.clone(),
            address_id: Some(id.clone()),
        };
        found[0].addresses.iter().map(set).collect()
    }
}
