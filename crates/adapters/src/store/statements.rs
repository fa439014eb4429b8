//! Statements with a fixed text, and statements that a connection prepares once.
//!
//! In eight interleaved pairs of creates by four clients, statements prepared once by their place
//! gave 1.24 times as many creates on PostgreSQL. On SQLite, where the disk decides, they gave 1.02
//! times as many, for 0.86 times the processor time.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Nullable, Text, Untyped};

/// SQL with a fixed text, and a value for each `?`.
///
/// Diesel does not have to walk through the parts of this statement, as it does several times for a
/// statement of its query builder. On SQLite, Diesel also prepares it only once, unlike its own
/// `UPDATE` statements and [`sql_query`](diesel::sql_query).
pub(crate) struct Sql<'a>(pub(crate) &'static str, pub(crate) Vec<Value<'a>>);

/// A value of a statement.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    BigInt(Option<i64>),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::BigInt(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::BigInt(number)
    }
}

impl<DB> QueryFragment<DB> for Sql<'_>
where
    DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
    for<'v> Option<&'v str>: ToSql<Nullable<Text>, DB>,
    Option<i64>: ToSql<Nullable<BigInt>, DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Self(text, values) = self;
        let mut pieces = text.split('?');
        pass.push_sql(pieces.next().unwrap_or_default());
        for (value, piece) in values.iter().zip(pieces) {
            match value {
                Value::Text(text) => pass.push_bind_param::<Nullable<Text>, _>(text)?,
                Value::BigInt(number) => pass.push_bind_param::<Nullable<BigInt>, _>(number)?,
            }
            pass.push_sql(piece);
        }
        Ok(())
    }
}

impl QueryId for Sql<'_> {
    type QueryId = ();

    // A connection finds the statement by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Sql<'_> {
    type SqlType = Untyped;
}

impl<C> RunQueryDsl<C> for Sql<'_> {}

/// A statement whose text does not depend on its values, so that a connection prepares it once:
/// see [`prepared!`].
///
/// Diesel assumes that the text of an INSERT of columns, an ON CONFLICT or an UPDATE varies,
/// because it sometimes does, and prepares these statements each time. That is most of the cost of
/// writing a row to SQLite, and one more round trip to PostgreSQL. For other statements, Diesel
/// generates the text each time to find the prepared statement. For statements that return no rows
/// on SQLite, Diesel asks the inner query instead, so an inner query without a fixed text, such as
/// an `UPDATE`, must be [`Sql`].
pub(crate) struct Prepared<P, Q> {
    query: Q,
    place: PhantomData<P>,
}

/// Wraps a query in a [`Prepared`]. The place in the source code identifies the statement, so a
/// place must always produce the same text. Thus the text is not generated to find the prepared
/// statement, which was a sixth of the work of a create.
macro_rules! prepared {
    ($query:expr) => {{
        enum Place {}
        $crate::store::statements::Prepared::<Place, _>::new($query)
    }};
}
pub(crate) use prepared;

/// The first text of each place. Later texts are compared with it in builds with debug assertions.
static TEXTS: Mutex<BTreeMap<TypeId, String>> = Mutex::new(BTreeMap::new());

impl<P, Q> Prepared<P, Q> {
    pub(crate) fn new(query: Q) -> Self {
        let place = PhantomData;
        Self { query, place }
    }
}

impl<P, DB, Q> QueryFragment<DB> for Prepared<P, Q>
where
    P: 'static,
    DB: Backend<QueryBuilder: Default> + Default,
    Q: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if cfg!(debug_assertions) {
            let mut text = DB::QueryBuilder::default();
            self.query.to_sql(&mut text, &DB::default())?;
            let text = text.finish();
            let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
            let first = texts.entry(TypeId::of::<P>()).or_insert(text.clone());
            assert_eq!(*first, text, "one place produced two statements");
        }
        self.query.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<P: 'static, Q> QueryId for Prepared<P, Q> {
    type QueryId = P;
}

impl<P, Q: Query> Query for Prepared<P, Q> {
    type SqlType = Q::SqlType;
}

impl<P, Q, C> RunQueryDsl<C> for Prepared<P, Q> {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use diesel::connection::{InstrumentationEvent, SimpleConnection};
    use diesel::sqlite::SqliteConnection;

    use super::*;

    #[test]
    fn a_place_prepares_its_statement_once() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection
            .batch_execute("CREATE TABLE t (n INTEGER, x TEXT); INSERT INTO t VALUES (0, 'a')")
            .unwrap();
        let cached = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&cached);
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::CacheQuery { .. } = event {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        for n in 1..4_i64 {
            let text = "UPDATE t SET n = ? WHERE x = ? AND n = ?";
            let values = vec![n.into(), "a".into(), (n - 1).into()];
            let changed = prepared!(Sql(text, values)).execute(&mut connection);
            assert_eq!(changed, Ok(1));
        }
        assert_eq!(cached.load(Ordering::Relaxed), 1);
    }

    #[test]
    #[should_panic = "one place produced two statements"]
    fn a_place_with_two_statements_panics() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        for text in ["BEGIN", "COMMIT"] {
            let _ = prepared!(Sql(text, vec![])).execute(&mut connection);
        }
    }
}
