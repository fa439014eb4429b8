use std::borrow::Cow;

use addressbook_domain::{
    AddressDraft, AddressId, CustomerId, FieldErrors, ImportContent, ImportEntry, Input, Timestamp,
};

use super::field::Field;

/// The value of a field in a file, as text.
pub(crate) type Text<'a> = Input<Cow<'a, str>>;

/// An address as read from a file, before it is validated.
#[derive(Debug, Default)]
pub(crate) struct Record<'a>([Text<'a>; Field::ALL.len()]);

impl<'a> Record<'a> {
    pub(crate) fn set(&mut self, field: Field, text: Text<'a>) {
        self.0[field as usize] = text;
    }

    /// Whether the record has a field, even if it is null.
    pub(crate) fn has(&self, field: Field) -> bool {
        self.0[field as usize] != Input::Absent
    }

    /// Returns the text of a field, and makes the field absent.
    fn take(&mut self, field: Field) -> Option<Cow<'a, str>> {
        match std::mem::take(&mut self.0[field as usize]) {
            Input::Value(text) => Some(text),
            Input::Absent | Input::Null => None,
        }
    }

    /// Validates every field. `errors` contains those that were found while reading.
    pub(crate) fn validate(mut self, mut errors: FieldErrors) -> Result<ImportEntry, FieldErrors> {
        let customer_id = match self.take(Field::CustomerId) {
            Some(text) => errors.check("customer_id", CustomerId::parse(&text)),
            None => {
                errors.missing("customer_id");
                None
            }
        };
        let id = self
            .take(Field::Id)
            .and_then(|text| errors.check("id", AddressId::parse(&text)));
        let content = self.content(&mut errors);
        let mut time = |field: Field| {
            let text = self.take(field)?;
            errors.check(field.name(), Timestamp::parse(&text))
        };
        let created_at = time(Field::CreatedAt);
        let updated_at = time(Field::UpdatedAt);
        if let (Some(created_at), Some(updated_at)) = (created_at, updated_at)
            && updated_at < created_at
        {
            errors.add("updated_at", "expected a time not before created_at");
        }
        match (customer_id, content) {
            (Some(customer_id), Some(content)) if errors.is_empty() => Ok(ImportEntry {
                customer_id,
                id,
                content,
                created_at,
                updated_at,
            }),
            _ => Err(errors),
        }
    }

    fn content(&mut self, errors: &mut FieldErrors) -> Option<ImportContent> {
        let has_description = self.has(Field::Description);
        let has_custom_data = self.has(Field::CustomData);
        let draft = AddressDraft {
            description: self.take(Field::Description),
            region: self.take(Field::Region),
            city: self.take(Field::City),
            country: self.take(Field::Country),
            custom_data: self.take(Field::CustomData),
        };
        let mut content = ImportContent::from(draft.parse(errors)?);
        if !has_description {
            content.description = Input::Absent;
        }
        if !has_custom_data {
            content.custom_data = Input::Absent;
        }
        Some(content)
    }
}
