use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName};

/// The trace and span of a request's caller, from the header `traceparent` of W3C Trace Context.
///
/// An invalid header is ignored, as the standard requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace_id: TraceId,
    /// The caller's span; not zero.
    pub(crate) parent_id: u64,
    /// Whether the caller records the trace.
    pub(crate) sampled: bool,
}

/// Identifies a trace; not zero. Written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId(pub(crate) u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

const HEADER: HeaderName = HeaderName::from_static("traceparent");

impl TraceParent {
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut sent = headers.get_all(HEADER);
        let parent = sent.next()?;
        // It is not clear which of several is right.
        if sent.next().is_some() {
            return None;
        }
        Self::parse(parent.to_str().ok()?)
    }

    /// Parses `00-<trace id>-<parent id>-<flags>`. Later versions may continue after another dash.
    fn parse(text: &str) -> Option<Self> {
        let (known, more) = text.split_at_checked(55)?;
        let mut parts = known.split('-');
        let mut part = |len| parts.next().and_then(|part| hexadecimal(part, len));
        let (version, trace_id, parent_id, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        let may_have_more = version != 0 && more.starts_with('-');
        let valid = version != 0xff
            && trace_id != 0
            && parent_id != 0
            && (more.is_empty() || may_have_more);
        valid.then_some(Self {
            trace_id: TraceId(trace_id),
            parent_id: u64::try_from(parent_id).ok()?,
            sampled: flags & 1 == 1,
        })
    }
}

/// The value of `len` digits, in lower case as the standard requires.
fn hexadecimal(text: &str, len: usize) -> Option<u128> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let valid = text.len() == len && text.bytes().all(is_digit);
    u128::from_str_radix(text, 16).ok().filter(|_| valid)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn parent_of(sent: &[&str]) -> Option<TraceParent> {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(HEADER, HeaderValue::from_str(value).unwrap());
        }
        TraceParent::of(&headers)
    }

    #[test]
    fn a_valid_header_is_used() {
        for (sent, sampled) in [
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
                false,
            ),
            // Flags that are not defined yet.
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe",
                false,
            ),
            // A version that is not defined yet, which may have more fields.
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
            ),
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes",
                true,
            ),
        ] {
            let parent = parent_of(&[sent]).unwrap();
            assert_eq!(parent.trace_id.to_string(), TRACE_ID, "{sent}");
            assert_eq!(parent.parent_id, 0x00f0_67aa_0ba9_02b7, "{sent}");
            assert_eq!(parent.sampled, sampled, "{sent}");
        }
    }

    #[test]
    fn an_invalid_header_is_ignored() {
        for sent in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\t-",
        ] {
            assert_eq!(parent_of(&[sent]), None, "{sent}");
        }
        assert_eq!(parent_of(&[]), None);
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(parent_of(&[valid, valid]), None);
        let umlaut = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0ä";
        assert_eq!(TraceParent::parse(umlaut), None);
    }
}
