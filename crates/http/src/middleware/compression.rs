//! Compresses responses with gzip for clients that accept it, if the operator enables it. Then no
//! proxy needs to compress, which would change the tags of addresses.
//!
//! A response with a strong tag is never compressed. According to RFC 9110, section 8.8.3.3, each
//! coding would need its own tag, but clients send that tag back as the state that they read.

use std::io::{self, Write as _};

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    AcceptEncoding, CONTENT_ENCODING, CONTENT_TYPE, ETAG, Encoding, HeaderMap, HeaderValue,
    Preference, Quality, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage, HttpResponse, web};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::Either;

use crate::response::problem::Problem;

/// The longest body that is compressed on the thread of the request, in bytes. That takes up to a
/// millisecond; a longer one would delay other requests.
const MAX_INLINE_BYTES: usize = 32 * 1024;

/// Compresses the response to a read if it has at least `min_bytes` bytes. Other responses, and all
/// if `min_bytes` is `None`, stay as they are.
pub(crate) fn around<S>(
    request: ServiceRequest,
    next: &S,
    min_bytes: Option<usize>,
) -> impl Future<Output = Result<ServiceResponse, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let wanted = min_bytes.filter(|_| is_read);
    let wanted = wanted.map(|min_bytes| (min_bytes, accepts_gzip(&request)));
    let answer = next.call(request);
    match wanted {
        None => Either::Left(answer),
        Some((min_bytes, accepts_gzip)) => Either::Right(async move {
            let mut answer = answer.await?;
            if !is_compressible(&answer) {
                return Ok(answer);
            }
            let vary = HeaderValue::from_static("Accept-Encoding");
            answer.headers_mut().append(VARY, vary);
            if !accepts_gzip {
                return Ok(answer);
            }
            let (request, response) = answer.into_parts();
            let response = compressed(response, min_bytes).await?;
            Ok(ServiceResponse::new(request, response))
        }),
    }
}

/// Whether a client accepts gzip and prefers it at least as much as no coding (RFC 9110, section
/// 12.5.3).
pub(crate) fn accepts_gzip(request: &impl HttpMessage) -> bool {
    let Some(AcceptEncoding(accepted)) = request.get_header() else {
        return false;
    };
    let quality = |wanted: Preference<Encoding>| {
        let mut accepted = accepted.iter();
        accepted
            .find(|coding| coding.item == wanted)
            .map(|coding| coding.quality)
    };
    let named = |coding| quality(Preference::Specific(coding));
    let gzip = named(Encoding::gzip()).or_else(|| quality(Preference::Any));
    let identity = named(Encoding::identity());
    gzip.is_some_and(|gzip| gzip > Quality::ZERO && gzip >= identity.unwrap_or(Quality::ZERO))
}

/// Whether the response may depend on the codings that the client accepts, or would if it were not
/// 304.
fn is_compressible(answer: &ServiceResponse) -> bool {
    let headers = answer.headers();
    let is_of_kind = match answer.status() {
        StatusCode::OK => is_text(headers),
        status => status == StatusCode::NOT_MODIFIED,
    };
    let tag = headers.get(ETAG);
    is_of_kind && tag.is_none_or(|tag| tag.as_bytes().starts_with(b"W/"))
}

fn is_text(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    media_type.is_some_and(|media_type| {
        media_type.starts_with(b"application/json") || media_type.starts_with(b"text/")
    })
}

/// Compresses the body of a response if that makes it shorter.
async fn compressed(response: HttpResponse, min_bytes: usize) -> Result<HttpResponse, Error> {
    let (mut response, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Ok(body) if body.len() >= min_bytes => body,
        Ok(body) => return Ok(response.set_body(BoxBody::new(body))),
        Err(body) => return Ok(response.set_body(body)),
    };
    let compressed = if body.len() <= MAX_INLINE_BYTES {
        gzip(&body, LEVEL)
    } else {
        let body = Bytes::clone(&body);
        web::block(move || gzip(&body, LEVEL)).await?
    };
    let compressed = compressed.map_err(Problem::internal)?;
    if compressed.len() >= body.len() {
        return Ok(response.set_body(BoxBody::new(body)));
    }
    let coding = HeaderValue::from_static("gzip");
    response.headers_mut().insert(CONTENT_ENCODING, coding);
    Ok(response.set_body(BoxBody::new(compressed)))
}

/// The fastest level. For pages of addresses, the default level takes two to three times as long
/// and compresses to 55 % instead of 65 %.
const LEVEL: Compression = Compression::fast();

pub(crate) fn gzip(body: &[u8], level: Compression) -> io::Result<Vec<u8>> {
    let buffer = Vec::with_capacity(body.len() / 2);
    let mut encoder = GzEncoder::new(buffer, level);
    encoder.write_all(body)?;
    encoder.finish()
}
