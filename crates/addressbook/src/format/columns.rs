use std::str::FromStr;

use addressbook_domain::FieldErrors;
use clap::Args;

use super::field::Field;
use super::record::Record;

/// How the columns of a CSV file, or the members of JSON objects, become fields of an address.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Columns {
    /// Column separator of CSV: comma, semicolon, tab, pipe or any ASCII character. Default: the
    /// one of , ; tab | that yields the most known fields in the header
    #[arg(long)]
    pub(crate) delimiter: Option<Delimiter>,

    /// Read the column or member THEIRS as the field OURS. Can be repeated
    #[arg(long = "map", value_name = "THEIRS=OURS")]
    renames: Vec<Rename>,

    /// Ignore columns and members that are not fields of an address. By default they are errors
    #[arg(long)]
    ignore_unknown_columns: bool,

    /// Value of a field for which a CSV file has no column, or a JSON object no member. Can be
    /// repeated. An existing column or member takes precedence, even if it is empty or null
    #[arg(long = "column-default", value_name = "OURS=VALUE")]
    defaults: Vec<ColumnDefault>,
}

impl Columns {
    /// The field that a column or member holds, by its name in the file.
    pub(crate) fn field(&self, name: &str) -> Option<Field> {
        self.renames
            .iter()
            .find(|rename| rename.theirs == name)
            .map(|rename| rename.ours)
            .or_else(|| Field::named(name))
    }

    /// Whether columns and members that are not fields of an address are ignored.
    pub(crate) fn ignores_unknown(&self) -> bool {
        self.ignore_unknown_columns
    }

    /// The names in the file that `--map` maps to fields.
    pub(crate) fn renamed(&self) -> impl Iterator<Item = &str> {
        self.renames.iter().map(|rename| rename.theirs.as_str())
    }

    pub(crate) fn has_default(&self, field: Field) -> bool {
        self.defaults.iter().any(|default| default.field == field)
    }

    /// Adds the defaults of the fields that a record does not have.
    pub(crate) fn apply_defaults<'a>(&'a self, record: &mut Record<'a>) {
        for default in &self.defaults {
            if !record.has(default.field) {
                record.set(
                    default.field,
                    default.field.in_column((&*default.value).into()),
                );
            }
        }
    }

    /// Describes a contradiction between the flags, if there is one.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let theirs = || self.renames.iter().map(|rename| &*rename.theirs);
        let ours = || self.renames.iter().map(|rename| rename.ours.name());
        let defaults = || self.defaults.iter().map(|default| default.field.name());
        let twice = |flag: &str, name: &str| format!("{flag} names {name} twice: expected it once");
        first_repeated(theirs())
            .or_else(|| first_repeated(ours()))
            .map(|name| twice("--map", name))
            .or_else(|| first_repeated(defaults()).map(|name| twice("--column-default", name)))
    }
}

fn first_repeated<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name) {
            return Some(name);
        }
        seen.push(name);
    }
    None
}

/// The character that separates the columns of CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delimiter(pub(super) u8);

impl FromStr for Delimiter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "comma" => Ok(Self(b',')),
            "semicolon" => Ok(Self(b';')),
            "tab" | "\\t" => Ok(Self(b'\t')),
            "pipe" => Ok(Self(b'|')),
            _ => match text.as_bytes() {
                [byte] if is_delimiter(*byte) => Ok(Self(*byte)),
                _ => Err(
                    "expected comma, semicolon, tab, pipe, or one ASCII character that is \
                          not a letter, a digit, a quotation mark or a line end",
                ),
            },
        }
    }
}

fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\r' | b'\n')
}

/// The name of a field in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rename {
    theirs: String,
    ours: Field,
}

impl FromStr for Rename {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (theirs, ours) = text
            .rsplit_once('=')
            .ok_or("expected THEIRS=OURS, such as Ort=city")?;
        Ok(Self {
            theirs: theirs.to_owned(),
            ours: ours_named(ours)?,
        })
    }
}

/// The value of a field that a file does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ColumnDefault {
    field: Field,
    value: String,
}

impl FromStr for ColumnDefault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (field, value) = text
            .split_once('=')
            .ok_or("expected OURS=VALUE, such as country=RW")?;
        let field = ours_named(field)?;
        if field == Field::Id {
            return Err("id cannot have a default: each address has its own".to_owned());
        }
        let mut record = Record::default();
        record.set(field, field.in_column(value.into()));
        let errors = record
            .validate(FieldErrors::default())
            .err()
            .unwrap_or_default();
        let error = |error: &addressbook_domain::FieldError| error.field == field.name();
        match errors.into_vec().into_iter().find(error) {
            Some(error) => Err(error.to_string()),
            None => Ok(Self {
                field,
                value: value.to_owned(),
            }),
        }
    }
}

fn ours_named(name: &str) -> Result<Field, String> {
    Field::named(name).ok_or_else(|| {
        let suggestion = Field::nearest(name)
            .map(|field| format!("; did you mean {}?", field.name()))
            .unwrap_or_default();
        format!(
            "{name:?} is not a field of an address: expected one of {}{suggestion}",
            Field::names()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_is_a_word_or_a_character() {
        for (text, byte) in [
            ("comma", b','),
            (";", b';'),
            ("tab", b'\t'),
            ("\t", b'\t'),
            ("\\t", b'\t'),
            ("pipe", b'|'),
            ("^", b'^'),
        ] {
            assert_eq!(text.parse(), Ok(Delimiter(byte)), "{text}");
        }
        for text in ["", "\"", "\n", "\r", "a", "7", ",,", "é", "space"] {
            assert!(text.parse::<Delimiter>().is_err(), "{text}");
        }
    }
}
