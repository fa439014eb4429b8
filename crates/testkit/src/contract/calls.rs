//! Calls that must succeed, and commits that must be rejected. Each failure says what was
//! expected.

use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::time::Duration;

use addressbook_domain::{
    Address, AddressId, AddressPage, AddressRevision, AddressRevisions, BookDefaults, BookHead,
    Commit, CommitError, Committed, CustomerId, DefaultAddresses, Found, IdempotencyRecord,
    Listing, Lookup, Offset, PageRequest, PageStart, Refusal, RevisionRange, Scan,
};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

use super::Subject;
use crate::fixtures::{address_id, commit, creating, customer, limit, moved, replacing, request};

/// Returns the value of a call that must succeed.
#[track_caller]
pub(super) fn expect_ok<T, E: Debug>(result: Result<T, E>, call: impl Display) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{call}: expected it to succeed, got {error:?}"),
    }
}

/// Returns the output of a task, and resumes its panic.
pub(super) async fn join<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

pub(super) async fn commit_ok(repository: &Subject, commit: Commit, what: &str) -> Committed {
    expect_ok(
        repository.commit(commit).await,
        format_args!("commit ({what})"),
    )
}

#[track_caller]
pub(super) fn expect_refusal(
    result: Result<Committed, CommitError>,
    expected: Refusal,
    what: &str,
) {
    assert!(
        matches!(&result, Err(CommitError::Refused(refusal)) if *refusal == expected),
        "commit ({what}): expected the rejection {expected:?}, got {result:?}"
    );
}

pub(super) async fn commit_refused(
    repository: &Subject,
    commit: Commit,
    expected: Refusal,
    what: &str,
) {
    expect_refusal(repository.commit(commit).await, expected, what);
}

pub(super) async fn list(
    repository: &Subject,
    customer_id: &str,
    size: u8,
    offset: u64,
) -> AddressPage {
    let start = match Offset::parse(&offset.to_string()) {
        Ok(offset) => PageStart::Offset(offset),
        Err(error) => panic!("the suite uses the invalid offset {offset}: {error}"),
    };
    let page = PageRequest {
        limit: limit(size),
        start,
    };
    expect_ok(
        repository.list(&customer(customer_id), &page).await,
        format_args!("list {size} addresses of {customer_id} from offset {offset}"),
    )
}

pub(super) async fn list_after(
    repository: &Subject,
    customer_id: &str,
    size: u8,
    after: AddressId,
) -> AddressPage {
    let call = format!("list {size} addresses of {customer_id} after {after}");
    let page = PageRequest {
        limit: limit(size),
        start: PageStart::after_id(after),
    };
    expect_ok(repository.list(&customer(customer_id), &page).await, call)
}

pub(super) async fn page_of(
    repository: &Subject,
    customer_id: &str,
    listing: &Listing,
) -> AddressPage {
    expect_ok(
        repository.page_of(&customer(customer_id), listing).await,
        format_args!("page_of {customer_id} for {listing:?}"),
    )
}

pub(super) async fn head(repository: &Subject, customer_id: &str) -> BookHead {
    expect_ok(
        repository.head(&customer(customer_id)).await,
        format_args!("head of {customer_id}"),
    )
}

pub(super) async fn default_addresses(repository: &Subject, customer_id: &str) -> BookDefaults {
    let found = repository
        .default_addresses(vec![customer(customer_id)])
        .await;
    let mut found = expect_ok(found, format_args!("default_addresses of {customer_id}"));
    assert_eq!(
        found.len(),
        1,
        "default_addresses: expected those of one customer"
    );
    found.remove(0)
}

pub(super) async fn find(repository: &Subject, lookups: Vec<Lookup>) -> Vec<Option<Address>> {
    let found = find_with_revisions(repository, lookups).await;
    found.into_iter().map(|found| found.address).collect()
}

pub(super) async fn find_with_revisions(repository: &Subject, lookups: Vec<Lookup>) -> Vec<Found> {
    let expected = lookups.len();
    let found = expect_ok(
        repository.find(lookups).await,
        format_args!("find by {expected} look-ups"),
    );
    assert_eq!(
        found.len(),
        expected,
        "find: expected one result for each look-up"
    );
    found
}

/// Returns the current state of an address.
pub(super) async fn find_one(repository: &Subject, address: &Address) -> Option<Address> {
    find(repository, vec![lookup(address)])
        .await
        .into_iter()
        .flatten()
        .next()
}

/// A look-up by the id of an address.
pub(super) fn lookup(address: &Address) -> Lookup {
    Lookup::Id(address.customer_id.clone(), address.id.clone())
}

pub(super) async fn scan(repository: &Subject, scan: Scan) -> Vec<Address> {
    let call = format!("{scan:?}");
    expect_ok(repository.scan(scan).await, call)
}

/// A scan of all addresses that a test created.
pub(super) const ALL: Scan = Scan {
    customer_id: None,
    after: None,
    limit: 10_000,
};

/// Returns all revisions of an address, newest first.
pub(super) async fn revisions(
    repository: &Subject,
    customer_id: &CustomerId,
    id: &AddressId,
) -> Vec<AddressRevision> {
    revisions_with_book(repository, customer_id, id)
        .await
        .revisions
}

/// Returns all revisions of an address, newest first, and the revision of the book.
pub(super) async fn revisions_with_book(
    repository: &Subject,
    customer_id: &CustomerId,
    id: &AddressId,
) -> AddressRevisions {
    let all = RevisionRange {
        before: None,
        limit: 1_000,
    };
    expect_ok(
        repository.revisions(customer_id, id, all).await,
        format_args!("all revisions of {id}"),
    )
}

pub(super) async fn record(
    repository: &Subject,
    customer_id: &str,
    key: &str,
) -> Option<IdempotencyRecord> {
    let found = repository
        .idempotency_record(&customer(customer_id), &request(key).key)
        .await;
    expect_ok(
        found,
        format_args!("idempotency_record of {customer_id}, key {key}"),
    )
}

/// Everything that can be read about a customer.
#[derive(Debug, PartialEq)]
pub(super) struct CustomerState {
    pub(super) head: BookHead,
    addresses: Vec<Address>,
    revisions: Vec<AddressRevision>,
    default_addresses: DefaultAddresses,
    record: Option<IdempotencyRecord>,
}

/// Reads the head, all addresses, the revisions of addresses 1 to 9, the default addresses and the
/// record of a key.
pub(super) async fn read_customer(
    repository: &Subject,
    customer_id: &str,
    key: &str,
) -> CustomerState {
    let theirs = Scan {
        customer_id: Some(customer(customer_id)),
        ..ALL
    };
    let mut seen = CustomerState {
        head: head(repository, customer_id).await,
        addresses: scan(repository, theirs).await,
        revisions: Vec::new(),
        default_addresses: default_addresses(repository, customer_id).await.addresses,
        record: record(repository, customer_id, key).await,
    };
    for number in 1..=9 {
        let more = revisions(repository, &customer(customer_id), &address_id(number)).await;
        seen.revisions.extend(more);
    }
    seen
}

/// Makes all commits concurrently, each in its own task.
pub(super) async fn commit_concurrently(
    repository: &Subject,
    commits: Vec<Commit>,
) -> Vec<Result<Committed, CommitError>> {
    let start = |commit| {
        let repository = Arc::clone(repository);
        tokio::spawn(async move { repository.commit(commit).await })
    };
    let tasks: Vec<_> = commits.into_iter().map(start).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(join(task).await);
    }
    results
}

/// Makes commits one after the other in a separate task, while the test reads.
pub(super) fn start_writer(repository: &Subject, commits: Vec<Commit>) -> Writer {
    let repository = Arc::clone(repository);
    Writer(tokio::spawn(async move {
        for commit in commits {
            commit_ok(&repository, commit, "during reads").await;
            // So that reads happen between any two commits, even with a store in memory.
            sleep(Duration::from_millis(1)).await;
        }
    }))
}

/// A task that writes.
pub(super) struct Writer(JoinHandle<()>);

impl Writer {
    /// Yields to the task, and returns whether it has written everything.
    pub(super) async fn is_done(&self) -> bool {
        yield_now().await;
        self.0.is_finished()
    }

    /// Waits until the task ends.
    pub(super) async fn end(self) {
        join(self.0).await;
    }
}

/// The addresses that exist of those that are looked up.
pub(super) async fn find_present(repository: Subject, lookups: Vec<Lookup>) -> Vec<Address> {
    let found = find(&repository, lookups).await;
    found.into_iter().flatten().collect()
}

/// Creates these addresses and moves all of them from city to city, each time in one commit.
/// Meanwhile, `read` must return all of them, in one city at any moment.
pub(super) async fn expect_moves_at_once<const N: usize, F: Future<Output = Vec<Address>>>(
    repository: &Subject,
    method: &str,
    mut addresses: [Address; N],
    read: impl Fn(Subject) -> F,
) {
    let created = creating(addresses.clone());
    commit_ok(repository, created, "create the addresses that move").await;
    let mut commits = Vec::new();
    for number in 0..60 {
        let city = format!("City {number}");
        commits.push(commit(
            addresses.each_ref().map(|last| replacing(last, &city)),
        ));
        addresses = addresses.map(|last| moved(&last, &city));
    }
    let writer = start_writer(repository, commits);
    loop {
        let is_done = writer.is_done().await;
        let found = read(Arc::clone(repository)).await;
        let cities: Vec<_> = found.iter().map(|found| &found.content.city).collect();
        assert!(
            cities.len() == N && cities.iter().all(|city| *city == cities[0]),
            "{method}: expected {N} addresses, which each commit moves together, in one city at \
             any moment, got {cities:?}"
        );
        if is_done {
            break;
        }
    }
    writer.end().await;
}
