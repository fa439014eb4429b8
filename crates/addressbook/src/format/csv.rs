use std::borrow::Cow;
use std::io::{self, Read, Take, Write};
use std::str;

use addressbook_domain::{Address, Faults, ImportEntry};
use anyhow::{Context, anyhow, bail};
use csv::{ByteRecord, ReaderBuilder, StringRecord, Terminator};

use super::record::Record;
use super::{FIELDS, Line, MAX_LINE_BYTES, WriteAddress};

/// Reads CSV by RFC 4180, with a header. A field without text is null; empty lines are
/// passed over.
pub(crate) struct Reader<R> {
    /// Gives no more than a record may take at a time: one whose quotation mark is not
    /// closed would go on to the end of the input.
    input: csv::Reader<Take<R>>,
    header: StringRecord,
    record: ByteRecord,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub(crate) fn new(input: R) -> anyhow::Result<Self> {
        let mut input = ReaderBuilder::new()
            // Records of the wrong length are reported with their line, not by an error
            // that ends the reading.
            .flexible(true)
            // With CRLF taken as one, the numbers of lines would be too small by one.
            .terminator(Terminator::Any(b'\n'))
            .from_reader(input.take(MAX_LINE_BYTES));
        let header = input.headers().context("cannot read the CSV header")?;
        let header: StringRecord = header
            .iter()
            .map(|name| name.trim_end_matches('\r'))
            .collect();
        if input.get_ref().limit() == 0 {
            return Err(too_long(1));
        }
        for (index, name) in header.iter().enumerate() {
            if Record::default().field(name).is_none() {
                bail!(
                    "the CSV header names {name:?}: expected some of {}",
                    FIELDS.join(",")
                );
            }
            if header.iter().take(index).any(|other| other == name) {
                bail!("the CSV header names {name} twice");
            }
        }
        for required in ["customer_id", "region", "city", "country"] {
            if !header.iter().any(|name| name == required) {
                bail!(
                    "the CSV header lacks {required}: expected some of {}",
                    FIELDS.join(",")
                );
            }
        }
        Ok(Self {
            input,
            header,
            record: ByteRecord::new(),
        })
    }

    fn judge(&self) -> Result<ImportEntry, Faults> {
        let mut faults = Faults::default();
        if self.record.len() != self.header.len() {
            let (expected, found) = (self.header.len(), self.record.len());
            faults.add(
                "line",
                format_args!("expected {expected} fields, got {found}"),
            );
            return Err(faults);
        }
        let mut record = Record::default();
        for (name, text) in self.header.iter().zip(&self.record) {
            let Ok(text) = str::from_utf8(text) else {
                faults.add(name.to_owned(), "expected text in UTF-8");
                continue;
            };
            let text = text.strip_suffix('\r').unwrap_or(text);
            let is_null = text.is_empty() || name == "custom_data" && text == "null";
            if let Some(field) = record.field(name) {
                *field = (!is_null).then_some(Cow::Borrowed(text));
            }
        }
        record.judge(faults)
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = anyhow::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.input.position().line();
            self.input.get_mut().set_limit(MAX_LINE_BYTES);
            match self.input.read_byte_record(&mut self.record) {
                _ if self.input.get_ref().limit() == 0 => return Some(Err(too_long(start))),
                Ok(false) => return None,
                Ok(true) if self.record.as_slice() == b"\r" => {}
                Ok(true) => {
                    let number = self.record.position().map_or(0, csv::Position::line);
                    let entry = self.judge();
                    return Some(Ok(Line { number, entry }));
                }
                Err(error) => return Some(Err(error.into())),
            }
        }
    }
}

fn too_long(line: u64) -> anyhow::Error {
    anyhow!(
        "line {line}: expected at most {MAX_LINE_BYTES} bytes (is a quotation mark not closed?)"
    )
}

/// Writes CSV by RFC 4180, with a header.
pub(crate) struct Writer<W: Write>(csv::Writer<W>);

impl<W: Write> Writer<W> {
    /// Writes the header.
    pub(crate) fn new(output: W) -> io::Result<Self> {
        let mut output = csv::Writer::from_writer(output);
        output.write_record(FIELDS).map_err(io_error)?;
        Ok(Self(output))
    }
}

impl<W: Write> WriteAddress for Writer<W> {
    fn write(&mut self, address: &Address) -> io::Result<()> {
        let content = &address.content;
        let written = self.0.write_record([
            address.customer_id.as_str(),
            address.id.as_str(),
            content
                .description
                .as_ref()
                .map_or("", |text| text.as_str()),
            content.region.as_str(),
            content.city.as_str(),
            content.country.as_str(),
            content
                .custom_data
                .as_ref()
                .map_or("", |json| json.as_str()),
            &address.created_at.to_string(),
            &address.updated_at.to_string(),
        ]);
        written.map_err(io_error)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The error of the output itself, whose kind the usual conversion hides.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
