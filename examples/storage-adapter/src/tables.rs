use redb::{TableDefinition, WriteTransaction};

use crate::error::Failed;
use crate::rows::{AddressRow, ApiKeyRow, RecordRow, RevisionRow};

/// By customer and id: the current addresses, in the order of a page.
pub(crate) const ADDRESSES: TableDefinition<(&str, &str), AddressRow> =
    TableDefinition::new("addresses");

/// By customer, id and number: all revisions of the addresses.
pub(crate) const REVISIONS: TableDefinition<(&str, &str, u32), RevisionRow> =
    TableDefinition::new("revisions");

/// By customer: the book's number of addresses, its revision, and its number of past revisions.
pub(crate) const BOOKS: TableDefinition<&str, (u64, u64, u64)> = TableDefinition::new("books");

/// By customer and key: the idempotency records.
pub(crate) const RECORDS: TableDefinition<(&str, &str), RecordRow> =
    TableDefinition::new("records");

/// By customer and purpose: the id of the default address.
pub(crate) const DEFAULT_ADDRESSES: TableDefinition<(&str, &str), &str> =
    TableDefinition::new("default_addresses");

/// By time, customer and key: which records to prune first.
pub(crate) const RECORDS_BY_AGE: TableDefinition<(i64, &str, &str), ()> =
    TableDefinition::new("records_by_age");

/// The number of the last commit, which is the revision of the books that it changed. No number is
/// used twice, so a book that is erased and created again continues from a greater one.
pub(crate) const LAST_COMMIT: TableDefinition<(), u64> = TableDefinition::new("last_commit");

/// By id: the API keys.
pub(crate) const API_KEYS: TableDefinition<&str, ApiKeyRow> = TableDefinition::new("api_keys");

/// By digest: the id of the key.
pub(crate) const API_KEYS_BY_DIGEST: TableDefinition<&[u8; 32], &str> =
    TableDefinition::new("api_keys_by_digest");

/// Creates each table that does not exist yet.
pub(crate) fn create(transaction: &WriteTransaction) -> Result<(), Failed> {
    transaction.open_table(ADDRESSES)?;
    transaction.open_table(REVISIONS)?;
    transaction.open_table(BOOKS)?;
    transaction.open_table(RECORDS)?;
    transaction.open_table(DEFAULT_ADDRESSES)?;
    transaction.open_table(RECORDS_BY_AGE)?;
    transaction.open_table(LAST_COMMIT)?;
    transaction.open_table(API_KEYS)?;
    transaction.open_table(API_KEYS_BY_DIGEST)?;
    Ok(())
}

/// The end of the keys of a customer. All of them are between the customer id and this text,
/// because no id contains a NUL.
pub(crate) fn end_of(customer_id: &str) -> String {
    format!("{customer_id}\0")
}
