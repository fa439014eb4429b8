//! Connects Diesel's queries and rows to libpq's pipeline.

use std::ffi::CStr;
use std::num::NonZeroU32;
use std::ops::Range;

use diesel::pg::{Pg, PgMetadataLookup, PgQueryBuilder, PgTypeMetadata, PgValue, TypeOidLookup};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel::result::QueryResult;
use diesel::row::{Field, PartialRow, Row, RowIndex, RowSealed};

use super::libpq::Answer;
use crate::store::fast_reads::PageRow;

/// A prepared statement with its parameters.
pub(super) struct Query {
    pub(super) name: &'static CStr,
    pub(super) binds: Vec<Option<Vec<u8>>>,
}

impl Query {
    /// Collects the parameters of a query that was [prepared](prepare) under that name.
    pub(super) fn new(name: &'static CStr, query: &impl QueryFragment<Pg>) -> QueryResult<Self> {
        let mut collected = RawBytesBindCollector::<Pg>::new();
        query.collect_binds(&mut collected, &mut BuiltInTypes, &Pg)?;
        let binds = collected.binds;
        Ok(Self { name, binds })
    }
}

/// The SQL that prepares a query, whatever its parameters.
pub(super) fn prepare(name: &CStr, query: &impl QueryFragment<Pg>) -> QueryResult<String> {
    let mut sql = PgQueryBuilder::new();
    query.to_sql(&mut sql, &Pg)?;
    Ok(format!(
        "PREPARE {} AS {};",
        name.to_string_lossy(),
        sql.finish()
    ))
}

/// A lookup that is never used: Diesel looks up only the OIDs of types that are not built into
/// PostgreSQL, and the queries have none.
struct BuiltInTypes;

impl PgMetadataLookup for BuiltInTypes {
    fn lookup_type(&mut self, _: &str, _: Option<&str>) -> PgTypeMetadata {
        PgTypeMetadata::new(0, 0)
    }
}

impl Answer {
    pub(super) fn rows(&self) -> impl Iterator<Item = AnswerRow<'_>> {
        (0..self.row_count()).map(|row| AnswerRow { answer: self, row })
    }
}

/// A row, in the form that Diesel reads.
#[derive(Clone, Copy)]
pub(super) struct AnswerRow<'a> {
    answer: &'a Answer,
    row: usize,
}

impl PageRow for AnswerRow<'_> {
    fn text(&self, column: usize) -> Option<&[u8]> {
        match self.answer.value(self.row, column) {
            Some(b"") => None,
            value => Some(value.unwrap_or_default()),
        }
    }

    fn integer(&self, column: usize) -> Option<i64> {
        let bytes = self.answer.value(self.row, column)?;
        Some(i64::from_be_bytes(bytes.try_into().ok()?))
    }
}

impl RowSealed for AnswerRow<'_> {}

impl<'a> Row<'a, Pg> for AnswerRow<'_> {
    type Field<'f>
        = AnswerField<'f>
    where
        'a: 'f,
        Self: 'f;
    type InnerPartialRow = Self;

    fn field_count(&self) -> usize {
        self.answer.column_count()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<AnswerField<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        let column = self.idx(index)?;
        Some(AnswerField { row: *self, column })
    }

    fn partial_row(&self, range: Range<usize>) -> PartialRow<'_, Self> {
        PartialRow::new(self, range)
    }
}

impl RowIndex<usize> for AnswerRow<'_> {
    fn idx(&self, column: usize) -> Option<usize> {
        (column < self.answer.column_count()).then_some(column)
    }
}

impl RowIndex<&str> for AnswerRow<'_> {
    fn idx(&self, name: &str) -> Option<usize> {
        (0..self.answer.column_count())
            .find(|column| self.answer.column_name(*column) == Some(name))
    }
}

/// A value, in the form that Diesel reads.
pub(super) struct AnswerField<'a> {
    row: AnswerRow<'a>,
    column: usize,
}

impl<'a> Field<'a, Pg> for AnswerField<'a> {
    fn field_name(&self) -> Option<&str> {
        self.row.answer.column_name(self.column)
    }

    fn value(&self) -> Option<PgValue<'_>> {
        let bytes = self.row.answer.value(self.row.row, self.column)?;
        Some(PgValue::new(bytes, self))
    }
}

impl TypeOidLookup for AnswerField<'_> {
    fn lookup(&self) -> NonZeroU32 {
        let number = self.row.answer.column_type(self.column);
        NonZeroU32::new(number).unwrap_or(NonZeroU32::MAX)
    }
}
