//! Stores API keys in the same database as the addresses.

use std::borrow::Cow;

use addressbook_domain::{
    ApiKey, ApiKeyId, ApiKeyRepository, CustomerId, Inconsistency, KeyName, RepositoryError, Scope,
    Timestamp, TokenDigest,
};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::{insert_into, update};

use crate::connection::store_connection::{StoreConnection, with_connection};
use crate::store::error::WorkError;
use crate::store::schema::api_keys;
use crate::store::sql_store::SqlStore;

/// A key as a row: borrowed when it is written, owned when it is read.
#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
struct ApiKeyRow<'a> {
    id: Cow<'a, str>,
    digest: Cow<'a, [u8]>,
    name: Cow<'a, str>,
    scopes: String,
    customer_id: Option<Cow<'a, str>>,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl<'a> From<&'a ApiKey> for ApiKeyRow<'a> {
    fn from(key: &'a ApiKey) -> Self {
        let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        Self {
            id: key.id.as_str().into(),
            digest: key.digest.0.as_slice().into(),
            name: key.name.as_str().into(),
            scopes: scopes.join(" "),
            customer_id: key.customer_id.as_ref().map(|id| id.as_str().into()),
            created_at: key.created_at.unix_ms(),
            expires_at: key.expires_at.map(Timestamp::unix_ms),
            revoked_at: key.revoked_at.map(Timestamp::unix_ms),
            last_used_at: key.last_used_at.map(Timestamp::unix_ms),
        }
    }
}

impl TryFrom<ApiKeyRow<'_>> for ApiKey {
    type Error = Inconsistency;

    fn try_from(row: ApiKeyRow<'_>) -> Result<Self, Self::Error> {
        let damaged = |field| Inconsistency {
            record: "API key",
            key: row.id.clone().into_owned(),
            field,
        };
        let time = |field, unix_ms| Timestamp::from_unix_ms(unix_ms).map_err(|_| damaged(field));
        let optional_time =
            |field, unix_ms: Option<i64>| unix_ms.map(|unix_ms| time(field, unix_ms)).transpose();
        let customer_id = row
            .customer_id
            .as_deref()
            .map(CustomerId::parse)
            .transpose();
        let scopes: Result<_, _> = row.scopes.split(' ').map(Scope::parse).collect();
        let digest = row.digest.as_ref().try_into();
        Ok(Self {
            id: ApiKeyId::parse(&row.id).map_err(|_| damaged("id"))?,
            name: KeyName::parse(&row.name).map_err(|_| damaged("name"))?,
            scopes: scopes.map_err(|_| damaged("scopes"))?,
            customer_id: customer_id.map_err(|_| damaged("customer_id"))?,
            digest: TokenDigest(digest.map_err(|_| damaged("digest"))?),
            created_at: time("created_at", row.created_at)?,
            expires_at: optional_time("expires_at", row.expires_at)?,
            revoked_at: optional_time("revoked_at", row.revoked_at)?,
            last_used_at: optional_time("last_used_at", row.last_used_at)?,
        })
    }
}

#[async_trait]
impl ApiKeyRepository for SqlStore {
    async fn add(&self, key: ApiKey) -> Result<bool, RepositoryError> {
        self.run_write(move |store| {
            let added = with_connection!(store, c => insert_into(api_keys::table)
                .values(ApiKeyRow::from(&key))
                .on_conflict_do_nothing()
                .execute(c))?;
            Ok(added == 1)
        })
        .await
    }

    async fn find(&self, digest: &TokenDigest) -> Result<Option<ApiKey>, RepositoryError> {
        let digest = *digest;
        self.run(move |store| {
            let row = with_connection!(store, c => api_keys::table
                .filter(api_keys::digest.eq(digest.0.as_slice()))
                .select(ApiKeyRow::as_select())
                .first(c)
                .optional())?;
            Ok(row.map(ApiKey::try_from).transpose()?)
        })
        .await
    }

    async fn list(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, RepositoryError> {
        self.run(move |store| {
            // Every id is greater than the empty text.
            let after = after.as_ref().map_or("", ApiKeyId::as_str);
            let rows: Vec<ApiKeyRow<'_>> = with_connection!(store, c => api_keys::table
                .filter(api_keys::id.gt(after))
                .order(api_keys::id.asc())
                .limit(limit.into())
                .select(ApiKeyRow::as_select())
                .load(c))?;
            Ok(rows
                .into_iter()
                .map(ApiKey::try_from)
                .collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn revoke(
        &self,
        id: &ApiKeyId,
        at: Timestamp,
    ) -> Result<Option<ApiKey>, RepositoryError> {
        let id = id.clone();
        self.run_write(move |store| {
            let key = api_keys::table.find(id.as_str());
            with_connection!(store, c => update(key.filter(api_keys::revoked_at.is_null()))
                .set(api_keys::revoked_at.eq(at.unix_ms()))
                .execute(c))?;
            let row = with_connection!(store, c => key.select(ApiKeyRow::as_select()).first(c).optional())?;
            Ok(row.map(ApiKey::try_from).transpose()?)
        })
        .await
    }

    async fn record_uses(
        &self,
        mut uses: Vec<(ApiKeyId, Timestamp)>,
    ) -> Result<(), RepositoryError> {
        // Several instances may record uses of the same keys at once. Locking the rows in the same
        // order prevents deadlocks.
        uses.sort_unstable();
        self.run_write(move |store| {
            uses.iter()
                .try_for_each(|(id, at)| record_use(store, id, *at))
        })
        .await
    }
}

fn record_use(store: &mut StoreConnection, id: &ApiKeyId, at: Timestamp) -> Result<(), WorkError> {
    let at = at.unix_ms();
    let earlier = api_keys::last_used_at
        .is_null()
        .or(api_keys::last_used_at.lt(at));
    with_connection!(store, c => update(api_keys::table.find(id.as_str()).filter(earlier))
        .set(api_keys::last_used_at.eq(at))
        .execute(c))?;
    Ok(())
}
