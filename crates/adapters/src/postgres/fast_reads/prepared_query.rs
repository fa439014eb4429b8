//! The queries of fast reads on libpq's pipeline.

use std::ffi::CStr;

use super::libpq::ResultRows;
use crate::store::read_queries::{QueryText, ReadQuery, ReadRow};
use crate::store::statements::Value;

/// A prepared statement with its parameters, in PostgreSQL's binary format.
pub(super) struct PreparedQuery {
    pub(super) name: &'static CStr,
    pub(super) values: Vec<Option<Vec<u8>>>,
}

impl From<ReadQuery<'_>> for PreparedQuery {
    fn from(query: ReadQuery<'_>) -> Self {
        let binary = |value| match value {
            Value::Text(text) => text.map(|text| text.as_bytes().to_vec()),
            Value::BigInt(number) => number.map(|number: i64| number.to_be_bytes().to_vec()),
        };
        Self {
            name: query.text.name(),
            values: query.values.into_iter().map(binary).collect(),
        }
    }
}

/// The SQL of a query, in which each value is numbered as PostgreSQL wants it.
pub(super) fn numbered(query: QueryText) -> String {
    let mut sql = String::new();
    for (number, piece) in query.sql().split('?').enumerate() {
        if number > 0 {
            sql += &format!("${number}");
        }
        sql += piece;
    }
    sql
}

impl ResultRows {
    pub(super) fn rows(&self) -> impl Iterator<Item = ResultRow<'_>> {
        (0..self.row_count()).map(|row| ResultRow { result: self, row })
    }
}

/// A row of a result.
pub(super) struct ResultRow<'a> {
    result: &'a ResultRows,
    row: usize,
}

impl ReadRow for ResultRow<'_> {
    fn text(&self, column: usize) -> Option<&[u8]> {
        self.result.value(self.row, column)
    }

    fn text_or_null(&self, column: usize) -> Option<&[u8]> {
        match self.result.value(self.row, column) {
            Some(b"") => None,
            value => Some(value.unwrap_or_default()),
        }
    }

    fn integer(&self, column: usize) -> Option<i64> {
        let bytes = self.result.value(self.row, column)?;
        Some(i64::from_be_bytes(bytes.try_into().ok()?))
    }
}
