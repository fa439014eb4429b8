use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::clock::Clock;
use crate::customer_id::CustomerId;
use crate::id_source::IdSource;
use crate::keys::access::Scope;
use crate::keys::api_key::{ApiKey, ApiKeyId, KeyName};
use crate::keys::api_key_repository::ApiKeyRepository;
use crate::keys::api_token::ApiToken;
use crate::repository::{Cause, RepositoryError};
use crate::secret_source::SecretSource;

/// The use cases for API keys. Cheap to clone: all clones share their state.
#[derive(Clone)]
pub struct ApiKeyService {
    repository: Arc<dyn ApiKeyRepository>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    secrets: Arc<dyn SecretSource>,
}

/// The properties of a new key.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// The name of the key in logs.
    pub name: KeyName,
    /// The permissions of the key.
    pub scopes: Vec<Scope>,
    /// The only customer whose address book the key allows. `None`: all customers.
    pub customer_id: Option<CustomerId>,
    /// The time until the key expires. `None`: never.
    pub lifetime: Option<Duration>,
}

/// Why a key was not created.
#[derive(Debug, Error)]
pub enum CreateKeyError {
    /// No secret could be generated.
    #[error("the operating system provides no randomness")]
    Secret(#[source] Cause),
    /// A key with this id or secret exists already. Both are random, so it succeeds when repeated.
    #[error("a key with this id or secret exists already: try again")]
    Exists,
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// The number of keys that are read at a time.
const STEP: u32 = 500;

impl ApiKeyService {
    /// Creates the use cases on these ports.
    pub fn new(
        repository: Arc<dyn ApiKeyRepository>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        secrets: Arc<dyn SecretSource>,
    ) -> Self {
        Self {
            repository,
            clock,
            ids,
            secrets,
        }
    }

    /// Creates a key. The token is returned only here: it cannot be recovered from what is stored.
    ///
    /// # Errors
    /// [`CreateKeyError`]. No key was created.
    pub async fn create(&self, new: NewApiKey) -> Result<(ApiKey, ApiToken), CreateKeyError> {
        let secret = self.secrets.secret().map_err(CreateKeyError::Secret)?;
        let token = ApiToken::from_secret(secret);
        let created_at = self.clock.now();
        let mut scopes = Scope::ALL.to_vec();
        scopes.retain(|scope| new.scopes.contains(scope));
        let key = ApiKey {
            id: ApiKeyId::from_ulid(self.ids.next()),
            name: new.name,
            scopes,
            customer_id: new.customer_id,
            digest: token.digest(),
            created_at,
            expires_at: new.lifetime.map(|lifetime| created_at.plus(lifetime)),
            revoked_at: None,
            last_used_at: None,
        };
        match self.repository.add(key.clone()).await? {
            true => Ok((key, token)),
            false => Err(CreateKeyError::Exists),
        }
    }

    /// Returns all keys, oldest first, including revoked and expired ones.
    ///
    /// # Errors
    /// The error of the [repository](ApiKeyRepository::list).
    pub async fn list(&self) -> Result<Vec<ApiKey>, RepositoryError> {
        let mut keys: Vec<ApiKey> = Vec::new();
        loop {
            let after = keys.last().map(|key| key.id.clone());
            let mut more = self.repository.list(after, STEP).await?;
            let last = more.len() < STEP as usize;
            keys.append(&mut more);
            if last {
                return Ok(keys);
            }
        }
    }

    /// Whether there are any keys, including revoked and expired ones.
    ///
    /// # Errors
    /// The error of the [repository](ApiKeyRepository::list).
    pub async fn any(&self) -> Result<bool, RepositoryError> {
        Ok(!self.repository.list(None, 1).await?.is_empty())
    }

    /// Revokes a key permanently. Returns the key as it is now, or `None` if there is no key with
    /// that id.
    ///
    /// # Errors
    /// The error of the [repository](ApiKeyRepository::revoke).
    pub async fn revoke(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, RepositoryError> {
        self.repository.revoke(id, self.clock.now()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::api_key::KeyState;
    use crate::keys::api_key_repository::MockApiKeyRepository;
    use crate::testing::{Frozen, customer};
    use crate::timestamp::Timestamp;

    struct Secret(Option<[u8; 32]>);

    impl SecretSource for Secret {
        fn secret(&self) -> Result<[u8; 32], Cause> {
            self.0.ok_or_else(|| "no entropy".into())
        }
    }

    fn service(repository: MockApiKeyRepository, secret: Option<[u8; 32]>) -> ApiKeyService {
        let secrets = Arc::new(Secret(secret));
        ApiKeyService::new(
            Arc::new(repository),
            Arc::new(Frozen),
            Arc::new(Frozen),
            secrets,
        )
    }

    fn new_key() -> NewApiKey {
        NewApiKey {
            name: KeyName::parse("checkout").unwrap(),
            scopes: vec![Scope::Write, Scope::Read, Scope::Write],
            customer_id: Some(customer()),
            lifetime: Some(Duration::from_secs(60)),
        }
    }

    #[tokio::test]
    async fn create_stores_the_key_without_its_token() {
        let mut repository = MockApiKeyRepository::new();
        repository.expect_add().times(1).returning(|_| Ok(true));
        let (key, token) = service(repository, Some([7; 32]))
            .create(new_key())
            .await
            .unwrap();
        assert_eq!(token, ApiToken::from_secret([7; 32]));
        assert_eq!(key.digest, token.digest());
        assert_eq!(key.scopes, Scope::ALL);
        assert_eq!((key.revoked_at, key.last_used_at), (None, None));
        let last_ms = Timestamp::from_unix_ms(key.created_at.unix_ms() + 59_999).unwrap();
        assert_eq!(key.state(last_ms), KeyState::Active);
        assert_eq!(key.state(key.expires_at.unwrap()), KeyState::Expired);
        let access = key.access();
        assert!(
            access.allows(Scope::Write, Some("cus_1"))
                && !access.allows(Scope::Write, Some("cus_2"))
        );
    }

    #[tokio::test]
    async fn create_fails_without_randomness() {
        let failed = service(MockApiKeyRepository::new(), None)
            .create(new_key())
            .await;
        assert!(
            matches!(failed, Err(CreateKeyError::Secret(_))),
            "{failed:?}"
        );
    }

    #[tokio::test]
    async fn failures_of_the_repository_are_reported() {
        let busy = || RepositoryError::Busy("locked".into());
        let mut repository = MockApiKeyRepository::new();
        repository.expect_add().returning(move |_| Err(busy()));
        repository.expect_list().returning(move |_, _| Err(busy()));
        repository
            .expect_revoke()
            .returning(move |_, _| Err(busy()));
        let service = service(repository, Some([7; 32]));
        let id = ApiKeyId::from_ulid(Frozen.next());
        for error in [
            service.create(new_key()).await.unwrap_err().to_string(),
            service.list().await.unwrap_err().to_string(),
            service.any().await.unwrap_err().to_string(),
            service.revoke(&id).await.unwrap_err().to_string(),
        ] {
            assert_eq!(error, busy().to_string());
        }
    }
}
