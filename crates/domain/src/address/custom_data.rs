use thiserror::Error;

use crate::json::{self, Json, JsonError};

/// Any data that a caller stores with an address: a JSON object with at most 16 KiB of compact
/// UTF-8 text and 32 levels, validated by [`json`]. It is stored as compact text: the order of
/// members and the spelling of numbers and strings stay unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomData(Box<str>);

/// Why a text is not [`CustomData`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CustomDataError {
    /// Not JSON, or JSON that [`json`] rejects.
    #[error("expected a JSON object: {0}")]
    Json(#[from] JsonError),
    /// JSON, but not an object.
    #[error("expected a JSON object or null")]
    NotAnObject,
    /// The compact text is too long.
    #[error("expected at most {max} bytes as compact JSON, got {bytes}", max = CustomData::MAX_BYTES)]
    TooLarge {
        /// The length of the compact text.
        bytes: usize,
    },
}

impl CustomData {
    /// The maximum length of the compact text, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// The maximum depth, in levels of objects and arrays. The object itself is the first
    /// level.
    pub const MAX_DEPTH: usize = 32;

    /// Parses a JSON text and removes its insignificant white space.
    ///
    /// # Errors
    /// [`CustomDataError`] if it breaks a rule of the type.
    pub fn parse(text: &str) -> Result<Self, CustomDataError> {
        json::check(text, Self::MAX_DEPTH)?;
        Self::of_checked(text)
    }

    /// Takes a value that was already parsed.
    ///
    /// # Errors
    /// [`CustomDataError`] as for [`parse`](Self::parse).
    pub fn from_json(json: Json<'_>) -> Result<Self, CustomDataError> {
        json.check_storable(Self::MAX_DEPTH)?;
        Self::of_checked(json.text())
    }

    /// The custom data after a merge patch (RFC 7396).
    ///
    /// # Errors
    /// [`CustomDataError`] if the result is too large or too deep.
    pub(crate) fn patched(current: Option<&Self>, patch: &str) -> Result<Self, CustomDataError> {
        let merged = json::merge_patch(current.map_or("{}", Self::as_str), patch)?;
        // Both were checked, so only the depth can be wrong.
        if json::depth(&merged) > Self::MAX_DEPTH {
            json::check(&merged, Self::MAX_DEPTH)?;
        }
        Self::of_checked(&merged)
    }

    fn of_checked(text: &str) -> Result<Self, CustomDataError> {
        let text = json::compact(text);
        if !text.starts_with('{') {
            return Err(CustomDataError::NotAnObject);
        }
        match text.len() {
            bytes if bytes > Self::MAX_BYTES => Err(CustomDataError::TooLarge { bytes }),
            _ => Ok(Self(text.into())),
        }
    }

    /// The depth, in levels of objects and arrays. The object itself is the first level.
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
    fn preserves_order_and_spelling() {
        let data =
            CustomData::parse(r#" { "z": 1.0, "a": "\u0041", "n": 12345678901234567890123 } "#);
        assert_eq!(
            data.unwrap().as_str(),
            r#"{"z":1.0,"a":"\u0041","n":12345678901234567890123}"#
        );
    }

    #[test]
    fn rejects_any_value_except_an_object() {
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
    fn the_size_limit_ignores_white_space() {
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
    fn the_depth_is_limited() {
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
