//! Splits CSV into records, strictly by RFC 4180. The csv crate accepts misplaced quotation
//! marks, drops or moves text around them, and does not say where they are.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;

use super::record_error::{RecordError, RecordErrorKind};
use crate::format::{LineRange, MAX_LINE_BYTES};

/// How many bytes are read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads records one by one. Empty lines are skipped.
///
/// A record with a misplaced quotation mark may include lines of later records. Reading therefore
/// continues at the line after the one where that record begins, so that no line is lost silently.
pub(super) struct Records<R> {
    input: R,
    pub(super) delimiter: u8,
    buffer: Vec<u8>,
    /// Where the next record begins in the buffer.
    start: usize,
    /// The number of the line that begins there, from 1.
    line: u64,
    is_at_end: bool,
    cells: Vec<Cell>,
}

/// The position of a field in its record, without the quotation marks around it.
struct Cell {
    range: Range<usize>,
    /// Whether quotation marks inside it are doubled.
    has_doubled_quotes: bool,
}

/// A record, and the lines that it takes. For an invalid record, only its first line.
pub(super) struct RawRecord<'a> {
    pub(super) lines: LineRange,
    pub(super) fields: Result<Fields<'a>, RecordError>,
}

/// The fields of one record.
pub(super) struct Fields<'a> {
    text: &'a [u8],
    cells: &'a [Cell],
}

impl<'a> Fields<'a> {
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Cow<'a, [u8]>> {
        let text = self.text;
        self.cells.iter().map(move |cell| {
            let field = &text[cell.range.clone()];
            if !cell.has_doubled_quotes {
                return Cow::Borrowed(field);
            }
            // Of two quotation marks, only the second is kept.
            let mut is_second = false;
            let single = field.iter().copied().filter(|byte| {
                is_second = *byte == b'"' && !is_second;
                *byte != b'"' || is_second
            });
            Cow::Owned(single.collect())
        })
    }
}

/// Why a record was not read to its end.
enum Stop {
    Input(io::Error),
    /// What is wrong, and its offset from the start of the record.
    Invalid(RecordErrorKind, usize),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Input(error)
    }
}

/// The result of a search in a record.
enum Found {
    Byte(usize, u8),
    EndOfInput(usize),
    Limit,
}

impl<R: Read> Records<R> {
    /// Skips a byte order mark and empty lines. The delimiter is a comma, unless it is changed.
    pub(super) fn new(input: R) -> io::Result<Self> {
        let mut records = Self {
            input,
            delimiter: b',',
            buffer: Vec::new(),
            start: 0,
            line: 1,
            is_at_end: false,
            cells: Vec::new(),
        };
        records.find(BYTE_ORDER_MARK.len() - 1, |_| true)?;
        if records.buffer.starts_with(BYTE_ORDER_MARK) {
            records.start = BYTE_ORDER_MARK.len();
        }
        records.skip_empty_lines()?;
        Ok(records)
    }

    /// The line where the next record begins, up to the maximum length of a record.
    pub(super) fn peek_line(&mut self) -> io::Result<&[u8]> {
        let end = match self.find(0, |byte| byte == b'\n')? {
            Found::Byte(at, _) => at + 1,
            Found::EndOfInput(bytes) => bytes,
            Found::Limit => MAX_LINE_BYTES as usize,
        };
        Ok(&self.rest()[..end])
    }

    /// The next record, or `None` at the end of the input.
    pub(super) fn next(&mut self) -> io::Result<Option<RawRecord<'_>>> {
        self.skip_empty_lines()?;
        let first = self.line;
        let bytes = match self.split() {
            Ok(0) => return Ok(None),
            Ok(bytes) => bytes,
            Err(Stop::Input(error)) => return Err(error),
            Err(Stop::Invalid(kind, at)) => {
                let error = self.error(kind, at);
                self.skip_line()?;
                return Ok(Some(RawRecord {
                    lines: LineRange::one(first),
                    fields: Err(error),
                }));
            }
        };
        let start = self.start;
        self.start += bytes;
        let text = &self.buffer[start..self.start];
        self.line += count_lines(text);
        Ok(Some(RawRecord {
            lines: LineRange {
                first,
                last: self.line - u64::from(text.ends_with(b"\n")),
            },
            fields: Ok(Fields {
                text,
                cells: &self.cells,
            }),
        }))
    }

    fn skip_empty_lines(&mut self) -> io::Result<()> {
        while self.is_at_empty_line()? {
            self.skip_line()?;
        }
        Ok(())
    }

    fn is_at_empty_line(&mut self) -> io::Result<bool> {
        Ok(match self.find(0, |_| true)? {
            Found::Byte(_, b'\n') => true,
            Found::Byte(_, b'\r') => !matches!(
                self.find(1, |_| true)?,
                Found::Byte(_, byte) if byte != b'\n'
            ),
            _ => false,
        })
    }

    /// Finds the fields of the next record. Returns its length, 0 at the end of the input.
    fn split(&mut self) -> Result<usize, Stop> {
        self.cells.clear();
        let mut at = 0;
        if let Found::EndOfInput(_) = self.find(at, |_| true)? {
            return Ok(0);
        }
        loop {
            at = match self.find(at, |_| true)? {
                Found::Byte(at, b'"') => self.quoted(at)?,
                _ => self.plain(at)?,
            };
            match self.find(at, |_| true)? {
                Found::Byte(at, b'\n') => return Ok(at + 1),
                Found::EndOfInput(bytes) => return Ok(bytes),
                // The only other byte that ends a field is a delimiter.
                Found::Byte(..) => at += 1,
                Found::Limit => return Err(Stop::Invalid(RecordErrorKind::TooLong, at)),
            }
        }
    }

    /// Finds the end of the field without quotation marks that begins at `start`.
    fn plain(&mut self, start: usize) -> Result<usize, Stop> {
        let delimiter = self.delimiter;
        let ends = |byte| byte == delimiter || byte == b'\n' || byte == b'"';
        let (end, is_last) = match self.find(start, ends)? {
            Found::Byte(at, b'"') => return Err(Stop::Invalid(RecordErrorKind::QuoteInText, at)),
            Found::Byte(at, byte) => (at, byte == b'\n'),
            Found::EndOfInput(at) => (at, true),
            Found::Limit => return Err(Stop::Invalid(RecordErrorKind::TooLong, start)),
        };
        let has_return = is_last && self.rest()[start..end].ends_with(b"\r");
        self.cells.push(Cell {
            range: start..end - usize::from(has_return),
            has_doubled_quotes: false,
        });
        Ok(end)
    }

    /// Finds the end of the field whose opening quotation mark is at `open`.
    fn quoted(&mut self, open: usize) -> Result<usize, Stop> {
        let mut at = open + 1;
        let mut has_doubled_quotes = false;
        loop {
            let close = match self.find(at, |byte| byte == b'"')? {
                Found::Byte(close, _) => close,
                Found::EndOfInput(_) => {
                    return Err(Stop::Invalid(RecordErrorKind::OpenAtEnd, open));
                }
                Found::Limit => return Err(Stop::Invalid(RecordErrorKind::OpenPastLimit, open)),
            };
            let end = match self.find(close + 1, |_| true)? {
                Found::Byte(second, b'"') => {
                    has_doubled_quotes = true;
                    at = second + 1;
                    continue;
                }
                Found::Byte(end, byte) if byte == self.delimiter || byte == b'\n' => end,
                Found::Byte(end, b'\r') => match self.find(end + 1, |_| true)? {
                    Found::Byte(end, b'\n') | Found::EndOfInput(end) => end,
                    _ => return Err(Stop::Invalid(self.text_after(close), close)),
                },
                Found::EndOfInput(end) => end,
                Found::Byte(..) => return Err(Stop::Invalid(self.text_after(close), close)),
                Found::Limit => return Err(Stop::Invalid(RecordErrorKind::TooLong, open)),
            };
            self.cells.push(Cell {
                range: open + 1..close,
                has_doubled_quotes,
            });
            return Ok(end);
        }
    }

    fn text_after(&self, close: usize) -> RecordErrorKind {
        match self.rest()[..close].ends_with(b"\\") {
            true => RecordErrorKind::TextAfterBackslashQuote,
            false => RecordErrorKind::TextAfterQuote,
        }
    }

    fn error(&self, kind: RecordErrorKind, at: usize) -> RecordError {
        let before = &self.rest()[..at];
        let line_start = before.iter().rposition(|byte| *byte == b'\n');
        let in_line = &before[line_start.map_or(0, |end| end + 1)..];
        RecordError {
            field: self.cells.len(),
            kind,
            line: self.line + count_lines(before),
            character: String::from_utf8_lossy(in_line).chars().count() + 1,
        }
    }

    /// Skips the rest of this line.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let end = self.rest().iter().position(|byte| *byte == b'\n');
            self.start = end.map_or(self.buffer.len(), |end| self.start + end + 1);
            if end.is_some() {
                self.line += 1;
                return Ok(());
            }
            if !self.read_on()? {
                return Ok(());
            }
        }
    }

    /// The part of the input that was read, from the next record on.
    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Searches the next record for a byte, from `at` on, and reads more of the input as needed.
    fn find(&mut self, mut at: usize, is_it: impl Fn(u8) -> bool) -> io::Result<Found> {
        loop {
            let rest = self.rest();
            let record = &rest[..rest.len().min(MAX_LINE_BYTES as usize)];
            let searched = record.get(at..).unwrap_or_default();
            if let Some(index) = searched.iter().position(|byte| is_it(*byte)) {
                return Ok(Found::Byte(at + index, searched[index]));
            }
            if rest.len() > record.len() {
                return Ok(Found::Limit);
            }
            at = at.max(record.len());
            if !self.read_on()? {
                return Ok(Found::EndOfInput(self.rest().len()));
            }
        }
    }

    /// Reads more of the input. Returns whether there was any.
    fn read_on(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let kept = self.buffer.len();
        while !self.is_at_end {
            self.buffer.resize(kept + CHUNK_BYTES, 0);
            let read = self.input.read(&mut self.buffer[kept..]);
            self.buffer
                .truncate(kept + read.as_ref().map_or(0, |bytes| *bytes));
            match read {
                Ok(0) => self.is_at_end = true,
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

fn count_lines(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
