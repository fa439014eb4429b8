//! Cursors: a place in a list, sealed so that it comes back as it was given out.

use addressbook_domain::CustomerId;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// What the cursors of this program begin with. Another layout gets another version.
const VERSION: u8 = 1;
/// How much of the digest a cursor carries.
const TAG_LEN: usize = 8;

/// The cursor that holds a payload: base64url without padding of version, payload and the
/// first bytes of a digest of all that it is bound to.
///
/// `purpose` names the list and its layout of the payload; it must hold no NUL.
///
/// There is no secret in the digest. It keeps cursors from being taken for another list or
/// customer, mistyped or made up in passing; who recomputes it gets no more than a page of
/// the book that the request's path names anyway.
pub(crate) fn seal(purpose: &str, customer_id: &CustomerId, payload: &[u8]) -> String {
    let tag = tag(purpose, customer_id, payload);
    BASE64_URL_SAFE_NO_PAD.encode([&[VERSION], payload, &tag].concat())
}

/// The payload of a cursor, or `None` where [`seal`] has given no such cursor for this
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
    // Neither purposes nor customers' ids hold a NUL: no two triples read the same.
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
    fn a_cursor_looks_like_this_for_as_long_as_its_version_stays() {
        let cursor = seal("addresses", &customer("cus_1"), b"payload");
        assert_eq!(cursor, "AXBheWxvYWSEPx_tF33VZQ");
    }

    proptest! {
        #[test]
        fn a_cursor_gives_back_its_payload(
            payload in vec(any::<u8>(), 0..80), id in "cus_[A-Za-z0-9_-]{0,60}",
        ) {
            let cursor = seal("addresses", &customer(&id), &payload);
            prop_assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            prop_assert_eq!(open("addresses", &customer(&id), &cursor), Some(payload));
        }

        #[test]
        fn a_cursor_is_for_one_purpose_and_customer(
            payload in vec(any::<u8>(), 0..80), id in "cus_[A-Za-z0-9_-]{0,60}",
        ) {
            let cursor = seal("addresses", &customer("cus-1"), &payload);
            prop_assert_eq!(open("addresses", &customer(&id), &cursor), None);
            for purpose in ["", "address", "addressesc", "revisions"] {
                prop_assert_eq!(open(purpose, &customer("cus-1"), &cursor), None);
            }
        }

        #[test]
        fn no_byte_can_be_changed_added_or_taken_away(
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
        fn whatever_else_comes_is_no_cursor(text: String, bytes in vec(any::<u8>(), 0..80)) {
            for made_up in [text, BASE64_URL_SAFE_NO_PAD.encode(bytes)] {
                prop_assert_eq!(open("addresses", &customer("cus_1"), &made_up), None);
            }
        }
    }
}
