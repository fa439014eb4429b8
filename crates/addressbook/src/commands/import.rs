//! `addressbook import`: imports addresses from a file in batches. Each batch is imported as a
//! whole or not at all.

mod progress;
mod source;

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::mem;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;

use addressbook_domain::{
    AddressService, Commit, ImportEntry, ImportError, ImportOptions, ImportOutcome, OnConflict,
    OnDuplicateEntry, OnError, OpenMode, TooManyPurposes,
};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;

use self::progress::Progress;
use crate::ConfigArgument;
use crate::format::{Columns, Format, Line, LineRange, Lines};
use crate::output::print;
use crate::settings::{DatabaseSettings, LimitSettings, LogSettings, whole_number};
use crate::store::{self, EngineOf};
use crate::telemetry::log;
use crate::usage;

#[derive(Args, Debug)]
pub(crate) struct ImportArguments {
    /// File to import, or - for standard input. It may be compressed with gzip
    file: PathBuf,

    /// Format of the file. Default: CSV for .csv and .tsv files, even if compressed (.csv.gz),
    /// otherwise NDJSON
    #[arg(long, value_enum)]
    format: Option<Format>,

    #[command(flatten)]
    columns: Columns,

    /// What to do with a line that cannot be imported
    #[arg(long, value_enum, default_value = "stop")]
    on_error: ErrorChoice,

    /// What to do with a line whose id exists with different content
    #[arg(long = "on-conflict", value_enum, default_value = "error")]
    on_conflict: ConflictChoice,

    /// What to do with a line that would create an address that the customer has already
    #[arg(long, value_enum, default_value = "create")]
    on_duplicate: DuplicateChoice,

    /// Number of the first line to import
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    #[arg(value_parser = whole_number(1..=u64::MAX))]
    from_line: u64,

    /// Number of lines per batch. A batch is imported as a whole or not at all
    #[arg(long, value_name = "LINES", env = "ADDRESSBOOK_IMPORT_BATCH_LINES")]
    #[arg(default_value_t = 20_000, value_parser = whole_number(1..=Commit::MAX_CHANGES))]
    import_batch_lines: u32,

    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    limits: LimitSettings,
    #[command(flatten)]
    log: LogSettings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ErrorChoice {
    /// Stop at the line. Nothing of its batch is imported
    Stop,
    /// Report the line and continue. The exit code is then 2
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConflictChoice {
    /// The line cannot be imported
    Error,
    /// The address gets the line's content. Fields that the line omits do not change
    Update,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DuplicateChoice {
    /// Create the address
    Create,
    /// Report the line and continue. That is not an error
    Skip,
}

/// The exit code when lines were skipped.
const EXIT_SKIPPED: u8 = 2;

pub(crate) fn run(arguments: &ImportArguments, engine_of: EngineOf) -> anyhow::Result<ExitCode> {
    if let Some(contradiction) = arguments.contradiction() {
        usage::exit_with_conflict("import", contradiction);
    }
    let _log = log::start(&arguments.log)?;
    let (input, bytes) = open(&arguments.file)?;
    let progress = Progress::new(bytes);
    let input = source::decode(progress.watch(input))?;
    let lines = arguments.format().read(input, arguments.columns.clone())?;
    let store = store::open(&*engine_of(&arguments.database)?, OpenMode::CreateOrMigrate)?;
    let service = crate::service(store.addresses, arguments.limits.limits());
    let mut import = Import {
        arguments,
        service,
        progress,
        report: Report::of(arguments),
        imported_through: None,
        step: usize::MAX,
    };
    let lines = read_ahead(lines, import.progress.read_line());
    let done = actix_web::rt::System::new().block_on(import.run(lines));
    import.progress.finish();
    let seconds = import.progress.elapsed().as_secs_f64();
    print(format_args!("{}\n", import.report.summary(seconds)))?;
    done?;
    Ok(match import.report.skipped {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_SKIPPED),
    })
}

/// The reading thread sends `LINES_AHEAD` lines in each step, so that the cost of sending is
/// negligible. It is at most `STEPS_AHEAD` steps ahead of the import, so that memory is bounded.
const LINES_AHEAD: usize = 500;
const STEPS_AHEAD: usize = 4;

/// Reads the lines on a separate thread while earlier ones are imported. The thread ends after the
/// last line or with the program, which does not wait for input that it no longer needs.
fn read_ahead(
    mut lines: Lines<'static>,
    read_line: ProgressBar,
) -> impl Iterator<Item = anyhow::Result<Line>> {
    let (sender, receiver) = sync_channel(STEPS_AHEAD);
    thread::spawn(move || {
        loop {
            let step: Vec<_> = lines.by_ref().take(LINES_AHEAD).collect();
            if let Some(Ok(line)) = step.last() {
                read_line.set_position(line.range.last);
            }
            if step.is_empty() || sender.send(step).is_err() {
                return;
            }
        }
    });
    receiver.into_iter().flatten()
}

fn open(file: &PathBuf) -> anyhow::Result<(Box<dyn Read + Send>, Option<u64>)> {
    if file.as_os_str() == "-" {
        return Ok((Box::new(io::stdin()), None));
    }
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let metadata = opened.metadata().ok();
    if metadata.as_ref().is_some_and(Metadata::is_dir) {
        bail!("cannot read {}: it is a directory", file.display());
    }
    let bytes = metadata
        .filter(|data| data.is_file())
        .map(|data| data.len());
    if bytes == Some(0) && has_extension(file, &["gz"]) {
        bail!("{} is empty: expected gzip data", file.display());
    }
    Ok((Box::new(opened), bytes))
}

fn has_extension(path: &Path, names: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default();
    names
        .iter()
        .any(|name| extension.eq_ignore_ascii_case(name))
}

impl ImportArguments {
    fn format(&self) -> Format {
        let unpacked = match has_extension(&self.file, &["gz"]) {
            true => self.file.with_extension(""),
            false => self.file.clone(),
        };
        let is_csv = has_extension(&unpacked, &["csv", "tsv"]);
        self.format
            .unwrap_or(if is_csv { Format::Csv } else { Format::Ndjson })
    }

    /// Describes a contradiction between the flags, if there is one.
    fn contradiction(&self) -> Option<String> {
        if self.columns.delimiter.is_some() && self.format() == Format::Ndjson {
            return Some(
                "--delimiter is for CSV, but the file is read as NDJSON: also pass --format csv"
                    .to_owned(),
            );
        }
        self.columns.contradiction()
    }

    fn options(&self) -> ImportOptions {
        ImportOptions {
            on_error: match self.on_error {
                ErrorChoice::Stop => OnError::Stop,
                ErrorChoice::Skip => OnError::Skip,
            },
            on_conflict: match self.on_conflict {
                ConflictChoice::Error => OnConflict::Reject,
                ConflictChoice::Update => OnConflict::Update,
            },
            on_duplicate: match self.on_duplicate {
                DuplicateChoice::Create => OnDuplicateEntry::Create,
                DuplicateChoice::Skip => OnDuplicateEntry::Skip,
            },
        }
    }
}

/// The number of lines so far, by outcome.
struct Report {
    created: u64,
    updated: u64,
    unchanged: u64,
    /// `None`: duplicates are created.
    duplicates: Option<u64>,
    skipped: u64,
}

impl Report {
    /// Nothing was imported yet.
    fn of(arguments: &ImportArguments) -> Self {
        Self {
            created: 0,
            updated: 0,
            unchanged: 0,
            duplicates: (arguments.on_duplicate == DuplicateChoice::Skip).then_some(0),
            skipped: 0,
        }
    }

    fn summary(&self, seconds: f64) -> String {
        let Self {
            created,
            updated,
            unchanged,
            duplicates,
            skipped,
        } = self;
        let lines = created + updated + unchanged + duplicates.unwrap_or(0) + skipped;
        let noun = if lines == 1 { "line" } else { "lines" };
        let duplicates = duplicates.map_or(String::new(), |count| format!("{count} duplicate, "));
        format!(
            "{lines} {noun} in {seconds:.1} s: {created} created, {updated} updated, \
             {unchanged} unchanged, {duplicates}{skipped} skipped"
        )
    }
}

/// A running import.
struct Import<'a> {
    arguments: &'a ImportArguments,
    service: AddressService,
    progress: Progress,
    report: Report,
    /// The last line that was imported.
    imported_through: Option<u64>,
    /// The number of lines that are imported together: fewer if their books keep changing.
    step: usize,
}

const CONFLICT: &str =
    "id: exists with different content or default addresses; use --on-conflict update to change it";
/// A line without an id has the content of the address that it matches.
const CONFLICT_WITHOUT_ID: &str = "default_for: the address exists with different default addresses; use --on-conflict update to \
     change them";
fn conflict(entry: &ImportEntry) -> &'static str {
    match entry.id {
        Some(_) => CONFLICT,
        None => CONFLICT_WITHOUT_ID,
    }
}

const BOOK_FULL: &str = "customer_id: the customer has the maximum number of addresses";
const DUPLICATE: &str = "the customer has the same address already";
const TOO_MANY_REVISIONS: &str = "id: the address has the maximum number of revisions";
const HISTORY_FULL: &str = "customer_id: the customer has the maximum number of past revisions";

impl Import<'_> {
    async fn run(
        &mut self,
        lines: impl Iterator<Item = anyhow::Result<Line>>,
    ) -> anyhow::Result<()> {
        let mut batch = Batch::default();
        let mut last_line = 0;
        for line in lines {
            let line = line.with_context(|| format!("cannot go on; {}", self.stopped(&batch)))?;
            last_line = line.range.last;
            if line.range.first < self.arguments.from_line {
                continue;
            }
            self.take(line, &mut batch)?;
            if batch.entries.len() >= self.arguments.import_batch_lines as usize {
                self.import(&mut batch).await?;
            }
        }
        self.import(&mut batch).await?;
        // If all lines are imported already, an import resumes at the line after the last one.
        let from_line = self.arguments.from_line;
        if from_line > last_line.max(1) + 1 {
            bail!("--from-line {from_line}: the last address of the file is on line {last_line}");
        }
        Ok(())
    }

    /// Adds a line to the batch if it is valid. Otherwise skips it or fails, as `--on-error` says.
    fn take(&mut self, line: Line, batch: &mut Batch) -> anyhow::Result<()> {
        batch.first_line.get_or_insert(line.range.first);
        let limits = self.service.limits().content;
        let entry = line.entry.and_then(|entry| {
            limits.check(entry.content.new_content())?;
            Ok(entry)
        });
        match entry {
            Ok(entry) => {
                batch.numbers.push(line.range);
                batch.entries.push(entry);
            }
            Err(error) if self.arguments.on_error == ErrorChoice::Skip => {
                self.skip(line.range, &error.to_string());
            }
            Err(error) => bail!("{}: {error}; {}", line.range, self.stopped(batch)),
        }
        Ok(())
    }

    /// Imports a batch, in steps.
    async fn import(&mut self, batch: &mut Batch) -> anyhow::Result<()> {
        let mut rest = mem::take(batch);
        while !rest.entries.is_empty() {
            let step = rest.split_off_first(self.step);
            if !self.import_step(&step).await? {
                self.step = (step.entries.len() / 2).max(1);
                rest = step.followed_by(rest);
            }
        }
        Ok(())
    }

    /// Imports lines together. Returns `false` if there are too many, because their books keep
    /// changing.
    async fn import_step(&mut self, batch: &Batch) -> anyhow::Result<bool> {
        let imported = self
            .service
            .import(&batch.entries, self.arguments.options())
            .await;
        let outcomes = match imported {
            Ok(outcomes) => outcomes,
            Err(ImportError::Conflict { index }) => {
                bail!(
                    "{}: {}; {}",
                    batch.numbers[index],
                    conflict(&batch.entries[index]),
                    self.stopped(batch)
                )
            }
            Err(ImportError::BookFull {
                index,
                max_addresses,
            }) => bail!(
                "{}: {BOOK_FULL} ({max_addresses}, --max-addresses); {}",
                batch.numbers[index],
                self.stopped(batch)
            ),
            Err(ImportError::TooManyRevisions {
                index,
                max_revisions,
            }) => bail!(
                "{}: {TOO_MANY_REVISIONS} ({max_revisions}, --max-revisions); {}",
                batch.numbers[index],
                self.stopped(batch)
            ),
            Err(ImportError::HistoryFull {
                index,
                max_past_revisions,
            }) => bail!(
                "{}: {HISTORY_FULL} ({max_past_revisions}, --max-past-revisions); {}",
                batch.numbers[index],
                self.stopped(batch)
            ),
            Err(ImportError::TooManyPurposes { index, error }) => bail!(
                "{}: default_for: {error}; {}",
                batch.numbers[index],
                self.stopped(batch)
            ),
            Err(ImportError::BooksKeptChanging) => return Ok(false),
            Err(ImportError::Repository(error)) => {
                return Err(error).with_context(|| self.stopped(batch));
            }
        };
        for ((number, entry), outcome) in batch.numbers.iter().zip(&batch.entries).zip(outcomes) {
            match outcome {
                ImportOutcome::Created => self.report.created += 1,
                ImportOutcome::Updated => self.report.updated += 1,
                ImportOutcome::Unchanged => self.report.unchanged += 1,
                ImportOutcome::Duplicate => self.skip_duplicate(*number),
                ImportOutcome::Conflict => self.skip(*number, conflict(entry)),
                ImportOutcome::TooManyPurposes => {
                    self.skip(*number, &format!("default_for: {TooManyPurposes}"));
                }
                ImportOutcome::BookFull => self.skip(*number, BOOK_FULL),
                ImportOutcome::TooManyRevisions => self.skip(*number, TOO_MANY_REVISIONS),
                ImportOutcome::HistoryFull => self.skip(*number, HISTORY_FULL),
            }
        }
        if let Some(last) = batch.numbers.last().map(|numbers| numbers.last) {
            self.progress.advance(batch.entries.len() as u64, last);
            self.imported_through = Some(last);
        }
        Ok(true)
    }

    /// Counts a line apart from those that cannot be imported.
    fn skip_duplicate(&mut self, lines: LineRange) {
        *self.report.duplicates.get_or_insert_default() += 1;
        self.progress.print(&format!("{lines}: {DUPLICATE}"));
    }

    fn skip(&mut self, lines: LineRange, reason: &str) {
        self.report.skipped += 1;
        self.progress.print(&format!("{lines}: {reason}; skipped"));
    }

    /// Describes what was imported before an early end, and how to resume.
    fn stopped(&self, batch: &Batch) -> String {
        let Some(last) = self.imported_through else {
            return "stopped: no line was imported".to_owned();
        };
        let line = batch.first_line.unwrap_or(last + 1);
        format!(
            "stopped: only the lines before line {line} were imported; \
             resume with --from-line {line}"
        )
    }
}

/// Lines that are imported together.
#[derive(Default)]
struct Batch {
    first_line: Option<u64>,
    numbers: Vec<LineRange>,
    entries: Vec<ImportEntry>,
}

impl Batch {
    /// Takes the first lines, at most this many.
    fn split_off_first(&mut self, count: usize) -> Self {
        let count = count.min(self.entries.len());
        let rest = Self::of(self.numbers.split_off(count), self.entries.split_off(count));
        mem::replace(self, rest)
    }

    fn followed_by(mut self, rest: Self) -> Self {
        self.numbers.extend(rest.numbers);
        self.entries.extend(rest.entries);
        self
    }

    fn of(numbers: Vec<LineRange>, entries: Vec<ImportEntry>) -> Self {
        Self {
            first_line: numbers.first().map(|lines| lines.first),
            numbers,
            entries,
        }
    }
}
