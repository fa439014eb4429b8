//! Stops listening without cutting off accepted clients.
//!
//! Closing a listener resets the connections in its backlog, on which clients may already have sent
//! requests. Stopping also closes connections that wait for their next request, while that request
//! may be on its way. So new connections are refused first. Open connections then have a moment for
//! one more request each, and are closed after its response.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::rt::time::sleep;

/// Time between refusing new connections and the stop: enough for a few round trips.
const LAST_REQUESTS: Duration = Duration::from_millis(250);

/// Duplicates of a server's own listeners.
pub(crate) struct ListenerShutdown(Vec<TcpListener>);

impl ListenerShutdown {
    pub(crate) fn new(listeners: Vec<TcpListener>) -> Self {
        Self(listeners)
    }

    /// Refuses new connections and waits for the last requests on the open ones.
    pub(crate) async fn run(self) {
        for listener in &self.0 {
            refuse_new(listener);
        }
        sleep(LAST_REQUESTS).await;
    }
}

/// Drops the packets that begin a connection (TCP's SYN), so that only connections that have
/// already begun get through. Clients retry a second later, when the listener is closed.
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
