use std::borrow::Cow;

use addressbook_domain::{
    AddressDraft, AddressId, CustomerId, Faults, ImportContent, ImportEntry, Input, Timestamp,
};

/// What one format says about a field, as text.
pub(crate) type Text<'a> = Input<Cow<'a, str>>;

/// An address as one format spells it, before it is validated.
#[derive(Default)]
pub(crate) struct Record<'a> {
    customer_id: Text<'a>,
    id: Text<'a>,
    description: Text<'a>,
    region: Text<'a>,
    city: Text<'a>,
    country: Text<'a>,
    custom_data: Text<'a>,
    created_at: Text<'a>,
    updated_at: Text<'a>,
}

impl<'a> Record<'a> {
    /// The place of a field, or `None` when an address has no such field.
    pub(crate) fn field(&mut self, name: &str) -> Option<&mut Text<'a>> {
        Some(match name {
            "customer_id" => &mut self.customer_id,
            "id" => &mut self.id,
            "description" => &mut self.description,
            "region" => &mut self.region,
            "city" => &mut self.city,
            "country" => &mut self.country,
            "custom_data" => &mut self.custom_data,
            "created_at" => &mut self.created_at,
            "updated_at" => &mut self.updated_at,
            _ => return None,
        })
    }

    /// Validates every field, on top of the errors that reading it found.
    pub(crate) fn validate(self, mut faults: Faults) -> Result<ImportEntry, Faults> {
        let customer_id = match self.customer_id {
            Input::Value(text) => faults.check("customer_id", CustomerId::parse(&text)),
            Input::Absent | Input::Null => {
                faults.missing("customer_id");
                None
            }
        };
        let id = value(self.id).and_then(|text| faults.check("id", AddressId::parse(&text)));
        let is_absent = [&self.description, &self.custom_data].map(|text| *text == Input::Absent);
        let draft = AddressDraft {
            description: value(self.description),
            region: value(self.region),
            city: value(self.city),
            country: value(self.country),
            custom_data: value(self.custom_data),
        };
        let content = draft.parse(&mut faults).map(|content| {
            let [no_description, no_custom_data] = is_absent;
            let mut content = ImportContent::from(content);
            if no_description {
                content.description = Input::Absent;
            }
            if no_custom_data {
                content.custom_data = Input::Absent;
            }
            content
        });
        let mut time =
            |field, text| value(text).and_then(|text| faults.check(field, Timestamp::parse(&text)));
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

fn value(text: Text<'_>) -> Option<Cow<'_, str>> {
    match text {
        Input::Value(text) => Some(text),
        Input::Absent | Input::Null => None,
    }
}
