//! Traces for OpenTelemetry: spans of requests and of their store operations, sent to a collector
//! over OTLP. Only with the feature `otlp`. Without it, `no_traces.rs` replaces this file.

mod collector;
mod settings;
mod store;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use addressbook_http::RequestTracer;
use anyhow::Context as _;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use self::collector::Collector;
pub(crate) use self::settings::TraceSettings;
pub(crate) use self::store::StoreTracer;

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The timeout for sending the last spans.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// The running traces. When dropped, sends the last spans.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tracer: Arc<BoxedTracer>,
}

impl Traces {
    /// Starts tracing, if the settings name a collector.
    pub(crate) fn start(settings: &TraceSettings) -> anyhow::Result<Option<Self>> {
        let Some(endpoint) = &settings.otlp_endpoint else {
            return Ok(None);
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_http_client(Collector::default())
            .build()
            .context("cannot send traces")?;
        let root_sampler = Sampler::TraceIdRatioBased(settings.otlp_sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(root_sampler)))
            .with_resource(resource())
            .build();
        let scope = InstrumentationScope::builder(NAME).with_version(VERSION);
        let tracer = provider.tracer_with_scope(scope.build());
        Ok(Some(Self {
            provider,
            tracer: Arc::new(BoxedTracer::new(Box::new(tracer))),
        }))
    }

    /// Creates spans for requests.
    pub(crate) fn request_tracer(&self) -> RequestTracer {
        RequestTracer::new(Arc::clone(&self.tracer))
    }

    /// Creates spans for the operations of a store on this engine.
    pub(crate) fn store_tracer(&self, engine: &str) -> StoreTracer {
        StoreTracer::new(Arc::clone(&self.tracer), engine)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Describes the sender of the spans. The operator's variables take precedence over the program's
/// own name, in the order of the specification.
fn resource() -> Resource {
    let resource = Resource::builder_empty()
        .with_service_name(NAME)
        .with_attribute(KeyValue::new("service.version", VERSION))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => resource.with_service_name(name).build(),
        _ => resource.build(),
    }
}
