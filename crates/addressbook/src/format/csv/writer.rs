use std::borrow::Cow;
use std::io::{self, Write};

use addressbook_domain::{ExportedAddress, Purpose};

use crate::format::WriteAddress;
use crate::format::field::Field;

/// How to write cells that a spreadsheet would evaluate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Formulas {
    /// Cells are written unchanged, so that an import reads the same text.
    Exact,
    /// A cell that begins like a formula is preceded by an apostrophe, so that a spreadsheet reads
    /// it as text. An import reads the apostrophe as part of the text.
    Escaped,
}

/// The first characters of cells that a spreadsheet evaluates, from OWASP's advice on CSV
/// injection. The full-width forms are for East Asian spreadsheets.
const FORMULA_STARTS: [char; 10] = [
    '=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

impl Formulas {
    fn cell(self, text: &str) -> Cow<'_, [u8]> {
        match self == Self::Escaped && text.starts_with(FORMULA_STARTS) {
            true => format!("'{text}").into_bytes().into(),
            false => text.as_bytes().into(),
        }
    }
}

/// Writes CSV as defined by RFC 4180, with a header.
pub(crate) struct Writer<W: Write> {
    output: csv::Writer<W>,
    formulas: Formulas,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    pub(crate) fn new(output: W, formulas: Formulas) -> io::Result<Self> {
        let mut output = csv::Writer::from_writer(output);
        output
            .write_record(Field::all().map(Field::name))
            .map_err(io_error)?;
        Ok(Self { output, formulas })
    }
}

impl<W: Write> WriteAddress for Writer<W> {
    fn write(&mut self, exported: &ExportedAddress) -> io::Result<()> {
        let address = &exported.address;
        let purposes: Vec<_> = exported.default_for.iter().map(Purpose::as_str).collect();
        let purposes = purposes.join(" ");
        let times = [address.created_at, address.updated_at].map(|time| time.to_string());
        let members = address.content.texts();
        let cells = [address.customer_id.as_str(), address.id.as_str()]
            .into_iter()
            .chain(members.iter().map(|(_, text)| text.unwrap_or_default()))
            .chain(times.iter().map(String::as_str))
            .chain([&*purposes])
            .map(|cell| self.formulas.cell(cell));
        self.output.write_record(cells).map_err(io_error)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Returns the error of the output itself. The standard conversion would hide its kind.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_begins_like_a_formula_gets_an_apostrophe() {
        for text in [
            "=1+1", "+250", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠1",
        ] {
            assert_eq!(Formulas::Escaped.cell(text), format!("'{text}").as_bytes());
            assert_eq!(Formulas::Exact.cell(text), text.as_bytes());
        }
        for text in ["", "1-1", " =1", "'=1", "a=b", "{\"a\":\"=1\"}"] {
            assert_eq!(Formulas::Escaped.cell(text), text.as_bytes());
        }
    }
}
