//! `addressbook migrate`: creates the store, or migrates it to this release's schema.

use std::process::ExitCode;

use addressbook_domain::OpenMode;
use clap::Args;

use crate::ConfigArgument;
use crate::output::print;
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
        print(format_args!(
            "{location}: {} has no migrations\n",
            engine.name()
        ))?;
        return Ok(ExitCode::SUCCESS);
    };
    match maintenance.migrate().map_err(store::with_advice)? {
        0 => print(format_args!(
            "{location} already has this release's schema\n"
        )),
        1 => print(format_args!("{location}: 1 migration applied\n")),
        count => print(format_args!("{location}: {count} migrations applied\n")),
    }?;
    Ok(ExitCode::SUCCESS)
}
