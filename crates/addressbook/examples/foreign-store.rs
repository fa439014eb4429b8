//! A program with its own store: `memory://NAME`, in addition to SQLite and PostgreSQL.
//!
//! ```sh
//! cargo run --example foreign-store -- serve --demo --database-url memory://try
//! ```

use std::process::ExitCode;
use std::sync::Arc;

use addressbook::DatabaseSettings;
use addressbook_domain::{Engine, OpenError, OpenMode, Store};
use addressbook_testkit::{InMemoryApiKeys, InMemoryRepository};

/// A store that lives as long as the process.
struct Memory {
    location: String,
}

impl Engine for Memory {
    fn name(&self) -> &'static str {
        "Memory"
    }

    fn location(&self) -> String {
        self.location.clone()
    }

    fn open(&self, mode: OpenMode) -> Result<Store, OpenError> {
        match mode {
            OpenMode::CreateOrMigrate => Ok(Store {
                addresses: Arc::new(InMemoryRepository::default()),
                api_keys: Arc::new(InMemoryApiKeys::default()),
                pool: None,
                replication: None,
            }),
            // Another process cannot have created it.
            OpenMode::Existing => Err(OpenError::Missing {
                location: self.location(),
            }),
        }
    }
}

/// Returns the store that the settings name.
fn engine_of(settings: &DatabaseSettings) -> anyhow::Result<Box<dyn Engine>> {
    match settings.url().starts_with("memory://") {
        true => Ok(Box::new(Memory {
            location: settings.url().to_owned(),
        })),
        false => addressbook::sql_engine(settings),
    }
}

fn main() -> ExitCode {
    addressbook::run(engine_of)
}
