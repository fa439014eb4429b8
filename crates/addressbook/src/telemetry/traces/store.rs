use std::sync::Arc;

use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue, StringValue};

/// Creates a span for each store operation of a recorded request.
#[derive(Clone)]
pub(crate) struct StoreTracer {
    tracer: Arc<BoxedTracer>,
    system: StringValue,
}

impl StoreTracer {
    pub(super) fn new(tracer: Arc<BoxedTracer>, engine: &str) -> Self {
        Self {
            tracer,
            // The names of SQLite and PostgreSQL in the semantic conventions for databases.
            system: Arc::<str>::from(engine.to_lowercase()).into(),
        }
    }

    /// Starts the span of an operation, below that of the request. `None` outside a recorded one.
    pub(crate) fn begin(&self, operation: &'static str) -> Option<StoreSpan> {
        Context::map_current(|request| {
            request.has_active_span().then(|| {
                let span = self
                    .tracer
                    .span_builder(format!("store {operation}"))
                    .with_kind(SpanKind::Client)
                    .with_attributes([
                        KeyValue::new("db.system.name", self.system.clone()),
                        KeyValue::new("db.operation.name", operation),
                    ]);
                StoreSpan(span.start_with_context(&*self.tracer, request))
            })
        })
    }
}

/// The span of an operation. It ends when this is dropped.
pub(crate) struct StoreSpan(BoxedSpan);

impl StoreSpan {
    /// Marks the operation as failed with this kind of error.
    pub(crate) fn failed(&mut self, kind: &'static str) {
        self.0.set_attribute(KeyValue::new("error.type", kind));
        self.0.set_status(Status::error(""));
    }
}
