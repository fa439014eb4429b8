//! Addressbook over HTTP.
//!
//! [`app`] builds the application:
//!
//! ```no_run
//! use actix_web::HttpServer;
//! use addressbook_http::AppParts;
//!
//! async fn serve(parts: AppParts) -> std::io::Result<()> {
//!     HttpServer::new(move || addressbook_http::app(parts.clone()))
//!         .bind(("127.0.0.1", 8080))?
//!         .run()
//!         .await
//! }
//! ```
//!
//! Each operation has a file in `operations` with its handler and tests. The table in `routes` maps
//! paths and methods to them. `request` and `response` hold what the operations share, `middleware`
//! what surrounds them, and `telemetry` what is logged and measured. A handler returns a `Problem`
//! when it fails. Everything that each exchange needs (request id, log line, problem bodies) is
//! added in one place, around all handlers.

mod app;
mod connection;
mod drain;
mod listener_shutdown;
mod middleware;
mod nearest;
mod openapi;
mod operations;
mod options;

mod request;
mod response;
mod route;
mod routes;
mod server;
mod telemetry;
#[cfg(test)]
mod testing;

pub use app::{AppParts, app};
pub use drain::Drain;
pub use middleware::in_flight::InFlight;
pub use middleware::rate_limit::RateLimit;
pub use openapi::openapi_json;
pub use options::HttpOptions;
pub use request::request_id::RequestId;
pub use server::{BoundSockets, ServerOptions, listen};
pub use telemetry::metrics::HttpMetrics;
pub use telemetry::panics::log_panics;
pub use telemetry::request_span::RequestTracer;
