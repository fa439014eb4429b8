//! JSON Web Tokens (RFC 7519): who comes in with a token that an authorization server signed.

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

/// Which tokens are taken, and what they open.
#[derive(Clone, Debug)]
pub struct JwtOptions {
    /// The file with the public keys: a JWK Set (RFC 7517), or one public key in PEM. It is
    /// read again when it changes.
    pub keys: PathBuf,
    /// Who has to have issued a token: its claim `iss`.
    pub issuer: String,
    /// Whom a token has to be meant for: one of its claim `aud`.
    pub audience: String,
    /// The claim that names the customer whose book alone a token opens.
    pub customer_claim: String,
    /// A scope with which a token opens every book instead; none does without.
    pub all_customers_scope: Option<String>,
    /// By how much the clocks of this machine and the issuer's may differ.
    pub leeway: Duration,
}

/// Why there are no keys to check tokens with. Each says what was expected.
#[derive(Debug, Error)]
pub enum JwtKeysError {
    /// The file cannot be read.
    #[error("cannot read the file: {0}")]
    Read(io::Error),
    /// The file holds something else.
    #[error("expected a JWK Set (RFC 7517), or one public key in PEM (-----BEGIN PUBLIC KEY-----)")]
    Format,
    /// The file holds other keys alone.
    #[error(
        "expected at least one public key for RS256 (RSA, 2048 bits or more), ES256 (P-256) or \
         EdDSA (Ed25519)"
    )]
    NoKey,
    /// Nothing tells several keys apart.
    #[error("expected a kid of its own for each key of several")]
    KeyId,
    /// The system has no thread to spare.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Lets in who holds a token signed by one of the keys in a file.
///
/// A token's scopes are those in its claim `scope`, separated by spaces (RFC 8693, section
/// 4.2; RFC 9068, section 2.2.3). It opens one customer's book, and nobody's if it names no
/// customer.
#[derive(Debug)]
pub struct JwtAuthenticator<C> {
    keys: KeyFile,
    options: JwtOptions,
    clock: C,
}

impl<C: Clock> JwtAuthenticator<C> {
    /// The longest token that is looked at, in bytes.
    pub const MAX_TOKEN_LEN: usize = 8 * 1024;

    /// Reads the keys, and from then on watches their file.
    ///
    /// # Errors
    /// [`JwtKeysError`] when there is no key in the file to check tokens with. Later such a
    /// file is a warning in the log, and the keys stay as they were.
    pub fn open(options: JwtOptions, clock: C) -> Result<Self, JwtKeysError> {
        let keys = KeyFile::open(options.keys.clone())?;
        Ok(Self {
            keys,
            options,
            clock,
        })
    }

    /// What a token allows, or why it is refused: in words that hold nothing of the token.
    fn admit(&self, token: &str) -> Result<Access, &'static str> {
        if token.len() > Self::MAX_TOKEN_LEN {
            return Err("it is too long");
        }
        let header = decode_header(token).map_err(reason)?;
        check(&header)?;
        let keys = self.keys.current();
        let key = keys
            .find(header.kid.as_deref())
            .ok_or("no key has its kid")?;
        let expected = self.expected(key.algorithm);
        let token = decode::<Box<RawValue>>(token, &key.decoding, &expected);
        let claims = claims_of(token.map_err(reason)?.claims.get())?;
        self.check_issuer(&claims)?;
        self.check_time(&claims)?;
        self.access(&claims)
    }

    /// The algorithm is the key's, whatever the token says.
    fn expected(&self, algorithm: Algorithm) -> Validation {
        let mut expected = Validation::new(algorithm);
        expected.set_issuer(&[&self.options.issuer]);
        expected.set_audience(&[&self.options.audience]);
        expected.set_required_spec_claims(&["aud", "exp", "iss"]);
        // That would be by the machine's time instead of the clock's.
        expected.validate_exp = false;
        expected
    }

    /// RFC 7519, section 4.1.1: the issuer is one string. The library would also find it in an
    /// array.
    fn check_issuer(&self, claims: &Map<String, Value>) -> Result<(), &'static str> {
        match claims.get("iss") {
            Some(Value::String(issuer)) if *issuer == self.options.issuer => Ok(()),
            _ => Err("its issuer is another"),
        }
    }

    fn check_time(&self, claims: &Map<String, Value>) -> Result<(), &'static str> {
        let seconds = |claim| claims.get(claim).map(|time| time.as_f64().ok_or(MALFORMED));
        let now = self.clock.now().unix_ms() as f64 / 1_000.0;
        let leeway = self.options.leeway.as_secs_f64();
        if seconds("exp").ok_or(MALFORMED)?? + leeway <= now {
            return Err("it is expired");
        }
        match seconds("nbf").transpose()? {
            Some(begin) if begin - leeway > now => Err("its time has not come"),
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
            let claim = text(&self.options.customer_claim).ok_or("it names no customer")?;
            Some(CustomerId::parse(claim).map_err(|_| "what it names is no customer's id")?)
        };
        // RFC 9068 has client_id, OpenID Connect azp.
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
        let admitted = self.admit(token);
        if let Err(reason) = admitted {
            tracing::debug!(reason, "a JSON Web Token is rejected");
        }
        Ok(admitted.ok())
    }
}

const MALFORMED: &str = "it is malformed";

/// The claims of a token, each of which there is once: of several, another reader might take
/// another (RFC 7519, section 4).
fn claims_of(text: &str) -> Result<Map<String, Value>, &'static str> {
    let _each_once = json::members(text).map_err(|_| MALFORMED)?;
    serde_json::from_str(text).map_err(|_| MALFORMED)
}

/// What RFC 7515, section 4.1.11, and RFC 8725, section 3.11, ask of a header.
fn check(header: &Header) -> Result<(), &'static str> {
    if header.crit.is_some() {
        return Err("it has critical extensions");
    }
    let is_access_token = |kind: &String| {
        let kind = kind.to_ascii_lowercase();
        let short = kind.strip_prefix("application/").unwrap_or(&kind);
        matches!(short, "jwt" | "at+jwt")
    };
    match &header.typ {
        Some(kind) if !is_access_token(kind) => Err("it is of another type"),
        _ => Ok(()),
    }
}

fn reason(error: Error) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::InvalidAlgorithm => "its algorithm is not the key's",
        ErrorKind::InvalidIssuer => "its issuer is another",
        ErrorKind::InvalidAudience => "it is meant for others",
        ErrorKind::MissingRequiredClaim(_) => "it lacks aud, exp or iss",
        _ => MALFORMED,
    }
}

/// What a token is called in the log: by the program that holds it, where that can be told,
/// and never by a customer.
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
