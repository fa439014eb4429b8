//! Addressbook stores the addresses of a company's customers and serves them over HTTP. This crate
//! assembles the program: settings, store and HTTP.
//!
//! To run it on your own store, write a `main` that selects the store by the settings:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use addressbook_domain::Engine;
//!
//! # fn my_engine(_: &str) -> Box<dyn Engine> { unimplemented!() }
//! fn main() -> ExitCode {
//!     addressbook::run(|settings| match settings.url().strip_prefix("mystore://") {
//!         Some(location) => Ok(my_engine(location)),
//!         None => addressbook::sql_engine(settings),
//!     })
//! }
//! ```

#![deny(
    clippy::print_stdout,
    reason = "it panics when the reader has closed the pipe: see `output`"
)]

mod authentication;
mod commands;
mod demo;
mod descriptors;
mod format;
mod nearest;
mod output;
mod settings;
mod shutdown;
mod store;
mod telemetry;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use addressbook_adapters::{OsSecrets, SystemClock, UlidSource};
use addressbook_domain::{
    AddressRepository, AddressService, ApiKeyRepository, ApiKeyService, Clock, ServiceLimits,
    Timestamp,
};
use anyhow::bail;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::{
    backup, distribute, doctor, export, healthcheck, import, keys, migrate, restore, serve,
};
use crate::output::print;
pub use crate::settings::DatabaseSettings;
pub use crate::store::{EngineOf, sql_engine};

/// Stores the addresses of a company's customers and serves them over HTTP.
///
/// Without a command, starts the service, like `serve`.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the HTTP service
    Serve(Box<serve::ServeArguments>),
    /// Import addresses from a file
    Import(Box<import::ImportArguments>),
    /// Export addresses to standard output
    Export(Box<export::ExportArguments>),
    /// Create the database or migrate it to this release's schema
    Migrate(migrate::MigrateArguments),
    /// Distribute the tables of a PostgreSQL database over the nodes of its Citus cluster
    Distribute(distribute::DistributeArguments),
    /// Create, list and revoke API keys
    Keys(keys::KeysArguments),
    /// Back up the SQLite database to a file while the service runs
    Backup(backup::BackupArguments),
    /// Restore a SQLite database from a backup
    Restore(restore::RestoreArguments),
    /// Check settings, database and machine without changing anything. Exit code 1 means that
    /// something failed
    Doctor(Box<doctor::DoctorArguments>),
    /// Check whether the running service is ready. Exit code 0 means that it is
    Healthcheck(healthcheck::HealthcheckArguments),
    /// Print the OpenAPI document of the HTTP API
    Openapi,
    /// Print a shell completion script
    Completions {
        /// Shell for which to print the script
        shell: Shell,
    },
}

/// The configuration file, a source of settings besides flags and variables.
#[derive(Args, Clone, Debug)]
struct ConfigArgument {
    /// TOML file with settings, named like the flags without the leading dashes
    #[arg(long, value_name = "FILE", env = "ADDRESSBOOK_CONFIG")]
    config: Option<PathBuf>,
}

/// Runs the program with the arguments of its command line, on the store that `engine_of` selects.
/// Returns the exit code.
pub fn run(engine_of: EngineOf) -> ExitCode {
    let done = settings::read_command_line().and_then(|cli| {
        check_clock(SystemClock.now())?;
        match cli
            .command
            .unwrap_or_else(|| Command::Serve(Box::new(cli.serve)))
        {
            Command::Serve(arguments) => serve::run(*arguments, engine_of),
            Command::Import(arguments) => import::run(&arguments, engine_of),
            Command::Export(arguments) => export::run(&arguments, engine_of),
            Command::Migrate(arguments) => migrate::run(&arguments, engine_of),
            Command::Distribute(arguments) => distribute::run(&arguments, engine_of),
            Command::Keys(arguments) => keys::run(&arguments, engine_of),
            Command::Backup(arguments) => backup::run(&arguments, engine_of),
            Command::Restore(arguments) => restore::run(&arguments, engine_of),
            Command::Doctor(arguments) => doctor::run(&arguments, engine_of),
            Command::Healthcheck(arguments) => healthcheck::run(&arguments),
            Command::Openapi => {
                print(addressbook_http::openapi_json())?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Completions { shell } => {
                let (mut command, mut script) = (Cli::command(), Vec::new());
                clap_complete::generate(shell, &mut command, env!("CARGO_PKG_NAME"), &mut script);
                print(String::from_utf8_lossy(&script))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    });
    done.unwrap_or_else(|error| {
        eprintln!("addressbook: {error:#}");
        ExitCode::FAILURE
    })
}

/// Rejects a clock that was never set. Ids and records count from 1970, and libraries panic on
/// earlier times.
fn check_clock(now: Timestamp) -> anyhow::Result<()> {
    if now.unix_ms() < 0 {
        bail!("the machine's clock says {now}: expected a time after 1970; set it (NTP)");
    }
    Ok(())
}

/// The use cases on the addresses of a repository.
fn service(repository: Arc<dyn AddressRepository>, limits: ServiceLimits) -> AddressService {
    AddressService::new(repository, Arc::new(SystemClock), ids(), limits)
}

/// The use cases on the API keys of a repository.
fn api_keys(repository: Arc<dyn ApiKeyRepository>) -> ApiKeyService {
    ApiKeyService::new(
        repository,
        Arc::new(SystemClock),
        ids(),
        Arc::new(OsSecrets),
    )
}

/// Generates the ids of addresses and requests.
fn ids() -> Arc<UlidSource<SystemClock>> {
    Arc::new(UlidSource::new(SystemClock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_refused() {
        let at = |unix_ms| check_clock(Timestamp::from_unix_ms(unix_ms).unwrap());
        assert!(at(0).is_ok());
        let refused = at(-1).unwrap_err().to_string();
        assert!(refused.contains("1969-12-31T23:59:59.999Z"), "{refused}");
    }
}
