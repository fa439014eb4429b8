use std::fmt;
use std::hash::{Hash, Hasher};

use data_encoding::BASE32_DNSSEC as BASE32;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The token of an API key: `ab_` and 58 of `0–9 a–v`. They encode 256 random bits and their
/// checksum (CRC-32) in base 32 (RFC 4648, section 7).
///
/// Secret scanners find leaked tokens by `\bab_[0-9a-v]{58}\b`, and check the checksum to rule out
/// other text, without a request to the service.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken(Box<str>);

impl ApiToken {
    /// The prefix of every token. No JWT begins with it.
    pub const PREFIX: &str = "ab_";

    const SECRET_LEN: usize = 32;
    const LEN: usize = 58;

    /// Creates the token of a secret.
    pub fn from_secret(secret: [u8; Self::SECRET_LEN]) -> Self {
        let checksum = crc32fast::hash(&secret).to_be_bytes();
        let text = BASE32.encode(&[&secret[..], &checksum].concat());
        Self([Self::PREFIX, &text].concat().into())
    }

    /// Parses a token, whether or not its key exists. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(Self::PREFIX)?.as_bytes();
        if encoded.len() != Self::LEN {
            return None;
        }
        let mut bytes = [0; Self::SECRET_LEN + 4];
        BASE32.decode_mut(encoded, &mut bytes).ok()?;
        let (secret, checksum) = bytes.split_at(Self::SECRET_LEN);
        (crc32fast::hash(secret).to_be_bytes() == checksum).then(|| Self(text.into()))
    }

    /// The token itself. Show it only to its holder.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The digest of the token. Only the digest is stored.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(…)")
    }
}

/// The SHA-256 of a token, by which its key is found. Comparison takes constant time.
#[derive(Clone, Copy)]
pub struct TokenDigest(pub [u8; 32]);

impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenDigest {}

impl Hash for TokenDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computed in Python: base64.b32hexencode(secret + zlib.crc32(secret).to_bytes(4)), and
    /// hashlib.sha256 of the whole token.
    const EXAMPLE: &str = "ab_000g40o40k30e209185go38e1s8124gj2gahc5oo34d1m70t3ofp29juh8";
    const DIGEST: &str = "71c0db9ade2b4ce6bdebf304e382a9df9b0a57b2a2e3a3ab12a38513a1ca3ecd";

    #[test]
    fn a_token_has_the_documented_format() {
        let token = ApiToken::from_secret(std::array::from_fn(|place| place as u8));
        assert_eq!(token.expose(), EXAMPLE);
        let digest: String = token.digest().0.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(digest, DIGEST);
        assert_eq!(ApiToken::parse(EXAMPLE), Some(token));
    }

    proptest! {
        #[test]
        fn a_token_parses_unless_a_character_differs(
            secret: [u8; 32], place in 3..61_usize, other in "[0-9a-v]",
        ) {
            let token = ApiToken::from_secret(secret);
            prop_assert_eq!(ApiToken::parse(token.expose()), Some(token.clone()));
            let mut changed = token.expose().to_owned();
            changed.replace_range(place..=place, &other);
            if changed != token.expose() {
                prop_assert_eq!(ApiToken::parse(&changed), None);
            }
        }
    }

    #[test]
    fn other_text_is_not_a_token() {
        for text in [
            "",
            "ab_",
            &EXAMPLE[1..],
            &EXAMPLE[..60],
            &format!("{EXAMPLE}0"),
            &format!(" {EXAMPLE}"),
            &EXAMPLE.replace("ab_", "AB_"),
            &EXAMPLE.replace('0', "z"),
            &EXAMPLE.replace('0', "é"),
        ] {
            assert_eq!(ApiToken::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn debug_output_contains_no_token() {
        let token = ApiToken::from_secret([7; 32]);
        assert_eq!(format!("{token:?}"), "ApiToken(…)");
        assert_eq!(format!("{:?}", token.digest()), "TokenDigest(…)");
    }
}
