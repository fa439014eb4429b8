use async_trait::async_trait;

use crate::{ApiKey, ApiKeyId, RepositoryError, Timestamp, TokenDigest};

/// Where API keys are stored, for all instances of the service.
///
/// Each `MUST` is followed by the names of its tests in the contract suite of
/// `addressbook-testkit`. An adapter runs that suite against itself.
///
/// It is a port of its own: keys may be in another store than addresses. What
/// [`AddressRepository`](crate::AddressRepository) says of every method, and of what the suite
/// cannot show, is true of these methods, too: one call is one transaction, what was acknowledged
/// is durable, and the next call in any process sees it. A revoked key has to stop working in
/// every instance.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait ApiKeyRepository: Send + Sync {
    /// Stores a new key.
    ///
    /// * MUST store every field as it was given (`stores_a_key_with_all_its_fields`).
    /// * MUST refuse with [`RepositoryError::Conflict`] at index 0, changing nothing, when there is
    ///   a key with that id or with that digest already
    ///   (`refuses_a_key_whose_id_or_digest_exists`), also of several at once
    ///   (`of_concurrent_keys_with_one_digest_exactly_one_is_added`).
    async fn add(&self, key: ApiKey) -> Result<(), RepositoryError>;

    /// The key with a digest, also a revoked or expired one.
    ///
    /// * MUST NOT be one whose digest differs in any bit
    ///   (`finds_no_key_whose_digest_differs_in_any_bit`).
    async fn find(&self, digest: &TokenDigest) -> Result<Option<ApiKey>, RepositoryError>;

    /// Keys by ascending id, also revoked and expired ones: the first ones, or those after a given
    /// one.
    ///
    /// * MUST return fewer than the limit only when there are no more
    ///   (`lists_keys_by_ascending_id_in_steps_of_any_size`,
    ///   `lists_as_many_keys_as_are_asked_for`).
    async fn list(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, RepositoryError>;

    /// Revokes a key, for good. Returns the key as it is now, or `None` when there is none with
    /// that id.
    ///
    /// * MUST leave the time as it is when the key was revoked before
    ///   (`revokes_for_good_and_leaves_the_first_time`), also of several calls at once
    ///   (`concurrent_revocations_agree_on_one_time`).
    async fn revoke(&self, id: &ApiKeyId, at: Timestamp)
    -> Result<Option<ApiKey>, RepositoryError>;

    /// Notes when keys were used. Ids without a key are ignored. One key may come several times.
    ///
    /// * MUST store the latest time of all that were noted for a key, and change nothing else of it
    ///   (`stores_the_latest_use`), also of several calls at once
    ///   (`of_concurrent_uses_the_latest_stays`).
    async fn record_uses(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), RepositoryError>;
}
