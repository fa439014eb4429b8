mod header;
mod records;

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::str;

use addressbook_domain::{Address, Faults, ImportEntry};
use anyhow::{Context, anyhow, bail};

use self::header::Header;
pub(crate) use self::header::is_header;
use self::records::{Fields, Records};
use super::columns::{Columns, Delimiter};
use super::field::Field;
use super::record::Record;
use super::{Line, NOT_UTF_8, WriteAddress};

/// Reads CSV by RFC 4180, with a header. A field without text is null, and a field without
/// a column absent; empty lines are passed over.
pub(crate) struct Reader<R> {
    records: Records<R>,
    header: Header,
    columns: Columns,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub(crate) fn new(input: R, columns: Columns) -> anyhow::Result<Self> {
        let mut records = Records::new(input).context(NO_HEADER)?;
        let line = records.peek_line().context(NO_HEADER)?;
        if line.starts_with(b"{") || line.starts_with(b"[") {
            bail!("the file is JSON, and is read as CSV: pass --format ndjson");
        }
        let text = line.trim_ascii_end();
        if text.contains(&b'\r') {
            bail!(
                "the lines of the file end in CR alone: expected LF or CRLF; convert it: tr '\\r' \
                 '\\n' < FILE > NEW"
            );
        }
        records.delimiter = match columns.delimiter {
            Some(Delimiter(byte)) => byte,
            None => header::delimiter(text, &columns),
        };
        let Some(record) = records.next().context(NO_HEADER)? else {
            bail!("the file is empty: expected a CSV header");
        };
        let line = record.lines;
        let fields = record
            .fields
            .map_err(|broken| anyhow!("{line}: {NO_HEADER}: {}", broken.faults(&[])))?;
        let names: Option<Vec<_>> = fields.iter().map(text_of).collect();
        let names = names.with_context(|| format!("{line}: {NO_HEADER}: {NOT_UTF_8}"))?;
        let names = names.into_iter().map(Cow::into_owned).collect();
        let header = Header::new(names, &columns).with_context(|| line.to_string())?;
        Ok(Self {
            records,
            header,
            columns,
        })
    }
}

const NO_HEADER: &str = "cannot read the CSV header";

impl<R: Read> Iterator for Reader<R> {
    type Item = anyhow::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = match self.records.next() {
            Ok(record) => record?,
            Err(error) => return Some(Err(error.into())),
        };
        let entry = match record.fields {
            Ok(fields) => entry(&self.header, &fields, &self.columns),
            Err(broken) => Err(broken.faults(&self.header.names)),
        };
        Some(Ok(Line {
            numbers: record.lines,
            entry,
        }))
    }
}

fn entry(header: &Header, fields: &Fields<'_>, columns: &Columns) -> Result<ImportEntry, Faults> {
    let mut faults = Faults::default();
    let (expected, found) = (header.names.len(), fields.len());
    if found != expected {
        faults.add(
            "line",
            format_args!("expected {expected} fields, got {found}"),
        );
        return Err(faults);
    }
    let mut record = Record::default();
    for (field, bytes) in header.fields.iter().zip(fields.iter()) {
        let Some(field) = *field else { continue };
        match text_of(bytes) {
            Some(text) => record.set(field, field.in_column(text)),
            None => faults.add(field.name(), NOT_UTF_8),
        }
    }
    columns.complete(&mut record);
    record.validate(faults)
}

fn text_of(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    Some(match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(str::from_utf8(bytes).ok()?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    })
}

/// Writes CSV by RFC 4180, with a header.
pub(crate) struct Writer<W: Write>(csv::Writer<W>);

impl<W: Write> Writer<W> {
    /// Writes the header.
    pub(crate) fn new(output: W) -> io::Result<Self> {
        let mut output = csv::Writer::from_writer(output);
        output
            .write_record(Field::ALL.map(Field::name))
            .map_err(io_error)?;
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
