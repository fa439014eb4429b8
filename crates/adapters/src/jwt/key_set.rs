use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};

use super::JwtKeysError;

/// The keys that verify tokens. Never empty.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug)]
pub(super) struct Key {
    kid: Option<String>,
    /// The only algorithm that this key may be used with.
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

const PEM: &str = "-----BEGIN PUBLIC KEY-----";

impl KeySet {
    /// Parses a JWK Set, or one public key in PEM. Ignores keys for anything except signatures
    /// with RS256, ES256 or EdDSA, because sets may also contain keys for other purposes.
    pub(super) fn parse(text: &str) -> Result<Self, JwtKeysError> {
        let set = if text.trim_start().starts_with(PEM) {
            JwkSet {
                keys: vec![read_pem(text).ok_or(JwtKeysError::Format)?],
            }
        } else {
            serde_json::from_str(text).map_err(|_| JwtKeysError::Format)?
        };
        let keys: Vec<_> = set.keys.iter().filter_map(Key::of).collect();
        if keys.is_empty() {
            return Err(JwtKeysError::NoKey);
        }
        let count_of = |key: &Key| keys.iter().filter(|other| other.kid == key.kid).count();
        if keys.len() > 1
            && keys
                .iter()
                .any(|key| key.kid.is_none() || count_of(key) > 1)
        {
            return Err(JwtKeysError::KeyId);
        }
        Ok(Self(keys))
    }

    /// Finds the key that a token names. If there is only one key, the token need not name it.
    pub(super) fn find(&self, kid: Option<&str>) -> Option<&Key> {
        match &*self.0 {
            [only] if only.kid.is_none() || kid.is_none() => Some(only),
            keys => keys.iter().find(|key| key.kid.as_deref() == kid),
        }
    }
}

impl Key {
    fn of(jwk: &Jwk) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            // Each base64 character encodes six bits.
            AlgorithmParameters::RSA(key) if key.n.len() * 6 >= 2048 => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            _ => return None,
        };
        let common = &jwk.common;
        let algorithm_fits = common
            .key_algorithm
            .is_none_or(|expected| expected == algorithm.into());
        let key_use = common.public_key_use.as_ref();
        let operations = common.key_operations.as_ref();
        if !algorithm_fits
            || key_use.is_some_and(|key_use| *key_use != PublicKeyUse::Signature)
            || operations.is_some_and(|operations| !operations.contains(&KeyOperations::Verify))
        {
            return None;
        }
        Some(Self {
            kid: common.key_id.clone(),
            algorithm,
            decoding: DecodingKey::from_jwk(jwk).ok()?,
        })
    }
}

/// Reads one public key. Rejects several, because all but the first would be ignored.
fn read_pem(text: &str) -> Option<Jwk> {
    if text.matches("-----BEGIN").count() > 1 {
        return None;
    }
    let pem = text.as_bytes();
    let key = DecodingKey::from_rsa_pem(pem)
        .or_else(|_| DecodingKey::from_ec_pem(pem))
        .or_else(|_| DecodingKey::from_ed_pem(pem));
    Jwk::from_decoding_key(&key.ok()?, None).ok()
}
