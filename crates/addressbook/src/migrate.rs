//! `addressbook migrate`: creates the store, or brings it to this release's schema.

use std::process::ExitCode;

use addressbook_domain::OpenMode;
use clap::Args;

use crate::ConfigArgument;
use crate::settings::DatabaseSettings;
use crate::store::{self, EngineOf};

#[derive(Args, Debug)]
pub(crate) struct MigrateArguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    database: DatabaseSettings,
}

pub(crate) fn run(arguments: &MigrateArguments, engine_of: EngineOf) -> anyhow::Result<ExitCode> {
    let engine = engine_of(&arguments.database)?;
    let location = engine.location();
    let Some(maintenance) = engine.maintenance() else {
        store::open(&*engine, OpenMode::CreateOrMigrate)?;
        println!("{location}: {} has no migrations", engine.name());
        return Ok(ExitCode::SUCCESS);
    };
    match maintenance.migrate().map_err(store::with_remedy)? {
        0 => println!("{location} has this release's schema already"),
        1 => println!("{location}: 1 migration made"),
        count => println!("{location}: {count} migrations made"),
    }
    Ok(ExitCode::SUCCESS)
}
