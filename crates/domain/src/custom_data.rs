use thiserror::Error;

use crate::json::{self, JsonError};

/// Whatever a caller keeps with an address: a JSON object of at most 16 KiB as compact
/// UTF-8 text and 32 levels, read as [`json`] says. It is kept as that text: members
/// keep their order, numbers and strings their spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomData(Box<str>);

/// Why a text is no [`CustomData`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CustomDataError {
    /// Not JSON, or JSON that [`json`] refuses.
    #[error("expected a JSON object: {0}")]
    Json(#[from] JsonError),
    /// JSON, but no object.
    #[error("expected a JSON object or null")]
    NotAnObject,
    /// More text than can be kept.
    #[error("expected at most {max} bytes as compact JSON, got {bytes}", max = CustomData::MAX_BYTES)]
    TooLarge {
        /// The length of the compact text.
        bytes: usize,
    },
}

impl CustomData {
    /// The longest compact text, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// The deepest nesting, in levels of objects and arrays; the object itself is the
    /// first.
    pub const MAX_DEPTH: usize = 32;

    /// Reads a JSON text and takes out its insignificant white space.
    ///
    /// # Errors
    /// [`CustomDataError`] when it breaks the rules that the type states.
    pub fn parse(text: &str) -> Result<Self, CustomDataError> {
        json::check(text, Self::MAX_DEPTH)?;
        let text = json::compact(text);
        if !text.starts_with('{') {
            return Err(CustomDataError::NotAnObject);
        }
        match text.len() {
            bytes if bytes > Self::MAX_BYTES => Err(CustomDataError::TooLarge { bytes }),
            _ => Ok(Self(text.into())),
        }
    }

    /// How deep it is nested, in levels of objects and arrays; the object itself is the
    /// first.
    pub fn depth(&self) -> usize {
        json::depth(&self.0)
    }

    /// The compact JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_spelling() {
        let data =
            CustomData::parse(r#" { "z": 1.0, "a": "\u0041", "n": 12345678901234567890123 } "#);
        assert_eq!(
            data.unwrap().as_str(),
            r#"{"z":1.0,"a":"\u0041","n":12345678901234567890123}"#
        );
    }

    #[test]
    fn refuses_what_is_no_object() {
        for text in ["null", "[]", "1", r#""{}""#] {
            assert_eq!(
                CustomData::parse(text),
                Err(CustomDataError::NotAnObject),
                "{text}"
            );
        }
        assert!(matches!(
            CustomData::parse("{"),
            Err(CustomDataError::Json(_))
        ));
    }

    #[test]
    fn is_bounded_in_size_without_white_space() {
        let with_payload =
            |bytes: usize| format!(r#"{{"a":{}"{}"}}"#, " ".repeat(100), "x".repeat(bytes));
        let frame = r#"{"a":""}"#.len();
        assert!(CustomData::parse(&with_payload(CustomData::MAX_BYTES - frame)).is_ok());
        assert_eq!(
            CustomData::parse(&with_payload(CustomData::MAX_BYTES - frame + 1)),
            Err(CustomDataError::TooLarge {
                bytes: CustomData::MAX_BYTES + 1
            })
        );
    }

    #[test]
    fn is_bounded_in_depth() {
        let nested =
            |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        assert!(CustomData::parse(&nested(32)).is_ok());
        assert!(matches!(
            CustomData::parse(&nested(33)),
            Err(CustomDataError::Json(_))
        ));
        assert!(matches!(
            CustomData::parse(&nested(10_000)),
            Err(CustomDataError::Json(_))
        ));
    }
}
