//! Splits CSV into records, strictly by RFC 4180. The csv crate accepts misplaced quotation
//! marks, drops or moves text around them, and does not say where they are.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;

use addressbook_domain::Faults;

use crate::format::{LineNumbers, MAX_LINE_BYTES};

/// How many bytes are read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads records one by one. Empty lines are passed over.
///
/// A record with a misplaced quotation mark may have swallowed the lines after it. So reading
/// goes on at the line after the one where that record begins, and no line is lost unseen.
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

/// Where a field is, from the start of its record, without the quotation marks around it.
struct Cell {
    range: Range<usize>,
    /// Whether quotation marks inside it are doubled.
    has_doubled_quotes: bool,
}

/// A record, and the lines that it takes; of a broken one, the first.
pub(super) struct RawRecord<'a> {
    pub(super) lines: LineNumbers,
    pub(super) fields: Result<Fields<'a>, Broken>,
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
            // The first of two quotation marks hides the second.
            let mut is_second = false;
            let single = field.iter().copied().filter(|byte| {
                is_second = *byte == b'"' && !is_second;
                *byte != b'"' || is_second
            });
            Cow::Owned(single.collect())
        })
    }
}

/// A record that breaks a rule of RFC 4180.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Which field, from 0.
    field: usize,
    flaw: Flaw,
    /// The line of the quotation mark, and which character of the line it is, from 1.
    line: u64,
    character: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    QuoteInText,
    TextAfterQuote,
    TextAfterBackslashQuote,
    OpenAtEnd,
    OpenPastLimit,
    TooLong,
}

impl Broken {
    /// The field error, given the names of the columns.
    pub(super) fn faults(&self, names: &[String]) -> Faults {
        let mut faults = Faults::default();
        let field = match names.get(self.field) {
            _ if self.flaw == Flaw::TooLong => "line".to_owned(),
            Some(name) => name.clone(),
            None => format!("field {}", self.field + 1),
        };
        let mark = format!(
            "the quotation mark at line {}, character {}",
            self.line, self.character
        );
        let message = match self.flaw {
            Flaw::QuoteInText => format!(
                "{mark} is inside a field without quotation marks: expected the whole field \
                 between quotation marks, and each one inside it twice"
            ),
            Flaw::TextAfterQuote => format!(
                "{mark} closes the field, and text follows: expected a delimiter or the end of \
                 the line; a quotation mark inside a field is written twice"
            ),
            Flaw::TextAfterBackslashQuote => format!(
                "{mark} closes the field, and text follows: expected a delimiter or the end of \
                 the line; a quotation mark inside a field is written twice, not after a \
                 backslash"
            ),
            Flaw::OpenAtEnd => format!(
                "{mark} is not closed before the end of the file: expected a closing one; the \
                 file may be cut off"
            ),
            Flaw::OpenPastLimit => format!(
                "{mark} is not closed within the {MAX_LINE_BYTES} bytes that an address may \
                 take: expected a closing one"
            ),
            Flaw::TooLong => format!("expected at most {MAX_LINE_BYTES} bytes"),
        };
        faults.add(field, message);
        faults
    }
}

/// Why a record ends before its end.
enum Stop {
    Input(io::Error),
    /// A flaw, and where it is from the start of the record.
    Flaw(Flaw, usize),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Input(error)
    }
}

/// What a search in a record came to.
enum Found {
    Byte(usize, u8),
    EndOfInput(usize),
    Limit,
}

impl<R: Read> Records<R> {
    /// Passes over a byte order mark and empty lines. The delimiter is a comma, unless it is
    /// changed.
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

    /// The line where the next record begins, as far as a record may go.
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
            Err(Stop::Flaw(flaw, at)) => {
                let broken = self.broken(flaw, at);
                self.skip_line()?;
                return Ok(Some(RawRecord {
                    lines: LineNumbers::one(first),
                    fields: Err(broken),
                }));
            }
        };
        let start = self.start;
        self.start += bytes;
        let text = &self.buffer[start..self.start];
        self.line += count_lines(text);
        Ok(Some(RawRecord {
            lines: LineNumbers {
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
                // Only a delimiter ends a field besides.
                Found::Byte(..) => at += 1,
                Found::Limit => return Err(Stop::Flaw(Flaw::TooLong, at)),
            }
        }
    }

    /// Finds the end of the field without quotation marks that begins there.
    fn plain(&mut self, start: usize) -> Result<usize, Stop> {
        let delimiter = self.delimiter;
        let ends = |byte| byte == delimiter || byte == b'\n' || byte == b'"';
        let (end, is_last) = match self.find(start, ends)? {
            Found::Byte(at, b'"') => return Err(Stop::Flaw(Flaw::QuoteInText, at)),
            Found::Byte(at, byte) => (at, byte == b'\n'),
            Found::EndOfInput(at) => (at, true),
            Found::Limit => return Err(Stop::Flaw(Flaw::TooLong, start)),
        };
        let has_return = is_last && self.rest()[start..end].ends_with(b"\r");
        self.cells.push(Cell {
            range: start..end - usize::from(has_return),
            has_doubled_quotes: false,
        });
        Ok(end)
    }

    /// Finds the end of the field whose quotation mark is there.
    fn quoted(&mut self, open: usize) -> Result<usize, Stop> {
        let mut at = open + 1;
        let mut has_doubled_quotes = false;
        loop {
            let close = match self.find(at, |byte| byte == b'"')? {
                Found::Byte(close, _) => close,
                Found::EndOfInput(_) => return Err(Stop::Flaw(Flaw::OpenAtEnd, open)),
                Found::Limit => return Err(Stop::Flaw(Flaw::OpenPastLimit, open)),
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
                    _ => return Err(Stop::Flaw(self.text_after(close), close)),
                },
                Found::EndOfInput(end) => end,
                Found::Byte(..) => return Err(Stop::Flaw(self.text_after(close), close)),
                Found::Limit => return Err(Stop::Flaw(Flaw::TooLong, open)),
            };
            self.cells.push(Cell {
                range: open + 1..close,
                has_doubled_quotes,
            });
            return Ok(end);
        }
    }

    fn text_after(&self, close: usize) -> Flaw {
        match self.rest()[..close].ends_with(b"\\") {
            true => Flaw::TextAfterBackslashQuote,
            false => Flaw::TextAfterQuote,
        }
    }

    fn broken(&self, flaw: Flaw, at: usize) -> Broken {
        let before = &self.rest()[..at];
        let line_start = before.iter().rposition(|byte| *byte == b'\n');
        let in_line = &before[line_start.map_or(0, |end| end + 1)..];
        Broken {
            field: self.cells.len(),
            flaw,
            line: self.line + count_lines(before),
            character: String::from_utf8_lossy(in_line).chars().count() + 1,
        }
    }

    /// Goes to the next line, whatever is left of this one.
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

    /// What is read of the input from the next record on.
    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Looks for a byte of the next record, from `at` on, and reads on to find it.
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

    /// Reads some more. Returns whether there was any.
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
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    type Row = Vec<Vec<u8>>;
    /// The first and the last line of a record, and its fields, or what is wrong with it.
    type Outcome = (u64, u64, Result<Row, Broken>);

    fn records(input: impl Read, delimiter: u8) -> Vec<Outcome> {
        let mut records = Records::new(input).unwrap();
        records.delimiter = delimiter;
        let mut outcomes = Vec::new();
        while let Some(record) = records.next().unwrap() {
            let LineNumbers { first, last } = record.lines;
            let fields = record
                .fields
                .map(|fields| fields.iter().map(Cow::into_owned).collect());
            outcomes.push((first, last, fields));
        }
        outcomes
    }

    fn row(fields: &[&str]) -> Result<Row, Broken> {
        Ok(fields.iter().map(|field| field.as_bytes().into()).collect())
    }

    fn broken(field: usize, flaw: Flaw, line: u64, character: usize) -> Result<Row, Broken> {
        Err(Broken {
            field,
            flaw,
            line,
            character,
        })
    }

    #[test]
    fn fields_are_what_rfc_4180_says() {
        let input = "\u{feff}a,\"b\"\"\",\"c,\r\n\"\r\n\r\n,\n\n\"\",x\r\ny,\"z\"";
        assert_eq!(
            records(input.as_bytes(), b','),
            [
                (1, 2, row(&["a", "b\"", "c,\r\n"])),
                (4, 4, row(&["", ""])),
                (6, 6, row(&["", "x"])),
                (7, 7, row(&["y", "z"])),
            ]
        );
    }

    #[test]
    fn a_misplaced_quotation_mark_is_located_and_the_next_line_is_read() {
        use Flaw::*;
        for (line, expected) in [
            (r#"é,"Home" annex"#, broken(1, TextAfterQuote, 1, 8)),
            (r#""Home" ,b"#, broken(0, TextAfterQuote, 1, 6)),
            (
                r#"a,"say \"hi\"",c"#,
                broken(1, TextAfterBackslashQuote, 1, 9),
            ),
            (r#"a,say "hi",c"#, broken(1, QuoteInText, 1, 7)),
            (r#"a, "b""#, broken(1, QuoteInText, 1, 4)),
            ("a,\"b\"\rc", broken(1, TextAfterQuote, 1, 5)),
        ] {
            assert_eq!(
                records(format!("{line}\nnext\n").as_bytes(), b','),
                [(1, 1, expected), (2, 2, row(&["next"]))],
                "{line}"
            );
        }
    }

    #[test]
    fn the_lines_after_an_open_quotation_mark_are_read_one_by_one() {
        let open = |line| (line, line, broken(1, Flaw::OpenAtEnd, line, 3));
        assert_eq!(
            records(&b"a,b\nc,\"d\ne,f\n\ng,\"h"[..], b','),
            [
                (1, 1, row(&["a", "b"])),
                // It closes in the last line, in front of an h.
                (2, 2, broken(1, Flaw::TextAfterQuote, 5, 3)),
                (3, 3, row(&["e", "f"])),
                open(5),
            ]
        );
    }

    #[test]
    fn a_file_cut_off_between_quotation_marks_is_broken() {
        let whole = "a,\"b\"\"c\"";
        for bytes in 3..whole.len() - 1 {
            let flaw = match bytes {
                // The first of the doubled marks looks like one that closes.
                5 => row(&["a", "b"]),
                _ => broken(1, Flaw::OpenAtEnd, 1, 3),
            };
            assert_eq!(
                records(&whole.as_bytes()[..bytes], b','),
                [(1, 1, flaw)],
                "{}",
                &whole[..bytes]
            );
        }
    }

    #[test]
    fn a_record_may_take_the_limit_and_not_a_byte_more() {
        let limit = MAX_LINE_BYTES as usize;
        for (before, after) in [("", ""), ("\"", "\""), ("\"\"\"", "\n\"")] {
            let fitting = limit - before.len() - after.len() - 1;
            let input =
                |bytes| format!("{before}{}{after}\nnext\n", "x".repeat(bytes)).into_bytes();
            let read = records(&input(fitting)[..], b',');
            assert!(read[0].2.is_ok(), "{:?}", read[0].2);
            assert_eq!(read[1].2, row(&["next"]));

            let read = records(&input(fitting + 1)[..], b',');
            assert!(read[0].2.is_err(), "{before}");
            assert_eq!(read.last().unwrap().2, row(&["next"]));
        }
    }

    #[test]
    fn an_open_quotation_mark_costs_its_line_alone_past_the_limit() {
        let lines = 2 * MAX_LINE_BYTES / 4;
        let input = format!("\"\n{}", "a,b\n".repeat(lines as usize));
        let read = records(input.as_bytes(), b',');
        assert_eq!(read[0], (1, 1, broken(0, Flaw::OpenPastLimit, 1, 1)));
        assert_eq!(read.len() as u64, 1 + lines);
        assert_eq!(read.last(), Some(&(lines + 1, lines + 1, row(&["a", "b"]))));
    }

    #[test]
    fn memory_stays_bounded() {
        // Each third line opens a quotation mark that the limit ends.
        let group = format!("\"{}\n", "x".repeat(100_000));
        let group = format!("{group}{}", format!("{}\n", "y".repeat(100_000)).repeat(2));
        let input = group.repeat(20);
        let mut records = Records::new(input.as_bytes()).unwrap();
        while records.next().unwrap().is_some() {
            let bound = 2 * MAX_LINE_BYTES as usize + 2 * CHUNK_BYTES;
            assert!(records.buffer.capacity() <= bound);
        }
    }

    /// Gives a byte at a time, as a slow pipe does.
    struct ByteByByte<'a>(&'a [u8]);

    impl Read for ByteByByte<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = buffer.len().min(1);
            self.0.read(&mut buffer[..bytes])
        }
    }

    fn delimiter() -> impl Strategy<Value = u8> {
        select(b",;\t|".to_vec())
    }

    /// Few different bytes, so that those that mean something meet often.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        vec(select(b"a\xc3\xa9\"\"\\,;\t|\r\n".to_vec()), 0..6)
    }

    proptest! {
        #[test]
        fn what_the_csv_crate_writes_is_read_back(
            rows in vec(vec(text(), 2..5), 0..5),
            delimiter in delimiter(),
            style in select(vec![csv::QuoteStyle::Necessary, csv::QuoteStyle::Always]),
            is_crlf in any::<bool>(),
        ) {
            let terminator = match is_crlf {
                true => csv::Terminator::CRLF,
                false => csv::Terminator::Any(b'\n'),
            };
            let mut writer = csv::WriterBuilder::new()
                .delimiter(delimiter)
                .quote_style(style)
                .terminator(terminator)
                .flexible(true)
                .from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let written = writer.into_inner().unwrap();
            let read: Vec<_> = records(&written[..], delimiter)
                .into_iter()
                .map(|(_, _, fields)| fields.unwrap())
                .collect();
            prop_assert_eq!(read, rows);
        }

        // Without returns, which the csv crate takes for text or for the end of a line.
        #[test]
        fn any_input_is_read_as_the_csv_crate_reads_it_or_not_at_all(
            input in vec(text(), 0..12),
            delimiter in delimiter(),
        ) {
            let input: Vec<u8> = input.concat().into_iter().filter(|byte| *byte != b'\r').collect();
            let read = records(&input[..], delimiter);
            prop_assert_eq!(&records(ByteByByte(&input), delimiter), &read);
            let valid: Result<Vec<_>, _> = read.into_iter().map(|(_, _, fields)| fields).collect();
            let Ok(valid) = valid else { return Ok(()) };
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(delimiter)
                .flexible(true)
                .has_headers(false)
                .from_reader(&input[..]);
            let expected: Vec<Row> = reader
                .byte_records()
                .map(|record| record.unwrap().iter().map(Vec::from).collect())
                .collect();
            prop_assert_eq!(valid, expected);
        }

        #[test]
        fn no_line_is_lost_unseen(input in vec(text(), 0..12), delimiter in delimiter()) {
            let input = input.concat();
            let mut next = 1;
            for (first, last, _) in records(&input[..], delimiter) {
                for line in next..first {
                    let line = input.split(|byte| *byte == b'\n').nth(line as usize - 1).unwrap();
                    prop_assert!(matches!(line, b"" | b"\r"), "{:?}", line);
                }
                prop_assert!(first >= next && last >= first);
                next = last + 1;
            }
            for line in input.split(|byte| *byte == b'\n').skip(next as usize - 1) {
                prop_assert!(matches!(line, b"" | b"\r"), "{:?}", line);
            }
        }
    }
}
