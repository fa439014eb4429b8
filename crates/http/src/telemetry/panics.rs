//! Panics: defects that nobody foresaw. One in a handler costs its request a 500, and the
//! service goes on.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::pin::pin;
use std::task::Poll;
use std::{future, thread};

use thiserror::Error;

thread_local! {
    /// Whether this thread is in the middle of a request, whose end tells of a panic.
    static IN_REQUEST: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic of a request was.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A request's panic, without what it says: that may hold what a customer entered.
#[derive(Debug, Error)]
#[error("panicked at {place}")]
pub(crate) struct Panicked {
    place: String,
}

/// Makes panics lines of the log that say where, and not what. Those of requests are told with
/// their request's id.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(ToString::to_string);
        if IN_REQUEST.get() {
            PLACE.set(place);
        } else {
            let thread = thread::current();
            tracing::error!(
                place = place.as_deref().unwrap_or("unknown"),
                thread = thread.name().unwrap_or("unnamed"),
                "panicked"
            );
        }
    }));
}

/// What a request's future gives, or that it panicked.
pub(crate) async fn caught<F: Future>(request: F) -> Result<F::Output, Panicked> {
    let mut request = pin!(request);
    future::poll_fn(|context| {
        IN_REQUEST.set(true);
        // Whatever it left half done is dropped with it, and seen by nobody.
        let poll = AssertUnwindSafe(|| request.as_mut().poll(context));
        let polled = panic::catch_unwind(poll);
        IN_REQUEST.set(false);
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked {
                place: PLACE.take().unwrap_or_else(|| "an unknown place".into()),
            })),
        }
    })
    .await
}
