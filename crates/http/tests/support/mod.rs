//! A server for tests, on a free port of the loopback interface.

use std::future;
use std::net::SocketAddr;

use actix_web::rt;
use addressbook_http::{AppParts, BoundSockets, ServerOptions, listen};

/// Serves until the test ends. Returns the address.
pub(crate) fn serve(parts: AppParts, options: ServerOptions) -> SocketAddr {
    let bound = BoundSockets::to("127.0.0.1:0").unwrap();
    let (addresses, server) = listen(bound, parts, options, future::pending()).unwrap();
    rt::spawn(server);
    addresses[0]
}
