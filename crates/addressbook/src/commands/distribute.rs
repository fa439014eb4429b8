//! `addressbook distribute`: distributes the tables over the nodes of a Citus cluster.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use crate::ConfigArgument;
use crate::output::print;
use crate::settings::DatabaseSettings;
use crate::store::{self, EngineOf};

#[derive(Args, Debug)]
pub(crate) struct DistributeArguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    database: DatabaseSettings,
}

pub(crate) fn run(
    arguments: &DistributeArguments,
    engine_of: EngineOf,
) -> anyhow::Result<ExitCode> {
    let engine = engine_of(&arguments.database)?;
    let location = engine.location();
    let Some(maintenance) = engine.maintenance() else {
        bail!("{location}: {} cannot be distributed", engine.name());
    };
    match maintenance.distribute().map_err(store::with_advice)? {
        0 => print(format_args!(
            "{location}: all tables are distributed already\n"
        )),
        count => print(format_args!(
            "{location}: {count} tables distributed. Restart the instances that run on it\n"
        )),
    }?;
    Ok(ExitCode::SUCCESS)
}
