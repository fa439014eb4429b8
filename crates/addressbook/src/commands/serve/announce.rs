//! Prints where the service listens and how to use it.

use std::net::SocketAddr;

use addressbook_domain::{Authenticator as _, Engine};
use anyhow::Context;

use crate::authentication::Authentication;
use crate::demo;
use crate::output::print;

/// What the service prints when it accepts requests.
pub(super) struct Announcement<'a> {
    pub(super) engine: &'a dyn Engine,
    pub(super) addresses: &'a [SocketAddr],
    pub(super) has_docs: bool,
    /// The address of the metrics, if they are served.
    pub(super) metrics: Option<SocketAddr>,
    pub(super) authentication: &'a Authentication,
}

impl Announcement<'_> {
    pub(super) fn print(&self) -> anyhow::Result<()> {
        let address = self
            .addresses
            .first()
            .context("the server has no address")?;
        let customer = demo::EXAMPLE_CUSTOMER;
        let credential = match self.authentication.is_required() {
            true => "-H 'Authorization: Bearer ab_…' ",
            false => "",
        };
        let docs = match self.has_docs {
            true => format!("\n  docs          http://{address}/docs"),
            false => String::new(),
        };
        let metrics = self
            .metrics
            .map(|address| format!("\n  metrics       http://{address}/metrics"))
            .unwrap_or_default();
        print(format_args!(
            "Addressbook {version}
  listening on  http://{address}{docs}{metrics}
  database      {database} ({engine})
  access        {access}
  try           curl -i {credential}'http://{address}/v1/customers/{customer}/addresses?limit=2&offset=0'
  stop          Ctrl-C\n",
            version = env!("CARGO_PKG_VERSION"),
            database = self.engine.location(),
            engine = self.engine.name(),
            access = self.authentication.description(),
        ))?;
        Ok(())
    }
}
