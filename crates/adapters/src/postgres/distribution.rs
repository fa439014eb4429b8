//! Distributes the tables over the nodes of a Citus cluster.
//!
//! Every table of addresses is distributed by `customer_id`, and all are placed together, so that
//! each request runs on the one node that has the customer. Each node has all API keys.

use std::time::Duration;

use addressbook_domain::OpenError;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::{select, sql_query};

use crate::connection::pool::StoreOptions;
use crate::connection::schema_state::require_current;
use crate::connection::session_options::SessionOptions;
use crate::connection::store_connection::StoreConnection;
use crate::connection::url::DatabaseUrl;
use crate::store::error::{connection_reason, one_line};

const BOOKS: &str = "address_books";

/// The tables that are placed with the books: those that others refer to come first.
const OF_BOOKS: [&str; 5] = [
    "addresses",
    "address_revisions",
    "address_book_parts",
    "default_addresses",
    "idempotency_records",
];

/// The table that each node has a copy of.
const KEYS: &str = "api_keys";

/// Distributes the tables that are not distributed yet, in one transaction. Returns their number.
///
/// # Errors
/// [`OpenError`], with nothing changed.
pub(crate) fn distribute(url: &DatabaseUrl, options: &StoreOptions) -> Result<usize, OpenError> {
    let failed = |reason: String| {
        OpenError::Other(format!("cannot distribute the tables of {url}: {reason}").into())
    };
    if matches!(url, DatabaseUrl::Sqlite(_)) {
        return Err(failed(ONE_MACHINE.to_owned()));
    }
    require_current(url, options)?;
    let session = SessionOptions {
        statement_timeout: Duration::ZERO,
        ..options.session()
    };
    let mut connection = match StoreConnection::establish(url, &session) {
        Ok(StoreConnection::Postgres(connection)) => connection,
        Ok(StoreConnection::Sqlite(_)) => return Err(failed(ONE_MACHINE.to_owned())),
        Err(error) => return Err(failed(connection_reason(&error))),
    };
    let distributed = connection.transaction(|connection| match has_citus(connection)? {
        true => distribute_rest(connection).map(Some),
        false => Ok(None),
    });
    match distributed {
        Ok(Some(count)) => Ok(count),
        Ok(None) => Err(failed(NO_CITUS.to_owned())),
        Err(error) => Err(failed(one_line(&error.to_string()))),
    }
}

const ONE_MACHINE: &str = "SQLite runs on one machine; expected a PostgreSQL server with Citus";

const NO_CITUS: &str = "it has no extension citus; as the server's administrator, run CREATE \
     EXTENSION citus in it, and add the worker nodes with citus_add_node";

/// If the tables are distributed, distributes those that a migration has added. Must run in the
/// transaction of the migration.
pub(crate) fn distribute_new(connection: &mut PgConnection) -> QueryResult<()> {
    if has_citus(connection)? && is_placed(connection, BOOKS)? {
        distribute_rest(connection)?;
    }
    Ok(())
}

fn distribute_rest(connection: &mut PgConnection) -> QueryResult<usize> {
    connection.batch_execute("SET LOCAL client_min_messages = warning")?;
    let mut count = 0;
    if !is_placed(connection, BOOKS)? {
        place(connection, BOOKS, "none")?;
        count += 1;
    }
    for table in OF_BOOKS {
        if !is_placed(connection, table)? {
            place(connection, table, BOOKS)?;
            count += 1;
        }
    }
    if !is_placed(connection, KEYS)? {
        call(connection, "create_reference_table", KEYS)?;
        count += 1;
    }
    // Otherwise the rows of before stay on the coordinator's disk, where no erasure reaches them.
    // This includes the tables that refer to the books.
    call(
        connection,
        "truncate_local_data_after_distributing_table",
        BOOKS,
    )?;
    Ok(count)
}

fn place(connection: &mut PgConnection, table: &str, with: &str) -> QueryResult<()> {
    sql_query("SELECT create_distributed_table($1::regclass, 'customer_id', colocate_with => $2)")
        .bind::<Text, _>(table)
        .bind::<Text, _>(with)
        .execute(connection)?;
    Ok(())
}

fn call(connection: &mut PgConnection, function: &str, table: &str) -> QueryResult<()> {
    sql_query(format!("SELECT {function}($1::regclass)"))
        .bind::<Text, _>(table)
        .execute(connection)?;
    Ok(())
}

fn has_citus(connection: &mut PgConnection) -> QueryResult<bool> {
    select(sql::<Bool>("to_regclass('pg_dist_partition') IS NOT NULL")).first(connection)
}

/// Whether a table is distributed or a reference table.
fn is_placed(connection: &mut PgConnection, table: &str) -> QueryResult<bool> {
    let placed = sql::<Bool>("EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = ")
        .bind::<Text, _>(table)
        .sql("::regclass)");
    select(placed).first(connection)
}

#[cfg(test)]
mod tests {
    use addressbook_testkit::postgres::PostgresServer;

    use super::*;
    use crate::connection::migrations::{MIGRATIONS, tests::NEXT};

    /// What the functions of Citus are called with, as if they had worked.
    const STUB: &str = "
        CREATE TABLE pg_dist_partition (logicalrelid regclass, placed_with text);
        CREATE FUNCTION create_distributed_table(regclass, text, colocate_with text) RETURNS void
            LANGUAGE sql AS 'INSERT INTO pg_dist_partition VALUES ($1, $2 || '' '' || $3)';
        CREATE FUNCTION create_reference_table(regclass) RETURNS void
            LANGUAGE sql AS 'INSERT INTO pg_dist_partition VALUES ($1, ''everywhere'')';
        CREATE FUNCTION truncate_local_data_after_distributing_table(regclass) RETURNS void
            LANGUAGE sql AS '';";

    fn tables(connection: &mut PgConnection, query: &str) -> Vec<String> {
        select(sql::<Text>(query)).load(connection).unwrap()
    }

    #[test]
    fn every_table_is_distributed_and_so_is_one_that_a_migration_adds() {
        let url: DatabaseUrl = PostgresServer::shared().create_database().parse().unwrap();
        let options = StoreOptions::default();
        MIGRATIONS.migrate(&url, &options).unwrap();
        let refused = distribute(&url, &options).unwrap_err().to_string();
        assert!(refused.contains("CREATE EXTENSION citus"), "{refused}");

        let store = StoreConnection::establish(&url, &options.session());
        let Ok(StoreConnection::Postgres(mut connection)) = store else {
            panic!("{url} is not a PostgreSQL database");
        };
        connection.batch_execute(STUB).unwrap();
        assert_eq!(distribute(&url, &options).unwrap(), 7);
        assert_eq!(distribute(&url, &options).unwrap(), 0);
        let placed = "logicalrelid || ' by ' || placed_with FROM pg_dist_partition ORDER BY ctid";
        let placed = tables(&mut connection, placed);
        assert_eq!(placed[0], "address_books by customer_id none");
        assert_eq!(placed[6], "api_keys by everywhere");
        let others = &placed[1..6];
        let with_books = |table: &String| table.ends_with(" by customer_id address_books");
        assert!(others.iter().all(with_books), "{others:?}");

        let forgotten = "relname::text FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
              AND relname NOT IN ('__diesel_schema_migrations', 'pg_dist_partition')
              AND oid NOT IN (SELECT logicalrelid FROM pg_dist_partition)";
        assert_eq!(tables(&mut connection, forgotten), Vec::<String>::new());

        // As if the next migration had added this table.
        let added = "DELETE FROM pg_dist_partition WHERE logicalrelid = 'addresses'::regclass";
        connection.batch_execute(added).unwrap();
        assert_eq!(tables(&mut connection, forgotten), ["addresses"]);
        assert_eq!(NEXT.migrate(&url, &options).unwrap(), 1);
        assert_eq!(tables(&mut connection, forgotten), Vec::<String>::new());
    }

    #[test]
    fn sqlite_cannot_be_distributed() {
        let url = "sqlite:///tmp/a.db".parse().unwrap();
        let refused = distribute(&url, &StoreOptions::default()).unwrap_err();
        assert!(refused.to_string().contains("one machine"), "{refused}");
    }
}
