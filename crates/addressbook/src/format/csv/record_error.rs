use addressbook_domain::FieldErrors;

use crate::format::{LineError, MAX_LINE_BYTES};

/// A record that breaks a rule of RFC 4180.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RecordError {
    /// The index of the field, from 0.
    pub(super) field: usize,
    pub(super) kind: RecordErrorKind,
    /// The line of the quotation mark, and its character in the line, both from 1.
    pub(super) line: u64,
    pub(super) character: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordErrorKind {
    QuoteInText,
    TextAfterQuote,
    TextAfterBackslashQuote,
    OpenAtEnd,
    OpenPastLimit,
    TooLong,
}

impl RecordError {
    /// Returns the error, given the names of the columns.
    pub(super) fn line_error(&self, names: &[String]) -> LineError {
        let mut errors = FieldErrors::default();
        let field = match names.get(self.field) {
            Some(name) => name.clone(),
            None => format!("field {}", self.field + 1),
        };
        let mark = format!(
            "the quotation mark at line {}, character {}",
            self.line, self.character
        );
        let message = match self.kind {
            RecordErrorKind::QuoteInText => format!(
                "{mark} is inside a field without quotation marks: expected quotation marks around \
                 the whole field, and each one inside it written twice"
            ),
            RecordErrorKind::TextAfterQuote => format!(
                "{mark} closes the field, and text follows: expected a delimiter or the end of \
                 the line; a quotation mark inside a field is written twice"
            ),
            RecordErrorKind::TextAfterBackslashQuote => format!(
                "{mark} closes the field, and text follows: expected a delimiter or the end of \
                 the line; a quotation mark inside a field is written twice, not after a \
                 backslash"
            ),
            RecordErrorKind::OpenAtEnd => format!(
                "{mark} is not closed before the end of the file: expected a closing quotation \
                 mark; the file may be truncated"
            ),
            RecordErrorKind::OpenPastLimit => format!(
                "{mark} is not closed within the {MAX_LINE_BYTES} bytes that an address may \
                 take: expected a closing quotation mark"
            ),
            RecordErrorKind::TooLong => {
                let message = format!("expected at most {MAX_LINE_BYTES} bytes");
                return LineError::Line(message);
            }
        };
        errors.add(field, message);
        errors.into()
    }
}
