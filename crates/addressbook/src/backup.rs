//! `addressbook backup`: copies the database as of one moment into a file, while it is used.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use addressbook_adapters::{BackupError, CopyStep, DatabaseUrl, PostgresUrl, Rows};
use anyhow::Context;
use clap::Args;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use sha2::{Digest, Sha256};

use crate::ConfigArgument;
use crate::settings::DatabaseSettings;

#[derive(Args, Debug)]
pub(crate) struct BackupArguments {
    /// The file to write; it must not exist
    file: PathBuf,

    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    database: DatabaseSettings,
}

/// The exit code when the database is of a kind that has tools of its own.
pub(crate) const EXIT_OTHER_TOOLS: u8 = 2;

pub(crate) fn run(arguments: &BackupArguments) -> anyhow::Result<ExitCode> {
    let file = &arguments.file;
    match arguments.database.url()? {
        DatabaseUrl::Sqlite(database) => {
            let rows = showing(|progress| addressbook_adapters::backup(&database, file, progress))
                .context("nothing was backed up")?;
            println!("{}", summary(file, &rows)?);
            println!("SHA-256 {}", sha256(file)?);
            Ok(ExitCode::SUCCESS)
        }
        DatabaseUrl::Postgres(url) => {
            eprintln!("{}", tools_to_back_up(&url, file));
            Ok(ExitCode::from(EXIT_OTHER_TOOLS))
        }
    }
}

/// Runs a copy with a bar on a terminal, and with nothing elsewhere.
pub(crate) fn showing(
    copy: impl FnOnce(&mut dyn FnMut(CopyStep)) -> Result<Rows, BackupError>,
) -> Result<Rows, BackupError> {
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

/// What a file holds, in one line.
pub(crate) fn summary(file: &Path, rows: &Rows) -> anyhow::Result<String> {
    let bytes = file.metadata().context("cannot read the copy")?.len();
    Ok(format!(
        "{}: {} bytes, checked: {} addresses of {} customers, {} earlier revisions",
        file.display(),
        HumanCount(bytes),
        HumanCount(rows.addresses()),
        HumanCount(rows.customers()),
        HumanCount(rows.earlier_revisions()),
    ))
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

fn tools_to_back_up(url: &PostgresUrl, file: &Path) -> String {
    let (url, file) = (quoted(url.without_passwords()), quoted(file));
    format!(
        "addressbook: nothing was backed up. The database is PostgreSQL's, which has tools for this.
This database, as of one moment, while it is used:
  pg_dump --format=custom --file={file} {url}
The whole server, and every moment since (with archive_command and wal_level=replica):
  pg_basebackup --pgdata=FOLDER --wal-method=stream --checkpoint=fast --dbname={url}
The password comes from PGPASSWORD or ~/.pgpass."
    )
}

/// As a shell takes it for one word.
pub(crate) fn quoted(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().to_string_lossy();
    format!("'{}'", word.replace('\'', r"'\''"))
}
