use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Writes to standard output. It is not an error if the reader has closed the pipe, as `head` does:
/// the command has done its work.
pub(crate) fn print(text: impl Display) -> anyhow::Result<()> {
    let mut output = io::stdout();
    match write!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
