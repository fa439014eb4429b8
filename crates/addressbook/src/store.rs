//! Selects and opens the store.

use std::sync::Arc;

use addressbook_adapters::SqlEngine;
use addressbook_domain::{Engine, OpenError, OpenMode, Store};
use anyhow::{Context, anyhow, bail};

use crate::settings::{DATABASE_URL_SETTINGS, DatabaseSettings, ReplicaSettings};

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

/// Returns the databases of the replicas, without opening them.
///
/// # Errors
/// One of them cannot follow the primary database.
pub(crate) fn replica_engines(
    database: &DatabaseSettings,
    replicas: &ReplicaSettings,
    primary: &dyn Engine,
    engine_of: EngineOf,
) -> anyhow::Result<Vec<Arc<dyn Engine>>> {
    let engine = |url: &String| {
        let engine = engine_of(&database.at(url));
        // The outer message names the settings of the primary database.
        let engine = engine.map_err(|error| {
            anyhow!(
                "{REPLICA_URL_SETTINGS} is not a database URL: {}",
                error.root_cause()
            )
        })?;
        let (primary, replica) = (primary.name(), engine.name());
        if primary != replica || !engine.has_replicas() {
            bail!(
                "{REPLICA_URL_SETTINGS}: {} cannot follow {primary}: only PostgreSQL has replicas",
                engine.location()
            );
        }
        Ok(Arc::from(engine))
    };
    replicas.replica_url.iter().map(engine).collect()
}

const REPLICA_URL_SETTINGS: &str = "--replica-url or ADDRESSBOOK_REPLICA_URL";

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
