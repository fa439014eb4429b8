//! How the service is told to stop: SIGTERM waits until no new requests are sent here, SIGINT
//! does not wait, and a second signal ends it at once.

use std::io;
use std::time::Duration;

use actix_web::rt::signal::unix::{Signal, SignalKind, signal};
use actix_web::rt::time::sleep;
use addressbook_http::Drain;
use tokio::select;
use tokio::sync::oneshot;

/// The signals that stop the service.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on these signals come here.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }

    /// Waits for a signal, lets the clients go, and says when to stop. Returns when a second
    /// signal asks not to wait for anything.
    pub(crate) async fn obey(mut self, drain: Drain, delay: Duration, stop: oneshot::Sender<()>) {
        let first = self.next().await;
        drain.begin();
        if first == SignalKind::terminate() {
            select! {
                () = sleep(delay) => {}
                _ = self.next() => return,
            }
        }
        // The other end is gone when the server has ended by itself.
        let _ = stop.send(());
        self.next().await;
    }
}
