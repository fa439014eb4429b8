use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use addressbook_domain::{
    ApiKey, ApiKeyId, ApiKeyRepository, RepositoryError, Timestamp, TokenDigest,
};
use addressbook_testkit::contract::{API_KEY_PROMISES, KeySubject};
use async_trait::async_trait;
use tokio::time::sleep;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Correct,
    ForgetsTheCustomer,
    ForgetsWhenItWasUsed,
    FindsByAPrefixOfTheDigest,
    FindsNoRevokedKeys,
    ReplacesAKeyWithThatId,
    AcceptsASecondKeyWithThatDigest,
    ChecksTheDigestBeforeItAdds,
    ListsInOrderOfCreation,
    IncludesTheKeyToStartAfter,
    ListsWithoutEnd,
    ListsAtMost100,
    ListsNoRevokedKeys,
    RevokesAgain,
    RevokesAllKeys,
    FailsToRevokeAMissingKey,
    RemovesRevokedKeys,
    ChecksTheTimeBeforeItRevokes,
    StoresTheLastRecordedUse,
    FailsToRecordUsesOfAMissingKey,
    RestoresARevokedKeyThatIsUsed,
    ReadsTheTimeBeforeItRecordsAUse,
}

use Fault::*;

const TABLE: &[(Fault, &str)] = &[
    (ForgetsTheCustomer, "stores_a_key_with_all_its_fields"),
    (ForgetsWhenItWasUsed, "stores_a_key_with_all_its_fields"),
    (
        FindsByAPrefixOfTheDigest,
        "finds_no_key_whose_digest_differs_in_any_bit",
    ),
    (
        FindsNoRevokedKeys,
        "revokes_for_good_and_leaves_the_first_time",
    ),
    (
        ReplacesAKeyWithThatId,
        "refuses_a_key_whose_id_or_digest_exists",
    ),
    (
        AcceptsASecondKeyWithThatDigest,
        "refuses_a_key_whose_id_or_digest_exists",
    ),
    (
        ChecksTheDigestBeforeItAdds,
        "of_concurrent_keys_with_one_digest_exactly_one_is_added",
    ),
    (
        ListsInOrderOfCreation,
        "lists_keys_by_ascending_id_in_steps_of_any_size",
    ),
    (
        IncludesTheKeyToStartAfter,
        "lists_keys_by_ascending_id_in_steps_of_any_size",
    ),
    (
        ListsWithoutEnd,
        "lists_keys_by_ascending_id_in_steps_of_any_size",
    ),
    (ListsAtMost100, "lists_as_many_keys_as_are_asked_for"),
    (
        ListsNoRevokedKeys,
        "revokes_for_good_and_leaves_the_first_time",
    ),
    (RevokesAgain, "revokes_for_good_and_leaves_the_first_time"),
    (RevokesAllKeys, "revokes_for_good_and_leaves_the_first_time"),
    (
        FailsToRevokeAMissingKey,
        "revokes_for_good_and_leaves_the_first_time",
    ),
    (
        RemovesRevokedKeys,
        "revokes_for_good_and_leaves_the_first_time",
    ),
    (
        ChecksTheTimeBeforeItRevokes,
        "concurrent_revocations_agree_on_one_time",
    ),
    (StoresTheLastRecordedUse, "stores_the_latest_use"),
    (FailsToRecordUsesOfAMissingKey, "stores_the_latest_use"),
    (RestoresARevokedKeyThatIsUsed, "stores_the_latest_use"),
    (
        ReadsTheTimeBeforeItRecordsAUse,
        "of_concurrent_uses_the_latest_stays",
    ),
];

#[test]
fn each_fault_is_detected_by_its_promise() {
    super::check(TABLE, API_KEY_PROMISES, faulty);
}

#[test]
fn without_a_fault_every_promise_holds() {
    for promise in API_KEY_PROMISES {
        promise.run(|| faulty(Correct));
    }
}

async fn faulty(fault: Fault) -> (KeySubject, ()) {
    let keys = Mutex::default();
    (Arc::new(Faulty { keys, fault }), ())
}

/// An in-memory repository of API keys, in order of creation, with one fault.
struct Faulty {
    keys: Mutex<Vec<ApiKey>>,
    fault: Fault,
}

impl Faulty {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn keys(&self) -> MutexGuard<'_, Vec<ApiKey>> {
        self.keys.lock().unwrap()
    }

    /// Pauses between a look-up and a write, if the fault is that other calls can run in between.
    async fn pause_if(&self, fault: Fault) {
        if self.has(fault) {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

#[async_trait]
impl ApiKeyRepository for Faulty {
    async fn add(&self, mut key: ApiKey) -> Result<bool, RepositoryError> {
        match self.fault {
            ForgetsTheCustomer => key.customer_id = None,
            ForgetsWhenItWasUsed => key.last_used_at = None,
            ReplacesAKeyWithThatId => self.keys().retain(|stored| stored.id != key.id),
            _ => {}
        }
        let is_taken = |stored: &ApiKey| {
            let is_digest = stored.digest == key.digest;
            stored.id == key.id || is_digest && !self.has(AcceptsASecondKeyWithThatDigest)
        };
        if self.keys().iter().any(is_taken) {
            return Ok(false);
        }
        self.pause_if(ChecksTheDigestBeforeItAdds).await;
        let mut keys = self.keys();
        if !self.has(ChecksTheDigestBeforeItAdds) && keys.iter().any(is_taken) {
            return Ok(false);
        }
        keys.push(key);
        Ok(true)
    }

    async fn find(&self, digest: &TokenDigest) -> Result<Option<ApiKey>, RepositoryError> {
        let length = match self.fault {
            FindsByAPrefixOfTheDigest => 8,
            _ => 32,
        };
        let is_hidden = |key: &ApiKey| self.has(FindsNoRevokedKeys) && key.revoked_at.is_some();
        let found = self
            .keys()
            .iter()
            .find(|key| key.digest.0[..length] == digest.0[..length] && !is_hidden(key))
            .cloned();
        Ok(found)
    }

    async fn list(
        &self,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, RepositoryError> {
        let mut keys = self.keys().clone();
        if !self.has(ListsInOrderOfCreation) {
            keys.sort_by(|one, other| one.id.cmp(&other.id));
        }
        let follows = |key: &ApiKey| match self.fault {
            IncludesTheKeyToStartAfter => Some(&key.id) >= after.as_ref(),
            ListsWithoutEnd if limit < 10 => true,
            ListsNoRevokedKeys if key.revoked_at.is_some() => false,
            _ => Some(&key.id) > after.as_ref(),
        };
        keys.retain(follows);
        keys.truncate(match self.fault {
            ListsAtMost100 => limit.min(100) as usize,
            _ => limit as usize,
        });
        Ok(keys)
    }

    async fn revoke(
        &self,
        id: &ApiKeyId,
        at: Timestamp,
    ) -> Result<Option<ApiKey>, RepositoryError> {
        let is_revoked = |key: &ApiKey| key.id == *id && key.revoked_at.is_some();
        let was_revoked = self.keys().iter().any(is_revoked);
        self.pause_if(ChecksTheTimeBeforeItRevokes).await;
        let mut keys = self.keys();
        if self.has(RevokesAllKeys) {
            keys.iter_mut().for_each(|key| key.revoked_at = Some(at));
        }
        let Some(key) = keys.iter_mut().find(|key| key.id == *id) else {
            return match self.fault {
                FailsToRevokeAMissingKey => Err(RepositoryError::Internal("no key".into())),
                _ => Ok(None),
            };
        };
        let writes = match self.fault {
            RevokesAgain => true,
            ChecksTheTimeBeforeItRevokes => !was_revoked,
            _ => key.revoked_at.is_none(),
        };
        if writes {
            key.revoked_at = Some(at);
        }
        let revoked = key.clone();
        if self.has(RemovesRevokedKeys) {
            keys.retain(|key| key.id != *id);
        }
        Ok(Some(revoked))
    }

    async fn record_uses(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), RepositoryError> {
        let before = self.keys().clone();
        self.pause_if(ReadsTheTimeBeforeItRecordsAUse).await;
        let mut keys = self.keys();
        for (id, at) in uses {
            let known = before.iter().find(|key| key.id == id);
            let Some(key) = keys.iter_mut().find(|key| key.id == id) else {
                match self.fault {
                    FailsToRecordUsesOfAMissingKey => {
                        return Err(RepositoryError::Internal("no key".into()));
                    }
                    _ => continue,
                }
            };
            key.last_used_at = match self.fault {
                StoresTheLastRecordedUse => Some(at),
                ReadsTheTimeBeforeItRecordsAUse => {
                    known.and_then(|known| known.last_used_at).max(Some(at))
                }
                _ => key.last_used_at.max(Some(at)),
            };
            if self.has(RestoresARevokedKeyThatIsUsed) {
                key.revoked_at = None;
            }
        }
        Ok(())
    }
}
