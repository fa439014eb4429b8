//! Damaged records.

use thiserror::Error;

/// A stored record contains a value that cannot have been written through the port. Its message,
/// which may be logged, does not identify the record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a stored {record} has an invalid {field}")]
pub struct Inconsistency {
    /// The kind of record: `address` or `address book`.
    pub record: &'static str,
    /// The id of the record. Never a customer id, which is personal data.
    pub key: String,
    /// The invalid field.
    pub field: &'static str,
}
