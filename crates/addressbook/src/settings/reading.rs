//! Settings from the command line, variables and the configuration file.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Command, CommandFactory};

use crate::Cli;

/// Reads the command line, with the configuration file's settings in place of the
/// defaults. Exits when the arguments are wrong or ask for help.
pub(crate) fn read_command_line() -> anyhow::Result<Cli> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut command = Cli::command();
    if let Some(path) = config_path(&command, &arguments) {
        for (key, value) in read_config(&path)? {
            command = set_default(command, &key, value)
                .with_context(|| format!("{}: {key} is no setting", path.display()))?;
        }
    }
    if let Some(url) = std::env::var("DATABASE_URL")
        .ok()
        .filter(|url| !url.is_empty())
    {
        command = set_default(command, "database-url", url).context("every command has it")?;
    }
    let matches = command.get_matches_from(arguments);
    Ok(clap::FromArgMatches::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()))
}

/// What `--config` says, on whichever level it stands; other mistakes are reported later.
fn config_path(command: &Command, arguments: &[OsString]) -> Option<PathBuf> {
    let lenient = command.clone().ignore_errors(true);
    let matches = lenient.try_get_matches_from(arguments).ok()?;
    let mut level = &matches;
    while let Some((_, deeper)) = level.subcommand() {
        level = deeper;
    }
    level
        .try_get_one::<PathBuf>("config")
        .ok()
        .flatten()
        .cloned()
}

fn read_config(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
    let table: toml::Table = text
        .parse()
        .with_context(|| format!("{} is not TOML", path.display()))?;
    let mut settings = Vec::new();
    for (key, value) in table {
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            _ => bail!(
                "{}: {key} has to be a text, a number, true or false",
                path.display()
            ),
        };
        settings.push((key, value));
    }
    Ok(settings)
}

/// Replaces the default of a setting, in every command that has it. Only what also has a
/// variable is a setting.
fn set_default(command: Command, key: &str, value: String) -> Option<Command> {
    let mut known = false;
    let command = set_default_below(command, key, &value, &mut known);
    known.then_some(command)
}

fn set_default_below(mut command: Command, key: &str, value: &str, known: &mut bool) -> Command {
    let is_setting = |argument: &clap::Arg| {
        argument.get_long() == Some(key) && argument.get_env().is_some() && key != "config"
    };
    let id = command
        .get_arguments()
        .find(|argument| is_setting(argument))
        .map(clap::Arg::get_id);
    if let Some(id) = id.cloned() {
        *known = true;
        command = command.mut_arg(id, |argument| argument.default_value(value.to_owned()));
    }
    let names: Vec<_> = command
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .collect();
    for name in names {
        command = command.mut_subcommand(name, |level| set_default_below(level, key, value, known));
    }
    command
}
