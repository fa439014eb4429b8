//! How the service is told to stop: SIGTERM waits until no new requests are sent here, and so does
//! SIGHUP, which comes when a terminal is closed; SIGINT does not wait, and a second signal ends it
//! at once. Where SIGHUP is ignored, as by `nohup`, it stays so.

use std::time::Duration;
use std::{fs, future, io};

use actix_web::rt::signal::unix::{Signal, SignalKind, signal};
use actix_web::rt::time::sleep;
use addressbook_http::Drain;
use tokio::select;
use tokio::sync::oneshot;

/// The signals that stop the service.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// From now on these signals come here.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: match is_hangup_ignored() {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            },
        })
    }

    async fn next(&mut self) -> SignalKind {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => future::pending().await,
            }
        };
        select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = hangup => SignalKind::hangup(),
        }
    }

    /// Waits for a signal, lets the clients go, and says when to stop. Returns when a second
    /// signal asks not to wait for anything.
    pub(crate) async fn obey(mut self, drain: Drain, delay: Duration, stop: oneshot::Sender<()>) {
        let first = self.next().await;
        drain.begin();
        if first != SignalKind::interrupt() {
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

/// Whether SIGHUP was ignored when the program started, as by `nohup`; known on Linux only.
fn is_hangup_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signals count from 1, and SIGHUP is the first.
    ignored.is_some_and(|mask| mask & 1 == 1)
}
