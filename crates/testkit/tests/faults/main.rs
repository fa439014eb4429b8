//! Shows that the contract suites can fail: each of many faulty adapters fails the promise that it
//! breaks, with a message that says what was expected.

#![expect(clippy::unwrap_used, reason = "in a test, a panic reports the failure")]

mod addresses;
mod api_keys;

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::thread;
use std::time::Duration;

use addressbook_testkit::contract::Promise;

/// Prints no panics of threads that test a promise: they are expected. These threads have the name
/// of the promise.
fn silence_promises(names: &'static [&'static str]) {
    static SILENCED: Once = Once::new();
    SILENCED.call_once(|| {
        let default = take_hook();
        set_hook(Box::new(move |panic| {
            let thread = thread::current();
            if thread.name().is_none_or(|name| names.contains(&name)) {
                default(panic);
            }
        }));
    });
}

/// The names of the tests below.
const TESTS: &[&str] = &[
    "addresses::each_fault_is_detected_by_its_promise",
    "addresses::without_a_fault_every_promise_holds",
    "api_keys::each_fault_is_detected_by_its_promise",
    "api_keys::without_a_fault_every_promise_holds",
];

/// Expects each fault of the table to break its promise, and each promise to have a fault.
fn check<F: Copy + Debug, S: Send + 'static, Made>(
    table: &[(F, &str)],
    promises: &[Promise<S>],
    faulty: impl Fn(F) -> Made,
) where
    Made: Future<Output = (S, ())> + Send + 'static,
{
    silence_promises(TESTS);
    let mut wrong = Vec::new();
    for (fault, name) in table {
        let Some(promise) = promises.iter().find(|promise| promise.name() == *name) else {
            wrong.push(format!("{fault:?}: there is no promise {name}"));
            continue;
        };
        let limit = Duration::from_secs(10);
        let broken = catch_unwind(AssertUnwindSafe(|| {
            promise.run_within(limit, || faulty(*fault));
        }));
        match broken.map_err(message) {
            Ok(()) => wrong.push(format!("{fault:?}: {name} does not detect it")),
            Err(message) if !message.contains("expected") => wrong.push(format!(
                "{fault:?}: {name} does not say what was expected: {message}"
            )),
            Err(_) => {}
        }
    }
    let named: BTreeSet<_> = table.iter().map(|(_, name)| *name).collect();
    let all: BTreeSet<_> = promises.iter().map(Promise::name).collect();
    for promise in all.difference(&named) {
        wrong.push(format!("no fault shows that {promise} can fail"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn message(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast::<String>();
    text.map_or_else(|_| "the panic has no message".into(), |text| *text)
}
