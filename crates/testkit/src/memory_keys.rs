use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use addressbook_domain::{
    ApiKey, ApiKeyId, ApiKeyRepository, RepositoryError, Timestamp, TokenDigest,
};
use async_trait::async_trait;

/// Stores API keys in memory: the simplest repository that fulfils the contract.
#[derive(Debug, Default)]
pub struct InMemoryApiKeys(Mutex<BTreeMap<ApiKeyId, ApiKey>>);

impl InMemoryApiKeys {
    fn keys(&self) -> MutexGuard<'_, BTreeMap<ApiKeyId, ApiKey>> {
        let keys = self.0.lock();
        keys.expect("no test panicked while it held the keys")
    }
}

#[async_trait]
impl ApiKeyRepository for InMemoryApiKeys {
    async fn add(&self, key: ApiKey) -> Result<bool, RepositoryError> {
        let mut keys = self.keys();
        let is_taken = |known: &ApiKey| known.id == key.id || known.digest == key.digest;
        if keys.values().any(is_taken) {
            return Ok(false);
        }
        keys.insert(key.id.clone(), key);
        Ok(true)
    }

    async fn find(&self, digest: &TokenDigest) -> Result<Option<ApiKey>, RepositoryError> {
        let keys = self.keys();
        Ok(keys.values().find(|key| key.digest == *digest).cloned())
    }

    async fn list(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, RepositoryError> {
        let keys = self.keys();
        let keys = keys.values().filter(|key| Some(&key.id) > after.as_ref());
        Ok(keys.take(limit as usize).cloned().collect())
    }

    async fn revoke(
        &self,
        id: &ApiKeyId,
        at: Timestamp,
    ) -> Result<Option<ApiKey>, RepositoryError> {
        let mut keys = self.keys();
        Ok(keys.get_mut(id).map(|key| {
            key.revoked_at.get_or_insert(at);
            key.clone()
        }))
    }

    async fn record_uses(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), RepositoryError> {
        let mut keys = self.keys();
        for (id, at) in uses {
            if let Some(key) = keys.get_mut(&id) {
                key.last_used_at = key.last_used_at.max(Some(at));
            }
        }
        Ok(())
    }
}
