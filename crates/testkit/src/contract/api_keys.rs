use std::sync::Arc;

use addressbook_domain::{ApiKey, ApiKeyRepository, RepositoryError, Scope, TokenDigest};

use crate::fixtures::{api_key, api_token, customer, timestamp};

type Keys = Arc<dyn ApiKeyRepository>;

async fn all(keys: &Keys) -> Vec<ApiKey> {
    keys.list(None, u32::MAX).await.unwrap()
}

/// `add`, `find`, `list`: what was added, to the last field.
pub async fn keeps_a_key_with_all_that_it_has(keys: Keys) {
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
        assert_eq!(keys.find(&key.digest).await.unwrap(), None);
        keys.add(key.clone()).await.unwrap();
        assert_eq!(keys.find(&key.digest).await.unwrap().as_ref(), Some(key));
    }
    assert_eq!(all(&keys).await, [plain, full]);
}

/// `find`: digests are compared as a whole.
pub async fn finds_no_key_of_which_the_digest_differs_in_any_bit(keys: Keys) {
    keys.add(api_key(1)).await.unwrap();
    for bit in 0..256 {
        let mut digest = api_token(1).digest();
        digest.0[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(keys.find(&digest).await.unwrap(), None, "bit {bit}");
    }
    assert_eq!(keys.find(&TokenDigest([0; 32])).await.unwrap(), None);
}

/// `add`: neither takes the place of another.
pub async fn refuses_a_key_of_which_there_is_the_id_or_the_digest(keys: Keys) {
    keys.add(api_key(1)).await.unwrap();
    let (id, digest) = (api_key(1).id, api_key(1).digest);
    for key in [
        ApiKey { id, ..api_key(2) },
        ApiKey {
            digest,
            ..api_key(2)
        },
    ] {
        let refused = keys.add(key).await;
        assert!(
            matches!(refused, Err(RepositoryError::Conflict { .. })),
            "{refused:?}"
        );
        assert_eq!(all(&keys).await, [api_key(1)]);
    }
}

/// `add`: of several of one digest at once.
pub async fn of_concurrent_keys_with_one_digest_exactly_one_is_added(keys: Keys) {
    let tasks: Vec<_> = (1..=8)
        .map(|number| {
            let keys = Arc::clone(&keys);
            let digest = api_key(1).digest;
            tokio::spawn(async move {
                keys.add(ApiKey {
                    digest,
                    ..api_key(number)
                })
                .await
            })
        })
        .collect();
    let mut added = 0;
    for task in tasks {
        added += u32::from(task.await.expect("to add does not panic").is_ok());
    }
    assert_eq!((added, all(&keys).await.len()), (1, 1));
}

/// `list`: each key once, by steps of every size.
pub async fn lists_keys_by_ascending_id_in_steps_of_any_size(keys: Keys) {
    assert_eq!(all(&keys).await, []);
    for number in [3, 1, 5, 2, 4] {
        keys.add(api_key(number)).await.unwrap();
    }
    let expected: Vec<_> = (1..=5).map(api_key).collect();
    for step in 1..=6 {
        let mut listed: Vec<ApiKey> = Vec::new();
        loop {
            let after = listed.last().map(|key| key.id.clone());
            let some = keys.list(after, step).await.unwrap();
            let is_last = some.len() < step as usize;
            listed.extend(some);
            if is_last {
                break;
            }
        }
        assert_eq!(listed, expected, "in steps of {step}");
    }
}

/// `revoke`: the first one counts, and touches no other key.
pub async fn revokes_for_good_and_leaves_the_first_time(keys: Keys) {
    for number in [1, 2] {
        keys.add(api_key(number)).await.unwrap();
    }
    let first = timestamp("2024-09-01T00:00:00.001Z");
    let later = timestamp("2024-09-02T00:00:00.000Z");
    let revoked_at = Some(first);
    let revoked = ApiKey {
        revoked_at,
        ..api_key(1)
    };
    for at in [first, later] {
        let given = keys.revoke(&revoked.id, at).await.unwrap();
        assert_eq!(given.as_ref(), Some(&revoked));
    }
    assert_eq!(keys.revoke(&api_key(3).id, later).await.unwrap(), None);
    assert_eq!(all(&keys).await, [revoked, api_key(2)]);
}

/// `record_uses`: whatever comes in whichever order; nothing of keys that there are not.
pub async fn keeps_the_latest_use(keys: Keys) {
    for number in [1, 2] {
        keys.add(api_key(number)).await.unwrap();
    }
    let [early, late] = ["2024-09-01T00:00:00.001Z", "2024-09-02T00:00:00.000Z"].map(timestamp);
    let id = |number| api_key(number).id;
    for uses in [
        vec![(id(1), early), (id(3), late), (id(2), late)],
        vec![(id(1), late), (id(2), early)],
        vec![],
    ] {
        keys.record_uses(uses).await.unwrap();
    }
    let last_used_at = Some(late);
    let expected = [1, 2].map(|number| ApiKey {
        last_used_at,
        ..api_key(number)
    });
    assert_eq!(all(&keys).await, expected);
}
