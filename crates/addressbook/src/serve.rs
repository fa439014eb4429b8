//! `addressbook serve`: answers requests until told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread::available_parallelism;

use actix_web::HttpServer;
use anyhow::Context;
use clap::Args;
use clap::builder::BoolishValueParser;

use crate::settings::{DatabaseSettings, ListenSettings, LogSettings};
use crate::{ConfigArgument, demo, telemetry};

#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// First load demonstration data: the example of the documentation, and a few hundred
    /// customers all over the world
    #[arg(long, env = "ADDRESSBOOK_DEMO", value_parser = BoolishValueParser::new())]
    demo: bool,

    #[command(flatten)]
    listen: ListenSettings,

    /// How many threads answer requests; by default one for each processor
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_WORKERS")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1_024))]
    workers: Option<u16>,

    /// How long requests may go on after SIGTERM, in seconds
    #[arg(long, value_name = "S", env = "ADDRESSBOOK_SHUTDOWN_TIMEOUT_S")]
    #[arg(default_value_t = 30, value_parser = clap::value_parser!(u16).range(0..=3_600))]
    shutdown_timeout_s: u16,

    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    log: LogSettings,
}

pub(crate) fn run(arguments: ServeArguments) -> anyhow::Result<ExitCode> {
    telemetry::start(&arguments.log)?;
    let service = crate::service(arguments.database.open()?);
    actix_web::rt::System::new().block_on(async {
        if arguments.demo {
            demo::load(&service).await?;
        }
        let ids = crate::ids();
        let listen = &arguments.listen.listen;
        let processors = available_parallelism().map_or(1, usize::from);
        let server = HttpServer::new(move || addressbook_http::app(service.clone(), ids.clone()))
            .workers(arguments.workers.map_or(processors, usize::from))
            .shutdown_timeout(arguments.shutdown_timeout_s.into())
            .bind(listen)
            .with_context(|| {
                format!(
                    "cannot listen on {listen} (end the program that does, if there is one, or \
                     choose another address with --listen)"
                )
            })?;
        println!("{}", banner(&arguments, &server.addrs())?);
        server.run().await.context("the server failed")?;
        anyhow::Ok(ExitCode::SUCCESS)
    })
}

fn banner(arguments: &ServeArguments, addresses: &[SocketAddr]) -> anyhow::Result<String> {
    let database = arguments.database.url()?;
    let address = addresses.first().context("the server listens nowhere")?;
    let customer = demo::EXAMPLE_CUSTOMER;
    Ok(format!(
        "Addressbook {version}
  listening on  http://{address}
  database      {database} ({engine})
  try           curl -i 'http://{address}/v1/customers/{customer}/addresses?limit=2&offset=0'
  stop          Ctrl-C",
        version = env!("CARGO_PKG_VERSION"),
        engine = database.engine(),
    ))
}
