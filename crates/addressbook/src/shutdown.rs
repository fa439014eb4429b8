//! The signals that stop the service. After SIGTERM or SIGHUP, which is sent when a terminal is
//! closed, the service waits until no new requests are sent to it. After SIGINT it does not wait. A
//! second signal stops it at once. SIGHUP stays ignored if it was, as with `nohup`.

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
    /// Starts to receive these signals.
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

    /// Waits for a signal, begins to drain, and sends to `stop` when the server is to stop. Returns
    /// on a second signal, which means not to wait for anything.
    pub(crate) async fn handle(mut self, drain: Drain, delay: Duration, stop: oneshot::Sender<()>) {
        let first = self.next().await;
        drain.begin();
        if first != SignalKind::interrupt() {
            select! {
                () = sleep(delay) => {}
                _ = self.next() => return,
            }
        }
        // The receiver is gone if the server has already ended.
        let _ = stop.send(());
        self.next().await;
    }
}

/// Whether SIGHUP was ignored when the program started, as with `nohup`. False except on Linux.
fn is_hangup_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signals count from 1, and SIGHUP is the first.
    ignored.is_some_and(|mask| mask & 1 == 1)
}
