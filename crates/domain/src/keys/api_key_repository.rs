use async_trait::async_trait;

use crate::keys::api_key::{ApiKey, ApiKeyId};
use crate::keys::api_token::TokenDigest;
use crate::repository::RepositoryError;
use crate::timestamp::Timestamp;

/// Stores API keys, for all instances of the service.
///
/// Each `MUST` is followed by the names of its tests in the contract suite of
/// `addressbook-testkit`. An adapter runs that suite against itself.
///
/// It is a separate port, because keys may be in another store than addresses. The sections "Every
/// method" and "What the suite cannot show" of [`AddressRepository`](crate::AddressRepository)
/// apply here, too: one call is one transaction, acknowledged writes are durable, and the next call
/// in any process sees them. A revoked key must stop working in every instance.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait ApiKeyRepository: Send + Sync {
    /// Stores a new key, and returns `true`.
    ///
    /// * MUST store every field unchanged (`stores_a_key_with_all_its_fields`).
    /// * MUST return `false`, and change nothing, if a key
    ///   with that id or that digest exists (`refuses_a_key_whose_id_or_digest_exists`), even if
    ///   several are added concurrently
    ///   (`of_concurrent_keys_with_one_digest_exactly_one_is_added`).
    async fn add(&self, key: ApiKey) -> Result<bool, RepositoryError>;

    /// Returns the key with a digest, even if it is revoked or expired.
    ///
    /// * MUST NOT be a key whose digest differs in any bit
    ///   (`finds_no_key_whose_digest_differs_in_any_bit`).
    async fn find(&self, digest: &TokenDigest) -> Result<Option<ApiKey>, RepositoryError>;

    /// Returns keys by ascending id, including revoked and expired ones: the first ones, or those
    /// after a given id.
    ///
    /// * MUST return fewer than the limit only if there are no more
    ///   (`lists_keys_by_ascending_id_in_steps_of_any_size`,
    ///   `lists_as_many_keys_as_are_asked_for`).
    async fn list(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, RepositoryError>;

    /// Revokes a key permanently. Returns the key as it is now, or `None` if there is no key with
    /// that id.
    ///
    /// * MUST leave the revocation time unchanged if the key was revoked before
    ///   (`revokes_for_good_and_leaves_the_first_time`), even with concurrent calls
    ///   (`concurrent_revocations_agree_on_one_time`).
    async fn revoke(&self, id: &ApiKeyId, at: Timestamp)
    -> Result<Option<ApiKey>, RepositoryError>;

    /// Records when keys were used. Ids without a key are ignored. A key may occur several times.
    ///
    /// * MUST store the latest time recorded for a key, and change nothing else of it
    ///   (`stores_the_latest_use`), even with concurrent calls
    ///   (`of_concurrent_uses_the_latest_stays`).
    async fn record_uses(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), RepositoryError>;
}
