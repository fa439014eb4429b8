//! `addressbook serve`: serves requests until a signal stops it.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use addressbook_domain::{AddressService, Authenticator as _, Engine, OpenMode};
use addressbook_http::{Bound, HttpOptions, InFlight, Parts, log_panics};
use anyhow::Context;
use clap::Args;
use tokio::select;
use tokio::sync::oneshot;

use crate::ConfigArgument;
use crate::authentication::Authentication;
use crate::demo;
use crate::descriptors;
use crate::output::print;
use crate::settings::{
    AccessSettings, BoundSettings, CorsSettings, DatabaseSettings, JwtSettings, LimitSettings,
    ListenSettings, LogSettings, MetricsSettings, misspelt_variables, true_or_false, whole_number,
};
use crate::shutdown::Signals;
use crate::store::{self, EngineOf};
use crate::telemetry::log;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::observed;
use crate::telemetry::traces::{TraceSettings, Traces};

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

    /// Reject changes and removals of an address without If-Match
    #[arg(long, env = "ADDRESSBOOK_REQUIRE_IF_MATCH", value_parser = true_or_false)]
    require_if_match: bool,

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
    limits: LimitSettings,
    #[command(flatten)]
    pub(crate) log: LogSettings,
    #[command(flatten)]
    metrics: MetricsSettings,
    #[command(flatten)]
    traces: TraceSettings,
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

pub(crate) fn run(arguments: ServeArguments, engine_of: EngineOf) -> anyhow::Result<ExitCode> {
    let _log = log::start(&arguments.log)?;
    log_panics();
    descriptors::take_all();
    let warnings = [misspelt_variables(), arguments.bounds.too_few_descriptors()];
    for warning in warnings.into_iter().flatten() {
        tracing::warn!("{warning}");
    }
    let traces = Traces::start(&arguments.traces)?;
    let by_jwt = arguments.jwt.authenticator()?;
    let engine = engine_of(&arguments.database)?;
    let workers = arguments.workers(&*engine);
    descriptors::suffice_for(workers)?;
    // Bind before anything is changed, because the address may be in use.
    let listen = &arguments.listen.listen;
    let bound = Bound::to(listen).with_context(|| cannot_listen(listen, "--listen"))?;
    let metrics_listener = arguments.metrics.listener()?;
    let store = store::open(&*engine, OpenMode::CreateOrMigrate)?;
    let in_flight = InFlight::default();
    let metrics = metrics_listener
        .as_ref()
        .map(|_| Metrics::of(&store, engine.name(), &in_flight));
    let counted = metrics.as_ref().map(|metrics| metrics.store.clone());
    let traced = traces.as_ref().map(|traces| traces.of_store(engine.name()));
    let store = observed::observe(store, counted, traced);
    let service = crate::service(store.addresses, arguments.limits.limits());
    actix_web::rt::System::new().block_on(async {
        let authentication = Arc::new(Authentication::of(store.api_keys, by_jwt).await?);
        authentication.check(listen.to_socket_addrs()?, &arguments.access)?;
        if arguments.demo {
            demo::load(&service).await?;
        }
        let parts = Parts {
            authenticator: Some(authentication.clone()),
            cors_origins: arguments.cors.cors_origin.clone(),
            options: arguments.bounds.bound(HttpOptions {
                require_if_match: arguments.require_if_match,
                has_docs: !arguments.no_docs,
                max_body_bytes: arguments.max_body_bytes as usize,
                ..HttpOptions::default()
            }),
            in_flight,
            metrics: metrics.as_ref().map(|metrics| metrics.http.clone()),
            rate_limit: arguments.bounds.rate_limit(),
            tracer: traces.as_ref().map(Traces::of_requests),
            ..Parts::new(service.clone(), crate::ids())
        };
        let metrics_address = metrics_listener
            .as_ref()
            .map(TcpListener::local_addr)
            .transpose()?;
        let observation = metrics_listener
            .zip(metrics)
            .map(|(listener, metrics)| metrics.answer(listener))
            .transpose()?;
        let seconds = |number: u16| Duration::from_secs(number.into());
        let shutdown_timeout = seconds(arguments.shutdown_timeout_s);
        let options = arguments.bounds.server(workers, shutdown_timeout);
        let signals = Signals::listen().context("cannot wait for signals")?;
        let drain = parts.drain.clone();
        let (stop, stopped) = oneshot::channel();
        let until = async { stopped.await.unwrap_or_default() };
        let (addresses, server) = addressbook_http::listen(bound, parts, options, until)
            .with_context(|| cannot_listen(listen, "--listen"))?;
        let has_docs = !arguments.no_docs;
        let banner = banner(
            &*engine,
            &addresses,
            has_docs,
            metrics_address,
            &authentication,
        )?;
        print(format_args!("{banner}\n"))?;
        let chores = [
            actix_web::rt::spawn(prune(service)),
            actix_web::rt::spawn(authentication.clone().close_with_the_first_key()),
            actix_web::rt::spawn(authentication.record_uses()),
        ];
        // Metrics stay available until the last request is finished.
        let observation = observation.map(actix_web::rt::spawn);
        let delay = seconds(arguments.shutdown_delay_s);
        select! {
            ended = server => ended.context("the server failed")?,
            () = signals.obey(drain, delay, stop) => {}
        }
        chores.iter().for_each(|chore| chore.abort());
        if let Some(observation) = observation {
            observation.abort();
        }
        anyhow::Ok(ExitCode::SUCCESS)
    })
}

/// The message for an address on which the program cannot listen.
pub(crate) fn cannot_listen(address: &str, setting: &str) -> String {
    format!(
        "cannot listen on {address} (stop the program that uses it, if there is one, or choose \
         another address with {setting})"
    )
}

/// How often old idempotency records are deleted, and how many in one step.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);
const PRUNE_STEP: u32 = 500;

/// Deletes old idempotency records, in steps that are too small to delay requests.
async fn prune(service: AddressService) {
    loop {
        match service.prune(PRUNE_STEP).await {
            Ok(pruned) if pruned >= PRUNE_STEP.into() => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot prune idempotency records"),
        }
        actix_web::rt::time::sleep(PRUNE_INTERVAL).await;
    }
}

fn banner(
    engine: &dyn Engine,
    addresses: &[SocketAddr],
    has_docs: bool,
    metrics: Option<SocketAddr>,
    authentication: &Authentication,
) -> anyhow::Result<String> {
    let address = addresses.first().context("the server has no address")?;
    let customer = demo::EXAMPLE_CUSTOMER;
    let credential = if authentication.is_required() {
        "-H 'Authorization: Bearer ab_…' "
    } else {
        ""
    };
    Ok(format!(
        "Addressbook {version}
  listening on  http://{address}{docs}{metrics}
  database      {database} ({engine})
  access        {access}
  try           curl -i {credential}'http://{address}/v1/customers/{customer}/addresses?limit=2&offset=0'
  stop          Ctrl-C",
        version = env!("CARGO_PKG_VERSION"),
        database = engine.location(),
        engine = engine.name(),
        access = authentication.rule(),
        docs = match has_docs {
            true => format!("\n  docs          http://{address}/docs"),
            false => String::new(),
        },
        metrics = metrics
            .map(|address| format!("\n  metrics       http://{address}/metrics"))
            .unwrap_or_default(),
    ))
}
