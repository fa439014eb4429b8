//! `addressbook backup`: copies a snapshot of the database to a file, while the service runs.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use addressbook_domain::{CopyError, CopyStep, CopySummary, Engine, Maintenance};
use anyhow::{Context, anyhow};
use clap::Args;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use sha2::{Digest, Sha256};

use crate::ConfigArgument;
use crate::output::print;
use crate::settings::DatabaseSettings;
use crate::store::EngineOf;

#[derive(Args, Debug)]
pub(crate) struct BackupArguments {
    /// File to write. It must not exist
    file: PathBuf,

    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    database: DatabaseSettings,
}

/// The exit code for a store that is copied with its own tools.
pub(crate) const EXIT_OTHER_TOOLS: u8 = 2;

pub(crate) fn run(arguments: &BackupArguments, engine_of: EngineOf) -> anyhow::Result<ExitCode> {
    let file = &arguments.file;
    let engine = engine_of(&arguments.database)?;
    let copied = copy(&*engine, |store, progress| store.backup(file, progress));
    let Some(summary) = copied.context("nothing was backed up")? else {
        return Ok(ExitCode::from(EXIT_OTHER_TOOLS));
    };
    let description = description(file.display(), &summary);
    print(format_args!("{description}\nSHA-256 {}\n", sha256(file)?))?;
    Ok(ExitCode::SUCCESS)
}

/// Copies a store. Returns `None` if the store is copied with its own tools, and names them on
/// standard error.
pub(crate) fn copy(
    engine: &dyn Engine,
    copy: impl FnOnce(&dyn Maintenance, &mut dyn FnMut(CopyStep)) -> Result<CopySummary, CopyError>,
) -> anyhow::Result<Option<CopySummary>> {
    let copied = match engine.maintenance() {
        Some(maintenance) => with_bar(|progress| copy(maintenance, progress)),
        None => Err(CopyError::OtherTools(format!(
            "nothing was copied: copy {} with its own tools",
            engine.name()
        ))),
    };
    match copied {
        Ok(summary) => Ok(Some(summary)),
        Err(CopyError::OtherTools(advice)) => {
            eprintln!("addressbook: {advice}");
            Ok(None)
        }
        Err(CopyError::Failed(error)) => Err(anyhow!(error)),
    }
}

/// Runs a copy, and shows a progress bar if standard error is a terminal.
fn with_bar<T>(copy: impl FnOnce(&mut dyn FnMut(CopyStep)) -> T) -> T {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}") {
        bar.set_style(style);
    }
    let done = copy(&mut |step| match step {
        CopyStep::Copying {
            done_bytes,
            total_bytes,
        } => {
            bar.set_length(total_bytes);
            bar.set_position(done_bytes);
            bar.set_message(format!("{} copied", HumanBytes(done_bytes)));
        }
        CopyStep::Checking => bar.set_message("checking the copy"),
    });
    bar.finish_and_clear();
    done
}

/// Describes the contents of a copy in one line.
pub(crate) fn description(location: impl Display, summary: &CopySummary) -> String {
    format!(
        "{location}: {} bytes, checked: {} addresses of {} customers, {} earlier revisions",
        HumanCount(summary.bytes),
        HumanCount(summary.addresses),
        HumanCount(summary.customers),
        HumanCount(summary.past_revisions),
    )
}

fn sha256(file: &Path) -> io::Result<String> {
    let mut file = File::open(file)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    let bytes = hasher.finalize();
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
