/// The minimum similarity of a name that is suggested, from 0 to 1 (Jaro-Winkler).
const MIN_LIKENESS: f64 = 0.8;

/// Returns the known name that was probably meant by a written one, if any is similar enough. Case
/// and word separators are ignored.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = letters(written);
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&letters(name), &written), name))
        .filter(|(likeness, _)| *likeness >= MIN_LIKENESS)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

fn letters(name: &str) -> String {
    name.chars()
        .filter(|char| char.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
