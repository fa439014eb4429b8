//! The end of listening, such that nobody who was let in is cut off.
//!
//! A listener that is closed resets the connections that wait to be taken, on which clients may have
//! sent requests. And a connection that waits for its next request is closed at the stop, when that
//! request may be under way. So new connections are refused first; those there are have a moment
//! for one more request each, whose answer ends them.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::rt::time::sleep;

/// How long connections have between the last one that is let in and the stop: some round trips.
const LAST_REQUESTS: Duration = Duration::from_millis(250);

/// The listeners of a server, beside those that it has itself.
pub(crate) struct Closing(Vec<TcpListener>);

impl Closing {
    pub(crate) fn of(listeners: Vec<TcpListener>) -> Self {
        Self(listeners)
    }

    /// Lets nobody new in, and waits for those who are there.
    pub(crate) async fn run(self) {
        for listener in &self.0 {
            refuse_new(listener);
        }
        sleep(LAST_REQUESTS).await;
    }
}

/// Drops the packets that begin a connection (TCP's SYN), so that those which have begun come
/// through. Clients try again a second later, and find nobody listening.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn refuse_new(listener: &TcpListener) {
    use socket2::{SockFilter, SockRef};

    // The instructions of a classic BPF program, as linux/filter.h names them.
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    let filter = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_OFFSET),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    if let Err(error) = SockRef::from(listener).attach_filter(&filter) {
        tracing::debug!(%error, "cannot refuse new connections before the service stops");
    }
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn refuse_new(_listener: &TcpListener) {}
