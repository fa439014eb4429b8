//! The file formats of import and export: NDJSON and CSV, with the same field names.

mod columns;
pub(crate) mod csv;
mod field;
pub(crate) mod ndjson;
mod record;

use std::error::Error;
use std::fmt::{self, Display};
use std::io::{self, BufRead, Write};

use addressbook_domain::{ExportedAddress, FieldErrors, ImportEntry};
use clap::ValueEnum;

pub(crate) use self::columns::Columns;

/// The maximum length of a line, in bytes: several times what the fields of an address can take. It
/// bounds memory for any input.
const MAX_LINE_BYTES: u64 = 256 * 1024;

const NOT_UTF_8: &str = "expected text in UTF-8; if the file is in Windows-1252, convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object per line
    Ndjson,
    /// A header, then one record per address. custom_data is JSON text, and null is an empty field
    Csv,
}

/// The address in one line of input, or why it is invalid.
pub(crate) struct Line {
    pub(crate) range: LineRange,
    pub(crate) entry: Result<ImportEntry, LineError>,
}

/// Why a line contains no valid address.
#[derive(Debug)]
pub(crate) enum LineError {
    /// The line as a whole is invalid.
    Line(String),
    /// Some of its fields are invalid.
    Fields(FieldErrors),
}

impl From<FieldErrors> for LineError {
    fn from(errors: FieldErrors) -> Self {
        Self::Fields(errors)
    }
}

impl Error for LineError {}

impl Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(message) => f.write_str(message),
            Self::Fields(errors) => errors.fmt(f),
        }
    }
}

/// The lines of a file that contain one address, counted from 1. In CSV, an address with line
/// breaks between quotation marks takes several lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl LineRange {
    fn one(line: u64) -> Self {
        Self {
            first: line,
            last: line,
        }
    }
}

impl Display for LineRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "line {}", self.first),
            false => write!(f, "lines {} to {}", self.first, self.last),
        }
    }
}

/// The lines of an input, read lazily because the input may be endless.
pub(crate) type Lines<'a> = Box<dyn Iterator<Item = anyhow::Result<Line>> + Send + 'a>;

impl Format {
    pub(crate) fn read<'a>(
        self,
        input: impl BufRead + Send + 'a,
        columns: Columns,
    ) -> anyhow::Result<Lines<'a>> {
        Ok(match self {
            Self::Ndjson => Box::new(ndjson::Reader::new(input, columns)?),
            Self::Csv => Box::new(csv::Reader::new(input, columns)?),
        })
    }

    pub(crate) fn write<'a>(
        self,
        output: impl Write + 'a,
    ) -> io::Result<Box<dyn WriteAddress + 'a>> {
        Ok(match self {
            Self::Ndjson => Box::new(ndjson::Writer(output)),
            Self::Csv => Box::new(csv::Writer::new(output, csv::Formulas::Exact)?),
        })
    }
}

/// Writes addresses in one of the formats.
pub(crate) trait WriteAddress {
    fn write(&mut self, address: &ExportedAddress) -> io::Result<()>;
    fn finish(&mut self) -> io::Result<()>;
}

#[cfg(test)]
mod tests {
    use addressbook_domain::{ImportEntry, Purpose};
    use addressbook_testkit::strategies;
    use proptest::prelude::*;

    use super::*;

    fn written(format: Format, addresses: &[ExportedAddress]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = format.write(&mut bytes).unwrap();
        for address in addresses {
            writer.write(address).unwrap();
        }
        writer.finish().unwrap();
        drop(writer);
        bytes
    }

    fn exported() -> impl Strategy<Value = ExportedAddress> {
        let purpose = "[a-z][a-z0-9_]{0,31}".prop_map(|text| Purpose::parse(&text).unwrap());
        let purposes = proptest::collection::btree_set(purpose, 0..4);
        (strategies::address(), purposes).prop_map(|(address, purposes)| ExportedAddress {
            address,
            default_for: purposes.into_iter().collect(),
        })
    }

    /// The domain's errors and suggestions appear in both formats.
    #[test]
    fn errors_of_both_formats_suggest_what_was_probably_meant() {
        let csv = "customer_id,region,city,country\ncus_1,\u{200b},London,UK\n";
        let ndjson = "{\"customer_id\":\"cus_1\",\"region\":\"\u{200b}\",\"city\":\"London\",\"country\":\"UK\"}\n";
        for (format, input) in [(Format::Csv, csv), (Format::Ndjson, ndjson)] {
            let mut lines = format.read(input.as_bytes(), Columns::default()).unwrap();
            let errors = lines.next().unwrap().unwrap().entry.unwrap_err();
            assert_eq!(
                errors.to_string(),
                "region: expected visible text, got only invisible characters such as U+200B; \
                 country: expected a two-letter ISO 3166-1 alpha-2 country code such as RW; did \
                 you mean GB?"
            );
        }
    }

    proptest! {
        #[test]
        fn written_addresses_are_read_back_unchanged(
            addresses in proptest::collection::vec(exported(), 0..5),
            format in proptest::sample::select(vec![Format::Ndjson, Format::Csv]),
        ) {
            let bytes = written(format, &addresses);
            let header = u64::from(format == Format::Csv);
            let lines: Vec<_> = format.read(&bytes[..], Columns::default()).unwrap().map(Result::unwrap).collect();
            let numbers: Vec<_> = lines.iter().map(|line| line.range.first).collect();
            prop_assert_eq!(numbers, (1..).skip(header as usize).take(addresses.len()).collect::<Vec<u64>>());
            let entries: Vec<_> = lines.into_iter().map(|line| line.entry.unwrap()).collect();
            let expected: Vec<_> = addresses
                .into_iter()
                .zip(&entries)
                .map(|(ExportedAddress { address, default_for }, entry)| ImportEntry {
                    customer_id: address.customer_id,
                    id: Some(address.id),
                    // In NDJSON, details that are null are absent.
                    content: match entry.content.new_content() == &address.content {
                        true => entry.content.clone(),
                        false => address.content.into(),
                    },
                    created_at: Some(address.created_at),
                    updated_at: Some(address.updated_at),
                    // In NDJSON, an address without purposes has no such member.
                    default_for: match (format, default_for.is_empty()) {
                        (Format::Ndjson, true) => None,
                        _ => Some(default_for.into_iter().collect()),
                    },
                })
                .collect();
            prop_assert_eq!(entries, expected);
        }

        #[test]
        fn no_input_makes_a_reader_panic(
            input in proptest::collection::vec(any::<u8>(), 0..200),
            format in proptest::sample::select(vec![Format::Ndjson, Format::Csv]),
        ) {
            if let Ok(lines) = format.read(&input[..], Columns::default()) {
                lines.for_each(drop);
            }
        }
    }
}
