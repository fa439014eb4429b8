use std::fmt::Display;

use clap::CommandFactory;
use clap::error::ErrorKind;

use crate::Cli;

/// Exits because flags of a command contradict each other. As for any error on the command line,
/// prints a message and the usage, and exits with code 2.
pub(crate) fn exit_with_conflict(command: &str, message: impl Display) -> ! {
    let mut cli = Cli::command();
    cli.build();
    let error = match cli.find_subcommand_mut(command) {
        Some(command) => command.error(ErrorKind::ArgumentConflict, message),
        None => cli.error(ErrorKind::ArgumentConflict, message),
    };
    error.exit()
}
