use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use addressbook_domain::IdSource;

/// Identifies one exchange in the response's `X-Request-Id`, in problems and in the log. The
/// client's own id if it consists of 1 to 128 of `A–Z a–z 0–9 . _ -`, otherwise a new
/// lower-case ULID.
///
/// Handlers find it in the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The header that contains it, in requests and responses.
    pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
    /// The maximum length of a client's id, in bytes.
    pub const MAX_LEN: usize = 128;

    pub(crate) fn of(headers: &HeaderMap, ids: &dyn IdSource) -> Self {
        match headers.get(Self::HEADER) {
            Some(sent) if is_usable(sent.as_bytes()) => Self(sent.clone()),
            _ => Self::new(ids),
        }
    }

    fn new(ids: &dyn IdSource) -> Self {
        let mut ulid = ids.next().to_string();
        ulid.make_ascii_lowercase();
        // Letters and digits are a valid header value: the fallback is never used.
        Self(HeaderValue::try_from(ulid).unwrap_or(HeaderValue::from_static("-")))
    }

    /// The id, in ASCII.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

fn is_usable(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=RequestId::MAX_LEN).contains(&id.len()) && id.iter().all(allowed)
}

impl From<RequestId> for HeaderValue {
    fn from(id: RequestId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use addressbook_testkit::SequenceIds;

    use super::*;

    fn id_for(sent: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(RequestId::HEADER, HeaderValue::from_str(sent).unwrap());
        RequestId::of(&headers, &SequenceIds::default())
            .as_str()
            .to_owned()
    }

    #[test]
    fn a_valid_id_is_used() {
        for sent in ["1", "Ab.c_d-9", &"x".repeat(128)] {
            assert_eq!(id_for(sent), sent);
        }
    }

    #[test]
    fn an_invalid_or_missing_id_is_replaced() {
        let new = "01j46q00eg0000000000000000";
        for sent in ["", "a b", "a\tb", "é", "a\"", "a,b", &"x".repeat(129)] {
            assert_eq!(id_for(sent), new, "{sent:?}");
        }
        let id = RequestId::of(&HeaderMap::new(), &SequenceIds::default());
        assert_eq!(id.as_str(), new);
    }
}
