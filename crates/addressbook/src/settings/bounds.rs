use std::time::Duration;

use addressbook_http::{HttpOptions, RateLimit, ServerOptions};
use clap::Args;

use super::whole_number;
use crate::descriptors;

/// The maximum number of connections if neither the settings nor the system set one.
const DEFAULT_MAX_CONNECTIONS: u32 = 10_000;

/// How much of the service clients can use.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Bounds")]
pub(crate) struct BoundSettings {
    /// Maximum number of requests handled at once. Further requests get 503
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_MAX_IN_FLIGHT")]
    #[arg(default_value_t = 1_000, value_parser = whole_number::<u32>(1..=1_000_000))]
    max_in_flight: u32,

    /// Maximum number of request bodies being received at once. One client may use a quarter of it.
    /// Further requests get 503
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_MAX_WAITING_BODIES")]
    #[arg(default_value_t = 1_000, value_parser = whole_number::<u32>(1..=1_000_000))]
    max_waiting_bodies: u32,

    /// Maximum size of responses over 16 KiB that clients have not read yet, in bytes. One client
    /// may use a quarter of it. Further reads get 503
    #[arg(long, value_name = "BYTES", env = "ADDRESSBOOK_MAX_UNSENT_BYTES")]
    #[arg(default_value_t = 134_217_728, value_parser = whole_number::<u64>(16_777_216..=1_099_511_627_776))]
    max_unsent_bytes: u64,

    /// Maximum number of requests per window for each credential, or for each IP address without
    /// one. Further requests get 429. 0 disables the limit
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_RATE_LIMIT")]
    #[arg(default_value_t = 0, value_parser = whole_number::<u32>(0..=1_000_000))]
    rate_limit: u32,

    /// Window of the rate limit, in seconds
    #[arg(long, value_name = "S", env = "ADDRESSBOOK_RATE_LIMIT_WINDOW_S")]
    #[arg(default_value_t = 60, value_parser = whole_number::<u16>(1..=3_600))]
    rate_limit_window_s: u16,

    /// Maximum duration of a request, from its head to its response, in milliseconds
    #[arg(long, value_name = "MS", env = "ADDRESSBOOK_REQUEST_TIMEOUT_MS")]
    #[arg(default_value_t = 20_000, value_parser = whole_number::<u32>(100..=600_000))]
    request_timeout_ms: u32,

    /// Time for the head of a request to arrive, in milliseconds
    #[arg(long, value_name = "MS", env = "ADDRESSBOOK_HEADER_TIMEOUT_MS")]
    #[arg(default_value_t = 5_000, value_parser = whole_number::<u32>(100..=600_000))]
    header_timeout_ms: u32,

    /// Time for the body of a request to arrive, in milliseconds
    #[arg(long, value_name = "MS", env = "ADDRESSBOOK_BODY_TIMEOUT_MS")]
    #[arg(default_value_t = 10_000, value_parser = whole_number::<u32>(100..=600_000))]
    body_timeout_ms: u32,

    /// Close a connection whose client reads nothing of a response for this time, in milliseconds.
    /// Linux only
    #[arg(long, value_name = "MS", env = "ADDRESSBOOK_WRITE_TIMEOUT_MS")]
    #[arg(default_value_t = 10_000, value_parser = whole_number::<u32>(100..=600_000))]
    write_timeout_ms: u32,

    /// Minimum rate at which a client must read a long response, in bytes per second, measured over
    /// the write timeout. Slower connections are closed. 0 disables the limit
    #[arg(long, value_name = "BYTES", env = "ADDRESSBOOK_MIN_READ_RATE")]
    #[arg(default_value_t = 4_096, value_parser = whole_number::<u32>(0..=1_048_576))]
    min_read_rate: u32,

    /// How long a connection stays open without a request, in seconds
    #[arg(long, value_name = "S", env = "ADDRESSBOOK_KEEP_ALIVE_S")]
    #[arg(default_value_t = 75, value_parser = whole_number::<u16>(1..=3_600))]
    keep_alive_s: u16,

    /// Maximum number of connections. Further connections wait in the backlog. Default: 10000, or
    /// as many as the limit of file descriptors (ulimit -Hn) allows
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_MAX_CONNECTIONS")]
    #[arg(value_parser = whole_number::<u32>(1..=1_000_000))]
    max_connections: Option<u32>,

    /// Maximum number of connections that wait to be accepted. The system may allow fewer
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_BACKLOG")]
    #[arg(default_value_t = 1_024, value_parser = whole_number::<u32>(1..=65_535))]
    backlog: u32,

    /// Compress responses of at least this size, in bytes, except single addresses, for clients
    /// that accept gzip. 0 disables compression
    #[arg(long, value_name = "BYTES", env = "ADDRESSBOOK_COMPRESS_MIN_BYTES")]
    #[arg(default_value_t = 0, value_parser = whole_number::<u32>(0..=16_777_216))]
    compress_min_bytes: u32,
}

impl BoundSettings {
    /// Adds the bounds of requests to other options.
    pub(crate) fn apply(&self, options: HttpOptions) -> HttpOptions {
        HttpOptions {
            max_in_flight: self.max_in_flight as usize,
            max_waiting_bodies: self.max_waiting_bodies as usize,
            max_unsent_bytes: self.max_unsent_bytes as usize,
            request_timeout: milliseconds(self.request_timeout_ms),
            body_timeout: milliseconds(self.body_timeout_ms),
            compress_min_bytes: match self.compress_min_bytes {
                0 => None,
                bytes => Some(bytes as usize),
            },
            ..options
        }
    }

    /// The rate limit of each client, if there is one.
    pub(crate) fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::new(self.rate_limit, self.rate_limit_window_s.into())
    }

    /// The maximum number of connections.
    fn max_connections(&self) -> u32 {
        let fitting = descriptors::max_connections().unwrap_or(u32::MAX);
        let wanted = self.max_connections.unwrap_or(DEFAULT_MAX_CONNECTIONS);
        wanted.min(fitting)
    }

    /// A warning if the limit of file descriptors allows fewer connections than the settings. It
    /// says what to do.
    pub(crate) fn too_few_descriptors(&self) -> Option<String> {
        let wanted = self.max_connections?;
        let fitting = self.max_connections();
        (fitting < wanted).then(|| {
            format!(
                "the system's limit of file descriptors allows {fitting} connections, not \
                 --max-connections {wanted}: raise the limit to {} (LimitNOFILE= in a systemd \
                 unit, ulimit -Hn in a shell, nofile of a container), or lower --max-connections",
                descriptors::required_for(wanted)
            )
        })
    }

    /// The bounds of connections.
    pub(crate) fn server_options(
        &self,
        workers: usize,
        shutdown_timeout: Duration,
    ) -> ServerOptions {
        ServerOptions {
            workers,
            max_connections: self.max_connections() as usize,
            backlog: self.backlog,
            header_timeout: milliseconds(self.header_timeout_ms),
            keep_alive: Duration::from_secs(self.keep_alive_s.into()),
            write_timeout: milliseconds(self.write_timeout_ms),
            min_read_rate: self.min_read_rate,
            shutdown_timeout,
        }
    }
}

fn milliseconds(number: u32) -> Duration {
    Duration::from_millis(number.into())
}
