use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

type Row = Vec<Vec<u8>>;
/// The first and the last line of a record, and its fields, or what is wrong with it.
type Outcome = (u64, u64, Result<Row, RecordError>);

fn records(input: impl Read, delimiter: u8) -> Vec<Outcome> {
    let mut records = Records::new(input).unwrap();
    records.delimiter = delimiter;
    let mut outcomes = Vec::new();
    while let Some(record) = records.next().unwrap() {
        let LineRange { first, last } = record.lines;
        let fields = record
            .fields
            .map(|fields| fields.iter().map(Cow::into_owned).collect());
        outcomes.push((first, last, fields));
    }
    outcomes
}

fn row(fields: &[&str]) -> Result<Row, RecordError> {
    Ok(fields.iter().map(|field| field.as_bytes().into()).collect())
}

fn error(
    field: usize,
    kind: RecordErrorKind,
    line: u64,
    character: usize,
) -> Result<Row, RecordError> {
    Err(RecordError {
        field,
        kind,
        line,
        character,
    })
}

#[test]
fn fields_are_split_as_rfc_4180_defines() {
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
    use RecordErrorKind::*;
    for (line, expected) in [
        (r#"é,"Home" annex"#, error(1, TextAfterQuote, 1, 8)),
        (r#""Home" ,b"#, error(0, TextAfterQuote, 1, 6)),
        (
            r#"a,"say \"hi\"",c"#,
            error(1, TextAfterBackslashQuote, 1, 9),
        ),
        (r#"a,say "hi",c"#, error(1, QuoteInText, 1, 7)),
        (r#"a, "b""#, error(1, QuoteInText, 1, 4)),
        ("a,\"b\"\rc", error(1, TextAfterQuote, 1, 5)),
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
    let open = |line| (line, line, error(1, RecordErrorKind::OpenAtEnd, line, 3));
    assert_eq!(
        records(&b"a,b\nc,\"d\ne,f\n\ng,\"h"[..], b','),
        [
            (1, 1, row(&["a", "b"])),
            // The last line closes it, before an h.
            (2, 2, error(1, RecordErrorKind::TextAfterQuote, 5, 3)),
            (3, 3, row(&["e", "f"])),
            open(5),
        ]
    );
}

#[test]
fn a_file_truncated_between_quotation_marks_is_broken() {
    let whole = "a,\"b\"\"c\"";
    for bytes in 3..whole.len() - 1 {
        let expected = match bytes {
            // The first of the doubled marks looks like a closing one.
            5 => row(&["a", "b"]),
            _ => error(1, RecordErrorKind::OpenAtEnd, 1, 3),
        };
        assert_eq!(
            records(&whole.as_bytes()[..bytes], b','),
            [(1, 1, expected)],
            "{}",
            &whole[..bytes]
        );
    }
}

#[test]
fn a_record_longer_than_the_limit_is_broken() {
    let limit = MAX_LINE_BYTES as usize;
    for (before, after) in [("", ""), ("\"", "\""), ("\"\"\"", "\n\"")] {
        let fitting = limit - before.len() - after.len() - 1;
        let input = |bytes| format!("{before}{}{after}\nnext\n", "x".repeat(bytes)).into_bytes();
        let read = records(&input(fitting)[..], b',');
        assert!(read[0].2.is_ok(), "{:?}", read[0].2);
        assert_eq!(read[1].2, row(&["next"]));

        let read = records(&input(fitting + 1)[..], b',');
        assert!(read[0].2.is_err(), "{before}");
        assert_eq!(read.last().unwrap().2, row(&["next"]));
    }
}

#[test]
fn an_open_quotation_mark_past_the_limit_breaks_its_line_only() {
    let lines = 2 * MAX_LINE_BYTES / 4;
    let input = format!("\"\n{}", "a,b\n".repeat(lines as usize));
    let read = records(input.as_bytes(), b',');
    assert_eq!(
        read[0],
        (1, 1, error(0, RecordErrorKind::OpenPastLimit, 1, 1))
    );
    assert_eq!(read.len() as u64, 1 + lines);
    assert_eq!(read.last(), Some(&(lines + 1, lines + 1, row(&["a", "b"]))));
}

#[test]
fn memory_stays_bounded() {
    // Every third line opens a quotation mark that is not closed within the limit.
    let group = format!("\"{}\n", "x".repeat(100_000));
    let group = format!("{group}{}", format!("{}\n", "y".repeat(100_000)).repeat(2));
    let input = group.repeat(20);
    let mut records = Records::new(input.as_bytes()).unwrap();
    while records.next().unwrap().is_some() {
        let bound = 2 * MAX_LINE_BYTES as usize + 2 * CHUNK_BYTES;
        assert!(records.buffer.capacity() <= bound);
    }
}

/// Returns one byte at a time, like a slow pipe.
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

/// Few different bytes, so that special ones often stand next to each other.
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

    // Without carriage returns, which the csv crate reads as text or as the end of a line.
    #[test]
    fn valid_input_is_read_as_the_csv_crate_reads_it(
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
    fn no_line_is_lost_silently(input in vec(text(), 0..12), delimiter in delimiter()) {
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
