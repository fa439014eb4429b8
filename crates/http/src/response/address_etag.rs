//! The strong `ETag` of a state, and the conditions that use it (RFC 9110, sections 8.8.3 and 13.1).
//! That of an address with included members is weak, because its revision does not determine their
//! values.

use actix_web::http::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use addressbook_domain::{
    Address, ChangeError, DefaultAddresses, DefaultAddressesVersion, FieldErrors, Precondition,
    Revision, Timestamp, Version,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::request::include::Included;
use crate::response::etag::{self, Tag, without_coding};
use crate::response::included;
use crate::response::problem::Problem;
use crate::response::problem_kind::{PRECONDITION_FAILED, PRECONDITION_REQUIRED};

/// A state that a strong tag identifies.
pub(crate) trait State: Sized + PartialEq {
    /// Returns the text between the quotes.
    fn opaque(&self) -> String;

    /// Parses the text between the quotes, if it is exactly one of this service.
    fn parse(opaque: &str) -> Option<Self>;
}

/// `<revision>-<updated_at in ms>`.
impl State for Version {
    fn opaque(&self) -> String {
        let (revision, updated_at) = (self.revision.get(), self.updated_at.unix_ms());
        format!("{revision}-{updated_at}")
    }

    fn parse(opaque: &str) -> Option<Self> {
        let (revision, updated_at) = opaque.split_once('-')?;
        let version = Self {
            revision: Revision::new(revision.parse().ok()?)?,
            updated_at: Timestamp::from_unix_ms(updated_at.parse().ok()?).ok()?,
        };
        (version.opaque() == opaque).then_some(version)
    }
}

/// The SHA-256 digest in base64url.
impl State for DefaultAddressesVersion {
    fn opaque(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    fn parse(opaque: &str) -> Option<Self> {
        let digest = BASE64_URL_SAFE_NO_PAD.decode(opaque).ok()?;
        Some(Self(digest.try_into().ok()?))
    }
}

/// The tag of a state.
pub(crate) fn of(state: impl State) -> HeaderValue {
    // Both kinds of text, and quotes, are a valid header value: the fallback, which matches nothing,
    // is never used.
    let tag = format!("\"{}\"", state.opaque());
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The tag of an address with included members: `W/"<state>+<member>…"`, or that of the address alone
/// if there are none. No condition of a change matches the former.
pub(crate) fn including(
    address: &Address,
    include: &[Included],
    defaults: &DefaultAddresses,
) -> String {
    let mut tag = address.version().opaque();
    for included in include {
        tag.push(INCLUDED);
        tag.push_str(&included::tag_of_address(*included, &address.id, defaults));
    }
    let weak = if include.is_empty() { "" } else { "W/" };
    format!("{weak}\"{tag}\"")
}

/// Separates the state from the included members.
const INCLUDED: char = '+';

/// The state that a strong tag identifies, if it is exactly a tag of this service.
fn strong<S: State>(tag: Tag<'_>) -> Option<S> {
    S::parse(tag.opaque).filter(|_| !tag.is_weak)
}

/// Like [`strong`], but also for a tag that a proxy weakened or to which it appended its coding.
fn weak<S: State>(tag: Tag<'_>) -> Option<S> {
    S::parse(without_coding(tag.opaque))
}

/// The tags in a condition.
enum Tags<S> {
    Every,
    Listed(Vec<S>),
}

/// The tags in a header, or `None` if it is absent. Unknown tags are ignored.
fn tags<S>(
    headers: &HeaderMap,
    name: HeaderName,
    read: fn(Tag<'_>) -> Option<S>,
) -> Option<Tags<S>> {
    let mut listed = None;
    for value in headers.get_all(name) {
        let value = String::from_utf8_lossy(value.as_bytes());
        if value.trim() == "*" {
            return Some(Tags::Every);
        }
        let states = etag::tags(&value).flatten().filter_map(read);
        listed.get_or_insert_with(Vec::new).extend(states);
    }
    listed.map(Tags::Listed)
}

/// Whether the client already has this state, according to `If-None-Match`.
pub(crate) fn is_known<S: State>(headers: &HeaderMap, state: &S) -> bool {
    match tags(headers, IF_NONE_MATCH, weak) {
        Some(Tags::Every) => true,
        Some(Tags::Listed(states)) => states.contains(state),
        None => false,
    }
}

/// The states to which a change applies, from `If-Match` and `If-None-Match` together.
///
/// # Errors
/// 400 if one of them is malformed, since it would not provide the intended protection; 428 if
/// `If-Match` is required and absent.
pub(crate) fn precondition<S: State>(
    headers: &HeaderMap,
    require_if_match: bool,
) -> Result<Precondition<S>, Problem> {
    let mut errors = FieldErrors::default();
    for (name, shown) in [(IF_MATCH, "If-Match"), (IF_NONE_MATCH, "If-None-Match")] {
        if headers.get_all(name).any(|value| !is_condition(value)) {
            errors.add(shown, EXPECTED);
        }
    }
    if !errors.is_empty() {
        return Err(Problem::invalid_parameters(errors));
    }
    let if_match = tags(headers, IF_MATCH, strong);
    if require_if_match && if_match.is_none() {
        return Err(Problem::of(PRECONDITION_REQUIRED));
    }
    let unwanted = match tags(headers, IF_NONE_MATCH, weak) {
        Some(Tags::Every) => return Ok(Precondition::Absent),
        Some(Tags::Listed(versions)) => versions,
        None => Vec::new(),
    };
    Ok(match if_match {
        Some(Tags::Listed(mut versions)) => {
            versions.retain(|version| !unwanted.contains(version));
            Precondition::OneOf(versions)
        }
        _ if unwanted.is_empty() => Precondition::Any,
        _ => Precondition::NoneOf(unwanted),
    })
}

const EXPECTED: &str = "expected *, or an ETag as returned, including the quotation marks";

/// Whether a header is `*` or a list of tags, as RFC 9110, section 13.1, defines it.
fn is_condition(value: &HeaderValue) -> bool {
    let value = String::from_utf8_lossy(value.as_bytes());
    let mut tags = etag::tags(&value).peekable();
    value.trim() == "*" || tags.peek().is_some() && tags.all(|tag| tag.is_some())
}

/// The problem for a rejected change of an address.
pub(crate) fn change_problem(headers: &HeaderMap, error: ChangeError) -> Problem {
    match error {
        ChangeError::PreconditionFailed {
            current,
            book_revision,
        } => precondition_failed(headers, current).at(book_revision),
        error => error.into(),
    }
}

/// The problem of a change whose precondition does not hold for the current state.
///
/// `If-Match` compares strongly (RFC 9110, section 13.1.1), so a tag that a proxy changed never
/// matches. Reading the address again, as after other failed conditions, would not help.
pub(crate) fn precondition_failed<S: State>(headers: &HeaderMap, current: S) -> Problem {
    let detail = unusable_tag::<S>(headers);
    let problem = Problem::of(PRECONDITION_FAILED).with_header(ETAG, of(current));
    match detail {
        Some(detail) => problem.with_detail(detail),
        None => problem,
    }
}

const INCLUDING_TAG: &str = "If-Match contains the tag of an address with include, which never \
    matches. Send the strong tag of what is to be changed, as the service returned it.";

const WEAK_TAG: &str = "If-Match contains a weak tag (W/\"…\"), which never matches. Send the strong \
    tag of what is to be changed, as the service returned it. If a compressing proxy made it weak, \
    configure the proxy to preserve it: see Strong tags in the guide Deploy.";

const CODED_TAG: &str = "If-Match contains a tag that ends in -gzip, -br or -zstd, which never \
    matches. The service returned a tag without this suffix; a compressing proxy probably appended \
    it. Send the tag as the service returned it, and configure the proxy to preserve it: see Strong \
    tags in the guide Deploy.";

/// Explains the first tag in `If-Match` that can never match: one with included members, or one that
/// a proxy probably changed.
fn unusable_tag<S: State>(headers: &HeaderMap) -> Option<&'static str> {
    headers.get_all(IF_MATCH).find_map(|value| {
        let value = String::from_utf8_lossy(value.as_bytes());
        etag::tags(&value).flatten().find_map(|tag| match tag {
            tag if has_included(tag) => Some(INCLUDING_TAG),
            Tag { is_weak: true, .. } => Some(WEAK_TAG),
            tag if strong::<S>(tag).is_none() && weak::<S>(tag).is_some() => Some(CODED_TAG),
            _ => None,
        })
    })
}

/// Whether a tag is that of a state with included members, of any release.
fn has_included(tag: Tag<'_>) -> bool {
    let state = tag.opaque.split_once(INCLUDED);
    state.is_some_and(|(state, _)| Version::parse(state).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(revision: u32, unix_ms: i64) -> Version {
        Version {
            revision: Revision::new(revision).unwrap(),
            updated_at: Timestamp::from_unix_ms(unix_ms).unwrap(),
        }
    }

    fn with(lines: &[(HeaderName, &'static str)]) -> Precondition<Version> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(name.clone(), value);
        }
        precondition(&headers, false).unwrap()
    }

    #[test]
    fn both_conditions_must_hold() {
        let (one, two) = (version(1, 0), version(2, 0));
        for (lines, expected) in [
            (vec![], Precondition::Any),
            (vec![(IF_MATCH, "*")], Precondition::Any),
            (
                vec![(IF_MATCH, "\"1-0\" ,, \"é,y\",\"2-0\"")],
                Precondition::OneOf(vec![one, two]),
            ),
            (
                vec![(IF_MATCH, "\"1-0-gzip\", W/\"1-0\", \"2-0\"")],
                Precondition::OneOf(vec![two]),
            ),
            (
                vec![
                    (IF_MATCH, "\"1-0\", \"2-0\""),
                    (IF_NONE_MATCH, "\"1-0-zstd\""),
                ],
                Precondition::OneOf(vec![two]),
            ),
            (
                vec![
                    (IF_MATCH, "\"1-0\""),
                    (IF_MATCH, "\"2-0\""),
                    (IF_NONE_MATCH, "\"1-0\""),
                ],
                Precondition::OneOf(vec![two]),
            ),
            (
                vec![(IF_MATCH, "*"), (IF_NONE_MATCH, "W/\"1-0\"")],
                Precondition::NoneOf(vec![one]),
            ),
            (
                vec![(IF_MATCH, "\"1-0\""), (IF_NONE_MATCH, " * ")],
                Precondition::Absent,
            ),
        ] {
            assert_eq!(with(&lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn an_unknown_tag_matches_nothing() {
        for value in [
            "\"\"",
            "\"01-0\"",
            "\"+1-0\"",
            "\"0-0\"",
            "\"1-00\"",
            "\"1--0\"",
            "\"1- 0\"",
            "\"4294967296-0\"",
            "\"1-253402300800000\"",
            "W/\"1-0\"",
            "\"a,*,b\"",
            "\"a,1-0,b\"",
            "\"1-0-gzip\"",
            "\"1-0-br\"",
            "\"1-0-zstd\"",
            "W/\"1-0-gzip\"",
            "\"1-0-deflate\"",
            "\"1-0-gzip-br\"",
            "\"-gzip\"",
        ] {
            assert_eq!(
                with(&[(IF_MATCH, value)]),
                Precondition::OneOf(vec![]),
                "{value}"
            );
        }
    }

    #[test]
    fn a_malformed_condition_is_rejected() {
        for value in [
            "",
            ",",
            "1-0",
            "\"1-0",
            "\"\"1-0\"\"",
            "w/\"1-0\"",
            "W/1-0",
            "\"1-0\", 1-0",
            "\"1-0-gzip",
            "*, \"1-0\"",
            "\"",
        ] {
            for name in [IF_MATCH, IF_NONE_MATCH] {
                let mut headers = HeaderMap::new();
                headers.append(name.clone(), HeaderValue::from_static("\"1-0\""));
                assert!(precondition::<Version>(&headers, false).is_ok());
                headers.append(name, HeaderValue::from_static(value));
                assert!(precondition::<Version>(&headers, false).is_err(), "{value}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_tag_parses_to_its_state(revision in 1_u32.., unix_ms in -62_167_219_200_000..253_402_300_800_000_i64) {
            let version = version(revision, unix_ms);
            let tag = of(version);
            let tag = tag.to_str().unwrap();
            let read = |text: &str, as_what: fn(Tag<'_>) -> Option<Version>| {
                etag::tags(text).next().flatten().and_then(as_what)
            };
            prop_assert_eq!(read(tag, strong), Some(version));
            prop_assert_eq!(read(&format!("W/{tag}"), strong), None);
            prop_assert_eq!(read(&format!("W/{tag}"), weak), Some(version));
            for coding in ["gzip", "br", "zstd"] {
                let coded = format!("{}-{coding}\"", tag.trim_end_matches('"'));
                prop_assert_eq!(read(&coded, strong), None);
                prop_assert_eq!(read(&coded, weak), Some(version));
                prop_assert_eq!(read(&format!("W/{coded}"), weak), Some(version));
            }
        }
    }
}
