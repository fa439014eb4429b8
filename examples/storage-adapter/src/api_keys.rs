use std::ops::Bound::{Excluded, Unbounded};

use addressbook_domain::{
    ApiKey, ApiKeyId, ApiKeyRepository, CustomerId, RepositoryError, Scope, Timestamp, TokenDigest,
};
use async_trait::async_trait;
use redb::{ReadableTable, WriteTransaction};

use crate::RedbStore;
use crate::error::Failed;
use crate::rows;
use crate::tables::{API_KEYS, API_KEYS_BY_DIGEST};

/// Stores a key. Replaces the one with the same id, if any.
fn put(transaction: &WriteTransaction, key: &ApiKey) -> Result<(), Failed> {
    let scopes: Vec<_> = key.scopes.iter().copied().map(Scope::as_str).collect();
    let row = (
        &key.digest.0,
        key.name.as_str(),
        &*scopes.join(" "),
        key.customer_id.as_ref().map(CustomerId::as_str),
        key.created_at.unix_ms(),
        key.expires_at.map(Timestamp::unix_ms),
        key.revoked_at.map(Timestamp::unix_ms),
        key.last_used_at.map(Timestamp::unix_ms),
    );
    transaction
        .open_table(API_KEYS)?
        .insert(key.id.as_str(), row)?;
    Ok(())
}

/// Changes the key with this id, if there is one, and returns the changed key.
fn update(
    transaction: &WriteTransaction,
    id: &ApiKeyId,
    change: impl FnOnce(&mut ApiKey),
) -> Result<Option<ApiKey>, Failed> {
    let found = transaction
        .open_table(API_KEYS)?
        .get(id.as_str())?
        .map(|row| rows::api_key(id.as_str(), row.value()))
        .transpose()?;
    let Some(mut key) = found else {
        return Ok(None);
    };
    change(&mut key);
    put(transaction, &key)?;
    Ok(Some(key))
}

#[async_trait]
impl ApiKeyRepository for RedbStore {
    async fn add(&self, key: ApiKey) -> Result<bool, RepositoryError> {
        self.write(move |transaction| {
            let mut by_digest = transaction.open_table(API_KEYS_BY_DIGEST)?;
            let has_id = transaction
                .open_table(API_KEYS)?
                .get(key.id.as_str())?
                .is_some();
            if has_id || by_digest.get(&key.digest.0)?.is_some() {
                return Ok(false);
            }
            by_digest.insert(&key.digest.0, key.id.as_str())?;
            put(transaction, &key)?;
            Ok(true)
        })
        .await
    }

    async fn find(&self, digest: &TokenDigest) -> Result<Option<ApiKey>, RepositoryError> {
        let digest = *digest;
        self.read(move |transaction| {
            let Some(id) = transaction.open_table(API_KEYS_BY_DIGEST)?.get(&digest.0)? else {
                return Ok(None);
            };
            let row = transaction.open_table(API_KEYS)?.get(id.value())?;
            let found = row.map(|row| rows::api_key(id.value(), row.value()));
            Ok(found.transpose()?)
        })
        .await
    }

    async fn list(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, RepositoryError> {
        self.read(move |transaction| {
            let keys = transaction.open_table(API_KEYS)?;
            // The empty text sorts before every id.
            let after = after.as_ref().map_or("", ApiKeyId::as_str);
            let rest = (Excluded(after), Unbounded);
            let mut found = Vec::new();
            for entry in keys.range::<&str>(rest)?.take(limit as usize) {
                let (id, row) = entry?;
                found.push(rows::api_key(id.value(), row.value())?);
            }
            Ok(found)
        })
        .await
    }

    async fn revoke(
        &self,
        id: &ApiKeyId,
        at: Timestamp,
    ) -> Result<Option<ApiKey>, RepositoryError> {
        let id = id.clone();
        self.write(move |transaction| {
            update(transaction, &id, |key| {
                key.revoked_at.get_or_insert(at);
            })
        })
        .await
    }

    async fn record_uses(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), RepositoryError> {
        self.write(move |transaction| {
            for (id, at) in uses {
                update(transaction, &id, |key| {
                    key.last_used_at = key.last_used_at.max(Some(at));
                })?;
            }
            Ok(())
        })
        .await
    }
}
