use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::Condition;
use actix_web::{App, Error, web};
use addressbook_domain::{AddressService, Authenticator, IdSource};

use crate::drain::Drain;
use crate::middleware::access::Authenticate;
use crate::middleware::bounds;
use crate::middleware::compression;
use crate::middleware::cors;
use crate::middleware::exchange;
use crate::middleware::in_flight::InFlight;
use crate::middleware::rate_limit;
use crate::middleware::rate_limit::RateLimit;
use crate::openapi;
use crate::operations::countries;
use crate::operations::health;
use crate::operations::not_found;
use crate::operations::reference;
use crate::options::HttpOptions;
use crate::routes;
use crate::telemetry::metrics::HttpMetrics;
use crate::telemetry::request_span::RequestTracer;

/// The parts of the application. Cheap to clone: the clones share everything.
#[derive(Clone)]
pub struct AppParts {
    /// The use cases.
    pub service: AddressService,
    /// Generates ids for requests without a valid `X-Request-Id`.
    pub ids: Arc<dyn IdSource>,
    /// Authenticates callers. `None`: no credentials are required.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Origins whose pages may call the service, such as `https://shop.example`. Default: none.
    pub cors_origins: Vec<String>,
    /// Settings of the operator.
    pub options: HttpOptions,
    /// Counts requests in flight, for the limit in the options.
    pub in_flight: InFlight,
    /// Limits the requests of each client. `None`: no limit.
    pub rate_limit: Option<RateLimit>,
    /// Whether connections are to be closed because the service is about to stop.
    pub drain: Drain,
    /// Counts responses. `None`: they are not counted.
    pub metrics: Option<HttpMetrics>,
    /// Creates spans of requests. `None`, as always without the feature `otlp`: no spans.
    pub tracer: Option<RequestTracer>,
}

impl AppParts {
    /// An application that requires no credentials, with the default options.
    pub fn new(service: AddressService, ids: Arc<dyn IdSource>) -> Self {
        Self {
            service,
            ids,
            authenticator: None,
            cors_origins: Vec::new(),
            options: HttpOptions::default(),
            in_flight: InFlight::default(),
            rate_limit: None,
            drain: Drain::default(),
            metrics: None,
            tracer: None,
        }
    }
}

/// Builds the application with all routes and middleware, for the server and for tests.
///
/// Services added to the result are treated alike: their errors become problems, and their
/// requests are logged.
pub fn app(
    parts: AppParts,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse,
        Error = Error,
        InitError = (),
    >,
> {
    let AppParts {
        service,
        ids,
        authenticator,
        cors_origins,
        options,
        in_flight,
        rate_limit,
        drain,
        metrics,
        tracer,
    } = parts;
    let is_cors = !cors_origins.is_empty();
    let in_flight = Rc::new(in_flight);
    let metrics = metrics.map(Rc::new);
    let authenticate = Authenticate {
        authenticator: authenticator.clone(),
    };
    App::new()
        .app_data(metrics.clone())
        .app_data(Rc::clone(&in_flight))
        .app_data(web::Data::new(service))
        .app_data(web::Data::new(options))
        .app_data(web::Data::new(drain.clone()))
        .app_data(web::PayloadConfig::new(options.max_body_bytes))
        .configure(|config| routes::configure(config, authenticator.as_ref()))
        .configure(countries::configure)
        .configure(health::configure)
        .configure(openapi::configure)
        .configure(move |config| {
            if options.has_docs {
                reference::configure(config);
            }
        })
        .default_service(web::to(not_found::answer))
        // The framework runs the last of these first. In the order of execution:
        // 1. exchange: a request id, the log line and problem bodies, for every response.
        // 2. cors: responds to preflight requests, which carry no credential.
        // 3. bounds: rejects requests above the limits before anything is looked up for them.
        // 4. authenticate: identifies the caller, because the rate limit counts credentials.
        // 5. rate limit: before the work that it bounds. Rejects what was not authenticated.
        // 6. compression: only of the responses of operations.
        .wrap_fn(move |request, next| {
            compression::around(request, next, options.compress_min_bytes)
        })
        .wrap_fn(move |request, next| rate_limit::around(request, next, rate_limit.as_ref()))
        .wrap(authenticate)
        .wrap_fn(move |request, next| bounds::around(request, next, &in_flight, options))
        .wrap(Condition::new(is_cors, cors::policy(&cors_origins)))
        .wrap_fn(move |request, next| {
            let (metrics, tracer) = (metrics.as_ref(), tracer.as_ref());
            exchange::around(request, next, &*ids, &drain, metrics, tracer)
        })
}
