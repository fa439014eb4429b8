//! The log: structured, one line per event, on standard error.

use std::fmt;
use std::io::{self, IsTerminal};

use addressbook_adapters::SystemClock;
use addressbook_domain::Clock;
use anyhow::Context;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{LogFormat, LogSettings};
use crate::telemetry::log_line::PlainLines;
use crate::telemetry::log_writer::LogWriter;

/// The running log. When dropped, it writes the lines that wait.
pub(crate) struct Log(LogWriter);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Parses the filter in `--log`.
pub(crate) fn filter(settings: &LogSettings) -> anyhow::Result<EnvFilter> {
    let filter = &settings.log;
    // A single word that is not a level would be a module, and turn off the log of all others.
    let is_level = |word: &str| {
        word.contains(['=', '[', ']', '{', '}']) || word.parse::<LevelFilter>().is_ok()
    };
    let parsed = EnvFilter::builder().parse(filter).ok();
    let parsed = parsed.filter(|_| filter.split(',').all(|word| is_level(word.trim())));
    parsed.with_context(|| {
        format!(
            "--log {filter:?}: expected a level (error, warn, info, debug, trace or off), or a \
             list of LEVEL and MODULE=LEVEL, separated by commas, such as info,actix_server=warn"
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
        LogFormat::Text if io::stderr().is_terminal() => {
            subscriber
                .with_target(false)
                .finish()
                .with(discretion())
                .init();
        }
        LogFormat::Text => subscriber
            .event_format(PlainLines)
            .finish()
            .with(discretion())
            .init(),
        LogFormat::Json => subscriber
            .json()
            .flatten_event(true)
            .finish()
            .with(discretion())
            .init(),
    }
    Ok(Log(writer))
}

/// Excludes the debug messages of libraries, whatever `--log` says, because they contain data of
/// clients.
fn discretion() -> Targets {
    Targets::new()
        .with_target("addressbook", LevelFilter::TRACE)
        .with_default(LevelFilter::INFO)
}

/// Formats times as in the service's responses.
struct UtcTime;

impl FormatTime for UtcTime {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        write!(line, "{}", SystemClock.now())
    }
}
