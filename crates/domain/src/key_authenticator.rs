use std::collections::BTreeMap;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use quick_cache::sync::Cache;

use crate::{
    Access, ApiKey, ApiKeyId, ApiKeyRepository, ApiToken, Authenticator, Clock, KeyState,
    RepositoryError, Timestamp, TokenDigest,
};

/// How many keys are remembered at most. More than that are in use only where each customer
/// has one, and then each comes seldom.
const REMEMBERED: usize = 10_000;

/// Tells whom an API key belongs to.
///
/// What the repository says of a key that is good counts for [`LIFETIME`](Self::LIFETIME): so
/// a key that is revoked anywhere is worth nothing here soon after, and no request of a busy
/// client has to wait for the repository.
pub struct KeyAuthenticator {
    repository: Arc<dyn ApiKeyRepository>,
    clock: Arc<dyn Clock>,
    known: Cache<TokenDigest, Arc<Known>>,
    uses: Mutex<BTreeMap<ApiKeyId, Timestamp>>,
}

/// What the repository said of a key.
struct Known {
    access: Access,
    expires_at: Option<Timestamp>,
    found_at: Timestamp,
    /// Whether somebody asks again already.
    is_renewed: AtomicBool,
}

impl Known {
    /// Whether this is the answer. In the second half of its life it is not for the one who
    /// asks first: who goes to the repository, while the others need not wait.
    fn answers(&self, now: Timestamp) -> bool {
        let age_ms = now.unix_ms() - self.found_at.unix_ms();
        let lifetime_ms = KeyAuthenticator::LIFETIME.as_millis() as i64;
        let lives = (0..lifetime_ms).contains(&age_ms)
            && self.expires_at.is_none_or(|expires_at| now < expires_at);
        lives && (age_ms < lifetime_ms / 2 || self.is_renewed.swap(true, Ordering::Relaxed))
    }
}

impl KeyAuthenticator {
    /// How long an answer of the repository counts.
    pub const LIFETIME: Duration = Duration::from_secs(2);

    /// How exactly it is known when a key was last used.
    pub const USE_PRECISION: Duration = Duration::from_secs(60);

    /// An authenticator for the keys of a repository.
    pub fn new(repository: Arc<dyn ApiKeyRepository>, clock: Arc<dyn Clock>) -> Self {
        Self {
            repository,
            clock,
            known: Cache::new(REMEMBERED),
            uses: Mutex::default(),
        }
    }

    /// Notes in the repository which keys were used since the last time. To be called every
    /// now and then: no request waits for it.
    ///
    /// # Errors
    /// What the [repository](ApiKeyRepository::record_uses) reports. Keys that go on being used
    /// are noted the next time.
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
        let recently = now.minus(Self::USE_PRECISION);
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
        if let Some(known) = self.known.get(&digest).filter(|known| known.answers(now)) {
            return Ok(Some(known.access.clone()));
        }
        let found = self.repository.find(&digest).await?;
        let is_good = |key: &ApiKey| key.digest == digest && key.state(now) == KeyState::Active;
        let Some(key) = found.filter(is_good) else {
            self.known.remove(&digest);
            return Ok(None);
        };
        self.note_use(&key, now);
        let access = key.access();
        let known = Known {
            access: access.clone(),
            expires_at: key.expires_at,
            // From before it was asked for: it may have been revoked since.
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
    use crate::{KeyName, MockApiKeyRepository, Scope};

    /// A clock that goes on when it is told to.
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

    /// An authenticator whose repository answers so, one after the other, and is asked no more
    /// often.
    fn authenticator(
        answers: impl IntoIterator<Item = Result<Option<ApiKey>, RepositoryError>>,
    ) -> (KeyAuthenticator, Arc<Ticking>) {
        let mut repository = MockApiKeyRepository::new();
        for answer in answers {
            repository.expect_find().times(1).return_once(|_| answer);
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

    async fn is_let_in(authenticator: &KeyAuthenticator) -> bool {
        let access = authenticator.authenticate(token().expose()).await.unwrap();
        access.is_some_and(|access| access == key().access())
    }

    #[tokio::test]
    async fn what_is_no_token_is_refused_without_a_look_at_the_keys() {
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
    async fn only_an_active_key_of_that_very_token_lets_in() {
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
            assert!(!is_let_in(&authenticator).await);
            assert!(
                !is_let_in(&authenticator).await,
                "what is refused is asked again"
            );
            assert!(is_let_in(&authenticator).await);
        }
    }

    #[tokio::test]
    async fn an_answer_counts_for_two_seconds_and_one_asks_for_all_in_the_second_half() {
        let (authenticator, clock) = authenticator([Ok(Some(key())), Ok(Some(key()))]);
        for ms in [0, 1, 999, 1_000, 1_000, 1_999] {
            clock.set(ms);
            assert!(is_let_in(&authenticator).await, "at {ms} ms");
        }
    }

    #[tokio::test]
    async fn a_revoked_key_is_worth_nothing_after_two_seconds_whatever_happens() {
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
        assert!(is_let_in(&authenticator).await);
        clock.set(1_000);
        // The first one asks and fails; the others live on what was known.
        authenticator
            .authenticate(token().expose())
            .await
            .unwrap_err();
        clock.set(1_999);
        assert!(is_let_in(&authenticator).await);
        clock.set(2_000);
        authenticator
            .authenticate(token().expose())
            .await
            .unwrap_err();
        assert!(!is_let_in(&authenticator).await);
    }

    #[tokio::test]
    async fn a_key_expires_also_while_it_is_remembered() {
        let expires_at = Some(at(500));
        let expiring = || {
            Ok(Some(ApiKey {
                expires_at,
                ..key()
            }))
        };
        let (authenticator, clock) = authenticator([expiring(), expiring()]);
        assert!(is_let_in(&authenticator).await);
        clock.set(499);
        assert!(is_let_in(&authenticator).await);
        clock.set(500);
        assert!(!is_let_in(&authenticator).await);
    }

    #[tokio::test]
    async fn a_clock_that_is_put_back_prolongs_nothing() {
        let (authenticator, clock) = authenticator([Ok(Some(key())), Ok(None)]);
        clock.set(5_000);
        assert!(is_let_in(&authenticator).await);
        clock.set(4_999);
        assert!(!is_let_in(&authenticator).await);
    }

    #[tokio::test]
    async fn uses_are_noted_to_the_minute_and_apart_from_requests() {
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
            assert!(is_let_in(&authenticator).await, "at {ms} ms");
            authenticator.record_uses().await.unwrap();
        }
    }
}
