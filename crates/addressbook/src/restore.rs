//! `addressbook restore`: makes a database of a backup, where there is none.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use addressbook_adapters::{DatabaseUrl, PostgresUrl};
use anyhow::Context;
use clap::Args;

use crate::ConfigArgument;
use crate::backup::{EXIT_OTHER_TOOLS, quoted, showing, summary};
use crate::settings::DatabaseSettings;

#[derive(Args, Debug)]
pub(crate) struct RestoreArguments {
    /// The file that `addressbook backup` wrote
    file: PathBuf,

    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    database: DatabaseSettings,
}

pub(crate) fn run(arguments: &RestoreArguments) -> anyhow::Result<ExitCode> {
    let file = &arguments.file;
    match arguments.database.url()? {
        DatabaseUrl::Sqlite(database) => {
            let rows = showing(|progress| addressbook_adapters::restore(file, &database, progress))
                .context("nothing was restored")?;
            println!("{}", summary(&database, &rows)?);
            Ok(ExitCode::SUCCESS)
        }
        DatabaseUrl::Postgres(url) => {
            eprintln!("{}", tools_to_restore(&url, file));
            Ok(ExitCode::from(EXIT_OTHER_TOOLS))
        }
    }
}

fn tools_to_restore(url: &PostgresUrl, file: &Path) -> String {
    let (url, file) = (quoted(url.without_passwords()), quoted(file));
    format!(
        "addressbook: nothing was restored. The database is PostgreSQL's, which has tools for this.
From pg_dump's file into an empty database:
  pg_restore --no-owner --exit-on-error --single-transaction --dbname={url} {file}
A whole server, up to a moment: a base backup with recovery_target_time; see PostgreSQL's manual.
The password comes from PGPASSWORD or ~/.pgpass."
    )
}
