//! Replaces `traces` in builds without the feature `otlp`. It has no settings, and its types have
//! no values, so that the compiler removes all code that uses them.

use addressbook_http::RequestTracer;
use clap::Args;

#[derive(Args, Clone, Debug)]
pub(crate) struct TraceSettings {}

pub(crate) enum Traces {}

impl Traces {
    pub(crate) fn start(_: &TraceSettings) -> anyhow::Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) fn request_tracer(&self) -> RequestTracer {
        match *self {}
    }

    pub(crate) fn store_tracer(&self, _: &str) -> StoreTracer {
        match *self {}
    }
}

#[derive(Clone)]
pub(crate) enum StoreTracer {}

impl StoreTracer {
    pub(crate) fn begin(&self, _: &'static str) -> Option<StoreSpan> {
        match *self {}
    }
}

pub(crate) enum StoreSpan {}

impl StoreSpan {
    pub(crate) fn failed(&mut self, _: &'static str) {
        match *self {}
    }
}
