use std::borrow::Cow;
use std::collections::BTreeSet;

use addressbook_domain::{
    AddressId, AddressInput, CustomerId, FieldErrors, ImportContent, ImportEntry, Input,
    MemberValue, Purpose, Timestamp,
};

use super::field::Field;

/// The value of a field in a file, as text.
pub(crate) type Text<'a> = Input<Cow<'a, str>>;

/// An address as read from a file, before it is validated.
#[derive(Debug, Default)]
pub(crate) struct Record<'a> {
    customer_id: Text<'a>,
    id: Text<'a>,
    members: AddressInput<'a>,
    created_at: Text<'a>,
    updated_at: Text<'a>,
    /// Purposes separated by blanks, which none contains.
    default_for: Text<'a>,
}

impl<'a> Record<'a> {
    pub(crate) fn set(&mut self, field: Field, text: Text<'a>) {
        match field {
            Field::CustomerId => self.customer_id = text,
            Field::Id => self.id = text,
            Field::Member(member) => self.members[member] = text.map(MemberValue::Text),
            Field::CreatedAt => self.created_at = text,
            Field::UpdatedAt => self.updated_at = text,
            Field::DefaultFor => self.default_for = text,
        }
    }

    /// Whether the record has a field, even if it is null.
    pub(crate) fn has(&self, field: Field) -> bool {
        match field {
            Field::CustomerId => self.customer_id != Input::Absent,
            Field::Id => self.id != Input::Absent,
            Field::Member(member) => self.members[member] != Input::Absent,
            Field::CreatedAt => self.created_at != Input::Absent,
            Field::UpdatedAt => self.updated_at != Input::Absent,
            Field::DefaultFor => self.default_for != Input::Absent,
        }
    }

    /// Validates every field. `errors` contains those that were found while reading.
    pub(crate) fn validate(self, mut errors: FieldErrors) -> Result<ImportEntry, FieldErrors> {
        let customer_id = match self.customer_id.value() {
            Some(text) => errors.check("customer_id", CustomerId::parse(text)),
            None => {
                errors.missing("customer_id");
                None
            }
        };
        let id = self
            .id
            .value()
            .and_then(|text| errors.check("id", AddressId::parse(text)));
        let content = ImportContent::parse(&self.members, &mut errors);
        let mut time = |name, text: &Text<'_>| {
            let text = text.value()?;
            errors.check(name, Timestamp::parse(text))
        };
        let created_at = time("created_at", &self.created_at);
        let updated_at = time("updated_at", &self.updated_at);
        if let (Some(created_at), Some(updated_at)) = (created_at, updated_at)
            && updated_at < created_at
        {
            errors.add("updated_at", "expected a time not before created_at");
        }
        let mut purposes = |text: &str| {
            let names = text.split_ascii_whitespace();
            let purposes: Result<_, _> = names.map(Purpose::parse).collect();
            errors.check("default_for", purposes)
        };
        let default_for = match &self.default_for {
            Input::Absent => None,
            Input::Null => Some(BTreeSet::new()),
            Input::Value(text) => purposes(text),
        };
        match (customer_id, content) {
            (Some(customer_id), Some(content)) if errors.is_empty() => Ok(ImportEntry {
                customer_id,
                id,
                content,
                created_at,
                updated_at,
                default_for,
            }),
            _ => Err(errors),
        }
    }
}
