use addressbook_domain::{Commit, Refusal, Timestamp};

use super::Subject;
use super::calls::{commit_ok, commit_refused, expect_ok, head, record};
use super::steps::Steps;
use crate::fixtures::{
    address, commit_replacing, creating, keyed, record as expected_record, timestamp,
};

const LONG_AGO: &str = "2025-01-01T00:00:00.000Z";
const LATELY: &str = "2025-06-01T00:00:00.000Z";

/// A commit that creates an address with a key at a time. Records from before `LATELY` have
/// expired.
fn creating_with(key: &str, customer_id: &str, number: u32, time: &str) -> Commit {
    keyed(creating([address(customer_id, number)]), key, time, LATELY)
}

/// `idempotency_record`: returns the record of the commit, for its first change.
pub async fn stores_the_record_of_the_first_change(repository: Subject) {
    let two_books = creating([address("cus_2", 3), address("cus_1", 2)]);
    let created = keyed(two_books, "key-A~!\"'", LATELY, LATELY);
    commit_ok(&repository, created, "two books, with a key").await;
    assert_eq!(
        record(&repository, "cus_2", "key-A~!\"'").await,
        Some(expected_record("cus_2", 3, "key-A~!\"'", LATELY)),
        "idempotency_record: expected customer and address of the first change, the request's \
         fingerprint and the time of the commit"
    );
    assert_eq!(
        record(&repository, "cus_1", "key-A~!\"'").await,
        None,
        "idempotency_record: expected none for the other customer of the commit"
    );
    let replaced = commit_replacing(&address("cus_2", 3), "Huye");
    let changed = keyed(replaced, "other", LATELY, LATELY);
    commit_ok(&repository, changed, "a replacement, with a key").await;
    assert_eq!(
        record(&repository, "cus_2", "other").await,
        Some(expected_record("cus_2", 3, "other", LATELY)),
        "idempotency_record: expected the record of the replacement"
    );
}

/// `idempotency_record`: each customer has separate keys, which are compared by their bytes.
pub async fn tells_records_apart_by_customer_and_key(repository: Subject) {
    let longest = "k".repeat(255);
    let other_longest = format!("{}x", "k".repeat(254));
    let stored = [
        ("cus_1", 1, "key"),
        ("cus_1", 2, "KEY"),
        ("cus_2", 3, "key"),
        ("CUS_1", 4, "key"),
        ("cus_1", 5, longest.as_str()),
    ];
    for (customer_id, number, key) in stored {
        assert_eq!(
            record(&repository, customer_id, key).await,
            None,
            "idempotency_record: expected none for {customer_id} and {key}, with others stored"
        );
        let created = creating_with(key, customer_id, number, LATELY);
        commit_ok(&repository, created, "create one with a separate key").await;
    }
    for (customer_id, number, key) in stored {
        assert_eq!(
            record(&repository, customer_id, key).await,
            Some(expected_record(customer_id, number, key, LATELY)),
            "idempotency_record: expected the record of {customer_id} and {key}"
        );
    }
    for (customer_id, key) in [("cus_1", "ke"), ("cus_3", "key"), ("cus_1", &other_longest)] {
        assert_eq!(
            record(&repository, customer_id, key).await,
            None,
            "idempotency_record: expected none for {customer_id} and {key}"
        );
    }
}

/// `commit`: rejects a key that is taken until the time at which its record expires.
pub async fn refuses_a_key_that_is_taken(repository: Subject) {
    let first = creating_with("key", "cus_1", 1, LATELY);
    commit_ok(&repository, first, "create one with a key").await;
    let later = creating_with("key", "cus_1", 2, "2025-06-01T00:00:00.001Z");
    let what = "create another with that key, which has not expired";
    commit_refused(&repository, later, Refusal::KeyTaken, what).await;
    assert_eq!(
        record(&repository, "cus_1", "key").await,
        Some(expected_record("cus_1", 1, "key", LATELY)),
        "idempotency_record: expected the first record"
    );
    assert_eq!(
        head(&repository, "cus_1").await.addresses,
        1,
        "head: expected only the first address"
    );
}

/// `commit`: replaces a record that is older than `expired_before` of the commit.
pub async fn replaces_the_record_of_a_key_that_has_expired(repository: Subject) {
    let just_expired = "2025-05-31T23:59:59.999Z";
    let first = creating_with("key", "cus_1", 1, just_expired);
    commit_ok(&repository, first, "create one with a key").await;
    let second = creating_with("key", "cus_1", 2, LATELY);
    commit_ok(
        &repository,
        second,
        "create another with that key, which has expired",
    )
    .await;
    assert_eq!(
        record(&repository, "cus_1", "key").await,
        Some(expected_record("cus_1", 2, "key", LATELY)),
        "idempotency_record: expected the second record"
    );
    let third = creating_with("key", "cus_1", 3, LATELY);
    let what = "create a third with that key, which was used again since";
    commit_refused(&repository, third, Refusal::KeyTaken, what).await;
}

async fn prune(repository: &Subject, before: &str, limit: u32) -> u64 {
    let before: Timestamp = timestamp(before);
    expect_ok(
        repository.prune_idempotency_records(before, limit).await,
        format_args!("prune_idempotency_records before {before}, at most {limit}"),
    )
}

/// `prune_idempotency_records`: removes those created before a time, no more than the limit, and
/// fewer only at the end.
pub async fn prunes_old_records_in_steps(repository: Subject) {
    for number in 1..=7 {
        let customer_id = ["cus_1", "cus_2"][number as usize % 2];
        let old = creating_with(&format!("old-{number}"), customer_id, number, LONG_AGO);
        commit_ok(&repository, old, "create one with a key long ago").await;
    }
    let young = creating_with("young", "cus_1", 8, LATELY);
    commit_ok(&repository, young, "create one with a key recently").await;
    assert_eq!(
        prune(&repository, LONG_AGO, 10).await,
        0,
        "prune_idempotency_records: expected 0, because no record is from before that time"
    );
    let mut steps = Steps::new("prune_idempotency_records", 3, 7);
    while steps.go_on() {
        let pruned = prune(&repository, LATELY, 3).await;
        steps.take(vec![(); pruned as usize]);
        let mut left = 0;
        for number in 1..=7 {
            let customer_id = ["cus_1", "cus_2"][number % 2];
            let key = format!("old-{number}");
            left += usize::from(record(&repository, customer_id, &key).await.is_some());
        }
        assert_eq!(
            left + steps.seen.len(),
            7,
            "prune_idempotency_records: expected removed and remaining records to add up to 7"
        );
    }
    assert_eq!(
        steps.seen.len(),
        7,
        "prune_idempotency_records: expected all 7 old records of both customers to be removed"
    );
    assert_eq!(
        record(&repository, "cus_1", "young").await,
        Some(expected_record("cus_1", 8, "young", LATELY)),
        "idempotency_record: expected the recent record to remain"
    );
    let reused = creating([address("cus_1", 9)]);
    let reused = keyed(reused, "old-2", LONG_AGO, LONG_AGO);
    commit_ok(&repository, reused, "reuse a key that was pruned").await;
}
