/// The longest name that is compared, in bytes. All known names are much shorter.
const MAX_LEN: usize = 64;

/// The known name that was probably meant by a misspelled one, ignoring case: one that differs by
/// few characters, that contains the written name, or that is contained in it.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if written.len() > MAX_LEN {
        return None;
    }
    let written = written.to_lowercase();
    let chars = written.chars().count();
    let distances = known.into_iter().filter_map(|name| {
        let distance = strsim::osa_distance(&written, name);
        let is_near = distance <= chars.max(name.len()) / 3;
        let is_part = |part: &str, whole: &str| part.len() > 3 && whole.contains(part);
        let is_likely = is_near || is_part(&written, name) || is_part(name, &written);
        is_likely.then_some((distance, name))
    });
    let nearest = distances.min_by_key(|(distance, _)| *distance);
    nearest.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_name_finds_the_intended_one() {
        let known = ["limit", "offset", "after", "country", "q", "updated_since"];
        for (written, name) in [
            ("limti", Some("limit")),
            ("LIMIT", Some("limit")),
            ("page_limit", Some("limit")),
            ("ofset", Some("offset")),
            ("country[]", Some("country")),
            ("countries", Some("country")),
            ("country_code", Some("country")),
            ("updatedSince", Some("updated_since")),
            ("since", Some("updated_since")),
            ("before", None),
            ("sort", None),
            ("w", None),
            ("", None),
            ("Ⱥ", None),
        ] {
            assert_eq!(nearest(written, known), name, "{written}");
        }
        assert_eq!(nearest(&"limit".repeat(13), known), None);
        assert_eq!(nearest("limit", []), None);
    }
}
