use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::Server;

use crate::{Parts, app, connection};

/// What the server may take of the machine, and clients of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// How many threads answer requests. Default: 1.
    pub workers: usize,
    /// The most connections at a time, on all threads together; more wait in the backlog.
    /// Default: 10,000.
    pub max_connections: usize,
    /// The most connections that wait to be taken, as far as the system lets them. Default: 1024.
    pub backlog: u32,
    /// How long the head of a request may take to arrive; a slower one gets 408. Default: 5 s.
    pub header_timeout: Duration,
    /// How long a connection stays open without a request. Default: 75 s.
    pub keep_alive: Duration,
    /// How long a client may take nothing of its answers before its connection is closed; on
    /// Linux only. Default: 10 s.
    pub write_timeout: Duration,
    /// How long requests may go on once the server stops; what outlasts it is cut. Whole
    /// seconds. Default: 30 s.
    pub shutdown_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            workers: 1,
            max_connections: 10_000,
            backlog: 1_024,
            header_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(75),
            write_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// Listens, and returns where, and a future that answers requests until `stop` is complete and
/// what was in flight then is finished or cut.
///
/// # Errors
/// What the system says to the addresses.
pub fn listen(
    addresses: impl ToSocketAddrs,
    parts: Parts,
    options: ServerOptions,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<(Vec<SocketAddr>, Server)> {
    let max_idle = options.keep_alive + options.header_timeout;
    let server = HttpServer::new(move || app(parts.clone()))
        .workers(options.workers)
        // The framework counts for each thread.
        .max_connections(options.max_connections.div_ceil(options.workers))
        .backlog(options.backlog)
        .client_request_timeout(options.header_timeout)
        .keep_alive(options.keep_alive)
        .on_connect(move |io, data| connection::bound(io, data, max_idle, options.write_timeout))
        .shutdown_timeout(options.shutdown_timeout.as_secs())
        .shutdown_signal(stop)
        .bind(addresses)?;
    Ok((server.addrs(), server.run()))
}
