use std::net::TcpListener;

use anyhow::Context;
use clap::Args;

use super::{cannot_listen, host_and_port};

/// The address that serves metrics.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
pub(crate) struct MetricsSettings {
    /// Address where Prometheus reads /metrics. Keep it private. Default: no metrics
    #[arg(long, value_name = "HOST:PORT", env = "ADDRESSBOOK_METRICS_LISTEN")]
    #[arg(value_parser = host_and_port)]
    metrics_listen: Option<String>,
}

impl MetricsSettings {
    /// Listens on that address, if there is one.
    pub(crate) fn listener(&self) -> anyhow::Result<Option<TcpListener>> {
        let listen = |address: &String| {
            let listener = TcpListener::bind(address);
            listener.with_context(|| cannot_listen(address, "--metrics-listen"))
        };
        self.metrics_listen.as_ref().map(listen).transpose()
    }
}
