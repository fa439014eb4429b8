//! Traces for OpenTelemetry: spans of requests and of what they ask of the store, sent to a
//! collector over OTLP. Only with the feature `otlp`; `no_traces.rs` stands for this without.

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

/// How long the last spans may take to be sent.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Tracing, as long as this is kept.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tracer: Arc<BoxedTracer>,
}

impl Traces {
    /// Starts tracing, where the settings say to whom.
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
        let of_our_own = Sampler::TraceIdRatioBased(settings.otlp_sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(of_our_own)))
            .with_resource(resource())
            .build();
        let scope = InstrumentationScope::builder(NAME).with_version(VERSION);
        let tracer = provider.tracer_with_scope(scope.build());
        Ok(Some(Self {
            provider,
            tracer: Arc::new(BoxedTracer::new(Box::new(tracer))),
        }))
    }

    /// Makes spans of requests.
    pub(crate) fn of_requests(&self) -> RequestTracer {
        RequestTracer::new(Arc::clone(&self.tracer))
    }

    /// Makes spans of what requests ask of a store on this engine.
    pub(crate) fn of_store(&self, engine: &str) -> StoreTracer {
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

/// What sends the spans. The operator's variables count before what we call ourselves, in the
/// order of the specification.
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
