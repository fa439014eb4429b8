use std::fmt::Display;

use clap::CommandFactory;
use clap::error::ErrorKind;

use crate::Cli;

/// Ends the program because flags of a command contradict each other, as for every mistake on the
/// command line: with a message, the usage and exit code 2.
pub(crate) fn refuse(command: &str, message: impl Display) -> ! {
    let mut cli = Cli::command();
    cli.build();
    let error = match cli.find_subcommand_mut(command) {
        Some(command) => command.error(ErrorKind::ArgumentConflict, message),
        None => cli.error(ErrorKind::ArgumentConflict, message),
    };
    error.exit()
}
