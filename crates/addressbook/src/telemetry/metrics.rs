//! Metrics for Prometheus, on their own address.

mod pool;
#[cfg(target_os = "linux")]
mod process;
mod store;

use std::net::TcpListener;
use std::sync::Arc;
use std::{fmt, io};

use actix_web::dev::Server;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{App, HttpResponse, HttpServer, web};
use addressbook_domain::Store;
use addressbook_http::{HttpMetrics, InFlight};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use self::pool::PoolMetrics;
pub(crate) use self::store::StoreMetrics;

/// All metrics of the program.
pub(crate) struct Metrics {
    pub(crate) http: HttpMetrics,
    pub(crate) store: StoreMetrics,
    registry: Registry,
}

impl Metrics {
    pub(crate) fn new(store: &Store, engine: &'static str, in_flight: &InFlight) -> Self {
        let http = HttpMetrics::new(in_flight.clone());
        let operations = StoreMetrics::default();
        let mut registry = Registry::default();
        http.register(&mut registry);
        operations.register(&mut registry);
        if let Some(pool) = &store.pool {
            registry.register_collector(Box::new(PoolMetrics(Arc::clone(pool))));
        }
        #[cfg(target_os = "linux")]
        registry.register_collector(Box::new(process::ProcessMetrics));
        let build = Info::new([("version", env!("CARGO_PKG_VERSION")), ("store", engine)]);
        registry.register(
            "addressbook_build",
            "Release and store of this instance",
            build,
        );
        Self {
            http,
            store: operations,
            registry,
        }
    }

    /// Returns a server on this listener for `/metrics` and nothing else.
    pub(crate) fn serve(self, listener: TcpListener) -> io::Result<Server> {
        let registry = web::Data::from(Arc::new(self.registry));
        let app = move || {
            App::new()
                .app_data(registry.clone())
                .service(web::resource("/metrics").get(metrics).head(metrics))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .listen(listener)?;
        Ok(server.run())
    }
}

async fn metrics(registry: web::Data<Registry>) -> HttpResponse {
    let mut text = String::new();
    match prometheus_text::encode(&mut text, &registry) {
        Ok(()) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, prometheus_text::CONTENT_TYPE))
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// Writes a metric that has no labels.
fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}
