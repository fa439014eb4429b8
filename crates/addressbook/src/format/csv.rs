mod header;
mod record_error;
mod records;
mod writer;

use std::borrow::Cow;
use std::io::Read;
use std::str;

use addressbook_domain::{FieldErrors, ImportEntry};
use anyhow::{Context, anyhow, bail};

use self::header::Header;
pub(crate) use self::header::is_header;
use self::records::{Fields, Records};
pub(crate) use self::writer::{Formulas, Writer};
use super::columns::{Columns, Delimiter};
use super::record::Record;
use super::{Line, LineError, NOT_UTF_8};

/// Reads CSV as defined by RFC 4180, with a header. An empty field is null, and a field without a
/// column is absent. Empty lines are skipped.
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
            bail!("the file is JSON, but is read as CSV: pass --format ndjson");
        }
        let text = line.trim_ascii_end();
        if text.contains(&b'\r') {
            bail!(
                "the lines of the file end with CR only: expected LF or CRLF; convert it: tr '\\r' \
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
            .map_err(|error| anyhow!("{line}: {NO_HEADER}: {}", error.line_error(&[])))?;
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
            Err(error) => Err(error.line_error(&self.header.names)),
        };
        Some(Ok(Line {
            range: record.lines,
            entry,
        }))
    }
}

fn entry(
    header: &Header,
    fields: &Fields<'_>,
    columns: &Columns,
) -> Result<ImportEntry, LineError> {
    let (expected, found) = (header.names.len(), fields.len());
    if found != expected {
        let message = format!("expected {expected} fields, got {found}");
        return Err(LineError::Line(message));
    }
    let mut errors = FieldErrors::default();
    let mut record = Record::default();
    for (field, bytes) in header.fields.iter().zip(fields.iter()) {
        let Some(field) = *field else { continue };
        match text_of(bytes) {
            Some(text) => record.set(field, field.in_column(text)),
            None => errors.add(field.name(), NOT_UTF_8),
        }
    }
    columns.apply_defaults(&mut record);
    Ok(record.validate(errors)?)
}

fn text_of(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    Some(match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(str::from_utf8(bytes).ok()?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    })
}
