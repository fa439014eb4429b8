//! Determines which release's schema a database has. Nothing here creates, migrates or changes a
//! database.

use addressbook_domain::{Cause, OpenError};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::select;
use diesel::sql_types::{Bool, Text};
use rusqlite::Connection;

use crate::connection::migrations::{
    MIGRATIONS, SCHEMA_OBJECTS, SchemaObject, is_missing, unreachable,
};
use crate::connection::pool::StoreOptions;
use crate::connection::store_connection::StoreConnection;
use crate::connection::url::DatabaseUrl;
use crate::sqlite::file::{open_to_read, strings};
use crate::store::error::{connection_reason, one_line};

/// The schema of a database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SchemaState {
    /// The schema of another application, or none.
    Foreign,
    /// The schema of this release.
    Current,
    /// The schema of an older release, with the number of migrations that it lacks.
    Older(usize),
    /// The schema of a newer release, with the first migration that this release does not know.
    Newer(String),
}

impl SchemaState {
    /// The schema that these migrations make.
    fn of(applied: &[String], known: &[String]) -> Self {
        match applied.iter().find(|version| !known.contains(version)) {
            Some(version) => Self::Newer(version.clone()),
            None if applied.is_empty() => Self::Foreign,
            None => match known.len() - applied.len() {
                0 => Self::Current,
                missing => Self::Older(missing),
            },
        }
    }

    pub(crate) fn of_sqlite(connection: &Connection) -> rusqlite::Result<Self> {
        let tables = strings(
            connection,
            "SELECT name FROM sqlite_schema
             WHERE type = 'table'
               AND name IN ('__diesel_schema_migrations', 'address_books', 'addresses')",
        )?;
        if tables.len() < 3 {
            return Ok(Self::Foreign);
        }
        let applied = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
        Ok(Self::of(
            &strings(connection, applied)?,
            &MIGRATIONS.versions(),
        ))
    }

    pub(crate) fn of_postgres(connection: &mut PgConnection) -> QueryResult<Self> {
        let is_there = sql::<Bool>("to_regclass('__diesel_schema_migrations') IS NOT NULL");
        if !select(is_there).first::<bool>(connection)? {
            return Ok(Self::Foreign);
        }
        let applied = sql::<Text>("version FROM __diesel_schema_migrations ORDER BY version");
        Ok(Self::of(
            &select(applied).load::<String>(connection)?,
            &MIGRATIONS.versions(),
        ))
    }

    /// Returns the first object in the schema of a SQLite database that its migrations did not
    /// create, or created differently: for example a trigger, which may change what is stored.
    /// `None` if there is none.
    pub(crate) fn unexpected(&self, connection: &Connection) -> Result<Option<String>, Cause> {
        let migrations = match self {
            Self::Current => MIGRATIONS.versions().len(),
            Self::Older(missing) => MIGRATIONS.versions().len() - missing,
            Self::Foreign | Self::Newer(_) => return Ok(None),
        };
        let expected = MIGRATIONS.sqlite_objects(migrations)?;
        let mut statement = connection.prepare(SCHEMA_OBJECTS)?;
        let objects = statement.query_map([], |row| {
            Ok(SchemaObject {
                kind: row.get(0)?,
                name: row.get(1)?,
                sql: row.get(2)?,
            })
        })?;
        for object in objects {
            let object = object?;
            if !expected.contains(&object) {
                return Ok(Some(format!("the {} {:?}", object.kind, object.name)));
            }
        }
        Ok(None)
    }

    fn at(url: &DatabaseUrl, options: &StoreOptions) -> Result<Self, OpenError> {
        let missing = || OpenError::Missing {
            location: url.to_string(),
        };
        match url {
            DatabaseUrl::Sqlite(path) if !path.exists() => Err(missing()),
            DatabaseUrl::Sqlite(path) => open_to_read(path)
                .and_then(|connection| Self::of_sqlite(&connection))
                .map_err(|error| unreachable(url, one_line(&error.to_string()))),
            DatabaseUrl::Postgres(_) => match StoreConnection::establish(url, &options.session()) {
                Ok(StoreConnection::Postgres(mut connection)) => Self::of_postgres(&mut connection)
                    .map_err(|error| unreachable(url, one_line(&error.to_string()))),
                Ok(StoreConnection::Sqlite(_)) => Ok(Self::Foreign),
                Err(error) if is_missing(&error) => Err(missing()),
                Err(error) => Err(unreachable(url, connection_reason(&error))),
            },
        }
    }
}

/// Checks that a database exists and has this release's schema.
pub(crate) fn require_current(url: &DatabaseUrl, options: &StoreOptions) -> Result<(), OpenError> {
    let location = url.to_string();
    match SchemaState::at(url, options)? {
        SchemaState::Current => Ok(()),
        SchemaState::Foreign => Err(OpenError::NoSchema { location }),
        SchemaState::Older(missing) => Err(OpenError::OlderSchema { location, missing }),
        SchemaState::Newer(version) => Err(OpenError::NewerSchema { version }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_in_the_database_tell_whose_schema_it_is() {
        let versions = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let known = versions(&["0001", "0002", "0003"]);
        for (applied, expected) in [
            (&[][..], SchemaState::Foreign),
            (&["0001"], SchemaState::Older(2)),
            (&["0001", "0002", "0003"], SchemaState::Current),
            (
                &["0001", "0002", "0003", "0004"],
                SchemaState::Newer("0004".into()),
            ),
        ] {
            assert_eq!(SchemaState::of(&versions(applied), &known), expected);
        }
    }
}
