use std::io::{IsTerminal, Read, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a progress line is printed if standard error is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Shows the progress of an import on standard error: a bar with rate and remaining time on a
/// terminal, plain lines elsewhere.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// How many bytes were read, and through which line. This is ahead of the import.
    read_bytes: ProgressBar,
    read_line: ProgressBar,
    lines: u64,
    started: Instant,
    last_line: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    /// Starts to show progress. `bytes` is the size of the input, if known.
    pub(crate) fn new(bytes: Option<u64>) -> Self {
        let is_terminal = stderr().is_terminal();
        let target = match is_terminal {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(bytes, target);
        let template = match bytes {
            Some(_) => "{wide_bar} {percent:>3} %  {msg}  {eta} left",
            None => "{spinner} {bytes} read  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            bar,
            read_bytes: ProgressBar::hidden(),
            read_line: ProgressBar::hidden(),
            lines: 0,
            started: Instant::now(),
            last_line: None,
            is_terminal,
        }
    }

    /// Returns the same input, and counts the bytes that are read from it.
    pub(crate) fn watch(&self, input: impl Read + Send + 'static) -> impl Read + Send + 'static {
        self.read_bytes.wrap_read(input)
    }

    /// A hidden bar whose position is the number of the last line that was read.
    pub(crate) fn read_line(&self) -> ProgressBar {
        self.read_line.clone()
    }

    /// Records that `lines` more lines are done, through line `last`. The output says where to
    /// resume, because a program that is killed can no longer say so.
    pub(crate) fn advance(&mut self, lines: u64, last: u64) {
        self.lines += lines;
        let (bytes, line) = (self.read_bytes.position(), self.read_line.position());
        let done = last as f64 / line.max(last).max(1) as f64;
        self.bar.set_position((bytes as f64 * done) as u64);
        let rate = self.lines as f64 / self.elapsed().as_secs_f64().max(0.001);
        let message = format!(
            "{} {}, {}/s, --from-line {} to resume",
            HumanCount(self.lines),
            if self.lines == 1 { "line" } else { "lines" },
            HumanCount(rate as u64),
            last + 1,
        );
        let is_due = self
            .last_line
            .is_none_or(|last_line| last_line.elapsed() >= LINE_INTERVAL);
        if !self.is_terminal && is_due {
            self.last_line = Some(Instant::now());
            match self.bar.length() {
                Some(bytes) if bytes > 0 => eprintln!(
                    "{message}, {} % done, {} left",
                    self.bar.position() * 100 / bytes,
                    HumanDuration(self.bar.eta()),
                ),
                _ => eprintln!("{message}"),
            }
        }
        self.bar.set_message(message);
    }

    /// Prints a line above the bar.
    pub(crate) fn print(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// The time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
