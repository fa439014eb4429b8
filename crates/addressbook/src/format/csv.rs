mod records;

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::str;

use addressbook_domain::{Address, Faults, ImportEntry, Input};
use anyhow::{Context, bail};

use self::records::{Fields, Records};
use super::record::Record;
use super::{FIELDS, Line, WriteAddress};

/// Reads CSV by RFC 4180, with a header. A field without text is null, and a field without
/// a column absent; empty lines are passed over.
pub(crate) struct Reader<R> {
    records: Records<R>,
    header: Vec<String>,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub(crate) fn new(input: R) -> anyhow::Result<Self> {
        let mut records = Records::new(input, b',').context("cannot read the CSV header")?;
        let header = read_header(&mut records)?;
        for (index, name) in header.iter().enumerate() {
            if Record::default().field(name).is_none() {
                bail!(
                    "the CSV header names {name:?}: expected some of {}",
                    FIELDS.join(",")
                );
            }
            if header[..index].contains(name) {
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
        Ok(Self { records, header })
    }
}

fn read_header<R: Read>(records: &mut Records<R>) -> anyhow::Result<Vec<String>> {
    let Some(record) = records.next().context("cannot read the CSV header")? else {
        bail!("the file is empty: expected a CSV header");
    };
    let fields = record
        .fields
        .map_err(|broken| broken.faults(&[]))
        .with_context(|| format!("cannot read the CSV header in {}", record.lines))?;
    fields
        .iter()
        .map(|name| Ok(str::from_utf8(&name)?.to_owned()))
        .collect::<Result<_, str::Utf8Error>>()
        .context("cannot read the CSV header: expected text in UTF-8")
}

fn entry(header: &[String], fields: &Fields<'_>) -> Result<ImportEntry, Faults> {
    let mut faults = Faults::default();
    if fields.len() != header.len() {
        let (expected, found) = (header.len(), fields.len());
        faults.add(
            "line",
            format_args!("expected {expected} fields, got {found}"),
        );
        return Err(faults);
    }
    let mut record = Record::default();
    for (name, field) in header.iter().zip(fields.iter()) {
        let Some(text) = text(field) else {
            faults.add(name.to_owned(), "expected text in UTF-8");
            continue;
        };
        let is_null = text.is_empty() || name == "custom_data" && text == "null";
        if let Some(field) = record.field(name) {
            *field = match is_null {
                true => Input::Null,
                false => Input::Value(text),
            };
        }
    }
    record.validate(faults)
}

fn text(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    Some(match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(str::from_utf8(bytes).ok()?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    })
}

impl<R: Read> Iterator for Reader<R> {
    type Item = anyhow::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = match self.records.next() {
            Ok(record) => record?,
            Err(error) => return Some(Err(error.into())),
        };
        let entry = match record.fields {
            Ok(fields) => entry(&self.header, &fields),
            Err(broken) => Err(broken.faults(&self.header)),
        };
        Some(Ok(Line {
            numbers: record.lines,
            entry,
        }))
    }
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
