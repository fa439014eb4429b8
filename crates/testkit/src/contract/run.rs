use std::any::Any;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// The time limit for the test of one promise, and for the creation of its subject.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Tests a promise with its own subject, on two threads, within [`LIMIT`].
///
/// # Panics
/// If the promise is broken, or its test does not end in time. The threads have the name of the
/// promise, so the panic message names it.
pub fn run<S, A, Made, Tested>(
    promise: &str,
    subject: impl FnOnce() -> Made,
    test: impl FnOnce(S) -> Tested,
) where
    Made: Future<Output = (S, A)> + Send + 'static,
    Tested: Future<Output = ()> + Send + 'static,
    S: Send + 'static,
    A: Send + 'static,
{
    run_within(LIMIT, promise, subject, test);
}

/// Like [`run`], with another limit.
///
/// # Panics
/// Like [`run`].
pub fn run_within<S, A, Made, Tested>(
    limit: Duration,
    promise: &str,
    subject: impl FnOnce() -> Made,
    test: impl FnOnce(S) -> Tested,
) where
    Made: Future<Output = (S, A)> + Send + 'static,
    Tested: Future<Output = ()> + Send + 'static,
    S: Send + 'static,
    A: Send + 'static,
{
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(promise)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => panic!("{promise}: cannot start a runtime: {error}"),
    };
    let done = within(&runtime, limit, subject()).and_then(|(repository, alive)| {
        within(&runtime, limit, test(repository))?;
        Ok(alive)
    });
    match done {
        Ok(alive) => {
            // The clean-up may need the runtime.
            let _inside = runtime.enter();
            drop(alive);
        }
        Err(Failure::Panicked(panic)) => {
            runtime.shutdown_background();
            resume_unwind(panic);
        }
        Err(Failure::TimedOut) => {
            runtime.shutdown_background();
            panic!("{promise}: expected every call to end, but the test still ran after {limit:?}");
        }
    }
}

enum Failure {
    Panicked(Box<dyn Any + Send>),
    TimedOut,
}

/// Returns the output of a future, if it ends in time. The limit applies even if a store blocks all
/// threads of the runtime.
fn within<T: Send + 'static>(
    runtime: &Runtime,
    limit: Duration,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, Failure> {
    let (sender, receiver) = mpsc::channel();
    let task = runtime.spawn(future);
    runtime.spawn(async move { sender.send(task.await) });
    match receiver.recv_timeout(limit) {
        Ok(done) => done.map_err(|error| Failure::Panicked(error.into_panic())),
        Err(_) => Err(Failure::TimedOut),
    }
}
