//! Logs, metrics and traces.

pub(crate) mod method;
pub(crate) mod metrics;
pub(crate) mod panics;
#[cfg_attr(not(feature = "otlp"), path = "telemetry/no_request_span.rs")]
pub(crate) mod request_span;
pub(crate) mod trace_parent;
