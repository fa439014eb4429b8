//! The test of a promise ends in time, whatever the repository does, and names the promise.

#![expect(clippy::expect_used, reason = "in a test, a panic reports the failure")]

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::sleep;
use std::time::{Duration, Instant};

use addressbook_testkit::contract::run_within;

/// Returns how a promise fails with a limit of a tenth of a second.
fn failure<Made, Tested>(subject: impl FnOnce() -> Made, test: impl FnOnce(()) -> Tested) -> String
where
    Made: Future<Output = ((), ())> + Send + 'static,
    Tested: Future<Output = ()> + Send + 'static,
{
    let since = Instant::now();
    let limit = Duration::from_millis(100);
    let run = || run_within(limit, "lists_by_ascending_id", subject, test);
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("the promise fails");
    let took = since.elapsed();
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    *panic.downcast::<String>().expect("a panic message")
}

const EXPECTED: &str =
    "lists_by_ascending_id: expected every call to end, but the test still ran after 100ms";

#[test]
fn a_call_that_never_returns_fails_its_promise() {
    assert_eq!(
        failure(async || ((), ()), async |()| pending().await),
        EXPECTED
    );
}

#[test]
fn calls_that_block_every_thread_fail_their_promise() {
    let block = async |()| {
        for _ in 0..4 {
            tokio::spawn(async { sleep(Duration::from_secs(10)) });
        }
        sleep(Duration::from_secs(10));
    };
    assert_eq!(failure(async || ((), ()), block), EXPECTED);
}

#[test]
fn a_subject_that_is_never_created_fails_its_promise() {
    assert_eq!(failure(async || pending().await, async |()| {}), EXPECTED);
}
