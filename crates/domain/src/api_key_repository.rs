use async_trait::async_trait;

use crate::{ApiKey, ApiKeyId, RepositoryError, Timestamp, TokenDigest};

/// Where API keys are kept, for all instances of the service: what one of them wrote, the
/// others see at once.
///
/// Each `MUST` below has a test in the contract suite of `addressbook-testkit`, named after it.
/// What every method of [`AddressRepository`](crate::AddressRepository) promises, these do too.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait ApiKeyRepository: Send + Sync {
    /// Keeps a new key.
    ///
    /// * MUST refuse with [`RepositoryError::Conflict`], changing nothing, when there is a key
    ///   of that id or of that digest already.
    async fn add(&self, key: ApiKey) -> Result<(), RepositoryError>;

    /// The key of a digest, whatever its state.
    ///
    /// * MUST find none of which the digest differs in any bit.
    async fn find(&self, digest: &TokenDigest) -> Result<Option<ApiKey>, RepositoryError>;

    /// Keys of every state by ascending id: the first ones, or those after a given one.
    ///
    /// * MUST give fewer than the limit only when there are no more.
    async fn list(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, RepositoryError>;

    /// Takes a key back, for good. Gives the key as it is now, or `None` when there is none of
    /// that id.
    ///
    /// * MUST leave the time as it is when the key was revoked before.
    async fn revoke(&self, id: &ApiKeyId, at: Timestamp)
    -> Result<Option<ApiKey>, RepositoryError>;

    /// Notes when keys were used. Those that there are not are passed over.
    ///
    /// * MUST keep the latest time of all that were noted.
    async fn record_uses(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), RepositoryError>;
}
