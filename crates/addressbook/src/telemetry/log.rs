//! The log: structured, one line an event, on standard error.

use std::fmt;
use std::io::{self, IsTerminal};

use addressbook_adapters::SystemClock;
use addressbook_domain::Clock;
use anyhow::Context;
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{LogFormat, LogSettings};
use crate::telemetry::log_writer::LogWriter;

/// Logging, as long as this is kept.
pub(crate) struct Log(LogWriter);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// What `--log` lets through.
pub(crate) fn filter(settings: &LogSettings) -> anyhow::Result<EnvFilter> {
    let filter = &settings.log;
    // A word alone that is not a level would be a module, and turn off the log of all others.
    let is_level = |word: &str| {
        word.contains(['=', '[', ']', '{', '}']) || word.parse::<LevelFilter>().is_ok()
    };
    let parsed = EnvFilter::builder().parse(filter).ok();
    let parsed = parsed.filter(|_| filter.split(',').all(|word| is_level(word.trim())));
    parsed.with_context(|| {
        format!(
            "--log {filter:?}: expected a level (error, warn, info, debug, trace or off), or several \
             of LEVEL and MODULE=LEVEL with commas between them, such as info,actix_server=warn"
        )
    })
}

/// Starts logging.
pub(crate) fn start(settings: &LogSettings) -> anyhow::Result<Log> {
    let filter = filter(settings)?;
    let writer = LogWriter::start().context("cannot start the thread that writes the log")?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(UtcTime)
        .with_writer(writer.clone());
    match settings.log_format {
        LogFormat::Text => {
            subscriber
                .fmt_fields(debug_fn(write_field).delimited(" "))
                .with_target(false)
                .with_ansi(io::stderr().is_terminal())
                .finish()
                .with(discretion())
                .init();
        }
        LogFormat::Json => subscriber
            .json()
            .flatten_event(true)
            .finish()
            .with(discretion())
            .init(),
    }
    Ok(Log(writer))
}

/// Libraries that debug themselves print what came from clients. Whatever `--log` says, that
/// stays out.
fn discretion() -> Targets {
    Targets::new()
        .with_target("addressbook", LevelFilter::TRACE)
        .with_default(LevelFilter::INFO)
}

/// Times as in the service's answers.
struct UtcTime;

impl FormatTime for UtcTime {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        write!(line, "{}", SystemClock.now())
    }
}

/// Without the colours that the library's own way looks for at each word, even where there
/// are none.
fn write_field(line: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(line, "{value:?}"),
        name => write!(line, "{name}={value:?}"),
    }
}
