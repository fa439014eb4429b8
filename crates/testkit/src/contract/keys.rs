use addressbook_domain::{Commit, IdempotencyRecord, KeptKey, RepositoryError, Timestamp};

use super::{Subject, at_once, find, head};
use crate::fixtures::{address, creating, customer, record, timestamp};

const LONG_AGO: &str = "2025-01-01T00:00:00.000Z";
const LATELY: &str = "2025-06-01T00:00:00.000Z";

/// A commit that creates that address and keeps that record, as others do that have not
/// expired before `LATELY`.
fn keeping(record: IdempotencyRecord, number: u32) -> Commit {
    let kept = KeptKey {
        record,
        expired_before: timestamp(LATELY),
    };
    let customer_id = kept.record.customer_id.to_string();
    Commit {
        idempotency: Some(kept),
        ..creating([address(&customer_id, number)])
    }
}

async fn known(repository: &Subject, record: &IdempotencyRecord) -> Option<IdempotencyRecord> {
    repository
        .idempotency_record(&record.customer_id, &record.key)
        .await
        .unwrap()
}

/// `idempotency_record`: what was kept, by each customer for itself, keys told apart by
/// their bytes.
pub async fn keeps_the_record_of_a_key(repository: Subject) {
    let ours = record("cus_1", "key-A~!\"'", LATELY);
    repository.commit(keeping(ours.clone(), 1)).await.unwrap();
    assert_eq!(known(&repository, &ours).await, Some(ours.clone()));
    assert_eq!(
        known(&repository, &record("cus_2", "key-A~!\"'", LATELY)).await,
        None
    );
    assert_eq!(
        known(&repository, &record("cus_1", "key-a~!\"'", LATELY)).await,
        None
    );
    let theirs = record("cus_2", "key-A~!\"'", LATELY);
    repository.commit(keeping(theirs.clone(), 1)).await.unwrap();
    assert_eq!(known(&repository, &theirs).await, Some(theirs));
    assert_eq!(known(&repository, &ours).await, Some(ours));
}

/// `commit`: a key that is taken refuses the whole commit.
pub async fn refuses_a_key_that_is_taken_and_changes_nothing(repository: Subject) {
    let first = record("cus_1", "key", LATELY);
    repository.commit(keeping(first.clone(), 1)).await.unwrap();
    let before = head(&repository, &customer("cus_1")).await;
    let later = record("cus_1", "key", "2025-06-01T00:00:00.001Z");
    let refused = repository.commit(keeping(later, 2)).await;
    assert!(
        matches!(refused, Err(RepositoryError::KeyTaken)),
        "{refused:?}"
    );
    assert_eq!(known(&repository, &first).await, Some(first));
    assert_eq!(find(&repository, &address("cus_1", 2)).await, None);
    assert_eq!(head(&repository, &customer("cus_1")).await, before);
}

/// `commit`: a record that is older than the commit says counts as gone.
pub async fn replaces_the_record_of_a_key_that_has_expired(repository: Subject) {
    repository
        .commit(keeping(record("cus_1", "key", LONG_AGO), 1))
        .await
        .unwrap();
    let fresh = record("cus_1", "key", LATELY);
    repository.commit(keeping(fresh.clone(), 2)).await.unwrap();
    assert_eq!(known(&repository, &fresh).await, Some(fresh));
    assert_eq!(head(&repository, &customer("cus_1")).await.addresses, 2);
}

/// `commit`: of several with one key at once exactly one succeeds.
pub async fn of_concurrent_commits_with_one_key_exactly_one_succeeds(repository: Subject) {
    let commits = (0..16)
        .map(|number| keeping(record("cus_1", "key", LATELY), number))
        .collect();
    let results = at_once(&repository, commits).await;
    let (done, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    for result in refused {
        assert!(
            matches!(result, Err(RepositoryError::KeyTaken)),
            "{result:?}"
        );
    }
    assert_eq!(head(&repository, &customer("cus_1")).await.addresses, 1);
}

/// `prune_idempotency_records`: those created before a moment, no more than asked for.
pub async fn prunes_old_records_in_steps(repository: Subject) {
    let prune = async |before: Timestamp, limit| {
        repository
            .prune_idempotency_records(before, limit)
            .await
            .unwrap()
    };
    for (number, customer_id) in [(1, "cus_1"), (2, "cus_1"), (3, "cus_2")] {
        let old = record(customer_id, &format!("old-{number}"), LONG_AGO);
        repository.commit(keeping(old, number)).await.unwrap();
    }
    let young = record("cus_1", "young", LATELY);
    repository.commit(keeping(young.clone(), 4)).await.unwrap();
    assert_eq!(
        prune(timestamp(LONG_AGO), 10).await,
        0,
        "the moment itself is not before it"
    );
    assert_eq!(prune(timestamp(LATELY), 2).await, 2);
    assert_eq!(prune(timestamp(LATELY), 2).await, 1);
    assert_eq!(prune(timestamp(LATELY), 2).await, 0);
    assert_eq!(
        known(&repository, &record("cus_1", "old-1", LONG_AGO)).await,
        None
    );
    assert_eq!(known(&repository, &young).await, Some(young));
}
