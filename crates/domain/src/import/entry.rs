use crate::address::address_id::AddressId;
use crate::address::custom_data::CustomData;
use crate::address::draft::Input;
use crate::address::text::{City, Description, Region};
use crate::address::{Address, AddressContent, Revision};
use crate::country::Country;
use crate::customer_id::CustomerId;
use crate::repository::Lookup;
use crate::timestamp::Timestamp;

/// An address to import. Missing members are generated in a new address, and stay unchanged in an
/// existing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportEntry {
    /// Whose address this is.
    pub customer_id: CustomerId,
    /// The id of the address. Without an id, the entry matches an address of the customer with the
    /// same content. If there is none, it becomes a new address with a new id.
    pub id: Option<AddressId>,
    /// What the customer entered.
    pub content: ImportContent,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it last changed; not before `created_at`.
    pub updated_at: Option<Timestamp>,
}

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportContent {
    /// See [`AddressContent::description`].
    pub description: Input<Description>,
    /// See [`AddressContent::region`].
    pub region: Region,
    /// See [`AddressContent::city`].
    pub city: City,
    /// See [`AddressContent::country`].
    pub country: Country,
    /// See [`AddressContent::custom_data`].
    pub custom_data: Input<CustomData>,
}

impl From<AddressContent> for ImportContent {
    /// Converts missing fields to null, not to absent.
    fn from(content: AddressContent) -> Self {
        Self {
            description: content.description.map_or(Input::Null, Input::Value),
            region: content.region,
            city: content.city,
            country: content.country,
            custom_data: content.custom_data.map_or(Input::Null, Input::Value),
        }
    }
}

impl ImportContent {
    /// Returns the content of a new address. Absent fields are null.
    pub fn of_new_address(&self) -> AddressContent {
        AddressContent {
            description: self.description.clone().over(None),
            region: self.region.clone(),
            city: self.city.clone(),
            country: self.country,
            custom_data: self.custom_data.clone().over(None),
        }
    }

    /// Returns the new content of an address with this current content. Absent fields stay.
    fn over(&self, current: &AddressContent) -> AddressContent {
        AddressContent {
            description: self.description.clone().over(current.description.as_ref()),
            custom_data: self.custom_data.clone().over(current.custom_data.as_ref()),
            region: self.region.clone(),
            city: self.city.clone(),
            country: self.country,
        }
    }
}

impl ImportEntry {
    pub(super) fn lookup(&self) -> Lookup {
        let customer_id = self.customer_id.clone();
        match &self.id {
            Some(id) => Lookup::Id(customer_id, id.clone()),
            None => Lookup::Content(customer_id, self.content.of_new_address()),
        }
    }

    /// Whether the entry would not change the address. Without an id, only the content is compared,
    /// not the times.
    pub(super) fn repeats(&self, address: &Address) -> bool {
        let same = |given: Option<Timestamp>, stored| given.is_none_or(|given| given == stored);
        self.content.over(&address.content) == address.content
            && (self.id.is_none()
                || same(self.created_at, address.created_at)
                    && same(self.updated_at, address.updated_at))
    }

    pub(super) fn creating(&self, id: AddressId, now: Timestamp) -> Address {
        let created_at = self.created_at.or(self.updated_at).unwrap_or(now);
        Address {
            customer_id: self.customer_id.clone(),
            id,
            content: self.content.of_new_address(),
            created_at,
            updated_at: self.updated_at.unwrap_or(created_at),
            revision: Revision::FIRST,
        }
    }

    pub(super) fn replacing(&self, current: &Address, now: Timestamp) -> Address {
        let created_at = self.created_at.unwrap_or(current.created_at);
        let updated_at = self.updated_at.unwrap_or(now.max(created_at));
        Address {
            content: self.content.over(&current.content),
            created_at: created_at.min(updated_at),
            updated_at,
            revision: current.revision.next(),
            ..current.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::import::{ImportOutcome, OnConflict, OnError};
    use crate::repository::{MockAddressRepository, RepositoryError};
    use crate::testing::{content, customer, entry, kept, service};

    /// Imports an entry over one address. Returns the outcome, and the new content of the address
    /// if it changed.
    async fn imported_over(
        kept: Address,
        entry: ImportEntry,
        on_conflict: OnConflict,
    ) -> (ImportOutcome, Option<AddressContent>) {
        let mut repository = MockAddressRepository::new();
        let mut sequence = mockall::Sequence::new();
        repository
            .expect_commit()
            .times(1)
            .in_sequence(&mut sequence)
            .returning(|_| Err(RepositoryError::Conflict { index: 0 }));
        repository
            .expect_find()
            .times(1)
            .in_sequence(&mut sequence)
            .return_once(|_| Ok(vec![Some(kept)]));
        let changed = Arc::new(Mutex::new(None));
        let seen = changed.clone();
        repository
            .expect_commit()
            .in_sequence(&mut sequence)
            .times(0..=1)
            .returning(move |commit| {
                *seen.lock().unwrap() = Some(commit.changes[0].address().content.clone());
                Ok(())
            });
        let outcomes = service(repository)
            .import(&[entry], OnError::Skip, on_conflict)
            .await
            .unwrap();
        let changed = changed.lock().unwrap().clone();
        (outcomes[0], changed)
    }

    #[tokio::test]
    async fn import_preserves_absent_fields_clears_null_fields_and_replaces_others() {
        let described = |text| AddressContent {
            description: Some(Description::parse(text).unwrap()),
            custom_data: Some(CustomData::parse("{}").unwrap()),
            ..content("Kigali")
        };
        let address = Address {
            content: described("Home"),
            ..kept(&entry("Kigali"))
        };
        let bare = AddressContent {
            description: None,
            custom_data: None,
            ..described("Home")
        };
        let (absent, null) = ((Input::Absent, Input::Absent), (Input::Null, Input::Null));
        let office = (
            Input::Value(Description::parse("Office").unwrap()),
            Input::Absent,
        );
        for ((description, custom_data), outcome, changed) in [
            (absent, ImportOutcome::Unchanged, None),
            (null, ImportOutcome::Updated, Some(bare)),
            (office, ImportOutcome::Updated, Some(described("Office"))),
        ] {
            let content = ImportContent {
                description,
                custom_data,
                ..entry("Kigali").content
            };
            let given = ImportEntry {
                content,
                ..entry("Kigali")
            };
            let imported = imported_over(address.clone(), given.clone(), OnConflict::Update).await;
            assert_eq!(imported, (outcome, changed.clone()), "{given:?}");

            let refused = match changed {
                Some(_) => ImportOutcome::Conflict,
                None => ImportOutcome::Unchanged,
            };
            let imported = imported_over(address.clone(), given.clone(), OnConflict::Refuse).await;
            assert_eq!(imported, (refused, None), "{given:?}");
        }
    }

    #[tokio::test]
    async fn without_an_id_absent_fields_match_null() {
        let given = ImportEntry {
            id: None,
            content: ImportContent {
                description: Input::Absent,
                custom_data: Input::Absent,
                ..entry("Kigali").content
            },
            ..entry("Kigali")
        };
        let mut repository = MockAddressRepository::new();
        repository.expect_find().times(1).returning(|lookups| {
            let content = content("Kigali");
            assert_eq!(lookups, [Lookup::Content(customer(), content)]);
            Ok(vec![Some(kept(&entry("Kigali")))])
        });
        let outcomes = service(repository)
            .import(&[given], OnError::Stop, OnConflict::Update)
            .await;
        assert_eq!(outcomes.unwrap(), [ImportOutcome::Unchanged]);
    }
}
