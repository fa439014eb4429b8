use std::borrow::Cow;
use std::io::{self, BufRead, Read, Write};
use std::str;

use addressbook_domain::{Address, Faults, ImportEntry, Input, json};
use serde::Serialize;
use serde_json::value::RawValue;

use super::record::Record;
use super::{FIELDS, Line, LineNumbers, MAX_LINE_BYTES, WriteAddress};

/// Reads one JSON object a line. Empty lines are passed over.
pub(crate) struct Reader<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Reader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            number: 0,
        }
    }

    /// Reads the next line; of one that is too long, only so much that this shows.
    fn read_line(&mut self) -> io::Result<bool> {
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
        Ok(bytes > 0)
    }

    fn is_too_long(&self) -> bool {
        self.line.len() as u64 > MAX_LINE_BYTES && !self.line.ends_with(b"\n")
    }

    fn entry(&self) -> Result<ImportEntry, Faults> {
        let mut faults = Faults::default();
        if self.is_too_long() {
            faults.add(
                "line",
                format_args!("expected at most {MAX_LINE_BYTES} bytes"),
            );
            return Err(faults);
        }
        let line = match (self.number, self.line.strip_prefix(b"\xef\xbb\xbf")) {
            (1, Some(after_bom)) => after_bom,
            _ => &self.line,
        };
        match str::from_utf8(line) {
            Ok(text) => parse(text),
            Err(_) => {
                faults.add("line", "expected text in UTF-8");
                Err(faults)
            }
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = anyhow::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read_line() {
                Ok(false) => return None,
                Ok(true) if self.line.trim_ascii().is_empty() => {}
                Ok(true) => {
                    return Some(Ok(Line {
                        numbers: LineNumbers::one(self.number),
                        entry: self.entry(),
                    }));
                }
                Err(error) => return Some(Err(error.into())),
            }
        }
    }
}

/// Reads one JSON object as an address.
pub(crate) fn parse(text: &str) -> Result<ImportEntry, Faults> {
    let mut faults = Faults::default();
    let members = match json::members(text.trim()) {
        Ok(members) => members,
        Err(error) => {
            faults.add("line", format_args!("expected a JSON object: {error}"));
            return Err(faults);
        }
    };
    let mut record = Record::default();
    for (name, value) in members {
        let Some(field) = record.field(&name) else {
            let expected = format!("expected one of {}", FIELDS.join(", "));
            faults.add(name.into_owned(), expected);
            continue;
        };
        *field = match (&*name, value.get()) {
            (_, "null") => Input::Null,
            ("custom_data", json) => Input::Value(json.into()),
            _ => match json::string(value) {
                Ok(Some(text)) => Input::Value(Cow::Owned(text)),
                Ok(None) => {
                    faults.add(name.into_owned(), "expected a JSON string");
                    continue;
                }
                Err(error) => {
                    faults.add(name.into_owned(), error);
                    continue;
                }
            },
        };
    }
    record.validate(faults)
}

/// Writes one JSON object a line.
pub(crate) struct Writer<W>(pub(crate) W);

#[derive(Serialize)]
struct Exported<'a> {
    customer_id: &'a str,
    id: &'a str,
    description: Option<&'a str>,
    region: &'a str,
    city: &'a str,
    country: &'a str,
    custom_data: Option<&'a RawValue>,
    created_at: String,
    updated_at: String,
}

impl<W: Write> WriteAddress for Writer<W> {
    fn write(&mut self, address: &Address) -> io::Result<()> {
        let content = &address.content;
        let custom_data = content.custom_data.as_ref();
        serde_json::to_writer(
            &mut self.0,
            &Exported {
                customer_id: address.customer_id.as_str(),
                id: address.id.as_str(),
                description: content.description.as_ref().map(|text| text.as_str()),
                region: content.region.as_str(),
                city: content.city.as_str(),
                country: content.country.as_str(),
                custom_data: custom_data
                    .map(|json| serde_json::from_str(json.as_str()))
                    .transpose()?,
                created_at: address.created_at.to_string(),
                updated_at: address.updated_at.to_string(),
            },
        )?;
        self.0.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
