use std::io::{IsTerminal, Read, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line is written where no bar can be shown.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Shows how far an import is, on standard error: a bar with rate and time left on a
/// terminal, plain lines elsewhere.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// How many bytes were read, and up to which line: more than is imported.
    read_bytes: ProgressBar,
    read_line: ProgressBar,
    lines: u64,
    started: Instant,
    last_line: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    /// The progress of reading so many bytes, if that is known.
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

    /// The same input, with what is read of it counted.
    pub(crate) fn watch(&self, input: impl Read + Send + 'static) -> impl Read + Send + 'static {
        self.read_bytes.wrap_read(input)
    }

    /// Where to note up to which line the input was read.
    pub(crate) fn read_line(&self) -> ProgressBar {
        self.read_line.clone()
    }

    /// Notes that so many more lines are done, up to this one. What is shown says where to
    /// resume: should the program be killed, nobody else can.
    pub(crate) fn advance(&mut self, lines: u64, last: u64) {
        self.lines += lines;
        let (bytes, line) = (self.read_bytes.position(), self.read_line.position());
        let done = last as f64 / line.max(last).max(1) as f64;
        self.bar.set_position((bytes as f64 * done) as u64);
        let rate = self.lines as f64 / self.elapsed().as_secs_f64().max(0.001);
        let message = format!(
            "{} {}, {}/s, --from-line {} would resume",
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

    /// Writes a line of its own, above the bar.
    pub(crate) fn print(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// How long it has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
