use std::collections::BTreeMap;

use thiserror::Error;

use crate::address::member::Member;
use crate::address::text::{self, TextError};
use crate::json::{self, Text};

/// The members of an address that not every address has ([`Member::DETAILS`]): text each, or null.
/// The default has none.
///
/// A store keeps them as one JSON object, so that a page copies them unread and a new member needs
/// no migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PostalDetails(Option<Box<Details>>);

/// At least one of them is not null.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Details {
    texts: Texts,
    json: Box<str>,
}

type Texts = [Option<Box<str>>; Member::DETAILS.len()];

/// Why a text is not a member of [`PostalDetails`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DetailError {
    /// The text breaks a rule of all texts.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The text is not a telephone number.
    #[error(
        "expected a telephone number: digits, spaces and + - . ( ) /, and at most an extension \
         such as ext. 12"
    )]
    Phone,
}

impl PostalDetails {
    pub(super) fn new(texts: Texts) -> Self {
        let mut json = String::new();
        for (member, text) in Member::DETAILS.iter().zip(&texts) {
            if let Some(text) = text {
                json.push_str(match json.is_empty() {
                    true => "{\"",
                    false => ",\"",
                });
                json.push_str(member.name());
                json.push_str("\":");
                json.push_str(&serde_json::Value::from(&**text).to_string());
            }
        }
        if json.is_empty() {
            return Self(None);
        }
        json.push('}');
        let json = json.into();
        Self(Some(Box::new(Details { texts, json })))
    }

    /// Trims and normalises the text of a member, in the way of all texts.
    pub(super) fn parse_text(member: Member, text: &str) -> Result<Box<str>, DetailError> {
        let text = text::normalise(text, member.max_chars().unwrap_or_default())?;
        match member {
            Member::Phone if !is_phone(&text) => Err(DetailError::Phone),
            _ => Ok(text),
        }
    }

    /// The details with this JSON object. `None` if it is not what [`as_json`](Self::as_json) can
    /// return.
    pub fn from_json(stored: &str) -> Option<Self> {
        let mut texts = Texts::default();
        for (name, value) in json::members(stored).ok()? {
            let position = Member::DETAILS.iter().position(|m| m.name() == name)?;
            let text = json::string(value).ok()??;
            texts[position] = Some(Self::parse_text(Member::DETAILS[position], &text).ok()?);
        }
        // Differs in the order of members, or in a text that is not in its stored form.
        Some(Self::new(texts)).filter(|details| details.as_json() == Some(stored))
    }

    /// The compact JSON object of all members that are not null. `None` if there are none.
    pub fn as_json(&self) -> Option<&str> {
        self.0.as_ref().map(|details| &*details.json)
    }

    /// The texts, in the order of [`Member::DETAILS`].
    pub(super) fn texts(&self) -> impl Iterator<Item = Option<&str>> {
        let texts = self
            .0
            .as_ref()
            .map(|details| details.texts.each_ref().map(Option::as_deref));
        texts.unwrap_or_default().into_iter()
    }

    /// Replaces a member.
    #[must_use]
    pub(super) fn with(&self, member: Member, text: Option<&str>) -> Self {
        let mut texts = self
            .0
            .as_ref()
            .map_or_else(Texts::default, |details| details.texts.clone());
        for (detail, own) in Member::DETAILS.iter().zip(&mut texts) {
            if *detail == member {
                *own = text.map(Into::into);
            }
        }
        Self::new(texts)
    }
}

/// The texts in a stored object, by the names of their members.
///
/// # Errors
/// The text is not a JSON object of strings. Nothing else is checked, unlike in
/// [`PostalDetails::from_json`].
pub(crate) fn stored_texts(stored: &str) -> Result<BTreeMap<&str, Text<'_>>, serde_json::Error> {
    serde_json::from_str(stored)
}

/// Whether a text is a telephone number as people write it. Not every such text is one that can be
/// called.
fn is_phone(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let extension = [";ext=", "extension", "ext.", "ext", "x", "#"];
    let split = |mark| lower.split_once(mark);
    let (number, extension) = extension
        .into_iter()
        .find_map(split)
        .unwrap_or((&lower, "1"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_separator = |byte| matches!(byte, b' ' | b'+' | b'-' | b'.' | b'(' | b')' | b'/');
    number.bytes().any(|byte| byte.is_ascii_digit())
        && number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || is_separator(byte))
        && is_digits(extension.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_are_accepted_as_people_write_them() {
        for text in [
            "+250 788 123 456",
            "(0)20-7946.0958",
            "0664/1234567",
            "112",
            "212-555-0100 ext. 12",
            "212-555-0100 x12",
            "212-555-0100 Extension 12",
            "+12125550100;ext=12",
            "212-555-0100 #12",
        ] {
            let parsed = PostalDetails::parse_text(Member::Phone, text);
            assert_eq!(parsed.as_deref(), Ok(text), "{text}");
        }
        for text in [
            "none",
            "+",
            "0788-KIGALI",
            "123;456",
            "123 ext.",
            "ext. 12",
            "123 x1 x2",
        ] {
            let parsed = PostalDetails::parse_text(Member::Phone, text);
            assert_eq!(parsed, Err(DetailError::Phone), "{text}");
        }
    }

    #[test]
    fn the_stored_object_leads_to_the_same_details() {
        let texts = [
            Some("Ada \"Countess\" Lovelace"),
            None,
            Some("12 Rue de l'Église \\ B"),
            None,
            None,
            Some("75001"),
            None,
            None,
        ];
        let details = PostalDetails::new(texts.map(|text| text.map(Into::into)));
        let json = details.as_json().unwrap();
        assert_eq!(
            json,
            r#"{"recipient":"Ada \"Countess\" Lovelace","first_line":"12 Rue de l'Église \\ B","postal_code":"75001"}"#
        );
        assert_eq!(PostalDetails::from_json(json), Some(details.clone()));
        assert_eq!(details.texts().collect::<Vec<_>>(), texts);
        assert_eq!(PostalDetails::default().as_json(), None);
    }

    #[test]
    fn an_object_in_another_form_cannot_have_been_stored() {
        for json in [
            "{}",
            "[]",
            "null",
            r#"{"postal_code":"1" }"#,
            r#"{"postal_code":" 1"}"#,
            r#"{"postal_code":""}"#,
            r#"{"postal_code":1}"#,
            r#"{"postal_code":null}"#,
            r#"{"postal_code":"\u0031"}"#,
            r#"{"postal_code":"1","recipient":"A"}"#,
            r#"{"city":"Kigali"}"#,
            r#"{"postal_code":"1","postal_code":"1"}"#,
        ] {
            assert_eq!(PostalDetails::from_json(json), None, "{json}");
        }
    }
}
