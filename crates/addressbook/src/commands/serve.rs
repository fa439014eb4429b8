//! `addressbook serve`: serves requests until a signal stops it.

mod announce;
mod build;
mod replicas;
mod run;

use std::process::ExitCode;
use std::thread::available_parallelism;

use addressbook_domain::{Engine, OnDuplicate};
use addressbook_http::log_panics;
use clap::{Args, ValueEnum};

use crate::ConfigArgument;
use crate::commands::serve::build::Service;
use crate::descriptors;
use crate::settings::{
    AccessSettings, BoundSettings, CorsSettings, DatabaseSettings, JwtSettings, LimitSettings,
    ListenSettings, LogSettings, MetricsSettings, ReplicaSettings, misspelt_variables,
    true_or_false, whole_number,
};
use crate::store::EngineOf;
use crate::telemetry::log;
use crate::telemetry::traces::TraceSettings;

#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// Load demonstration data first: the example from the documentation and 300 customers from all
    /// over the world
    #[arg(long, env = "ADDRESSBOOK_DEMO", value_parser = true_or_false)]
    demo: bool,

    #[command(flatten)]
    listen: ListenSettings,

    #[command(flatten)]
    access: AccessSettings,

    #[command(flatten)]
    cors: CorsSettings,

    #[command(flatten)]
    pub(crate) jwt: JwtSettings,

    /// Do not serve the API reference at /docs
    #[arg(long, env = "ADDRESSBOOK_NO_DOCS", value_parser = true_or_false)]
    no_docs: bool,

    /// Reject changes and removals of an address, and changes of default addresses, without If-Match
    #[arg(long, env = "ADDRESSBOOK_REQUIRE_IF_MATCH", value_parser = true_or_false)]
    require_if_match: bool,

    /// What to do with a new address that the customer has already, if the request does not say
    #[arg(long, value_name = "HOW", env = "ADDRESSBOOK_ON_DUPLICATE")]
    #[arg(default_value = "allow", value_enum)]
    on_duplicate: DuplicateChoice,

    /// Maximum size of a request body, in bytes
    #[arg(long, value_name = "BYTES", env = "ADDRESSBOOK_MAX_BODY_BYTES")]
    #[arg(default_value_t = 65_536, value_parser = whole_number::<u32>(1_024..=16_777_216))]
    max_body_bytes: u32,

    /// Number of threads that serve requests. Default: three per processor with SQLite, one with
    /// PostgreSQL
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_WORKERS")]
    #[arg(value_parser = whole_number(1..=MAX_WORKERS))]
    workers: Option<u16>,

    /// How long the service still accepts requests after SIGTERM while /readyz fails, in seconds
    #[arg(long, value_name = "S", env = "ADDRESSBOOK_SHUTDOWN_DELAY_S")]
    #[arg(default_value_t = 5, value_parser = whole_number::<u16>(0..=3_600))]
    shutdown_delay_s: u16,

    /// How long requests in progress may take after that, in seconds
    #[arg(long, value_name = "S", env = "ADDRESSBOOK_SHUTDOWN_TIMEOUT_S")]
    #[arg(default_value_t = 30, value_parser = whole_number::<u16>(0..=3_600))]
    shutdown_timeout_s: u16,

    #[command(flatten)]
    pub(crate) bounds: BoundSettings,
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    pub(crate) database: DatabaseSettings,
    #[command(flatten)]
    pub(crate) replicas: ReplicaSettings,
    #[command(flatten)]
    limits: LimitSettings,
    #[command(flatten)]
    pub(crate) log: LogSettings,
    #[command(flatten)]
    metrics: MetricsSettings,
    #[command(flatten)]
    traces: TraceSettings,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DuplicateChoice {
    /// Create it
    Allow,
    /// Create nothing and return the address that the customer has
    Return,
    /// Reject the request
    Reject,
}

impl From<DuplicateChoice> for OnDuplicate {
    fn from(choice: DuplicateChoice) -> Self {
        match choice {
            DuplicateChoice::Allow => Self::Allow,
            DuplicateChoice::Return => Self::Return,
            DuplicateChoice::Reject => Self::Reject,
        }
    }
}

/// The maximum number of worker threads of actix-server, which panics above it.
const MAX_WORKERS: u16 = 512;

impl ServeArguments {
    /// The number of threads that serve requests.
    pub(crate) fn workers(&self, engine: &dyn Engine) -> usize {
        let by_default = || {
            let processors = available_parallelism().map_or(1, usize::from);
            (processors * engine.workers_per_processor()).min(MAX_WORKERS.into())
        };
        self.workers.map_or_else(by_default, usize::from)
    }
}

/// Builds the service, announces its addresses and runs it until a signal stops it.
pub(crate) fn run(arguments: ServeArguments, engine_of: EngineOf) -> anyhow::Result<ExitCode> {
    let _log = log::start(&arguments.log)?;
    log_panics();
    descriptors::raise_limit();
    let warnings = [misspelt_variables(), arguments.bounds.too_few_descriptors()];
    for warning in warnings.into_iter().flatten() {
        tracing::warn!("{warning}");
    }
    let service = Service::build(&arguments, engine_of)?;
    actix_web::rt::System::new().block_on(run::until_stopped(service, &arguments))
}
