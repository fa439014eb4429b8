//! The formats in which addresses come and go: NDJSON and CSV, with the same names.

pub(crate) mod csv;
pub(crate) mod ndjson;
mod record;

use std::io::{self, BufRead, Write};

use addressbook_domain::{Address, Faults, ImportEntry};
use clap::ValueEnum;

/// The fields of an address outside, in the order in which they are written.
const FIELDS: [&str; 9] = [
    "customer_id",
    "id",
    "description",
    "region",
    "city",
    "country",
    "custom_data",
    "created_at",
    "updated_at",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line
    Ndjson,
    /// A header, then one record an address; custom_data as JSON text, nothing for null
    Csv,
}

/// One line of input, or what is wrong with it.
pub(crate) struct Line {
    /// Its number in the file, from 1.
    pub(crate) number: u64,
    pub(crate) entry: Result<ImportEntry, Faults>,
}

/// The lines of an input, as they are read: the input may be endless.
pub(crate) type Lines<'a> = Box<dyn Iterator<Item = anyhow::Result<Line>> + 'a>;

impl Format {
    pub(crate) fn read<'a>(self, input: impl BufRead + 'a) -> anyhow::Result<Lines<'a>> {
        Ok(match self {
            Self::Ndjson => Box::new(ndjson::Reader::new(input)),
            Self::Csv => Box::new(csv::Reader::new(input)?),
        })
    }

    pub(crate) fn write<'a>(
        self,
        output: impl Write + 'a,
    ) -> io::Result<Box<dyn WriteAddress + 'a>> {
        Ok(match self {
            Self::Ndjson => Box::new(ndjson::Writer(output)),
            Self::Csv => Box::new(csv::Writer::new(output)?),
        })
    }
}

/// Writes addresses in one of the formats.
pub(crate) trait WriteAddress {
    fn write(&mut self, address: &Address) -> io::Result<()>;
    fn finish(&mut self) -> io::Result<()>;
}
