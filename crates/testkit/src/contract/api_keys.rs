use std::collections::BTreeSet;
use std::sync::Arc;

use addressbook_domain::{ApiKey, ApiKeyId, Scope, Timestamp, TokenDigest};
use ulid::Ulid;

use super::KeySubject;
use super::calls::{expect_ok, join};
use super::steps::Steps;
use crate::fixtures::{api_key, api_token, customer, timestamp};

async fn add(keys: &KeySubject, key: ApiKey, what: &str) {
    let added = expect_ok(keys.add(key).await, format_args!("add ({what})"));
    assert!(added, "add ({what}): expected true");
}

async fn list(keys: &KeySubject, after: Option<ApiKeyId>, limit: u32) -> Vec<ApiKey> {
    let call = format!("list {limit} keys after {after:?}");
    expect_ok(keys.list(after, limit).await, call)
}

async fn all(keys: &KeySubject) -> Vec<ApiKey> {
    list(keys, None, 10_000).await
}

async fn find(keys: &KeySubject, digest: &TokenDigest) -> Option<ApiKey> {
    expect_ok(keys.find(digest).await, "find a key by its digest")
}

async fn revoke(keys: &KeySubject, id: &ApiKeyId, at: Timestamp) -> Option<ApiKey> {
    let call = format_args!("revoke {id} at {at}").to_string();
    expect_ok(keys.revoke(id, at).await, call)
}

async fn record_uses(keys: &KeySubject, uses: Vec<(ApiKeyId, Timestamp)>) {
    let call = format!("record_uses of {} uses", uses.len());
    expect_ok(keys.record_uses(uses).await, call);
}

/// `add`, `find`, `list`: store and return every field unchanged.
pub async fn stores_a_key_with_all_its_fields(keys: KeySubject) {
    let plain = api_key(1);
    let full = ApiKey {
        scopes: vec![Scope::Write],
        customer_id: Some(customer("cus_1")),
        expires_at: Some(timestamp("2124-08-01T00:00:00.001Z")),
        revoked_at: Some(timestamp("2024-08-02T00:00:00.002Z")),
        last_used_at: Some(timestamp("2024-08-03T00:00:00.003Z")),
        ..api_key(2)
    };
    for key in [&plain, &full] {
        assert_eq!(
            find(&keys, &key.digest).await,
            None,
            "find: expected no key before it is added"
        );
        add(&keys, key.clone(), "a new key").await;
        assert_eq!(
            find(&keys, &key.digest).await.as_ref(),
            Some(key),
            "find: expected the key as it was added, with all fields"
        );
    }
    assert_eq!(
        all(&keys).await,
        [plain, full],
        "list: expected both keys as they were added, with all fields"
    );
}

/// `find`: digests are compared as a whole.
pub async fn finds_no_key_whose_digest_differs_in_any_bit(keys: KeySubject) {
    add(&keys, api_key(1), "a new key").await;
    for bit in 0..256 {
        let mut digest = api_token(1).digest();
        digest.0[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            find(&keys, &digest).await,
            None,
            "find: expected no key by a digest that differs in bit {bit}"
        );
    }
    assert_eq!(
        find(&keys, &TokenDigest([0; 32])).await,
        None,
        "find: expected no key by a digest of zeros"
    );
}

/// `add`: rejects a key whose id or digest exists, and leaves the existing key unchanged.
pub async fn refuses_a_key_whose_id_or_digest_exists(keys: KeySubject) {
    add(&keys, api_key(1), "a new key").await;
    let revoked_at = timestamp("2024-09-01T00:00:00.000Z");
    let revoked = revoke(&keys, &api_key(1).id, revoked_at).await;
    let same_id = ApiKey {
        id: api_key(1).id,
        ..api_key(2)
    };
    let same_digest = ApiKey {
        digest: api_key(1).digest,
        ..api_key(2)
    };
    for (key, same) in [(same_id, "id"), (same_digest, "digest")] {
        let refused = keys.add(key).await;
        assert!(
            matches!(refused, Ok(false)),
            "add: expected false for a second key with that {same}, got {refused:?}"
        );
        assert_eq!(
            all(&keys).await,
            Vec::from_iter(revoked.clone()),
            "list: expected the first key unchanged, after a second with that {same} was rejected"
        );
    }
    add(
        &keys,
        api_key(2),
        "a key with another id and another digest",
    )
    .await;
}

/// `add`: of several concurrent calls with one digest, exactly one succeeds.
pub async fn of_concurrent_keys_with_one_digest_exactly_one_is_added(keys: KeySubject) {
    let tasks: Vec<_> = (1..=8)
        .map(|number| {
            let keys = Arc::clone(&keys);
            let key = ApiKey {
                digest: api_key(1).digest,
                ..api_key(number)
            };
            tokio::spawn(async move { keys.add(key).await })
        })
        .collect();
    let mut added = 0;
    for task in tasks {
        added += usize::from(matches!(join(task).await, Ok(true)));
    }
    assert_eq!(
        (added, all(&keys).await.len()),
        (1, 1),
        "add: expected exactly one of 8 concurrent keys with one digest to be added and listed"
    );
}

/// `list`: returns each key once, by ascending id, in steps of every size.
pub async fn lists_keys_by_ascending_id_in_steps_of_any_size(keys: KeySubject) {
    assert_eq!(all(&keys).await, [], "list: expected no keys at first");
    for number in [3, 1, 5, 2, 4] {
        add(&keys, api_key(number), "a new key").await;
    }
    let expected: Vec<_> = (1..=5).map(api_key).collect();
    for size in 1..=6 {
        let mut steps = Steps::new("list", size as usize, expected.len());
        while steps.go_on() {
            let after = steps.seen.last().map(|key: &ApiKey| key.id.clone());
            steps.take(list(&keys, after, size).await);
        }
        assert_eq!(
            steps.seen, expected,
            "list in steps of {size}: expected each key once, by ascending id"
        );
    }
    let no_key = ApiKeyId::from_ulid(Ulid::from_parts(1, 0));
    assert_eq!(
        list(&keys, Some(no_key), 2).await,
        expected[..2],
        "list: expected the next greater ids after an id without a key"
    );
}

/// `list`: returns as many as the limit allows. The service reads 500 at a time.
pub async fn lists_as_many_keys_as_are_asked_for(keys: KeySubject) {
    let number = |number: u16| {
        let mut key = api_key(1);
        key.id = ApiKeyId::from_ulid(Ulid::from_parts(1, number.into()));
        key.digest.0[..2].copy_from_slice(&number.to_be_bytes());
        key
    };
    for added in 0..510 {
        add(&keys, number(added), "a new key").await;
    }
    for (limit, expected) in [(500, 500), (u32::MAX, 510)] {
        assert_eq!(
            list(&keys, None, limit).await.len(),
            expected,
            "list: expected as many of 510 keys as the limit {limit} allows"
        );
    }
}

/// `revoke`: the first revocation time stays, and other keys are unchanged.
pub async fn revokes_for_good_and_leaves_the_first_time(keys: KeySubject) {
    for number in [1, 2] {
        add(&keys, api_key(number), "a new key").await;
    }
    let first = timestamp("2024-09-01T00:00:00.001Z");
    let later = timestamp("2024-09-02T00:00:00.000Z");
    let revoked = ApiKey {
        revoked_at: Some(first),
        ..api_key(1)
    };
    for at in [first, later] {
        assert_eq!(
            revoke(&keys, &revoked.id, at).await.as_ref(),
            Some(&revoked),
            "revoke at {at}: expected the key, revoked at the first time"
        );
    }
    assert_eq!(
        revoke(&keys, &api_key(3).id, later).await,
        None,
        "revoke: expected nothing for an id without a key"
    );
    assert_eq!(
        find(&keys, &revoked.digest).await.as_ref(),
        Some(&revoked),
        "find: expected the key even though it is revoked"
    );
    assert_eq!(
        all(&keys).await,
        [revoked, api_key(2)],
        "list: expected the revoked key, and the other key as it was added"
    );
}

/// `revoke`: of several concurrent calls, one time is stored, and all return it.
pub async fn concurrent_revocations_agree_on_one_time(keys: KeySubject) {
    add(&keys, api_key(1), "a new key").await;
    let tasks: Vec<_> = (0..8)
        .map(|ms| {
            let keys = Arc::clone(&keys);
            let at = timestamp(&format!("2024-09-01T00:00:00.00{ms}Z"));
            tokio::spawn(async move { revoke(&keys, &api_key(1).id, at).await })
        })
        .collect();
    let mut times = BTreeSet::new();
    for task in tasks {
        times.extend(join(task).await.map(|key| key.revoked_at));
    }
    let stored = find(&keys, &api_key(1).digest).await;
    times.extend(stored.map(|key| key.revoked_at));
    assert!(
        matches!(Vec::from_iter(&times)[..], [Some(_)]),
        "revoke: expected one time from 8 concurrent calls and in the stored key, got {times:?}"
    );
}

/// `record_uses`: stores the latest time, in whatever order the times are recorded. Ignores ids
/// without a key, and changes nothing else of a key.
pub async fn stores_the_latest_use(keys: KeySubject) {
    let [early, late] = ["2024-09-01T00:00:00.001Z", "2024-09-02T00:00:00.000Z"].map(timestamp);
    let revoked_at = Some(early);
    for number in [1, 2, 4] {
        add(&keys, api_key(number), "a new key").await;
    }
    revoke(&keys, &api_key(2).id, early).await;
    let id = |number| api_key(number).id;
    for uses in [
        vec![(id(1), early), (id(3), late), (id(2), late)],
        vec![(id(1), late), (id(1), early), (id(2), early)],
        vec![],
    ] {
        record_uses(&keys, uses).await;
    }
    let last_used_at = Some(late);
    let expected = [
        ApiKey {
            last_used_at,
            ..api_key(1)
        },
        ApiKey {
            last_used_at,
            revoked_at,
            ..api_key(2)
        },
        api_key(4),
    ];
    assert_eq!(
        all(&keys).await,
        expected,
        "list: expected the latest use of each key that was used, and everything else unchanged"
    );
}

/// `record_uses`: of several concurrent calls, the latest time is stored.
pub async fn of_concurrent_uses_the_latest_stays(keys: KeySubject) {
    for number in [1, 2] {
        add(&keys, api_key(number), "a new key").await;
    }
    for round in 0..8 {
        let time = |ms: usize| timestamp(&format!("2024-09-01T00:00:0{round}.00{ms}Z"));
        let tasks: Vec<_> = [3, 7, 1, 5, 0, 6, 2, 4]
            .into_iter()
            .map(|ms| {
                let keys = Arc::clone(&keys);
                let mut uses = [1, 2].map(|number| (api_key(number).id, time(ms)));
                if ms % 2 == 0 {
                    uses.reverse();
                }
                tokio::spawn(async move { record_uses(&keys, uses.into()).await })
            })
            .collect();
        for task in tasks {
            join(task).await;
        }
        let keys = all(&keys).await;
        assert_eq!(
            keys.iter().map(|key| key.last_used_at).collect::<Vec<_>>(),
            [Some(time(7)); 2],
            "list: expected the latest of 8 concurrent uses for both keys (round {round})"
        );
    }
}
