use std::collections::BTreeSet;

use crate::address::address_id::AddressId;
use crate::address::content::AddressContent;
use crate::address::content::{AddressInput, Input};
use crate::address::member::Members;
use crate::address::{Address, Revision};
use crate::customer_id::CustomerId;
use crate::default_addresses::purpose::Purpose;
use crate::field_error::FieldErrors;
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
    /// The purposes for which it is the default address, and no others. `None`: as before.
    pub default_for: Option<BTreeSet<Purpose>>,
}

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportContent {
    /// Absent members are null in it.
    content: AddressContent,
    absent: Members<bool>,
}

impl From<AddressContent> for ImportContent {
    /// Converts missing members to null, not to absent.
    fn from(content: AddressContent) -> Self {
        let absent = Members::default();
        Self { content, absent }
    }
}

impl ImportContent {
    /// Validates the members of an entry. Returns `None` if a member has an error; all errors are added to
    /// `errors`.
    pub fn parse(input: &AddressInput<'_>, errors: &mut FieldErrors) -> Option<Self> {
        Some(Self {
            content: AddressContent::parse(input, errors)?,
            absent: Members::from_fn(|member| input[member] == Input::Absent),
        })
    }

    /// Returns the content of a new address. Absent members are null.
    pub fn new_content(&self) -> &AddressContent {
        &self.content
    }

    /// Returns the new content of an address with this current content. Absent members stay.
    fn over(&self, current: &AddressContent) -> AddressContent {
        let mut content = self.content.clone();
        for (member, _) in self.absent.iter().filter(|(_, absent)| **absent) {
            content.take(member, current);
        }
        content
    }
}

impl ImportEntry {
    pub(super) fn lookup(&self) -> Lookup {
        let customer_id = self.customer_id.clone();
        match &self.id {
            Some(id) => Lookup::Id(customer_id, id.clone()),
            None => Lookup::Content(customer_id, self.content.content.clone()),
        }
    }

    /// Whether the entry would not change the address. Without an id, only the content is compared,
    /// not the times.
    pub(super) fn repeats(&self, address: &Address) -> bool {
        let same = |said: Option<Timestamp>, stored| said.is_none_or(|said| said == stored);
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
            content: self.content.content.clone(),
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
    use crate::address::custom_data::CustomData;
    use crate::address::member::Member;
    use crate::address::text::Description;
    use crate::import::{ImportOptions, ImportOutcome, OnConflict, OnError};
    use crate::repository::{MockAddressRepository, Refusal};
    use crate::testing::{committed, content, customer, entry, found, imported_address, service};

    type Text = Input<crate::address::content::MemberValue<'static>>;

    fn content_with(description: Text, custom_data: Text) -> ImportContent {
        let mut input = AddressInput::from_fn(|member| {
            let content = content("Kigali");
            content.texts()[member].map_or(Input::Null, |text| Input::Value(text.to_owned().into()))
        });
        input[Member::Description] = description;
        input[Member::CustomData] = custom_data;
        ImportContent::parse(&input, &mut FieldErrors::default()).unwrap()
    }

    /// Imports an entry over one address. Returns the outcome, and the content that the address has
    /// then if it changed.
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
            .returning(|_| Err(Refusal::Conflict { index: 0 }.into()));
        repository
            .expect_find()
            .times(1)
            .in_sequence(&mut sequence)
            .return_once(|_| Ok(vec![found(7, Some(kept))]));
        let changed = Arc::new(Mutex::new(None));
        let seen = changed.clone();
        repository
            .expect_commit()
            .in_sequence(&mut sequence)
            .times(0..=1)
            .returning(move |commit| {
                *seen.lock().unwrap() = Some(commit.changes[0].address().content.clone());
                Ok(committed(8))
            });
        let options = ImportOptions {
            on_error: OnError::Skip,
            on_conflict,
            ..ImportOptions::default()
        };
        let outcomes = service(repository).import(&[entry], options).await.unwrap();
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
            ..imported_address(&entry("Kigali"))
        };
        let bare = AddressContent {
            description: None,
            custom_data: None,
            ..described("Home")
        };
        for ((description, custom_data), outcome, changed) in [
            (
                (Input::Absent, Input::Absent),
                ImportOutcome::Unchanged,
                None,
            ),
            (
                (Input::Null, Input::Null),
                ImportOutcome::Updated,
                Some(bare),
            ),
            (
                (Input::Value("Office".into()), Input::Absent),
                ImportOutcome::Updated,
                Some(described("Office")),
            ),
        ] {
            let said = ImportEntry {
                content: content_with(description, custom_data),
                ..entry("Kigali")
            };
            let imported = imported_over(address.clone(), said.clone(), OnConflict::Update).await;
            assert_eq!(imported, (outcome, changed.clone()), "{said:?}");

            let refused = match changed {
                Some(_) => ImportOutcome::Conflict,
                None => ImportOutcome::Unchanged,
            };
            let imported = imported_over(address.clone(), said.clone(), OnConflict::Reject).await;
            assert_eq!(imported, (refused, None), "{said:?}");
        }
    }

    #[tokio::test]
    async fn without_an_id_absent_fields_match_null() {
        let said = ImportEntry {
            id: None,
            content: content_with(Input::Absent, Input::Absent),
            ..entry("Kigali")
        };
        let mut repository = MockAddressRepository::new();
        repository.expect_find().times(1).returning(|lookups| {
            let content = content("Kigali");
            assert_eq!(lookups, [Lookup::Content(customer(), content)]);
            Ok(vec![found(7, Some(imported_address(&entry("Kigali"))))])
        });
        let outcomes = service(repository)
            .import(&[said], ImportOptions::default())
            .await;
        assert_eq!(outcomes.unwrap(), [ImportOutcome::Unchanged]);
    }
}
