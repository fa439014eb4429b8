//! Authentication by API key or JSON Web Token. Requests need a credential once any key was ever
//! created, or if tokens are configured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::rt::time::sleep;
use addressbook_adapters::{JwtAuthenticator, SystemClock};
use addressbook_domain::{
    Access, ApiKeyRepository, ApiKeyService, ApiToken, Authenticator, KeyAuthenticator,
    RepositoryError,
};
use anyhow::bail;
use async_trait::async_trait;

use crate::settings::AccessSettings;

/// Authenticates requests. Each kind of token has its own authenticator.
pub(crate) struct Authentication {
    keys: ApiKeyService,
    by_key: KeyAuthenticator,
    by_jwt: Option<JwtAuthenticator<SystemClock>>,
    is_required: AtomicBool,
}

/// How often a service that requires no credentials checks whether a key exists.
const KEY_CHECK_INTERVAL: Duration = KeyAuthenticator::CACHE_LIFETIME;

/// How often the service records which keys were used.
const RECORD_INTERVAL: Duration = KeyAuthenticator::LAST_USED_PRECISION;

impl Authentication {
    /// Creates the authentication for the keys of a repository. Revoked keys count too: an operator
    /// who revokes the last key does not intend to open the service to everyone.
    pub(crate) async fn new(
        repository: Arc<dyn ApiKeyRepository>,
        by_jwt: Option<JwtAuthenticator<SystemClock>>,
    ) -> anyhow::Result<Self> {
        let keys = crate::api_keys(repository.clone());
        let is_required = (by_jwt.is_some() || keys.any().await?).into();
        Ok(Self {
            keys,
            by_key: KeyAuthenticator::new(repository, Arc::new(SystemClock)),
            by_jwt,
            is_required,
        })
    }

    /// Returns an error if the service requires no credentials and other machines can reach it,
    /// unless the operator allows that.
    pub(crate) fn check_exposure(
        &self,
        mut addresses: impl Iterator<Item = SocketAddr>,
        settings: &AccessSettings,
    ) -> anyhow::Result<()> {
        if self.is_required() || settings.allow_anonymous {
            return Ok(());
        }
        if let Some(address) = addresses.find(|address| !address.ip().to_canonical().is_loopback())
        {
            bail!(
                "refusing to listen on {address}: authentication is off. Create an API key \
                 (addressbook keys create --name NAME --scope addresses:read), set --jwt-keys, \
                 listen on 127.0.0.1 only, or set --allow-anonymous if a proxy in front of the \
                 service authenticates clients"
            );
        }
        Ok(())
    }

    /// Describes which credentials are required, in a few words.
    pub(crate) fn description(&self) -> &'static str {
        if self.by_jwt.is_some() {
            "by API key or JSON Web Token"
        } else if self.is_required() {
            "by API key"
        } else {
            "no credentials required, until the first `addressbook keys create`"
        }
    }

    /// Waits until a key exists, whichever process creates it, and then requires credentials.
    pub(crate) async fn require_after_first_key(self: Arc<Self>) {
        while !self.is_required() {
            sleep(KEY_CHECK_INTERVAL).await;
            // While the store is unavailable, requests get no data anyway.
            if self.keys.any().await.unwrap_or(false) {
                self.is_required.store(true, Ordering::Relaxed);
                tracing::info!("an API key was created: requests now need a credential");
            }
        }
    }

    /// Records at intervals which keys were used.
    pub(crate) async fn record_uses(self: Arc<Self>) {
        loop {
            sleep(RECORD_INTERVAL).await;
            if let Err(error) = self.by_key.record_uses().await {
                tracing::warn!(%error, "cannot record when API keys were used");
            }
        }
    }
}

#[async_trait]
impl Authenticator for Authentication {
    async fn authenticate(&self, token: &str) -> Result<Option<Access>, RepositoryError> {
        match &self.by_jwt {
            // A JWT begins with `{` in base64, which is `ey`, and never with this prefix.
            Some(by_jwt) if !token.starts_with(ApiToken::PREFIX) => {
                by_jwt.authenticate(token).await
            }
            _ => self.by_key.authenticate(token).await,
        }
    }

    fn is_required(&self) -> bool {
        self.is_required.load(Ordering::Relaxed)
    }
}
