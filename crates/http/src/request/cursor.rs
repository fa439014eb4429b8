//! Cursors: positions in a list, sealed so that changed or foreign ones are rejected.

use addressbook_domain::CustomerId;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// The first byte of every cursor. Increase it when the layout changes.
const VERSION: u8 = 1;
/// Number of bytes of the digest in a cursor.
const TAG_LEN: usize = 8;

/// Creates a cursor with a payload: base64url without padding of the version, the payload and the
/// first bytes of a digest of everything that the cursor is bound to.
///
/// `purpose` names the list and the layout of its payload; it must not contain NUL.
///
/// The digest contains no secret. It protects against mistyped and invented cursors, and cursors
/// of another list or customer. A client that recomputes it gains nothing: it reaches only pages of
/// the book in the request's path.
pub(crate) fn seal(purpose: &str, customer_id: &CustomerId, payload: &[u8]) -> String {
    let tag = tag(purpose, customer_id, payload);
    BASE64_URL_SAFE_NO_PAD.encode([&[VERSION], payload, &tag].concat())
}

/// Returns the payload of a cursor, or `None` if [`seal`] does not create this cursor for this
/// purpose and customer.
pub(crate) fn open(purpose: &str, customer_id: &CustomerId, cursor: &str) -> Option<Vec<u8>> {
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (sealed, given) = bytes.split_last_chunk::<TAG_LEN>()?;
    let payload = sealed.strip_prefix(&[VERSION])?;
    if *given != tag(purpose, customer_id, payload) {
        return None;
    }
    bytes.truncate(bytes.len() - TAG_LEN);
    bytes.remove(0);
    Some(bytes)
}

fn tag(purpose: &str, customer_id: &CustomerId, payload: &[u8]) -> [u8; TAG_LEN] {
    let mut digest = Sha256::new();
    // Purposes and customers' ids contain no NUL, so different triples have different digests.
    for part in ["addressbook cursor 1", purpose, customer_id.as_str()] {
        digest.update(part);
        digest.update([0]);
    }
    digest.update(payload);
    let mut tag = [0; TAG_LEN];
    tag.copy_from_slice(&digest.finalize()[..TAG_LEN]);
    tag
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn customer(id: &str) -> CustomerId {
        CustomerId::parse(id).unwrap()
    }

    #[test]
    fn the_format_of_a_version_does_not_change() {
        let cursor = seal("addresses", &customer("cus_1"), b"payload");
        assert_eq!(cursor, "AXBheWxvYWSEPx_tF33VZQ");
    }

    proptest! {
        #[test]
        fn a_cursor_returns_its_payload(
            payload in vec(any::<u8>(), 0..80), id in "cus_[A-Za-z0-9_-]{0,60}",
        ) {
            let cursor = seal("addresses", &customer(&id), &payload);
            prop_assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            prop_assert_eq!(open("addresses", &customer(&id), &cursor), Some(payload));
        }

        #[test]
        fn a_cursor_is_valid_for_one_purpose_and_customer(
            payload in vec(any::<u8>(), 0..80), id in "cus_[A-Za-z0-9_-]{0,60}",
        ) {
            let cursor = seal("addresses", &customer("cus-1"), &payload);
            prop_assert_eq!(open("addresses", &customer(&id), &cursor), None);
            for purpose in ["", "address", "addressesc", "revisions"] {
                prop_assert_eq!(open(purpose, &customer("cus-1"), &cursor), None);
            }
        }

        #[test]
        fn a_changed_cursor_is_rejected(
            payload in vec(any::<u8>(), 0..80), at: prop::sample::Index, flipped in 1..=u8::MAX,
        ) {
            let id = customer("cus_1");
            let cursor = seal("addresses", &id, &payload);
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(&cursor).unwrap();
            let at = at.index(bytes.len());
            let mut changed = bytes.clone();
            changed[at] ^= flipped;
            let mut shorter = bytes.clone();
            shorter.remove(at);
            let mut longer = bytes;
            longer.insert(at, flipped);
            for bytes in [changed, shorter, longer] {
                let forged = BASE64_URL_SAFE_NO_PAD.encode(bytes);
                if forged != cursor {
                    prop_assert_eq!(open("addresses", &id, &forged), None);
                }
            }
            for forged in [format!("{cursor}="), format!(" {cursor}"), format!("{cursor}A")] {
                prop_assert_eq!(open("addresses", &id, &forged), None);
            }
        }

        #[test]
        fn arbitrary_text_is_not_a_cursor(text: String, bytes in vec(any::<u8>(), 0..80)) {
            for made_up in [text, BASE64_URL_SAFE_NO_PAD.encode(bytes)] {
                prop_assert_eq!(open("addresses", &customer("cus_1"), &made_up), None);
            }
        }
    }
}
