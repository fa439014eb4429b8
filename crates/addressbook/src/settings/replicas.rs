use std::time::Duration;

use clap::Args;

use crate::settings::whole_number;

/// Replicas of the database, which serve reads.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Database")]
pub(crate) struct ReplicaSettings {
    /// PostgreSQL standby that serves lists and single addresses:
    /// postgres://USER:PASSWORD@HOST:PORT/DATABASE. Repeat the flag or separate URLs with spaces.
    /// Default: none
    #[arg(long, value_name = "URL", env = "ADDRESSBOOK_REPLICA_URL")]
    #[arg(value_delimiter = ' ', hide_env_values = true)]
    pub(crate) replica_url: Vec<String>,

    /// How long a read waits for a replica that is behind before the primary database serves it, in
    /// milliseconds
    #[arg(long, value_name = "MS", env = "ADDRESSBOOK_REPLICA_WAIT_MS")]
    #[arg(default_value_t = 50, value_parser = whole_number::<u32>(0..=10_000))]
    replica_wait_ms: u32,

    /// Maximum lag of a replica that serves reads, in milliseconds
    #[arg(long, value_name = "MS", env = "ADDRESSBOOK_MAX_REPLICA_LAG_MS")]
    #[arg(default_value_t = 10_000, value_parser = whole_number::<u32>(100..=3_600_000))]
    max_replica_lag_ms: u32,
}

impl ReplicaSettings {
    pub(crate) fn max_wait(&self) -> Duration {
        Duration::from_millis(self.replica_wait_ms.into())
    }

    pub(crate) fn max_lag(&self) -> Duration {
        Duration::from_millis(self.max_replica_lag_ms.into())
    }
}
