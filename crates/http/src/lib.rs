//! Addressbook over HTTP.
//!
//! [`app`] is all there is to plug in:
//!
//! ```no_run
//! use actix_web::HttpServer;
//! use addressbook_http::Parts;
//!
//! async fn serve(parts: Parts) -> std::io::Result<()> {
//!     HttpServer::new(move || addressbook_http::app(parts.clone()))
//!         .bind(("127.0.0.1", 8080))?
//!         .run()
//!         .await
//! }
//! ```
//!
//! Inside, each operation has a file of its own with its request, handler and tests; the
//! table in `routes` says which path and method it answers. A handler returns a `Problem`
//! where it cannot answer; what every exchange has (request id, log line, problem bodies)
//! is added around them all, in one place.

mod access;
mod address_etag;
mod address_input;
mod address_json;
mod app;
mod body;
mod bounds;
mod cache_control;
mod client;
mod closing;
mod compression;
mod connection;
mod cors;
mod create_address;
mod cursor;
mod drain;
mod erase_customer;
mod etag;
mod exchange;
mod get_address;
mod health;
mod in_flight;
mod link;
mod list_addresses;
mod list_request;
mod metrics;
mod nearest;
mod not_found;
mod openapi;
mod options;
mod panics;
mod parameters;
mod patch_address;
mod pattern;
mod prefer;
mod problem;
mod problem_kind;
mod rate_limit;
mod reference;
mod remove_address;
mod request_body;
mod request_id;
#[cfg_attr(not(feature = "otlp"), path = "no_request_span.rs")]
mod request_span;
mod request_stream;
mod revisions;
mod routes;
mod server;
mod shares;
mod static_file;
#[cfg(test)]
mod testing;
mod trace_parent;
mod unsent;
mod verb;

pub use app::{Parts, app};
pub use drain::Drain;
pub use in_flight::InFlight;
pub use metrics::HttpMetrics;
pub use openapi::openapi_json;
pub use options::HttpOptions;
pub use panics::log_panics;
pub use rate_limit::RateLimit;
pub use request_id::RequestId;
pub use request_span::RequestTracer;
pub use server::{Bound, ServerOptions, listen};
