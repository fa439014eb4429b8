use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{Service, TestDir};

/// A new private key of an issuer of tokens.
pub(crate) fn issuer() -> EncodingKey {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
    EncodingKey::from_ed_der(pkcs8.as_ref())
}

/// The JWK Set with the issuer's public key.
pub(crate) fn jwks(issuer: &EncodingKey) -> String {
    let jwk = Jwk::from_encoding_key(issuer, Algorithm::EdDSA).unwrap();
    json!({ "keys": [jwk] }).to_string()
}

const BOOK: &str = "/v1/customers/cus_1/addresses";
const CREATION: &str = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;

pub(crate) const SETTINGS: [&str; 6] = [
    "--jwt-keys",
    "jwks.json",
    "--jwt-issuer",
    "https://id.example",
    "--jwt-audience",
    "addressbook",
];

/// A token with which customer `cus_1` can read, with some claims replaced.
pub(crate) fn token(issuer: &EncodingKey, changes: &Value) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tested program uses the system clock"
    )]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut claims = json!({
        "iss": "https://id.example", "aud": "addressbook", "sub": "cus_1",
        "exp": now.unwrap().as_secs() + 3_600, "scope": "addresses:read",
    });
    for (claim, value) in changes.as_object().unwrap() {
        claims[claim] = value.clone();
    }
    encode(&Header::new(Algorithm::EdDSA), &claims, issuer).unwrap()
}

fn status(service: &Service, token: &str, method: &str, path: &str) -> u16 {
    let authorization = format!("Bearer {token}");
    let body = if method == "POST" { CREATION } else { "" };
    let headers = [("Authorization", authorization.as_str())];
    service.send(method, path, &headers, body).status
}

#[test]
fn a_token_grants_what_its_claims_say_and_api_keys_still_work() {
    let dir = TestDir::sqlite();
    let ours = issuer();
    dir.write("jwks.json", &jwks(&ours));
    dir.run(&["migrate"]).succeeds();
    let create = ["keys", "create", "--name", "a", "--scope", "addresses:read"];
    let key = dir.run(&create).succeeds().stdout;
    let all = ["--jwt-all-customers-scope", "all"];
    let service = dir.serve(&[&SETTINGS[..], &all].concat());
    assert!(
        service.banner.contains("JSON Web Token"),
        "{}",
        service.banner
    );
    let reader = token(&ours, &json!({}));
    let writer = token(&ours, &json!({ "scope": "addresses:write" }));
    let everywhere = token(
        &ours,
        &json!({ "scope": "addresses:read all", "sub": "a@b" }),
    );
    let foreign = "/v1/customers/cus_2/addresses";
    for (token, method, path, expected) in [
        (reader.as_str(), "GET", BOOK, 200),
        (&reader, "POST", BOOK, 403),
        (&reader, "GET", foreign, 403),
        (&writer, "POST", BOOK, 201),
        (&writer, "GET", BOOK, 403),
        (&everywhere, "GET", foreign, 200),
        (&token(&ours, &json!({ "exp": 1 })), "GET", BOOK, 401),
        (&token(&ours, &json!({ "aud": "b" })), "GET", BOOK, 401),
        (&token(&issuer(), &json!({})), "GET", BOOK, 401),
        (key.trim_end(), "GET", BOOK, 200),
        ("ab_1", "GET", BOOK, 401),
    ] {
        assert_eq!(
            status(&service, token, method, path),
            expected,
            "{method} {path}"
        );
    }
    assert_eq!(service.get(BOOK).0, 401);
    assert_eq!(service.get("/readyz").0, 200);
}

#[test]
fn changed_token_keys_are_loaded_without_a_restart() {
    let dir = TestDir::sqlite();
    let ours = issuer();
    dir.write("jwks.json", &jwks(&ours));
    let service = dir.serve(&SETTINGS);
    let other = issuer();
    let (old, new) = (token(&ours, &json!({})), token(&other, &json!({})));
    assert_eq!(status(&service, &old, "GET", BOOK), 200);
    dir.write("jwks.json", &jwks(&other));
    let deadline = Instant::now() + Duration::from_secs(60);
    while status(&service, &new, "GET", BOOK) != 200 {
        assert!(Instant::now() < deadline, "timed out");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(status(&service, &old, "GET", BOOK), 401);
}

#[test]
fn with_token_keys_other_addresses_than_loopback_are_allowed() {
    let dir = TestDir::sqlite();
    dir.write("jwks.json", &jwks(&issuer()));
    let arguments = [&["serve", "--listen", "0.0.0.0:0"], &SETTINGS[..]].concat();
    let service = Service::start(dir.program(&arguments));
    assert!(
        service.banner.contains("JSON Web Token"),
        "{}",
        service.banner
    );
}

#[test]
fn incomplete_token_settings_are_refused_before_anything_is_created() {
    let dir = TestDir::sqlite();
    dir.write("broken.json", "{}");
    let with_keys = |file| [&["serve", "--jwt-keys", file], &SETTINGS[2..]].concat();
    let together = ["--jwt-keys", "--jwt-issuer", "--jwt-audience", "all three"];
    for (arguments, words) in [
        ([&["serve"], &SETTINGS[..2]].concat(), &together[..]),
        ([&["serve"], &SETTINGS[..4]].concat(), &together),
        ([&["serve"], &SETTINGS[2..]].concat(), &together),
        (vec!["serve", "--jwt-all-customers-scope", "all"], &together),
        (
            with_keys("none.json"),
            &["--jwt-keys", "none.json", "No such file"],
        ),
        (with_keys("broken.json"), &["broken.json", "JWK Set", "PEM"]),
        (
            vec!["serve", "--jwt-leeway-s", "301"],
            &["--jwt-leeway-s", "0 to 300"],
        ),
        (
            vec!["serve", "--cors-origin", "*"],
            &["--cors-origin", "https://shop.example"],
        ),
    ] {
        dir.run(&arguments).fails_with(words);
    }
    assert!(!crate::support::exists(&dir, "data"), "nothing was created");
}

#[test]
fn several_origins_can_be_set_by_flags_a_variable_or_the_file() {
    let (a, b) = ("https://a.example", "https://b.example");
    let dir = TestDir::sqlite();
    let file = dir.write("a.toml", &format!("cors-origin = \"{a},{b}\""));
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let by_flags = dir.program(&[&serve[..], &["--cors-origin", a, "--cors-origin", b]].concat());
    let by_file = dir.program(&[&serve[..], &["--config", &file]].concat());
    let mut by_variable = dir.program(&serve);
    by_variable.env("ADDRESSBOOK_CORS_ORIGIN", format!("{a},{b}"));
    for command in [by_flags, by_variable, by_file] {
        let service = Service::start(command);
        for (origin, allowed) in [(a, a), (b, b), ("https://c.example", "")] {
            let response = service.send("GET", BOOK, &[("Origin", origin)], "");
            assert_eq!(response.status, 200);
            assert_eq!(response.header("access-control-allow-origin"), allowed);
        }
    }
}
