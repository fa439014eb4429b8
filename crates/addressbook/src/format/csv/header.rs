use std::str;

use anyhow::bail;

use crate::format::columns::Columns;
use crate::format::field::Field;
use crate::nearest::nearest;

/// The delimiters that are recognised, the default first.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// The maximum number of names that a message lists.
const MAX_LISTED: usize = 20;

/// The first record of a CSV file.
pub(super) struct Header {
    /// The names of the columns in the file.
    pub(super) names: Vec<String>,
    /// The field that each column holds. Columns with `None` are ignored.
    pub(super) fields: Vec<Option<Field>>,
}

impl Header {
    pub(super) fn new(names: Vec<String>, columns: &Columns) -> anyhow::Result<Self> {
        if let [name] = &names[..]
            && let Some(word) = likely_delimiter(name)
        {
            bail!(
                "the CSV header is read as one column, {name:?}: expected several; pass --delimiter \
                 {word} if that is what separates them"
            );
        }
        for theirs in columns.renamed() {
            if !names.iter().any(|name| name == theirs) {
                let hint = nearest(theirs, names.iter().map(String::as_str))
                    .map(|name| format!(" (did you mean {name:?}?)"))
                    .unwrap_or_default();
                bail!(
                    "the CSV header lacks the column {theirs:?} that --map names{hint}: its columns \
                     are {}",
                    list(&names, |name| format!("{name:?}"))
                );
            }
        }
        let fields: Vec<_> = names.iter().map(|name| columns.field(name)).collect();
        let unknown: Vec<&str> = names
            .iter()
            .zip(&fields)
            .filter_map(|(name, field)| field.is_none().then_some(name.as_str()))
            .collect();
        if !unknown.is_empty() && !columns.ignores_unknown() {
            let hint = match unknown.len() == names.len() {
                true => "; is this line a header?",
                false => "",
            };
            bail!("{}{hint}", unknown_columns(&unknown));
        }
        for (index, field) in fields.iter().enumerate() {
            let first = fields[..index].iter().position(|other| other == field);
            if let (Some(field), Some(first)) = (field, first) {
                match (&names[first], &names[index]) {
                    (one, other) if one == other => bail!("the CSV header names {one} twice"),
                    (one, other) => bail!(
                        "the CSV header has two columns for {}: {one:?} and {other:?}",
                        field.name()
                    ),
                }
            }
        }
        let is_there = |field: Field| fields.contains(&Some(field)) || columns.has_default(field);
        let missing: Vec<_> = Field::all()
            .filter(|field| field.is_required() && !is_there(*field))
            .map(Field::name)
            .collect();
        if let [first, ..] = missing[..] {
            bail!(
                "the CSV header lacks {}: expected a column for each; use --map THEIRS={first} to \
                 read it from another column, or --column-default {first}=VALUE for all lines",
                missing.join(", ")
            );
        }
        Ok(Self { names, fields })
    }
}

fn unknown_columns(unknown: &[&str]) -> String {
    format!(
        "the CSV header names {}: expected some of {}; read a column under another name with \
         --map THEIRS=OURS, or ignore such columns with --ignore-unknown-columns",
        list(unknown, |name| match Field::nearest(name) {
            Some(field) => format!("{name:?} (did you mean {}?)", field.name()),
            None => format!("{name:?}"),
        }),
        Field::names(),
    )
}

/// Lists the first names, described, and how many more there are.
fn list<T>(names: &[T], describe: impl FnMut(&T) -> String) -> String {
    let described: Vec<_> = names.iter().take(MAX_LISTED).map(describe).collect();
    let more = match names.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", described.join(", "))
}

/// The word of `--delimiter` for the character that probably separates the names in a header that
/// was read as one.
fn likely_delimiter(name: &str) -> Option<&'static str> {
    let words = [
        (';', "semicolon"),
        (',', "comma"),
        ('\t', "tab"),
        ('|', "pipe"),
    ];
    let found = words.into_iter().find(|(char, _)| name.contains(*char));
    found.map(|(_, word)| word)
}

/// The delimiter that yields the most known fields in the first line of a file.
pub(super) fn delimiter(line: &[u8], columns: &Columns) -> u8 {
    let mut best = DELIMITERS[0];
    for other in DELIMITERS {
        if named_fields(line, other, columns) > named_fields(line, best, columns) {
            best = other;
        }
    }
    best
}

/// Whether the first line of a file is a CSV header.
pub(crate) fn is_header(line: &[u8], columns: &Columns) -> bool {
    named_fields(line, delimiter(line, columns), columns) > 0
}

fn named_fields(line: &[u8], delimiter: u8, columns: &Columns) -> usize {
    line.trim_ascii()
        .split(|byte| *byte == delimiter)
        .filter_map(|name| columns.field(str::from_utf8(name).ok()?.trim_matches('"')))
        .count()
}
