//! Selects and opens the store.

use addressbook_adapters::SqlEngine;
use addressbook_domain::{Engine, OpenError, OpenMode, Store};
use anyhow::{Context, anyhow};

use crate::settings::{DATABASE_URL_SETTINGS, DatabaseSettings};

/// Returns the store that the settings name, without opening it. An error says what was expected.
pub type EngineOf = fn(&DatabaseSettings) -> anyhow::Result<Box<dyn Engine>>;

/// Returns the SQLite or PostgreSQL database that the settings name.
///
/// # Errors
/// The URL names neither.
pub fn sql_engine(settings: &DatabaseSettings) -> anyhow::Result<Box<dyn Engine>> {
    // The message omits the value, because it may contain a password.
    let url = settings.url().parse();
    Ok(Box::new(SqlEngine {
        url: url.with_context(|| format!("{DATABASE_URL_SETTINGS} is not a database URL"))?,
        options: settings.sql_options(),
    }))
}

/// Opens a store. Errors say what to do.
pub(crate) fn open(engine: &dyn Engine, mode: OpenMode) -> anyhow::Result<Store> {
    engine.open(mode).map_err(with_advice)
}

pub(crate) fn with_advice(error: OpenError) -> anyhow::Error {
    match error {
        OpenError::Missing { .. } | OpenError::NoSchema { .. } => anyhow!(
            "{error}: check {DATABASE_URL_SETTINGS}. To create a database, run addressbook migrate \
             (or keys create with --create-database)"
        ),
        OpenError::Unreachable { .. } => {
            anyhow!(
                "{error} (fix the cause, or select another database with {DATABASE_URL_SETTINGS})"
            )
        }
        OpenError::OlderSchema { .. } | OpenError::NewerSchema { .. } | OpenError::Other(_) => {
            error.into()
        }
    }
}
