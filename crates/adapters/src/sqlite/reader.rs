//! A connection that only reads SQLite.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, ToSql};

use crate::store::read_queries::ReadRow;
use crate::store::statements::Value;

/// A connection and its prepared statements.
pub(crate) struct Reader(Connection);

impl Reader {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(connection)
    }

    /// Runs a query with these values and passes each row to `take`. Returns `None` as soon as
    /// `take` returns `None`, or if SQLite reports an error.
    pub(crate) fn each_row(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut take: impl FnMut(&Row<'_>) -> Option<()>,
    ) -> Option<()> {
        let mut statement = self.0.prepare_cached(sql).ok()?;
        for (position, value) in (1..).zip(values) {
            statement.raw_bind_parameter(position, value).ok()?;
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().ok()? {
            take(row)?;
        }
        Some(())
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Text(Some(text)) => text.into(),
            Value::BigInt(Some(number)) => ValueRef::Integer(number),
            Value::Text(None) | Value::BigInt(None) => ValueRef::Null,
        }))
    }
}

impl ReadRow for Row<'_> {
    fn text(&self, column: usize) -> Option<&[u8]> {
        match self.get_ref(column) {
            Ok(ValueRef::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn text_or_null(&self, column: usize) -> Option<&[u8]> {
        match self.get_ref(column) {
            Ok(ValueRef::Text(text)) => Some(text).filter(|text| !text.is_empty()),
            Ok(ValueRef::Null) => Some(b""),
            _ => None,
        }
    }

    fn integer(&self, column: usize) -> Option<i64> {
        self.get_ref(column).ok()?.as_i64().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> Reader {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE t (n INTEGER, x TEXT) STRICT;
                 INSERT INTO t VALUES (1, 'é'), (2, NULL), (-3, 'z' || char(0)), (4, '');",
            )
            .unwrap();
        Reader::new(connection)
    }

    fn query(reader: &Reader, sql: &str, values: &[Value<'_>]) -> Option<Vec<(i64, String)>> {
        let mut rows = Vec::new();
        let done = reader.each_row(sql, values, |row| {
            let text = str::from_utf8(row.text_or_null(1)?).ok()?;
            rows.push((row.integer(0)?, text.to_owned()));
            Some(())
        });
        done.map(|()| rows)
    }

    const BY_NUMBER: &str = "SELECT n, x FROM t WHERE n < ? ORDER BY n";

    #[test]
    fn rows_are_returned_unchanged() {
        let reader = reader();
        let rows = query(&reader, BY_NUMBER, &[3.into()]).unwrap();
        let expected = [(-3, "z\0"), (1, "é"), (2, "")];
        assert_eq!(rows, expected.map(|(n, x)| (n, x.to_owned())));
    }

    #[test]
    fn an_empty_text_instead_of_null_ends_only_its_run_with_none() {
        let reader = reader();
        assert_eq!(query(&reader, BY_NUMBER, &[5.into()]), None);
        assert_eq!(query(&reader, BY_NUMBER, &[2.into()]).unwrap().len(), 2);
    }

    #[test]
    fn each_run_has_only_its_own_values() {
        let reader = reader();
        let by_text = "SELECT n, x FROM t WHERE x IS ?";
        for (values, n) in [
            (vec!["é".into()], 1),
            (vec![], 2),
            (vec![None::<&str>.into()], 2),
        ] {
            let rows = query(&reader, by_text, &values).unwrap();
            assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [n]);
        }
    }

    #[test]
    fn an_error_of_sqlite_is_none() {
        let reader = reader();
        assert_eq!(query(&reader, "SELECT n FROM nowhere", &[]), None);
        assert_eq!(query(&reader, BY_NUMBER, &[1.into(), 2.into()]), None);
        let overflow = "SELECT abs(?), 'x'";
        let reader = self::reader();
        assert_eq!(query(&reader, overflow, &[i64::MIN.into()]), None);
        assert_eq!(query(&reader, overflow, &[(-7).into()]).unwrap().len(), 1);
    }

    #[test]
    fn a_statement_uses_the_current_schema() {
        let reader = reader();
        assert!(query(&reader, BY_NUMBER, &[0.into()]).is_some());
        let renamed = "ALTER TABLE t RENAME TO old; CREATE VIEW t AS SELECT 0 AS n, 'new' AS x;";
        reader.0.execute_batch(renamed).unwrap();
        let rows = query(&reader, BY_NUMBER, &[1.into()]).unwrap();
        assert_eq!(rows, [(0, "new".to_owned())]);
    }
}
