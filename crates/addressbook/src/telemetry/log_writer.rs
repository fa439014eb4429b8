//! Where the log's lines go.

use std::io::{self, BufWriter, Stderr, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait for others, so that they are written together.
const PATIENCE: Duration = Duration::from_millis(50);

/// How many bytes of lines wait at most: some hundreds of lines.
const CAPACITY: usize = 64 * 1024;

/// Standard error, to which many lines go at once. To write each of them by itself took a
/// sixth of the time of a short request.
///
/// Warnings and errors do not wait, and take what waits with them. A process that is killed
/// loses what waits.
#[derive(Clone)]
pub(crate) struct LogWriter(Arc<Shared>);

struct Shared {
    lines: Mutex<BufWriter<Stderr>>,
    /// Told of the first line that waits.
    waiting: Condvar,
}

impl LogWriter {
    /// Starts the thread that writes what has waited.
    pub(crate) fn start() -> io::Result<Self> {
        let writer = Self(Arc::new(Shared {
            lines: Mutex::new(BufWriter::with_capacity(CAPACITY, io::stderr())),
            waiting: Condvar::new(),
        }));
        let for_thread = writer.clone();
        thread::Builder::new()
            .name("log".into())
            .spawn(move || for_thread.write_what_waits())?;
        Ok(writer)
    }

    fn write_what_waits(&self) {
        loop {
            let lines = self.lines();
            let waits = self
                .0
                .waiting
                .wait_while(lines, |lines| lines.buffer().is_empty());
            drop(waits);
            thread::sleep(PATIENCE);
            self.flush();
        }
    }

    /// Writes what waits. There is nobody to tell that the log cannot be written.
    pub(crate) fn flush(&self) {
        let _ = self.lines().flush();
    }

    fn lines(&self) -> MutexGuard<'_, BufWriter<Stderr>> {
        // Whoever panicked had a whole line in it, or none.
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line that goes to the others.
pub(crate) struct Line<'a> {
    log: &'a LogWriter,
    urgent: bool,
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            log: self,
            urgent: true,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        Line {
            log: self,
            urgent: *metadata.level() <= Level::WARN,
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = self.log.lines();
        if lines.buffer().is_empty() {
            self.log.0.waiting.notify_one();
        }
        lines.write_all(line)?;
        if self.urgent {
            lines.flush()?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.log.lines().flush()
    }
}
