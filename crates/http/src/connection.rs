//! What the framework does not bound by itself on a connection: it gives the head of the first
//! request so much time, but not those of later ones, and waits for ever for a client that does
//! not read its answers.

use std::cell::Cell;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt;
use actix_web::rt::net::TcpStream;
use actix_web::rt::task::JoinHandle;
use socket2::SockRef;

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

/// Bounds a new connection: how long it may be without a whole head, and without taking
/// anything of its answers.
pub(crate) fn bound(
    stream: &TcpStream,
    data: &mut Extensions,
    max_idle: Duration,
    write_timeout: Duration,
) {
    let socket = SockRef::from(stream);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Err(error) = socket.set_tcp_user_timeout(Some(write_timeout)) {
        tracing::warn!(%error, "cannot bound how long an answer waits for its client");
    }
    // The system would hold a small answer back until the client has confirmed the one before.
    if let Err(error) = socket.set_tcp_nodelay(true) {
        tracing::warn!(%error, "cannot send small answers at once");
    }
    let socket = match socket.try_clone() {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "cannot watch over a connection");
            return;
        }
    };
    let idle_since = IdleSince::new(Cell::new(Some(Instant::now())));
    let watched = Rc::clone(&idle_since);
    let task = rt::spawn(async move {
        loop {
            let now = Instant::now();
            let until = watched.get().unwrap_or(now) + max_idle;
            if until <= now {
                break;
            }
            rt::time::sleep_until(until.into()).await;
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
        let soon = Duration::from_secs(1);
        bound(&stream, &mut Extensions::new(), soon, soon);
        assert!(stream.nodelay().unwrap());
    }
}
