//! `addressbook doctor`: says what is wrong, and what to do. It changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::process::ExitCode;

use addressbook_adapters::{Finding, SystemClock, Verdict};
use addressbook_domain::{Clock, Timestamp};
use clap::{Args, CommandFactory};

use crate::serve::ServeArguments;
use crate::settings::{JwtSettings, LogSettings};
use crate::{Cli, telemetry};

#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    /// Look at everything, however long that takes
    #[arg(long)]
    full: bool,

    // The settings that a start would have: who gets here has had them read.
    #[command(flatten)]
    serve: ServeArguments,
}

pub(crate) fn run(arguments: &DoctorArguments) -> anyhow::Result<ExitCode> {
    let serve = &arguments.serve;
    let workers = serve.workers().try_into()?;
    let mut findings = vec![
        configuration(),
        log_filter(&serve.log),
        token_keys(&serve.jwt),
        program(SystemClock.now()),
    ];
    findings.extend(serve.database.examine(arguments.full, workers));
    for finding in &findings {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
        };
        println!("{verdict:<8} {:<15} {}", finding.what, finding.says);
    }
    let failed = findings
        .iter()
        .any(|finding| finding.verdict == Verdict::Failed);
    Ok(ExitCode::from(u8::from(failed)))
}

/// Settings were read when the program started; what is left are names that nobody reads.
fn configuration() -> Finding {
    let unknown: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("ADDRESSBOOK_") && !variables().contains(name))
        .collect();
    match unknown.is_empty() {
        true => Finding::ok("configuration", "no variable is misspelt"),
        false => Finding::warning(
            "configuration",
            format!(
                "no setting is called {}: mend the name or take it away",
                unknown.join(" or ")
            ),
        ),
    }
}

fn log_filter(settings: &LogSettings) -> Finding {
    match telemetry::filter(settings) {
        Ok(_) => Finding::ok("log filter", "can be read"),
        Err(error) => Finding::failed("log filter", format!("{error:#}")),
    }
}

fn token_keys(settings: &JwtSettings) -> Finding {
    match settings.authenticator() {
        Ok(Some(_)) => Finding::ok("token keys", "can be read"),
        Ok(None) => Finding::ok("token keys", "none: no token is let in"),
        Err(error) => Finding::failed("token keys", format!("{error:#}")),
    }
}

/// The variables of all commands.
fn variables() -> BTreeSet<String> {
    let command = Cli::command();
    let levels = command.get_subcommands().chain([&command]);
    levels
        .flat_map(clap::Command::get_arguments)
        .filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned()))
        .collect()
}

/// The program cannot be newer than today.
fn program(now: Timestamp) -> Finding {
    let written = std::env::current_exe()
        .and_then(fs::metadata)
        .and_then(|file| file.modified())
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_millis()).ok());
    let version = env!("CARGO_PKG_VERSION");
    match written {
        Some(written_ms) if written_ms > now.unix_ms() => Finding::failed(
            "program",
            format!("{version} is from later than {now}: set the machine's clock (NTP)"),
        ),
        _ => Finding::ok("program", version),
    }
}
