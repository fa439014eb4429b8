use std::path::PathBuf;
use std::time::Duration;

use addressbook_adapters::{JwtAuthenticator, JwtOptions, SystemClock};
use anyhow::{Context as _, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::whole_number;

/// Which JSON Web Tokens are accepted.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "JSON Web Tokens")]
pub(crate) struct JwtSettings {
    /// File with the public keys of the token issuer: a JWK Set, or one key in PEM format. It is
    /// read again when it changes
    #[arg(long, value_name = "FILE", env = "ADDRESSBOOK_JWT_KEYS")]
    jwt_keys: Option<PathBuf>,

    /// Required issuer of a token (claim `iss`)
    #[arg(long, value_name = "ISSUER", env = "ADDRESSBOOK_JWT_ISSUER")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    jwt_issuer: Option<String>,

    /// Required audience of a token (one of claim `aud`)
    #[arg(long, value_name = "AUDIENCE", env = "ADDRESSBOOK_JWT_AUDIENCE")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    jwt_audience: Option<String>,

    /// Claim that holds the customer id to which a token is bound
    #[arg(long, value_name = "CLAIM", env = "ADDRESSBOOK_JWT_CUSTOMER_CLAIM")]
    #[arg(default_value = "sub", value_parser = NonEmptyStringValueParser::new())]
    jwt_customer_claim: String,

    /// Scope that gives a token access to all customers. Default: none
    #[arg(
        long,
        value_name = "SCOPE",
        env = "ADDRESSBOOK_JWT_ALL_CUSTOMERS_SCOPE"
    )]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    jwt_all_customers_scope: Option<String>,

    /// Tolerated difference between the clocks of the issuer and this machine, in seconds
    #[arg(long, value_name = "S", env = "ADDRESSBOOK_JWT_LEEWAY_S")]
    #[arg(default_value_t = 30, value_parser = whole_number::<u16>(0..=300))]
    jwt_leeway_s: u16,
}

impl JwtSettings {
    /// Returns the authenticator for tokens, or `None` if tokens are not configured.
    pub(crate) fn authenticator(&self) -> anyhow::Result<Option<JwtAuthenticator<SystemClock>>> {
        let scope = self.jwt_all_customers_scope.clone();
        let needed = (&self.jwt_keys, &self.jwt_issuer, &self.jwt_audience);
        let (keys, issuer, audience) = match needed {
            (Some(keys), Some(issuer), Some(audience)) => (keys, issuer, audience),
            (None, None, None) if scope.is_none() => return Ok(None),
            _ => bail!(
                "tokens require --jwt-keys, --jwt-issuer and --jwt-audience together: set all \
                 three, or none of the settings that begin with --jwt"
            ),
        };
        let options = JwtOptions {
            keys: keys.clone(),
            issuer: issuer.clone(),
            audience: audience.clone(),
            customer_claim: self.jwt_customer_claim.clone(),
            all_customers_scope: scope,
            leeway: Duration::from_secs(self.jwt_leeway_s.into()),
        };
        let authenticator = JwtAuthenticator::open(options, SystemClock)
            .with_context(|| format!("--jwt-keys: {}", keys.display()))?;
        Ok(Some(authenticator))
    }
}
