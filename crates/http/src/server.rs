use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use actix_http::{HttpService, Protocol};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::Error;
use actix_web::dev::{AppConfig, Server};
use actix_web::rt::net::TcpStream;
use socket2::{Domain, Socket, Type};

use crate::app;
use crate::app::AppParts;
use crate::connection;
use crate::connection::ConnectionLimits;
use crate::listener_shutdown::ListenerShutdown;
use crate::request::request_stream::RequestStream;
use crate::response::unsent::CHUNK_BYTES;

/// Limits of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// Number of threads that handle requests. Default: 1.
    pub workers: usize,
    /// The maximum number of open connections, on all threads together; further ones wait in the
    /// backlog. Default: 10,000.
    pub max_connections: usize,
    /// The maximum number of connections that wait to be accepted; the operating system may allow
    /// fewer. Default: 1024.
    pub backlog: u32,
    /// Time for a request's head to arrive; a slower one gets 408. Default: 5 s.
    pub header_timeout: Duration,
    /// Time that a connection stays open without a request. Default: 75 s.
    pub keep_alive: Duration,
    /// Time in which a client reads nothing of a response before its connection is closed; on Linux
    /// only. Default: 10 s.
    pub write_timeout: Duration,
    /// Minimum bytes per second that a client reads of a pending response, measured over the write
    /// timeout; the connection of a slower client is closed. Default: 4096.
    pub min_read_rate: u32,
    /// Time for requests in flight once the server stops; then they are cut off. Whole seconds.
    /// Default: 30 s.
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
            min_read_rate: 4_096,
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// Sockets that are bound but not listening yet, so that a program notices unavailable addresses
/// before it does anything else.
#[derive(Debug)]
pub struct BoundSockets(Vec<Socket>);

impl BoundSockets {
    /// Binds each of the addresses that can be bound.
    ///
    /// # Errors
    /// The error of the operating system if none can be bound.
    pub fn to(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        let mut sockets = Vec::new();
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses.to_socket_addrs()? {
            match bind(address) {
                Ok(socket) => sockets.push(socket),
                Err(error) => failure = error,
            }
        }
        if sockets.is_empty() {
            return Err(failure);
        }
        Ok(Self(sockets))
    }

    fn listen(self, backlog: u32) -> io::Result<Vec<TcpListener>> {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        let listening = self.0.into_iter().map(|socket| {
            socket.listen(backlog)?;
            Ok(socket.into())
        });
        listening.collect()
    }
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // So that a restart need not wait for connections of the previous process.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Listens, and returns the addresses and a future. The future serves requests until `stop`
/// completes and the requests then in flight are finished or cut off.
///
/// This replaces the framework's `HttpServer`, which accepts only plain TCP connections: here,
/// offers to upgrade are removed from them.
///
/// # Errors
/// Errors of the operating system while listening.
pub fn listen(
    sockets: BoundSockets,
    parts: AppParts,
    options: ServerOptions,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<(Vec<SocketAddr>, Server)> {
    let write_ms = options.write_timeout.as_millis() as u64;
    let limits = ConnectionLimits {
        max_idle: options.keep_alive + options.header_timeout,
        write_timeout: options.write_timeout,
        min_written: (u64::from(options.min_read_rate) * write_ms).div_ceil(1_000),
    };
    let listeners = sockets.listen(options.backlog)?;
    let ours: io::Result<_> = listeners.iter().map(TcpListener::try_clone).collect();
    let listener_shutdown = ListenerShutdown::new(ours?);
    let mut server = Server::build()
        .workers(options.workers)
        // The framework's limit is per thread.
        .max_concurrent_connections(options.max_connections.div_ceil(options.workers))
        .shutdown_timeout(options.shutdown_timeout.as_secs())
        .shutdown_signal(async move {
            stop.await;
            listener_shutdown.run().await;
        });
    let stopping = server.graceful_shutdown_signal();
    let mut addresses = Vec::new();
    for listener in listeners {
        let address = listener.local_addr()?;
        addresses.push(address);
        let (parts, stopping) = (parts.clone(), stopping.clone());
        server = server.listen(address.to_string(), listener, move || {
            let stopping = stopping.clone();
            let answers = app(parts.clone())
                .into_factory()
                .map_err(|error: Error| error.error_response());
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .client_request_timeout(options.header_timeout)
                .client_disconnect_timeout(DISCONNECT_TIMEOUT)
                .keep_alive(options.keep_alive)
                .h1_write_buffer_size(CHUNK_BYTES)
                .local_addr(address)
                .on_connect_ext(move |io: &RequestStream<TcpStream>, data| {
                    connection::apply_limits(io.get_ref(), io.progress(), data, limits);
                })
                .finish(map_config(answers, |()| AppConfig::default()));
            fn_service(async |stream: TcpStream| {
                let peer = stream.peer_addr().ok();
                Ok((RequestStream::new(stream), Protocol::Http1, peer))
            })
            .and_then(http)
        })?;
    }
    Ok((addresses, server.run()))
}

/// Time for a client to close a connection that the service closes.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
