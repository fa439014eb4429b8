//! What stands for `traces` without the feature `otlp`: no settings, and no traces, as the compiler
//! knows, which leaves out whatever would be done with them.

use addressbook_http::RequestTracer;
use clap::Args;

#[derive(Args, Clone, Debug)]
pub(crate) struct TraceSettings {}

pub(crate) enum Traces {}

impl Traces {
    pub(crate) fn start(_: &TraceSettings) -> anyhow::Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) fn of_requests(&self) -> RequestTracer {
        match *self {}
    }

    pub(crate) fn of_store(&self, _: &str) -> StoreTracer {
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
