//! Handling of panics. A panic in a handler turns into a 500 response, and the service continues.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::pin::pin;
use std::task::Poll;
use std::{future, thread};

use thiserror::Error;

thread_local! {
    /// Whether this thread is handling a request, which logs its panic when it ends.
    static IN_REQUEST: Cell<bool> = const { Cell::new(false) };
    /// Location of the last panic of a request.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A request's panic, without its message, which may contain customer data.
#[derive(Debug, Error)]
#[error("panicked at {place}")]
pub(crate) struct Panicked {
    place: String,
}

/// Logs panics with their location and without their message. Panics of requests are logged with
/// the request id.
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

/// Returns the output of a request's future, or its panic.
pub(crate) async fn catch<F: Future>(request: F) -> Result<F::Output, Panicked> {
    let mut request = pin!(request);
    future::poll_fn(|context| {
        IN_REQUEST.set(true);
        // The state that it left behind is dropped with it and never observed.
        let poll = AssertUnwindSafe(|| request.as_mut().poll(context));
        let polled = panic::catch_unwind(poll);
        IN_REQUEST.set(false);
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked {
                place: PLACE.take().unwrap_or_else(|| "an unknown location".into()),
            })),
        }
    })
    .await
}
