use std::collections::BTreeMap;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use quick_cache::sync::Cache;

use crate::clock::Clock;
use crate::keys::access::{Access, Authenticator};
use crate::keys::api_key::{ApiKey, ApiKeyId, KeyState};
use crate::keys::api_key_repository::ApiKeyRepository;
use crate::keys::api_token::{ApiToken, TokenDigest};
use crate::repository::RepositoryError;
use crate::timestamp::Timestamp;

/// The maximum number of cached keys. More keys are in use only if each customer has one, and
/// then each is used rarely.
const REMEMBERED: usize = 10_000;

/// Authenticates callers by their API keys.
///
/// A valid key is cached for [`CACHE_LIFETIME`](Self::CACHE_LIFETIME). A key that another instance
/// revokes therefore stops working here soon after, and the requests of a busy client do not wait
/// for the repository.
pub struct KeyAuthenticator {
    repository: Arc<dyn ApiKeyRepository>,
    clock: Arc<dyn Clock>,
    known: Cache<TokenDigest, Arc<Known>>,
    uses: Mutex<BTreeMap<ApiKeyId, Timestamp>>,
}

/// A cached key.
struct Known {
    access: Access,
    expires_at: Option<Timestamp>,
    found_at: Timestamp,
    /// Whether a request is already reading the key from the repository again.
    is_renewed: AtomicBool,
}

impl Known {
    /// Whether a request can use the cached key. In the second half of the lifetime, the first
    /// request cannot: it reads the key from the repository again, so that others need not wait.
    fn is_usable(&self, now: Timestamp) -> bool {
        let age_ms = now.unix_ms() - self.found_at.unix_ms();
        let lifetime_ms = KeyAuthenticator::CACHE_LIFETIME.as_millis() as i64;
        let lives = (0..lifetime_ms).contains(&age_ms)
            && self.expires_at.is_none_or(|expires_at| now < expires_at);
        lives && (age_ms < lifetime_ms / 2 || self.is_renewed.swap(true, Ordering::Relaxed))
    }
}

impl KeyAuthenticator {
    /// How long a key is cached.
    pub const CACHE_LIFETIME: Duration = Duration::from_secs(2);

    /// The precision of [`ApiKey::last_used_at`].
    pub const LAST_USED_PRECISION: Duration = Duration::from_secs(60);

    /// Creates an authenticator for the keys of a repository.
    pub fn new(repository: Arc<dyn ApiKeyRepository>, clock: Arc<dyn Clock>) -> Self {
        Self {
            repository,
            clock,
            known: Cache::new(REMEMBERED),
            uses: Mutex::default(),
        }
    }

    /// Records in the repository which keys were used since the last call. Call it periodically:
    /// requests do not wait for it.
    ///
    /// # Errors
    /// The error of the [repository](ApiKeyRepository::record_uses). Keys that are used again are
    /// recorded by a later call.
    pub async fn record_uses(&self) -> Result<(), RepositoryError> {
        let uses = mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        if uses.is_empty() {
            return Ok(());
        }
        self.repository
            .record_uses(uses.into_iter().collect())
            .await
    }

    fn note_use(&self, key: &ApiKey, now: Timestamp) {
        let recently = now.minus(Self::LAST_USED_PRECISION);
        if key.last_used_at.is_none_or(|last| last <= recently) {
            let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            uses.insert(key.id.clone(), now);
        }
    }
}

#[async_trait]
impl Authenticator for KeyAuthenticator {
    async fn authenticate(&self, token: &str) -> Result<Option<Access>, RepositoryError> {
        let Some(token) = ApiToken::parse(token) else {
            return Ok(None);
        };
        let (digest, now) = (token.digest(), self.clock.now());
        if let Some(known) = self.known.get(&digest).filter(|known| known.is_usable(now)) {
            return Ok(Some(known.access.clone()));
        }
        let found = self.repository.find(&digest).await?;
        let is_valid = |key: &ApiKey| key.digest == digest && key.state(now) == KeyState::Active;
        let Some(key) = found.filter(is_valid) else {
            self.known.remove(&digest);
            return Ok(None);
        };
        self.note_use(&key, now);
        let access = key.access();
        let known = Known {
            access: access.clone(),
            expires_at: key.expires_at,
            // The time before the read: the key may have been revoked since.
            found_at: now,
            is_renewed: AtomicBool::new(false),
        };
        self.known.insert(digest, Arc::new(known));
        Ok(Some(access))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use ulid::Ulid;

    use super::*;
    use crate::keys::access::Scope;
    use crate::keys::api_key::KeyName;
    use crate::keys::api_key_repository::MockApiKeyRepository;

    /// A clock that tests can set.
    #[derive(Default)]
    struct Ticking(AtomicI64);

    impl Clock for Ticking {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_ms(self.0.load(Ordering::Relaxed)).unwrap()
        }
    }

    impl Ticking {
        fn set(&self, ms: i64) {
            self.0.store(ms, Ordering::Relaxed);
        }
    }

    fn token() -> ApiToken {
        ApiToken::from_secret([7; 32])
    }

    fn key() -> ApiKey {
        ApiKey {
            id: ApiKeyId::from_ulid(Ulid::from_parts(1, 1)),
            name: KeyName::parse("checkout").unwrap(),
            scopes: vec![Scope::Read],
            customer_id: None,
            digest: token().digest(),
            created_at: at(0),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms).unwrap()
    }

    /// An authenticator whose repository returns these results in order, and expects no other
    /// calls.
    fn authenticator(
        results: impl IntoIterator<Item = Result<Option<ApiKey>, RepositoryError>>,
    ) -> (KeyAuthenticator, Arc<Ticking>) {
        let mut repository = MockApiKeyRepository::new();
        for result in results {
            repository.expect_find().times(1).return_once(|_| result);
        }
        over(repository)
    }

    fn over(repository: MockApiKeyRepository) -> (KeyAuthenticator, Arc<Ticking>) {
        let clock = Arc::new(Ticking::default());
        (
            KeyAuthenticator::new(Arc::new(repository), clock.clone()),
            clock,
        )
    }

    async fn is_authenticated(authenticator: &KeyAuthenticator) -> bool {
        let access = authenticator.authenticate(token().expose()).await.unwrap();
        access.is_some_and(|access| access == key().access())
    }

    #[tokio::test]
    async fn a_malformed_token_is_rejected_without_a_look_up() {
        let (authenticator, _) = authenticator([]);
        for text in [
            "",
            "ab_",
            "eyJhbGciOiJFUzI1NiJ9.e30.x",
            &token().expose().to_uppercase(),
        ] {
            assert_eq!(
                authenticator.authenticate(text).await.unwrap(),
                None,
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn only_an_active_key_with_the_digest_of_the_token_authenticates() {
        let revoked_at = Some(at(0));
        let expires_at = Some(at(0));
        let digest = ApiToken::from_secret([8; 32]).digest();
        for other in [
            None,
            Some(ApiKey {
                revoked_at,
                ..key()
            }),
            Some(ApiKey {
                expires_at,
                ..key()
            }),
            Some(ApiKey { digest, ..key() }),
        ] {
            let (authenticator, _) = authenticator([Ok(other.clone()), Ok(other), Ok(Some(key()))]);
            assert!(!is_authenticated(&authenticator).await);
            assert!(
                !is_authenticated(&authenticator).await,
                "expected another look-up after a rejection"
            );
            assert!(is_authenticated(&authenticator).await);
        }
    }

    #[tokio::test]
    async fn a_key_is_cached_for_two_seconds_and_renewed_once_in_the_second_half() {
        let (authenticator, clock) = authenticator([Ok(Some(key())), Ok(Some(key()))]);
        for ms in [0, 1, 999, 1_000, 1_000, 1_999] {
            clock.set(ms);
            assert!(is_authenticated(&authenticator).await, "at {ms} ms");
        }
    }

    #[tokio::test]
    async fn a_revoked_key_is_rejected_after_two_seconds_even_if_look_ups_fail() {
        let unavailable = || Err(RepositoryError::Unavailable("no connection".into()));
        let revoked_at = Some(at(1));
        let revoked = || {
            Ok(Some(ApiKey {
                revoked_at,
                ..key()
            }))
        };
        let (authenticator, clock) =
            authenticator([Ok(Some(key())), unavailable(), unavailable(), revoked()]);
        assert!(is_authenticated(&authenticator).await);
        clock.set(1_000);
        // The first request reads from the repository and fails. The others use the cached key.
        authenticator
            .authenticate(token().expose())
            .await
            .unwrap_err();
        clock.set(1_999);
        assert!(is_authenticated(&authenticator).await);
        clock.set(2_000);
        authenticator
            .authenticate(token().expose())
            .await
            .unwrap_err();
        assert!(!is_authenticated(&authenticator).await);
    }

    #[tokio::test]
    async fn a_cached_key_expires_in_time() {
        let expires_at = Some(at(500));
        let expiring = || {
            Ok(Some(ApiKey {
                expires_at,
                ..key()
            }))
        };
        let (authenticator, clock) = authenticator([expiring(), expiring()]);
        assert!(is_authenticated(&authenticator).await);
        clock.set(499);
        assert!(is_authenticated(&authenticator).await);
        clock.set(500);
        assert!(!is_authenticated(&authenticator).await);
    }

    #[tokio::test]
    async fn setting_the_clock_back_does_not_extend_the_cache_lifetime() {
        let (authenticator, clock) = authenticator([Ok(Some(key())), Ok(None)]);
        clock.set(5_000);
        assert!(is_authenticated(&authenticator).await);
        clock.set(4_999);
        assert!(!is_authenticated(&authenticator).await);
    }

    #[tokio::test]
    async fn uses_are_recorded_to_the_minute_and_outside_requests() {
        let mut repository = MockApiKeyRepository::new();
        for last_used_at in [None, Some(at(0)), Some(at(0))] {
            let key = ApiKey {
                last_used_at,
                ..key()
            };
            repository
                .expect_find()
                .times(1)
                .return_once(|_| Ok(Some(key)));
        }
        for ms in [0, 60_000] {
            repository
                .expect_record_uses()
                .times(1)
                .withf(move |uses| *uses == [(key().id, at(ms))])
                .returning(|_| Ok(()));
        }
        let (authenticator, clock) = over(repository);
        authenticator.record_uses().await.unwrap();
        for ms in [0, 57_999, 60_000] {
            clock.set(ms);
            assert!(is_authenticated(&authenticator).await, "at {ms} ms");
            authenticator.record_uses().await.unwrap();
        }
    }
}
