use thiserror::Error;

/// The lowest revision of a book that a read may return: the last one that the client saw. A client
/// that passes it on never sees the book go back, wherever it reads.
///
/// The default accepts any revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinRevision(u64);

/// The text is not a [`MinRevision`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected a book revision, in decimal digits")]
pub struct MinRevisionError;

impl MinRevision {
    /// The maximum number of digits.
    pub const MAX_DIGITS: usize = 19;

    /// Parses a number in decimal digits.
    ///
    /// # Errors
    /// [`MinRevisionError`].
    pub fn parse(text: &[u8]) -> Result<Self, MinRevisionError> {
        if text.is_empty() || text.len() > Self::MAX_DIGITS || !text.iter().all(u8::is_ascii_digit)
        {
            return Err(MinRevisionError);
        }
        let digits = text.iter().map(|digit| u64::from(digit - b'0'));
        Ok(Self(digits.fold(0, |number, digit| number * 10 + digit)))
    }

    pub(crate) fn is_met_by(self, book_revision: u64) -> bool {
        book_revision >= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_a_number_in_decimal_digits() {
        for (text, revision) in [
            ("0", 0),
            ("007", 7),
            ("1795395019534", 1_795_395_019_534),
            ("9999999999999999999", 9_999_999_999_999_999_999),
        ] {
            assert_eq!(
                MinRevision::parse(text.as_bytes()),
                Ok(MinRevision(revision))
            );
        }
        for text in [
            "",
            " 7",
            "+7",
            "-7",
            "7.0",
            "7,8",
            "0x7",
            "10000000000000000000",
            "٧",
        ] {
            let parsed = MinRevision::parse(text.as_bytes());
            assert_eq!(parsed, Err(MinRevisionError), "{text}");
        }
    }
}
