//! Reads settings from the command line, variables and the configuration file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory};

use crate::Cli;
use crate::nearest::nearest;

/// Reads the command line, with the configuration file's settings in place of the defaults. Exits
/// if the arguments are invalid or request help.
pub(crate) fn read_command_line() -> anyhow::Result<Cli> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut command = Cli::command();
    let config = config_path(&command, &arguments);
    if let Some(path) = &config {
        for (key, value) in read_config(path)? {
            command = set_default(command, &key, value).with_context(|| {
                let known = names(&Cli::command(), |argument| {
                    argument.get_env()?;
                    Some(argument.get_long()?.to_owned())
                });
                let hint = hint(&key, &known);
                format!("{}: {key} is not a setting{hint}", path.display())
            })?;
        }
    }
    if let Some(url) = std::env::var("DATABASE_URL")
        .ok()
        .filter(|url| !url.is_empty())
    {
        command = set_default(command, "database-url", url).context("no --database-url flag")?;
    }
    let matches = command
        .try_get_matches_from_mut(&arguments)
        .unwrap_or_else(|error| explained(error, &command, &arguments, config.as_deref()).exit());
    Ok(clap::FromArgMatches::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()))
}

/// Adds to an error where the invalid value comes from, or what to do with a flag before its
/// command.
fn explained(
    mut error: clap::Error,
    command: &Command,
    arguments: &[OsString],
    config: Option<&Path>,
) -> clap::Error {
    if error.kind() == ErrorKind::ArgumentConflict
        && error.get(ContextKind::InvalidSubcommand).is_some()
    {
        let tip = vec!["put flags after the command".into()];
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tip));
    } else if matches!(
        error.kind(),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue
    ) && let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
        && let Some(origin) = origin(flag, command, arguments, config)
    {
        error.insert(ContextKind::InvalidArg, ContextValue::String(origin));
    }
    error
}

/// The variable, or the key in the configuration file, that contains the value of a setting. `None`
/// if the command line does. The flag is as in usage texts, such as `--pool-size <COUNT>`.
fn origin(
    flag: &str,
    command: &Command,
    arguments: &[OsString],
    config: Option<&Path>,
) -> Option<String> {
    let flag = flag.split(' ').next().unwrap_or(flag);
    let is_flag = |argument: &OsString| {
        let rest = argument.to_str().and_then(|text| text.strip_prefix(flag));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    if arguments.iter().any(is_flag) {
        return None;
    }
    let name = flag.trim_start_matches('-');
    let variables = names(command, |argument| {
        let variable = argument.get_env()?.to_str()?.to_owned();
        (argument.get_long() == Some(name)).then_some(variable)
    });
    let is_set = |variable: &String| std::env::var_os(variable).is_some();
    variables
        .into_iter()
        .find(is_set)
        .or_else(|| config.map(|path| format!("{name} in {}", path.display())))
}

/// A warning about variables that look like settings but are not.
pub(crate) fn misspelt_variables() -> Option<String> {
    let known = names(&Cli::command(), |argument| {
        Some(argument.get_env()?.to_str()?.to_owned())
    });
    let misspelt: Vec<_> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("ADDRESSBOOK_") && !known.contains(name))
        .map(|name| format!("{name}{}", hint(&name, &known)))
        .collect();
    let list = misspelt.join(" or ");
    (!misspelt.is_empty())
        .then(|| format!("no setting is called {list}: correct the name or remove the variable"))
}

/// Collects what `name` returns for the arguments of all commands.
fn names(command: &Command, name: impl Fn(&Arg) -> Option<String>) -> BTreeSet<String> {
    let levels = command.get_subcommands().chain([command]);
    levels
        .flat_map(Command::get_arguments)
        .filter_map(name)
        .collect()
}

/// Suggests the name that was probably meant, if there is one.
fn hint(written: &str, known: &BTreeSet<String>) -> String {
    nearest(written, known.iter().map(String::as_str))
        .map(|name| format!(" (did you mean {name}?)"))
        .unwrap_or_default()
}

/// The value of `--config`, before or after the command. Other errors are reported later.
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
                "{}: {key}: expected a string, a number, true or false; write several values as \
                 one string",
                path.display()
            ),
        };
        settings.push((key, value));
    }
    Ok(settings)
}

/// Replaces the default of a setting in every command that has it. Returns `None` if none has. Only
/// flags with a variable are settings.
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
