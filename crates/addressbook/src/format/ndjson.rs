use std::io::{self, BufRead, Read, Write};
use std::{mem, str};

use addressbook_domain::{ExportedAddress, FieldErrors, ImportEntry, Input, Purpose, json};
use anyhow::{Context, bail};
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::columns::Columns;
use super::field::Field;
use super::record::Record;
use super::{Line, LineError, LineRange, MAX_LINE_BYTES, NOT_UTF_8, WriteAddress, csv};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads one JSON object per line. Empty lines are skipped.
pub(crate) struct Reader<R> {
    input: R,
    columns: Columns,
    line: Vec<u8>,
    number: u64,
    /// Whether the line was read ahead.
    is_ahead: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line, to detect a file in another format.
    pub(crate) fn new(input: R, columns: Columns) -> anyhow::Result<Self> {
        let mut reader = Self {
            input,
            columns,
            line: Vec::new(),
            number: 0,
            is_ahead: false,
        };
        reader.is_ahead = reader.read_line().context("cannot read the first line")?;
        let number = reader.number;
        if reader.line.starts_with(b"[") {
            bail!(
                "line {number}: the file is a JSON array: expected one JSON object per line; \
                 convert it: jq -c '.[]' FILE > NEW"
            );
        }
        if !reader.line.starts_with(b"{") && csv::is_header(&reader.line, &reader.columns) {
            bail!("line {number}: the file is CSV, but is read as NDJSON: pass --format csv");
        }
        Ok(reader)
    }

    /// Reads the next line that is not empty. Returns whether there is one.
    fn read_line(&mut self) -> io::Result<bool> {
        while self.read_any_line()? {
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the next line. A line that is too long is cut off one byte past the limit.
    fn read_any_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let bytes = self
            .input
            .by_ref()
            .take(MAX_LINE_BYTES + 1)
            .read_until(b'\n', &mut self.line)?;
        self.number += 1;
        if self.is_too_long() {
            self.input.skip_until(b'\n')?;
        }
        if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(bytes > 0)
    }

    fn is_too_long(&self) -> bool {
        self.line.len() as u64 > MAX_LINE_BYTES && !self.line.ends_with(b"\n")
    }

    fn entry(&self) -> Result<ImportEntry, LineError> {
        if self.is_too_long() {
            let message = format!("expected at most {MAX_LINE_BYTES} bytes");
            return Err(LineError::Line(message));
        }
        match str::from_utf8(&self.line) {
            Ok(text) => parse(text, &self.columns),
            Err(_) => Err(LineError::Line(NOT_UTF_8.to_owned())),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = anyhow::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        if !mem::take(&mut self.is_ahead) {
            match self.read_line() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error.into())),
            }
        }
        Some(Ok(Line {
            range: LineRange::one(self.number),
            entry: self.entry(),
        }))
    }
}

/// Reads one JSON object as an address.
fn parse(text: &str, columns: &Columns) -> Result<ImportEntry, LineError> {
    let text = text.trim();
    let members = match json::members(text) {
        Ok(members) => members,
        Err(error) => {
            let hint = match text.starts_with('{') {
                true => "",
                false => " (for CSV, pass --format csv)",
            };
            let message = format!("expected a JSON object{hint}: {error}");
            return Err(LineError::Line(message));
        }
    };
    let mut errors = FieldErrors::default();
    let mut record = Record::default();
    for (name, value) in members {
        let Some(field) = columns.field(&name) else {
            if !columns.ignores_unknown() {
                errors.add(name.clone().into_owned(), unknown(&name));
            }
            continue;
        };
        if record.has(field) {
            let message = format_args!("{name:?} is a second member for this field");
            errors.add(field.name(), message);
            continue;
        }
        record.set(
            field,
            match (field, value.get()) {
                (_, "null") => Input::Null,
                (field, json) if field.is_json() => Input::Value(json.into()),
                (Field::DefaultFor, json) => match serde_json::from_str::<Vec<String>>(json) {
                    Ok(purposes) => Input::Value(purposes.join(" ").into()),
                    Err(_) => {
                        errors.add(field.name(), "expected an array of strings");
                        continue;
                    }
                },
                _ => match json::string(value) {
                    Ok(Some(text)) => Input::Value(text.into()),
                    Ok(None) => {
                        errors.add(field.name(), "expected a JSON string");
                        continue;
                    }
                    Err(error) => {
                        errors.add(field.name(), error);
                        continue;
                    }
                },
            },
        );
    }
    columns.apply_defaults(&mut record);
    Ok(record.validate(errors)?)
}

/// The message about a member that is not a field of an address.
fn unknown(name: &str) -> String {
    let suggestion = Field::nearest(name)
        .map(|field| format!(" (did you mean {}?)", field.name()))
        .unwrap_or_default();
    format!(
        "expected one of {}{suggestion}; see --map and --ignore-unknown-columns",
        Field::names()
    )
}

/// Writes one JSON object per line.
pub(crate) struct Writer<W>(pub(crate) W);

/// An address with its members in the order of [`Field::all`].
struct Exported<'a>(&'a ExportedAddress);

impl Serialize for Exported<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(ExportedAddress {
            address,
            default_for,
        }) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("customer_id", address.customer_id.as_str())?;
        map.serialize_entry("id", address.id.as_str())?;
        for (member, text) in address.content.texts().iter() {
            match text {
                Some(json) if Field::Member(member).is_json() => {
                    let json: &RawValue = serde_json::from_str(json).map_err(S::Error::custom)?;
                    map.serialize_entry(member.name(), json)?;
                }
                None if member.is_detail() => {}
                text => map.serialize_entry(member.name(), text)?,
            }
        }
        map.serialize_entry("created_at", &address.created_at.to_string())?;
        map.serialize_entry("updated_at", &address.updated_at.to_string())?;
        if !default_for.is_empty() {
            let purposes: Vec<_> = default_for.iter().map(Purpose::as_str).collect();
            map.serialize_entry(Field::DefaultFor.name(), &purposes)?;
        }
        map.end()
    }
}

impl<W: Write> WriteAddress for Writer<W> {
    fn write(&mut self, address: &ExportedAddress) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, &Exported(address))?;
        self.0.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
