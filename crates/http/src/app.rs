use std::sync::Arc;

use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::{App, Error, web};
use addressbook_domain::{AddressService, IdSource};

use crate::{HttpOptions, exchange, health, openapi, reference, routes};

/// The whole application, for the server and for tests alike: every route, and what every
/// exchange has. `ids` names the requests that come without a usable `X-Request-Id`.
///
/// Services added to the result answer in the same way: their errors become problems, and
/// their requests are logged.
pub fn app(
    service: AddressService,
    ids: Arc<dyn IdSource>,
    options: HttpOptions,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(web::Data::new(service))
        .app_data(web::Data::new(options))
        .app_data(web::PayloadConfig::new(options.max_body_bytes))
        .configure(routes::configure)
        .configure(health::configure)
        .configure(openapi::configure)
        .configure(reference::configure)
        .wrap_fn(move |request, next| exchange::around(request, next, &*ids))
}
