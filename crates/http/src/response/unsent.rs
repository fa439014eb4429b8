//! Limits the responses that clients have not read yet.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};

use crate::middleware::in_flight::InFlight;
use crate::middleware::in_flight::UnsentGuard;

/// Size of the chunks in which a response is passed to the connection, in bytes. The connection
/// copies each chunk, so it buffers little more than this for a client that does not read. Shorter
/// responses are not counted: the limit of connections bounds them.
pub(crate) const CHUNK_BYTES: usize = 16 * 1024;

/// Marks a response whose body exists in memory once for all clients.
#[derive(Clone, Copy)]
pub(crate) struct Shared;

/// Sends a long response in chunks, and counts it for its client until it is sent. Above the limit,
/// the response becomes 503.
pub(crate) fn bounded(
    answer: ServiceResponse,
    in_flight: &Rc<InFlight>,
    max_unsent_bytes: usize,
) -> ServiceResponse {
    let is_long = match answer.response().body().size() {
        BodySize::Sized(bytes) => bytes > CHUNK_BYTES as u64,
        BodySize::None | BodySize::Stream => false,
    };
    if !is_long {
        return answer;
    }
    let (request, response) = answer.into_parts();
    // A write has already been made, so it can no longer be rejected. Its response is one address.
    let max = match request.method().is_safe() {
        true => max_unsent_bytes,
        false => usize::MAX,
    };
    let response = in_chunks(&request, response, in_flight, max);
    ServiceResponse::new(request, response)
}

fn in_chunks(
    request: &HttpRequest,
    response: HttpResponse,
    in_flight: &Rc<InFlight>,
    max_unsent_bytes: usize,
) -> HttpResponse {
    let is_shared = response.extensions().get::<Shared>().is_some();
    let (response, body) = response.into_parts();
    let bytes = match body.try_into_bytes() {
        Ok(bytes) => bytes,
        Err(body) => return response.set_body(body),
    };
    let counted = if is_shared { CHUNK_BYTES } else { bytes.len() };
    match in_flight.try_send(request, counted, max_unsent_bytes) {
        Some(guard) => response.set_body(BoxBody::new(Chunks {
            bytes,
            _guard: guard,
        })),
        None => HttpResponse::from_error(in_flight.reject()),
    }
}

/// A body that is sent in chunks. It does not convert back into bytes, which the framework would
/// otherwise do.
struct Chunks {
    /// The remaining bytes.
    bytes: Bytes,
    _guard: UnsentGuard,
}

impl MessageBody for Chunks {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let length = self.bytes.len().min(CHUNK_BYTES);
        Poll::Ready((length > 0).then(|| Ok(self.bytes.split_to(length))))
    }
}
