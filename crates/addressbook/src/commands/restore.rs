//! `addressbook restore`: creates a database from a backup. It does not overwrite one.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::ConfigArgument;
use crate::commands::backup::{EXIT_OTHER_TOOLS, copy, description};
use crate::output::print;
use crate::settings::DatabaseSettings;
use crate::store::EngineOf;

#[derive(Args, Debug)]
pub(crate) struct RestoreArguments {
    /// Backup file, written by `addressbook backup`
    file: PathBuf,

    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    database: DatabaseSettings,
}

pub(crate) fn run(arguments: &RestoreArguments, engine_of: EngineOf) -> anyhow::Result<ExitCode> {
    let file = &arguments.file;
    let engine = engine_of(&arguments.database)?;
    let copied = copy(&*engine, |store, progress| store.restore(file, progress));
    let Some(summary) = copied.context("nothing was restored")? else {
        return Ok(ExitCode::from(EXIT_OTHER_TOOLS));
    };
    let description = description(engine.location(), &summary);
    print(format_args!("{description}\n"))?;
    Ok(ExitCode::SUCCESS)
}
