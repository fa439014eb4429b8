use std::iter;

use actix_web::http::header::{HeaderMap, IF_NONE_MATCH};

/// Whether `If-None-Match` (RFC 9110, section 13.1.2) lists this tag, compared weakly and
/// [without codings](without_coding), or is `*`.
pub(crate) fn is_listed(headers: &HeaderMap, etag: &str) -> bool {
    let etag = Tag::of(etag).map(|(tag, _)| tag.opaque);
    headers.get_all(IF_NONE_MATCH).any(|value| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let is_it =
            |tag: Tag<'_>| etag == Some(tag.opaque) || etag == Some(without_coding(tag.opaque));
        value.trim() == "*" || tags(&value).flatten().any(is_it)
    })
}

/// An entity tag (RFC 9110, section 8.8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    pub(crate) is_weak: bool,
    /// The text between the quotes.
    pub(crate) opaque: &'a str,
}

impl<'a> Tag<'a> {
    /// The tag at the start of a text, and the rest of the text.
    fn of(text: &'a str) -> Option<(Self, &'a str)> {
        let strong = text.strip_prefix("W/");
        let is_weak = strong.is_some();
        let (opaque, rest) = strong.unwrap_or(text).strip_prefix('"')?.split_once('"')?;
        Some((Self { is_weak, opaque }, rest))
    }
}

/// The tags in a line of a header; `None` for text that is not a tag, up to the next comma.
pub(crate) fn tags(line: &str) -> impl Iterator<Item = Option<Tag<'_>>> {
    let mut rest = line;
    iter::from_fn(move || {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            return None;
        }
        let (tag, behind) = Tag::of(rest).map_or((None, rest), |(tag, rest)| (Some(tag), rest));
        let (junk, next) = behind.split_once(',').unwrap_or((behind, ""));
        rest = next;
        Some(tag.filter(|_| junk.trim().is_empty()))
    })
}

/// Removes the coding that Apache and Caddy append to a tag when they compress its response. The
/// rest still identifies the same state.
pub(crate) fn without_coding(opaque: &str) -> &str {
    let mut codings = ["-gzip", "-br", "-zstd"].into_iter();
    codings
        .find_map(|coding| opaque.strip_suffix(coding))
        .unwrap_or(opaque)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn is_listed_in(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                IF_NONE_MATCH,
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        is_listed(&headers, "W/\"7-50-0\"")
    }

    #[test]
    fn a_tag_is_found_weak_or_strong_alone_or_in_a_list() {
        for value in [
            "*",
            " * ",
            "W/\"7-50-0\"",
            "\"7-50-0\"",
            "\"a,b\", W/\"\",,\tW/\"7-50-0\" ,\"z\"",
            "nonsense, W/\"7-50-0\"",
            "W/\"7-50-0-gzip\"",
            "W/\"7-50-0-br\", \"z\"",
            "\"7-50-0-zstd\"",
            "\"é\", \"7-50-0\"",
            "\"a\"b, \"7-50-0\"",
            "a\"b, \"7-50-0\"",
        ] {
            assert!(is_listed_in(&[value]), "{value}");
        }
        assert!(is_listed_in(&["\"a\"", "\"7-50-0\""]));
    }

    #[test]
    fn other_values_do_not_match() {
        for value in [
            "",
            "\"7-50-00\"",
            "7-50-0",
            "w/\"7-50-0\"",
            "\"a,7-50-0\"",
            "\"*\"",
            "\"a,*,b\"",
            "W/ \"7-50-0\"",
            "\"7-50-0",
            "\"7-50-0-gzip",
            "\"7-50-0-deflate\"",
            "\"7-50-0-gzip-gzip\"",
            "\"7-50-0;gzip\"",
            "\"7-50-0\"x",
            "\"a, \"7-50-0\"",
        ] {
            assert!(!is_listed_in(&[value]), "{value}");
        }
        assert!(!is_listed_in(&[]));
    }
}
