use clap::Args;

use super::host_and_port;

/// Where the metrics are.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
pub(crate) struct MetricsSettings {
    /// Where Prometheus finds /metrics, for the operator alone; without, there are no metrics
    #[arg(long, value_name = "HOST:PORT", env = "ADDRESSBOOK_METRICS_LISTEN")]
    #[arg(value_parser = host_and_port)]
    pub(crate) metrics_listen: Option<String>,
}
