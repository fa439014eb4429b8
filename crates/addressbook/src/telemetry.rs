//! What the program logs, measures and traces.

pub(crate) mod labels;
pub(crate) mod log;
pub(crate) mod log_line;
pub(crate) mod log_writer;
pub(crate) mod metrics;
pub(crate) mod observed;
#[cfg_attr(not(feature = "otlp"), path = "telemetry/no_traces.rs")]
pub(crate) mod traces;
