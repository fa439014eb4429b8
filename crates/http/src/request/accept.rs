//! `Accept` (RFC 9110, section 12.5.1): which media type a client prefers.

use actix_web::HttpRequest;
use actix_web::http::header::{Accept, Header as _, Quality};

/// The media type that the client prefers, of those that an operation offers; the first of them if
/// it prefers none, or sends no valid `Accept`. `None` if it accepts none of them.
///
/// Parameters of media types, such as `charset`, are ignored.
pub(crate) fn preferred(request: &HttpRequest, offered: &[&'static str]) -> Option<&'static str> {
    let accepted = match Accept::parse(request) {
        Ok(accepted) if !accepted.0.is_empty() => accepted.0,
        _ => return offered.first().copied(),
    };
    // The most specific range counts, whatever its quality.
    let quality = |offered: &str| {
        let (kind, _) = offered.split_once('/').unwrap_or((offered, ""));
        let ranges = [offered.to_owned(), format!("{kind}/*"), "*/*".to_owned()];
        let of_range = |range: &String| {
            let mut all = accepted.iter();
            all.find(|accepted| accepted.item.essence_str() == *range)
        };
        let found = ranges.iter().find_map(of_range);
        found.map_or(Quality::ZERO, |accepted| accepted.quality)
    };
    let mut best = (None, Quality::ZERO);
    for offered in offered {
        let quality = quality(offered);
        if quality > best.1 {
            best = (Some(*offered), quality);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::ACCEPT;
    use actix_web::test::TestRequest;

    use super::*;

    fn of(lines: &[&str]) -> Option<&'static str> {
        let mut request = TestRequest::get();
        for line in lines {
            request = request.append_header((ACCEPT, *line));
        }
        preferred(
            &request.to_http_request(),
            &["text/plain", "application/json", "text/vcard"],
        )
    }

    #[test]
    fn the_preferred_type_is_chosen() {
        for (lines, expected) in [
            (&[][..], Some("text/plain")),
            (&["*/*"], Some("text/plain")),
            (&["text/*"], Some("text/plain")),
            (&["application/json"], Some("application/json")),
            (&["text/vcard;version=4.0"], Some("text/vcard")),
            (&["TEXT/VCARD"], Some("text/vcard")),
            (&["text/plain;q=0.5, text/vcard"], Some("text/vcard")),
            (&["text/plain;q=0.5", "text/vcard"], Some("text/vcard")),
            (&["*/*, text/plain;q=0"], Some("application/json")),
            (&["text/*, text/plain;q=0.1"], Some("text/vcard")),
            (&["application/pdf, */*;q=0.1"], Some("text/plain")),
            (&["application/pdf"], None),
            (&["text/plain;q=0"], None),
        ] {
            assert_eq!(of(lines), expected, "{lines:?}");
        }
    }
}
