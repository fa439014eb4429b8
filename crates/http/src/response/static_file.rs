use std::io;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, VARY,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flate2::Compression;
use sha2::{Digest as _, Sha256};

use crate::middleware::compression;
use crate::response::cache_control::NO_CACHE;
use crate::response::etag;
use crate::response::unsent::Shared;

/// A file that is part of the program, or a document computed from it. All responses share its bytes in memory, plain or
/// compressed.
pub(crate) struct StaticFile {
    media_type: &'static str,
    plain: Bytes,
    gzip: Bytes,
    cache_control: HeaderValue,
    /// The text between the quotation marks of the `ETag`.
    digest: String,
}

impl StaticFile {
    pub(crate) fn new(media_type: &'static str, plain: Bytes) -> io::Result<Self> {
        let gzip = compression::gzip(&plain, Compression::default())?.into();
        let digest = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&plain)[..8]);
        Ok(Self {
            media_type,
            plain,
            gzip,
            cache_control: NO_CACHE,
            digest,
        })
    }

    /// The same file with another `Cache-Control`.
    pub(crate) fn with_cache_control(self, cache_control: HeaderValue) -> Self {
        Self {
            cache_control,
            ..self
        }
    }

    /// Responds with the file, compressed if the client accepts that, or with 304 if the client has
    /// it. Unless it has another `Cache-Control`, browsers must revalidate it each time.
    pub(crate) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let is_gzip = compression::accepts_gzip(request);
        let (body, suffix) = match is_gzip {
            true => (&self.gzip, "-gzip"),
            false => (&self.plain, ""),
        };
        let tag = format!("\"{}{suffix}\"", self.digest);
        let is_known = etag::is_listed(request.headers(), &tag);
        let mut response = match is_known {
            true => HttpResponse::NotModified(),
            false => HttpResponse::Ok(),
        };
        response
            .insert_header((ETAG, tag))
            .insert_header((CACHE_CONTROL, self.cache_control.clone()))
            .insert_header((VARY, HeaderValue::from_static("Accept-Encoding")));
        if is_known {
            return response.finish();
        }
        response.insert_header((CONTENT_TYPE, HeaderValue::from_static(self.media_type)));
        if is_gzip {
            response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
        }
        response.extensions_mut().insert(Shared);
        response.body(Bytes::clone(body))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody as _;
    use actix_web::http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn all_responses_share_one_copy() {
        let text = "a file ".repeat(100);
        let file = StaticFile::new("text/plain", text.clone().into()).unwrap();
        for (accepted, bytes) in [("identity", &file.plain), ("br, gzip", &file.gzip)] {
            let request = TestRequest::get().insert_header((ACCEPT_ENCODING, accepted));
            let request = request.to_http_request();
            let bodies = [(); 2].map(|()| {
                let body = file.answer(&request).into_body().try_into_bytes();
                body.unwrap()
            });
            for body in bodies {
                assert_eq!(body.as_ptr(), bytes.as_ptr(), "{accepted}");
                assert_eq!(body.len(), bytes.len(), "{accepted}");
            }
        }
        assert_eq!(file.plain, text);
        assert!(file.gzip.len() < text.len() / 4);
    }

    #[test]
    fn a_matching_tag_returns_304() {
        let file = StaticFile::new("text/plain", "a file".into()).unwrap();
        for accepted in ["identity", "gzip"] {
            let request = || TestRequest::get().insert_header((ACCEPT_ENCODING, accepted));
            let first = file.answer(&request().to_http_request());
            let tag = first.headers().get(ETAG).unwrap().clone();
            let known = request().insert_header((IF_NONE_MATCH, tag.clone()));
            let again = file.answer(&known.to_http_request());
            assert_eq!(again.status(), 304, "{accepted}");
            assert_eq!(again.headers().get(ETAG), Some(&tag));
            let other = request().insert_header((IF_NONE_MATCH, "\"other\""));
            assert_eq!(file.answer(&other.to_http_request()).status(), 200);
        }
    }
}
