use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::StatusCode;
use futures_util::future::Either;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{
    FutureExt as _, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _, WithContext,
};
use opentelemetry::{Context, KeyValue};

use crate::operations::health;
use crate::request::request_id::RequestId;
use crate::route::Route;
use crate::telemetry::method::MethodName;
use crate::telemetry::trace_parent::TraceParent;

/// Creates a span for each request, according to the semantic conventions of OpenTelemetry for HTTP
/// servers: named by method and route, and without customer data. Cheap to clone.
///
/// Can be constructed only with the feature `otlp`.
#[derive(Clone, Debug)]
pub struct RequestTracer(Arc<BoxedTracer>);

impl RequestTracer {
    /// Creates spans with this tracer.
    pub fn new(tracer: Arc<BoxedTracer>) -> Self {
        Self(tracer)
    }

    /// Starts the span of a request, unless the request is a probe or its trace is not recorded.
    pub(crate) fn begin(
        &self,
        method: MethodName,
        path: &str,
        parent: Option<TraceParent>,
    ) -> Option<RequestSpan> {
        if health::is_probe(path) {
            return None;
        }
        let above = Context::new();
        let above = match parent {
            Some(parent) => above.with_remote_span_context(span_context(parent)),
            None => above,
        };
        let span = self
            .0
            .span_builder(named(method, None))
            .with_kind(SpanKind::Server)
            .start_with_context(&*self.0, &above);
        let recorded = span.is_recording();
        recorded.then(|| RequestSpan(above.with_span(span)))
    }
}

fn span_context(parent: TraceParent) -> SpanContext {
    SpanContext::new(
        TraceId::from(parent.trace_id.0),
        SpanId::from(parent.parent_id),
        TraceFlags::NOT_SAMPLED.with_sampled(parent.sampled),
        true,
        TraceState::NONE,
    )
}

/// The span of a request in progress. It ends when this is dropped: with the response, or without a
/// status if the client no longer waits for one.
pub(crate) struct RequestSpan(Context);

impl RequestSpan {
    /// Records the response to the request.
    pub(crate) fn answered(
        self,
        route: Route,
        method: MethodName,
        status: StatusCode,
        id: &RequestId,
        credential: Option<&str>,
    ) {
        let route = (route != Route::UNKNOWN).then(|| route.as_str());
        let method_name = if method == MethodName::OTHER {
            "_OTHER"
        } else {
            method.as_str()
        };
        let code = i64::from(status.as_u16());
        let mut attributes = vec![
            KeyValue::new("http.request.method", method_name),
            KeyValue::new("http.response.status_code", code),
            KeyValue::new("addressbook.request_id", id.as_str().to_owned()),
        ];
        attributes.extend(route.map(|route| KeyValue::new("http.route", route)));
        let credential = credential.map(str::to_owned);
        attributes.extend(credential.map(|name| KeyValue::new("addressbook.credential", name)));
        let span = self.0.span();
        if status.is_server_error() {
            attributes.push(KeyValue::new("error.type", code.to_string()));
            span.set_status(Status::error(""));
        }
        span.update_name(named(method, route));
        span.set_attributes(attributes);
    }
}

fn named(method: MethodName, route: Option<&str>) -> Cow<'static, str> {
    let method = if method == MethodName::OTHER {
        "HTTP"
    } else {
        method.as_str()
    };
    match route {
        Some(route) => format!("{method} {route}").into(),
        None => method.into(),
    }
}

/// Wraps a future so that spans created in it are children of this span, if there is one.
pub(crate) fn within<F: Future>(
    span: Option<&RequestSpan>,
    future: F,
) -> Either<WithContext<F>, F> {
    match span {
        Some(span) => Either::Left(future.with_context(span.0.clone())),
        None => Either::Right(future),
    }
}
