//! Limits that the framework lacks. It limits the time for the head of a connection's first
//! request, but not for later ones. It also waits forever for a client that reads its responses
//! slowly or not at all.

use std::cell::Cell;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt;
use actix_web::rt::net::TcpStream;
use actix_web::rt::task::JoinHandle;
use socket2::SockRef;

use crate::request::request_stream::WriteProgress;

/// When a connection began to wait for a request; `None` while one is in progress.
type IdleSince = Rc<Cell<Option<Instant>>>;

/// Closes a connection that waits too long. Dropped together with the connection.
struct Watch {
    idle_since: IdleSince,
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How long a connection may lack a complete head, and how fast its client must read responses.
#[derive(Clone, Copy)]
pub(crate) struct ConnectionLimits {
    pub(crate) max_idle: Duration,
    pub(crate) write_timeout: Duration,
    /// Minimum bytes that a client reads within `write_timeout`.
    pub(crate) min_written: u64,
}

/// Maximum bytes that the operating system buffers besides those in transit, so that the number of
/// bytes written is close to the number of bytes that the client has read.
#[cfg(any(target_os = "android", target_os = "linux"))]
const MAX_UNSENT: u32 = 16 * 1024;

/// Applies the limits to a new connection.
pub(crate) fn apply_limits(
    stream: &TcpStream,
    progress: Rc<WriteProgress>,
    data: &mut Extensions,
    limits: ConnectionLimits,
) {
    let ConnectionLimits {
        max_idle,
        write_timeout,
        min_written,
    } = limits;
    let socket = SockRef::from(stream);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        let bounded = socket.set_tcp_user_timeout(Some(write_timeout));
        if let Err(error) = bounded.and_then(|()| socket.set_tcp_notsent_lowat(MAX_UNSENT)) {
            tracing::warn!(%error, "cannot limit how long a response waits for its client");
        }
    }
    // Otherwise the system delays a small response until the client acknowledges the previous one.
    if let Err(error) = socket.set_tcp_nodelay(true) {
        tracing::warn!(%error, "cannot disable the delay of small responses");
    }
    let socket = match socket.try_clone() {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "cannot monitor a connection");
            return;
        }
    };
    let idle_since = IdleSince::new(Cell::new(Some(Instant::now())));
    let watched = Rc::clone(&idle_since);
    let task = rt::spawn(async move {
        let mut blocked_at = None;
        loop {
            let now = Instant::now();
            let until = watched.get().unwrap_or(now) + max_idle;
            if until <= now {
                break;
            }
            rt::time::sleep_until(until.min(now + write_timeout).into()).await;
            let before = std::mem::replace(&mut blocked_at, progress.blocked_at());
            let written = blocked_at.zip(before).map(|(now, before)| now - before);
            if written.is_some_and(|bytes| bytes < min_written) {
                break;
            }
        }
        // An error means that the connection is already closed.
        let _ = socket.shutdown(Shutdown::Both);
    });
    data.insert(Watch { idle_since, task });
}

/// Marks a connection as busy with a request until dropped.
pub(crate) struct RequestGuard(Option<IdleSince>);

impl RequestGuard {
    pub(crate) fn new(request: &ServiceRequest) -> Self {
        let watch = request.conn_data::<Watch>();
        let idle_since = watch.map(|watch| Rc::clone(&watch.idle_since));
        if let Some(idle_since) = &idle_since {
            idle_since.set(None);
        }
        Self(idle_since)
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        if let Some(idle_since) = &self.0 {
            idle_since.set(Some(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[actix_web::test]
    async fn small_responses_are_sent_without_delay() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let limits = ConnectionLimits {
            max_idle: Duration::from_secs(1),
            write_timeout: Duration::from_secs(1),
            min_written: 1,
        };
        apply_limits(&stream, Rc::default(), &mut Extensions::new(), limits);
        assert!(stream.nodelay().unwrap());
    }
}
