use actix_web::http::header::{HeaderMap, IF_NONE_MATCH};
use addressbook_domain::{Limit, Offset};

/// The `ETag` of a page: the revision of its book, the limit and the offset. It is weak
/// (RFC 9110, section 8.8.1) because it vouches for the content and not for each byte.
pub(crate) fn of_page(revision: u64, limit: Limit, offset: Offset) -> String {
    format!("W/\"{revision}-{}-{}\"", limit.get(), offset.get())
}

/// Whether `If-None-Match` (RFC 9110, section 13.1.2) lists this tag, compared weakly, or
/// is `*`. What is no entity tag is passed over.
///
/// A list is split at every comma, also within foreign tags that hold one. Their halves
/// lack a quote, so none of them can be taken for a tag of ours.
pub(crate) fn is_listed(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            let mut tags = value.split(',').map(str::trim);
            value.trim() == "*" || tags.any(|tag| opaque(tag) == opaque(etag))
        })
}

/// A tag without the mark of weakness.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn is_listed_in(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_NONE_MATCH, HeaderValue::from_static(value));
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
        ] {
            assert!(is_listed_in(&[value]), "{value}");
        }
        assert!(is_listed_in(&["\"a\"", "\"7-50-0\""]));
    }

    #[test]
    fn all_else_is_not_the_tag() {
        for value in [
            "",
            "\"7-50-00\"",
            "7-50-0",
            "w/\"7-50-0\"",
            "\"a,7-50-0\"",
            "\"*\"",
            "\"a,*,b\"",
            "W/ \"7-50-0\"",
        ] {
            assert!(!is_listed_in(&[value]), "{value}");
        }
        assert!(!is_listed_in(&[]));
    }
}
