//! What the framework does not bound by itself on a connection: it gives the head of the first
//! request so much time, but not those of later ones, and waits for ever for a client that does
//! not read its answers, or hardly.

use std::cell::Cell;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt;
use actix_web::rt::net::TcpStream;
use actix_web::rt::task::JoinHandle;
use socket2::SockRef;

use crate::request::request_stream::Answers;

/// Since when a connection has waited for a request; nothing while one is being answered.
type IdleSince = Rc<Cell<Option<Instant>>>;

/// Closes a connection that waits for too long; lives with it.
struct Watch {
    idle_since: IdleSince,
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How long a connection may be without a whole head, and what its client has to take of its
/// answers.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) max_idle: Duration,
    pub(crate) write_timeout: Duration,
    /// How many bytes within that.
    pub(crate) min_written: u64,
}

/// How many bytes the system may hold besides those that are under way. What is written is then
/// about what the client took.
#[cfg(any(target_os = "android", target_os = "linux"))]
const MAX_UNSENT: u32 = 16 * 1024;

/// Bounds a new connection.
pub(crate) fn bound(
    stream: &TcpStream,
    answers: Rc<Answers>,
    data: &mut Extensions,
    patience: Patience,
) {
    let Patience {
        max_idle,
        write_timeout,
        min_written,
    } = patience;
    let socket = SockRef::from(stream);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        let bounded = socket.set_tcp_user_timeout(Some(write_timeout));
        if let Err(error) = bounded.and_then(|()| socket.set_tcp_notsent_lowat(MAX_UNSENT)) {
            tracing::warn!(%error, "cannot limit how long a response waits for its client");
        }
    }
    // The system would hold a small answer back until the client has confirmed the one before.
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
            let before = std::mem::replace(&mut blocked_at, answers.blocked_at());
            let written = blocked_at.zip(before).map(|(now, before)| now - before);
            if written.is_some_and(|bytes| bytes < min_written) {
                break;
            }
        }
        // An error says that it is closed already.
        let _ = socket.shutdown(Shutdown::Both);
    });
    data.insert(Watch { idle_since, task });
}

/// A request that is being answered on a connection, until this is dropped.
pub(crate) struct Busy(Option<IdleSince>);

impl Busy {
    pub(crate) fn with(request: &ServiceRequest) -> Self {
        let watch = request.conn_data::<Watch>();
        let idle_since = watch.map(|watch| Rc::clone(&watch.idle_since));
        if let Some(idle_since) = &idle_since {
            idle_since.set(None);
        }
        Self(idle_since)
    }
}

impl Drop for Busy {
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
    async fn small_answers_are_sent_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let patience = Patience {
            max_idle: Duration::from_secs(1),
            write_timeout: Duration::from_secs(1),
            min_written: 1,
        };
        bound(&stream, Rc::default(), &mut Extensions::new(), patience);
        assert!(stream.nodelay().unwrap());
    }
}
