//! Authentication with JSON Web Tokens (RFC 7519) that an authorization server signed.

mod key_file;
mod key_set;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use addressbook_domain::{Access, Authenticator, Clock, CustomerId, RepositoryError, Scope, json};
use async_trait::async_trait;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use thiserror::Error;

use key_file::KeyFile;

/// Which tokens are accepted, and what they allow.
#[derive(Clone, Debug)]
pub struct JwtOptions {
    /// The file with the public keys: a JWK Set (RFC 7517), or one public key in PEM. It is
    /// read again when it changes.
    pub keys: PathBuf,
    /// The required value of the claim `iss`.
    pub issuer: String,
    /// The required value of the claim `aud`, or one of its values.
    pub audience: String,
    /// The claim with the id of the customer whose book the token can access.
    pub customer_claim: String,
    /// A scope that gives a token access to the books of all customers. If `None`, no token has
    /// such access.
    pub all_customers_scope: Option<String>,
    /// The allowed difference between this machine's clock and the issuer's.
    pub leeway: Duration,
}

/// Why the keys cannot be used. Each message says what was expected.
#[derive(Debug, Error)]
pub enum JwtKeysError {
    /// The file cannot be read.
    #[error("cannot read the file: {0}")]
    Read(io::Error),
    /// The file is neither a JWK Set nor a public key in PEM.
    #[error("expected a JWK Set (RFC 7517), or one public key in PEM (-----BEGIN PUBLIC KEY-----)")]
    Format,
    /// The file contains only keys of other kinds.
    #[error(
        "expected at least one public key for RS256 (RSA, 2048 bits or more), ES256 (P-256) or \
         EdDSA (Ed25519)"
    )]
    NoKey,
    /// The file contains several keys, and a `kid` is missing or not unique.
    #[error("expected a unique kid for each key, because there are several")]
    KeyId,
    /// The thread that watches the file cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Authenticates tokens that are signed with one of the keys in a file.
///
/// A token's scopes are those in its claim `scope`, separated by spaces (RFC 8693, section
/// 4.2; RFC 9068, section 2.2.3). A token gives access to one customer's book, and is rejected
/// if it names no customer. See [`JwtOptions::all_customers_scope`] for the exception.
#[derive(Debug)]
pub struct JwtAuthenticator<C> {
    keys: KeyFile,
    options: JwtOptions,
    clock: C,
}

impl<C: Clock> JwtAuthenticator<C> {
    /// Maximum length of a token, in bytes. Longer tokens are rejected unread.
    pub const MAX_TOKEN_LEN: usize = 8 * 1024;

    /// Reads the keys and starts watching their file for changes.
    ///
    /// # Errors
    /// [`JwtKeysError`] if the file contains no usable key. If a later version of the file
    /// contains none, a warning is logged and the previous keys stay in use.
    pub fn open(options: JwtOptions, clock: C) -> Result<Self, JwtKeysError> {
        let keys = KeyFile::open(options.keys.clone())?;
        Ok(Self {
            keys,
            options,
            clock,
        })
    }

    /// Returns what a token allows, or why it is rejected. The reason contains nothing from the
    /// token.
    fn validate(&self, token: &str) -> Result<Access, &'static str> {
        if token.len() > Self::MAX_TOKEN_LEN {
            return Err("the token is too long");
        }
        let header = decode_header(token).map_err(reason)?;
        check(&header)?;
        let keys = self.keys.current();
        let key = keys
            .find(header.kid.as_deref())
            .ok_or("no key has this kid")?;
        let expected = self.expected(key.algorithm);
        let token = decode::<Box<RawValue>>(token, &key.decoding, &expected);
        let claims = claims_of(token.map_err(reason)?.claims.get())?;
        self.check_issuer(&claims)?;
        self.check_time(&claims)?;
        self.access(&claims)
    }

    /// The algorithm is always the key's, never the token's.
    fn expected(&self, algorithm: Algorithm) -> Validation {
        let mut expected = Validation::new(algorithm);
        expected.set_issuer(&[&self.options.issuer]);
        expected.set_audience(&[&self.options.audience]);
        expected.set_required_spec_claims(&["aud", "exp", "iss"]);
        // The library would use the machine's time instead of the clock port.
        expected.validate_exp = false;
        expected
    }

    /// Checks that the issuer is one string (RFC 7519, section 4.1.1). The library would also
    /// accept an array that contains it.
    fn check_issuer(&self, claims: &Map<String, Value>) -> Result<(), &'static str> {
        match claims.get("iss") {
            Some(Value::String(issuer)) if *issuer == self.options.issuer => Ok(()),
            _ => Err("the issuer is wrong"),
        }
    }

    fn check_time(&self, claims: &Map<String, Value>) -> Result<(), &'static str> {
        let seconds = |claim| claims.get(claim).map(|time| time.as_f64().ok_or(MALFORMED));
        let now = self.clock.now().unix_ms() as f64 / 1_000.0;
        let leeway = self.options.leeway.as_secs_f64();
        if seconds("exp").ok_or(MALFORMED)?? + leeway <= now {
            return Err("the token has expired");
        }
        match seconds("nbf").transpose()? {
            Some(begin) if begin - leeway > now => Err("the token is not valid yet"),
            _ => Ok(()),
        }
    }

    fn access(&self, claims: &Map<String, Value>) -> Result<Access, &'static str> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        let granted = match claims.get("scope") {
            Some(scope) => scope.as_str().ok_or(MALFORMED)?,
            None => "",
        };
        let has = |scope: &str| granted.split(' ').any(|granted| granted == scope);
        let all_customers = self.options.all_customers_scope.as_deref().is_some_and(has);
        let customer_id = if all_customers {
            None
        } else {
            let claim =
                text(&self.options.customer_claim).ok_or("the customer claim is missing")?;
            Some(CustomerId::parse(claim).map_err(|_| "the customer claim is not a customer id")?)
        };
        // RFC 9068 defines client_id, OpenID Connect azp.
        let client = text("client_id").or_else(|| text("azp"));
        Ok(Access {
            name: name(client, customer_id.as_ref()).into(),
            scopes: Scope::ALL
                .into_iter()
                .filter(|scope| has(scope.as_str()))
                .collect(),
            customer_id,
        })
    }
}

#[async_trait]
impl<C: Clock> Authenticator for JwtAuthenticator<C> {
    async fn authenticate(&self, token: &str) -> Result<Option<Access>, RepositoryError> {
        let validated = self.validate(token);
        if let Err(reason) = validated {
            tracing::debug!(reason, "rejected a JSON Web Token");
        }
        Ok(validated.ok())
    }
}

const MALFORMED: &str = "the token is malformed";

/// Parses the claims of a token. Rejects duplicate claims, because different readers may use
/// different ones (RFC 7519, section 4).
fn claims_of(text: &str) -> Result<Map<String, Value>, &'static str> {
    let _each_once = json::members(text).map_err(|_| MALFORMED)?;
    serde_json::from_str(text).map_err(|_| MALFORMED)
}

/// Checks what RFC 7515, section 4.1.11, and RFC 8725, section 3.11, require of a header.
fn check(header: &Header) -> Result<(), &'static str> {
    if header.crit.is_some() {
        return Err("the token has critical extensions");
    }
    let is_access_token = |kind: &String| {
        let kind = kind.to_ascii_lowercase();
        let short = kind.strip_prefix("application/").unwrap_or(&kind);
        matches!(short, "jwt" | "at+jwt")
    };
    match &header.typ {
        Some(kind) if !is_access_token(kind) => Err("the token is of another type"),
        _ => Ok(()),
    }
}

fn reason(error: Error) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidSignature => "the signature is wrong",
        ErrorKind::InvalidAlgorithm => "the algorithm is not the key's",
        ErrorKind::InvalidIssuer => "the issuer is wrong",
        ErrorKind::InvalidAudience => "the audience is wrong",
        ErrorKind::MissingRequiredClaim(_) => "aud, exp or iss is missing",
        _ => MALFORMED,
    }
}

/// The name of a token in the log: the client program if the token names one, never a customer.
fn name(client: Option<&str>, customer_id: Option<&CustomerId>) -> String {
    let plain = |client: &&str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=64).contains(&client.len()) && client.bytes().all(allowed)
    };
    let customer = customer_id.map(CustomerId::as_str);
    match client
        .filter(plain)
        .filter(|client| Some(*client) != customer)
    {
        Some(client) => format!("jwt:{client}"),
        None => "jwt".to_owned(),
    }
}

#[cfg(test)]
mod tests;
