use std::borrow::Cow;

use addressbook_domain::{AddressDraft, AddressId, CustomerId, Faults, ImportEntry, Timestamp};

/// An address as one format spelled it, before it is judged. `None` is null or absent.
#[derive(Default)]
pub(crate) struct Record<'a> {
    customer_id: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    draft: AddressDraft<'a>,
    created_at: Option<Cow<'a, str>>,
    updated_at: Option<Cow<'a, str>>,
}

impl<'a> Record<'a> {
    /// The place of a field, or `None` when an address has no such field.
    pub(crate) fn field(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        Some(match name {
            "customer_id" => &mut self.customer_id,
            "id" => &mut self.id,
            "description" => &mut self.draft.description,
            "region" => &mut self.draft.region,
            "city" => &mut self.draft.city,
            "country" => &mut self.draft.country,
            "custom_data" => &mut self.draft.custom_data,
            "created_at" => &mut self.created_at,
            "updated_at" => &mut self.updated_at,
            _ => return None,
        })
    }

    /// Judges every field, on top of the faults that reading it found.
    pub(crate) fn judge(self, mut faults: Faults) -> Result<ImportEntry, Faults> {
        let customer_id = match &self.customer_id {
            Some(text) => faults.check("customer_id", CustomerId::parse(text)),
            None => {
                faults.missing("customer_id");
                None
            }
        };
        let id = self
            .id
            .and_then(|text| faults.check("id", AddressId::parse(&text)));
        let content = self.draft.parse(&mut faults);
        let mut time = |field, text: Option<Cow<'_, str>>| {
            text.and_then(|text| faults.check(field, Timestamp::parse(&text)))
        };
        let created_at = time("created_at", self.created_at);
        let updated_at = time("updated_at", self.updated_at);
        if let (Some(created_at), Some(updated_at)) = (created_at, updated_at)
            && updated_at < created_at
        {
            faults.add("updated_at", "expected a time not before created_at");
        }
        match (customer_id, content) {
            (Some(customer_id), Some(content)) if faults.is_empty() => Ok(ImportEntry {
                customer_id,
                id,
                content,
                created_at,
                updated_at,
            }),
            _ => Err(faults),
        }
    }
}
