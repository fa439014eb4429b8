use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::rt::time::timeout;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, FromRequest, HttpRequest};

use crate::HttpOptions;
use crate::problem::Problem;
use crate::problem_kind::REQUEST_TIMEOUT;

/// A request's body. One that is too large, or that does not arrive in time, never gets to the
/// handler. The framework bounds the size, and by itself would wait for ever.
pub(crate) struct RequestBody(pub(crate) Bytes);

impl FromRequest for RequestBody {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let options = request.app_data::<Data<HttpOptions>>();
        let patience = options.map(|options| options.body_timeout);
        let body = Bytes::from_request(request, payload);
        Box::pin(async move {
            match timeout(patience.unwrap_or_default(), body).await {
                Ok(body) => body.map(Self),
                Err(_) => Err(Problem::of(REQUEST_TIMEOUT).into()),
            }
        })
    }
}
