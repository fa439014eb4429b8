//! Addressbook over HTTP.
//!
//! [`app`] is all there is to plug in:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use actix_web::HttpServer;
//! use addressbook_domain::{AddressService, IdSource};
//!
//! async fn serve(service: AddressService, ids: Arc<dyn IdSource>) -> std::io::Result<()> {
//!     HttpServer::new(move || addressbook_http::app(service.clone(), ids.clone()))
//!         .bind(("127.0.0.1", 8080))?
//!         .run()
//!         .await
//! }
//! ```
//!
//! Inside, each operation has a file of its own with its route, request, handler and
//! tests. A handler returns a `Problem` where it cannot answer; what every exchange has
//! (request id, log line, problem bodies) is added around them all, in one place.

mod app;
mod body;
mod cursor;
mod etag;
mod exchange;
mod health;
mod link;
mod list_addresses;
mod list_request;
mod problem;
mod problem_kind;
mod request_id;
#[cfg(test)]
mod testing;

pub use app::app;
pub use request_id::RequestId;
