use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use addressbook_testkit::FrozenClock;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{DecodingKey, EncodingKey, encode};
use serde_json::json;
use tempfile::TempDir;

use super::key_file::Watch;
use super::*;

/// An issuer's key pair.
struct Issuer {
    algorithm: Algorithm,
    signing: EncodingKey,
    public_pem: String,
}

impl Issuer {
    fn rsa() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self {
            algorithm: Algorithm::RS256,
            signing: EncodingKey::from_rsa_pem(pem("PRIVATE", private.as_ref()).as_bytes())
                .unwrap(),
            public_pem: pem("PUBLIC", public.as_ref()),
        }
    }

    fn ecdsa() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self {
            algorithm: Algorithm::ES256,
            signing: EncodingKey::from_ec_der(pkcs8.as_ref()),
            public_pem: pem("PUBLIC", public.as_ref()),
        }
    }

    fn eddsa() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.as_ref()).unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self {
            algorithm: Algorithm::EdDSA,
            signing: EncodingKey::from_ed_der(pkcs8.as_ref()),
            public_pem: pem("PUBLIC", public.as_ref()),
        }
    }

    fn all() -> [Self; 3] {
        [Self::rsa(), Self::ecdsa(), Self::eddsa()]
    }

    fn header(&self) -> Header {
        Header::new(self.algorithm)
    }

    fn sign(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.signing).unwrap()
    }

    /// The public key, in the form of a JWK Set.
    fn jwk(&self, kid: &str) -> Jwk {
        let decoding = match self.algorithm {
            Algorithm::RS256 => DecodingKey::from_rsa_pem(self.public_pem.as_bytes()),
            Algorithm::ES256 => DecodingKey::from_ec_pem(self.public_pem.as_bytes()),
            _ => DecodingKey::from_ed_pem(self.public_pem.as_bytes()),
        };
        let mut jwk = Jwk::from_decoding_key(&decoding.unwrap(), Some(self.algorithm)).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        jwk
    }
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {kind} KEY-----\n{text}\n-----END {kind} KEY-----\n")
}

fn jwks(keys: &[Jwk]) -> String {
    json!({ "keys": keys }).to_string()
}

/// A file with keys, in a temporary folder.
struct KeyFolder(TempDir);

impl KeyFolder {
    fn with(keys: &str) -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.write(keys);
        folder
    }

    fn write(&self, keys: &str) {
        fs::write(self.path(), keys).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("keys")
    }

    fn options(&self) -> JwtOptions {
        JwtOptions {
            keys: self.path(),
            issuer: "https://id.example".into(),
            audience: "addressbook".into(),
            customer_claim: "sub".into(),
            all_customers_scope: Some("addresses:all-customers".into()),
            leeway: Duration::from_secs(30),
        }
    }

    fn authenticator(&self) -> JwtAuthenticator<FrozenClock> {
        JwtAuthenticator::open(self.options(), FrozenClock::default()).unwrap()
    }
}

fn now() -> i64 {
    FrozenClock::default().now().unix_ms() / 1_000
}

/// Claims that give read access to the book of `cus_1`, with some of them replaced, or removed if
/// the change is null.
fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example", "aud": "addressbook", "sub": "cus_1",
        "exp": now() + 300, "scope": "openid addresses:read",
    });
    let all = claims.as_object_mut().unwrap();
    for (claim, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => all.remove(claim),
            value => all.insert(claim.clone(), value.clone()),
        };
    }
    claims
}

fn reads_of(customer_id: &str) -> Access {
    Access {
        name: "jwt".into(),
        scopes: vec![Scope::Read],
        customer_id: Some(CustomerId::parse(customer_id).unwrap()),
    }
}

#[test]
fn a_token_signed_with_a_key_of_the_file_gives_access_to_its_customers_book() {
    for issuer in Issuer::all() {
        let token = issuer.sign(&issuer.header(), &claims(json!({})));
        for keys in [issuer.public_pem.clone(), jwks(&[issuer.jwk("1")])] {
            let authenticator = KeyFolder::with(&keys).authenticator();
            assert_eq!(
                authenticator.validate(&token),
                Ok(reads_of("cus_1")),
                "{keys}"
            );
        }
    }
}

#[test]
fn the_kid_selects_the_key() {
    let issuers = Issuer::all();
    let keys: Vec<_> = issuers
        .iter()
        .zip(["1", "2", "3"])
        .map(|(issuer, kid)| issuer.jwk(kid))
        .collect();
    let folder = KeyFolder::with(&jwks(&keys));
    let authenticator = folder.authenticator();
    let token = |issuer: &Issuer, kid: Option<&str>| {
        let mut header = issuer.header();
        header.kid = kid.map(ToOwned::to_owned);
        issuer.sign(&header, &claims(json!({})))
    };
    for (issuer, kid) in issuers.iter().zip(["1", "2", "3"]) {
        assert!(authenticator.validate(&token(issuer, Some(kid))).is_ok());
        for unknown in [None, Some("4"), Some("")] {
            let refused = authenticator.validate(&token(issuer, unknown));
            assert_eq!(refused, Err("no key has this kid"));
        }
    }
    let wrong = authenticator.validate(&token(&issuers[0], Some("2")));
    assert_eq!(wrong, Err("the algorithm is not the key's"));
    // A single key verifies tokens without a kid, but not those with another kid.
    let folder = KeyFolder::with(&jwks(&keys[..1]));
    let authenticator = folder.authenticator();
    assert!(authenticator.validate(&token(&issuers[0], None)).is_ok());
    let other = authenticator.validate(&token(&issuers[0], Some("2")));
    assert_eq!(other, Err("no key has this kid"));
}

#[test]
fn forged_and_modified_tokens_are_rejected() {
    for (issuer, other) in Issuer::all().into_iter().zip(Issuer::all()) {
        let folder = KeyFolder::with(&issuer.public_pem);
        let authenticator = folder.authenticator();
        let wrong = Err("the signature is wrong");
        let forged = other.sign(&other.header(), &claims(json!({})));
        assert_eq!(authenticator.validate(&forged), wrong);
        // A key inside the token is ignored.
        let mut header = other.header();
        header.jwk = Some(other.jwk("1"));
        header.jku = Some("https://evil.example/keys".into());
        assert_eq!(
            authenticator.validate(&other.sign(&header, &claims(json!({})))),
            wrong
        );

        let token = issuer.sign(&issuer.header(), &claims(json!({})));
        let parts: Vec<_> = token.split('.').collect();
        let payload = BASE64_URL_SAFE_NO_PAD.encode(claims(json!({ "sub": "cus_2" })).to_string());
        let changed = format!("{}.{payload}.{}", parts[0], parts[2]);
        assert_eq!(authenticator.validate(&changed), wrong);
        let unsigned = format!("{}.{}.", parts[0], parts[1]);
        assert_eq!(authenticator.validate(&unsigned), wrong);
    }
}

#[test]
fn the_algorithm_is_always_the_keys_never_the_tokens() {
    let part = |json: Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    for issuer in Issuer::all() {
        let folder = KeyFolder::with(&issuer.public_pem);
        let authenticator = folder.authenticator();
        // Signed with the public key, which anyone can get, as a shared secret.
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let secret = EncodingKey::from_secret(issuer.public_pem.as_bytes());
            let header = Header::new(algorithm);
            let token = encode(&header, &claims(json!({})), &secret).unwrap();
            assert_eq!(
                authenticator.validate(&token),
                Err("the algorithm is not the key's")
            );
        }
        for none in ["none", "None", "NONE", ""] {
            let header = part(json!({ "alg": none, "typ": "JWT" }));
            let token = format!("{header}.{}.", part(claims(json!({}))));
            assert_eq!(authenticator.validate(&token), Err(MALFORMED), "{none}");
        }
    }
    // Signed with the right key and another algorithm.
    let issuer = Issuer::rsa();
    let folder = KeyFolder::with(&issuer.public_pem);
    for algorithm in [Algorithm::RS512, Algorithm::PS256] {
        let token = issuer.sign(&Header::new(algorithm), &claims(json!({})));
        let refused = folder.authenticator().validate(&token);
        assert_eq!(refused, Err("the algorithm is not the key's"));
    }
}

#[test]
fn each_unexpected_claim_is_rejected() {
    let issuer = Issuer::eddsa();
    let folder = KeyFolder::with(&issuer.public_pem);
    let authenticator = folder.authenticator();
    let lacking = "aud, exp or iss is missing";
    for (changes, expected) in [
        (
            json!({ "iss": "https://id.example/" }),
            "the issuer is wrong",
        ),
        (
            json!({ "iss": ["https://id.example"] }),
            "the issuer is wrong",
        ),
        (
            json!({ "iss": ["https://id.example", "https://evil.example"] }),
            "the issuer is wrong",
        ),
        (json!({ "iss": null }), lacking),
        (json!({ "iss": 1 }), lacking),
        (json!({ "aud": "addressbook2" }), "the audience is wrong"),
        (json!({ "aud": ["other"] }), "the audience is wrong"),
        (json!({ "aud": [] }), "the audience is wrong"),
        (json!({ "aud": null }), lacking),
        (json!({ "exp": null }), lacking),
        (json!({ "exp": "2100-01-01" }), lacking),
        (json!({ "exp": now() - 30 }), "the token has expired"),
        (json!({ "exp": 0 }), "the token has expired"),
        (json!({ "nbf": now() + 31 }), "the token is not valid yet"),
        (json!({ "nbf": "soon" }), MALFORMED),
        (json!({ "sub": null }), "the customer claim is missing"),
        (json!({ "sub": 7 }), "the customer claim is missing"),
        (
            json!({ "sub": "auth0|7" }),
            "the customer claim is not a customer id",
        ),
        (
            json!({ "sub": "" }),
            "the customer claim is not a customer id",
        ),
        (json!({ "scope": ["addresses:read"] }), MALFORMED),
    ] {
        let token = issuer.sign(&issuer.header(), &claims(changes.clone()));
        assert_eq!(authenticator.validate(&token), Err(expected), "{changes}");
    }
    for changes in [
        json!({ "exp": now() - 29 }),
        json!({ "exp": now() as f64 + 0.5 }),
        json!({ "nbf": now() + 30 }),
        json!({ "aud": ["other", "addressbook"] }),
    ] {
        let token = issuer.sign(&issuer.header(), &claims(changes.clone()));
        assert_eq!(
            authenticator.validate(&token),
            Ok(reads_of("cus_1")),
            "{changes}"
        );
    }
}

#[test]
fn a_duplicate_claim_is_rejected() {
    let issuer = Issuer::eddsa();
    let folder = KeyFolder::with(&issuer.public_pem);
    let authenticator = folder.authenticator();
    let signed = |claims: String| {
        let claims: Box<RawValue> = RawValue::from_string(claims).unwrap();
        encode(&issuer.header(), &claims, &issuer.signing).unwrap()
    };
    let once = claims(json!({ "nbf": 0, "client_id": "a", "azp": "b" }));
    assert!(authenticator.validate(&signed(once.to_string())).is_ok());
    for (claim, value) in once.as_object().unwrap() {
        for again in [value.clone(), json!("cus_2"), Value::Null] {
            let twice = once
                .to_string()
                .replacen('{', &format!("{{{claim:?}:{again},"), 1);
            assert!(
                authenticator.validate(&signed(twice)).is_err(),
                "{claim}: {again}"
            );
        }
    }
}

#[test]
fn headers_of_other_kinds_of_tokens_are_rejected() {
    let issuer = Issuer::eddsa();
    let folder = KeyFolder::with(&issuer.public_pem);
    let authenticator = folder.authenticator();
    let of_type = |kind: Option<&str>| {
        let mut header = issuer.header();
        header.typ = kind.map(ToOwned::to_owned);
        authenticator.validate(&issuer.sign(&header, &claims(json!({}))))
    };
    for kind in [
        None,
        Some("JWT"),
        Some("at+jwt"),
        Some("application/at+JWT"),
    ] {
        assert!(of_type(kind).is_ok(), "{kind:?}");
    }
    for kind in [
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "application/application/jwt",
        " JWT",
        "application/",
        "",
    ] {
        assert_eq!(
            of_type(Some(kind)),
            Err("the token is of another type"),
            "{kind}"
        );
    }
    let mut header = issuer.header();
    header.crit = Some(vec!["exp".into()]);
    let refused = authenticator.validate(&issuer.sign(&header, &claims(json!({}))));
    assert_eq!(refused, Err("the token has critical extensions"));
}

#[test]
fn malformed_and_too_long_tokens_are_rejected() {
    let issuer = Issuer::eddsa();
    let folder = KeyFolder::with(&issuer.public_pem);
    let authenticator = folder.authenticator();
    for text in ["", ".", "..", "...", "a.b.c", "ab_123", "{}", "é.é.é"] {
        assert_eq!(authenticator.validate(text), Err(MALFORMED), "{text}");
    }
    let max = JwtAuthenticator::<FrozenClock>::MAX_TOKEN_LEN;
    let long = |filler: usize| {
        let filler = "x".repeat(filler);
        issuer.sign(&issuer.header(), &claims(json!({ "filler": filler })))
    };
    assert!(long(max / 2).len() <= max);
    assert_eq!(
        authenticator.validate(&long(max / 2)),
        Ok(reads_of("cus_1"))
    );
    assert_eq!(
        authenticator.validate(&long(max)),
        Err("the token is too long")
    );
}

#[test]
fn scopes_are_separated_by_spaces_and_unknown_ones_are_ignored() {
    let issuer = Issuer::eddsa();
    let folder = KeyFolder::with(&issuer.public_pem);
    let authenticator = folder.authenticator();
    for (scope, expected) in [
        (json!("addresses:write"), vec![Scope::Write]),
        (
            json!("addresses:write a addresses:read"),
            Scope::ALL.to_vec(),
        ),
        (json!("addresses:READ addresses:reader"), vec![]),
        (json!(""), vec![]),
        (json!(null), vec![]),
    ] {
        let token = issuer.sign(&issuer.header(), &claims(json!({ "scope": scope })));
        assert_eq!(
            authenticator.validate(&token).unwrap().scopes,
            expected,
            "{scope}"
        );
    }
}

#[test]
fn only_the_configured_scope_gives_access_to_all_books() {
    let issuer = Issuer::eddsa();
    let folder = KeyFolder::with(&issuer.public_pem);
    let token = |sub: &str| {
        let scope = "addresses:read addresses:all-customers";
        let changes = json!({ "sub": sub, "scope": scope, "client_id": "billing" });
        issuer.sign(&issuer.header(), &claims(changes))
    };
    let access = folder
        .authenticator()
        .validate(&token("7@clients"))
        .unwrap();
    assert_eq!(access.customer_id, None);
    assert_eq!(access.scopes, [Scope::Read]);
    assert_eq!(&*access.name, "jwt:billing");

    let options = JwtOptions {
        all_customers_scope: None,
        ..folder.options()
    };
    let authenticator = JwtAuthenticator::open(options, FrozenClock::default()).unwrap();
    assert!(authenticator.validate(&token("7@clients")).is_err());
    let customer_id = authenticator.validate(&token("cus_1")).unwrap().customer_id;
    assert_eq!(customer_id, reads_of("cus_1").customer_id);
}

#[test]
fn the_customer_comes_from_the_configured_claim() {
    let issuer = Issuer::eddsa();
    let folder = KeyFolder::with(&issuer.public_pem);
    let options = JwtOptions {
        customer_claim: "https://shop.example/customer".into(),
        ..folder.options()
    };
    let authenticator = JwtAuthenticator::open(options, FrozenClock::default()).unwrap();
    let token = |changes| issuer.sign(&issuer.header(), &claims(changes));
    let validated =
        authenticator.validate(&token(json!({ "https://shop.example/customer": "cus_9" })));
    assert_eq!(validated, Ok(reads_of("cus_9")));
    let refused = authenticator.validate(&token(json!({})));
    assert_eq!(refused, Err("the customer claim is missing"));
}

#[test]
fn the_name_in_the_log_is_the_clients_never_the_customers() {
    let issuer = Issuer::eddsa();
    let folder = KeyFolder::with(&issuer.public_pem);
    let authenticator = folder.authenticator();
    for (changes, expected) in [
        (json!({ "client_id": "web-shop" }), "jwt:web-shop"),
        (json!({ "azp": "web-shop" }), "jwt:web-shop"),
        (json!({ "client_id": "cus_1" }), "jwt"),
        (json!({ "azp": "jane@example.com" }), "jwt"),
        (json!({ "azp": "two\nlines" }), "jwt"),
        (json!({ "azp": "x".repeat(65) }), "jwt"),
        (json!({}), "jwt"),
    ] {
        let token = issuer.sign(&issuer.header(), &claims(changes.clone()));
        assert_eq!(
            &*authenticator.validate(&token).unwrap().name,
            expected,
            "{changes}"
        );
    }
}

#[test]
fn only_keys_that_verify_signatures_are_used() {
    let issuer = Issuer::rsa();
    let with = |change: fn(&mut Jwk)| {
        let mut jwk = issuer.jwk("1");
        change(&mut jwk);
        jwks(&[jwk])
    };
    let secret = json!({ "keys": [{ "kty": "oct", "kid": "1", "alg": "HS256", "k": "c2VjcmV0" }] });
    let p384 = json!({ "keys": [{ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" }] });
    let no_key = JwtKeysError::NoKey.to_string();
    for keys in [
        r#"{"keys":[]}"#.to_owned(),
        secret.to_string(),
        p384.to_string(),
        with(|jwk| jwk.common.public_key_use = Some(PublicKeyUse::Encryption)),
        with(|jwk| jwk.common.key_algorithm = Some(KeyAlgorithm::RSA_OAEP)),
        with(|jwk| jwk.common.key_operations = Some(vec![])),
    ] {
        assert_eq!(refusal(&keys), no_key, "{keys}");
    }
    // In a set with usable keys, they are ignored.
    let mut encryption = issuer.jwk("1");
    encryption.common.public_key_use = Some(PublicKeyUse::Encryption);
    let folder = KeyFolder::with(&jwks(&[encryption, issuer.jwk("1")]));
    let token = issuer.sign(&issuer.header(), &claims(json!({})));
    assert!(folder.authenticator().validate(&token).is_ok());
}

#[test]
fn a_file_without_usable_keys_is_rejected_at_start() {
    let issuer = Issuer::ecdsa();
    let mut nameless = issuer.jwk("1");
    nameless.common.key_id = None;
    for (keys, expected) in [
        (String::new(), JwtKeysError::Format),
        ("{".into(), JwtKeysError::Format),
        ("[]".into(), JwtKeysError::Format),
        (pem("PUBLIC", b"no key"), JwtKeysError::Format),
        (pem("PRIVATE", b"secret"), JwtKeysError::Format),
        (issuer.public_pem.repeat(2), JwtKeysError::Format),
        (
            jwks(&[issuer.jwk("1"), issuer.jwk("1")]),
            JwtKeysError::KeyId,
        ),
        (jwks(&[issuer.jwk("1"), nameless]), JwtKeysError::KeyId),
    ] {
        assert_eq!(refusal(&keys), expected.to_string(), "{keys}");
    }
    let large = " ".repeat(1024 * 1024) + &issuer.public_pem;
    assert!(refusal(&large).contains("larger than 1 MiB"));
    let options = JwtOptions {
        keys: "nowhere".into(),
        ..KeyFolder::with("").options()
    };
    let missing = JwtAuthenticator::open(options, FrozenClock::default());
    assert!(matches!(missing, Err(JwtKeysError::Read(_))));
}

fn refusal(keys: &str) -> String {
    let folder = KeyFolder::with(keys);
    let refused = JwtAuthenticator::open(folder.options(), FrozenClock::default());
    refused.unwrap_err().to_string()
}

#[test]
fn a_changed_file_is_read_again_while_tokens_are_validated() {
    let (old, new) = (Issuer::eddsa(), Issuer::ecdsa());
    let folder = KeyFolder::with(&jwks(&[old.jwk("1")]));
    let authenticator = folder.authenticator();
    let accepts = |issuer: &Issuer, kid: &str| {
        let mut header = issuer.header();
        header.kid = Some(kid.into());
        authenticator
            .validate(&issuer.sign(&header, &claims(json!({}))))
            .is_ok()
    };
    let wait_for = |becomes: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !becomes() {
            assert!(Instant::now() < deadline, "not in time");
            thread::sleep(Duration::from_millis(50));
        }
    };
    assert!(accepts(&old, "1") && !accepts(&new, "2"));

    folder.write(&jwks(&[old.jwk("1"), new.jwk("2")]));
    wait_for(&|| accepts(&new, "2"));
    assert!(accepts(&old, "1"));

    folder.write(&jwks(&[new.jwk("2")]));
    wait_for(&|| !accepts(&old, "1"));
    assert!(accepts(&new, "2"));

    folder.write(&jwks(&[old.jwk("3")]));
    wait_for(&|| accepts(&old, "3"));
}

#[tokio::test]
async fn the_port_does_not_return_the_reason() {
    let issuer = Issuer::eddsa();
    let folder = KeyFolder::with(&issuer.public_pem);
    let authenticator = folder.authenticator();
    let token = issuer.sign(&issuer.header(), &claims(json!({})));
    let validated = authenticator.authenticate(&token).await.unwrap();
    assert_eq!(validated, Some(reads_of("cus_1")));
    assert_eq!(authenticator.authenticate("a.b.c").await.unwrap(), None);
}

#[test]
fn a_broken_file_keeps_the_keys_and_is_reported_once() {
    let issuer = Issuer::eddsa();
    let folder = KeyFolder::with(&issuer.public_pem);
    let (mut watch, keys) = Watch::start(folder.path()).unwrap();
    let current = || keys.read().unwrap().clone();
    let first = current();
    assert_eq!(watch.reload_if_changed(), None);

    folder.write("broken");
    assert_eq!(
        watch.reload_if_changed(),
        Some(Err(JwtKeysError::Format.to_string()))
    );
    assert_eq!(watch.reload_if_changed(), None);
    fs::remove_file(folder.path()).unwrap();
    assert!(
        matches!(watch.reload_if_changed(), Some(Err(reason)) if reason.contains("No such file"))
    );
    assert_eq!(watch.reload_if_changed(), None);
    assert!(Arc::ptr_eq(&current(), &first));

    folder.write(&Issuer::ecdsa().public_pem);
    assert_eq!(watch.reload_if_changed(), Some(Ok(())));
    assert_eq!(watch.reload_if_changed(), None);
    assert!(!Arc::ptr_eq(&current(), &first));
}
