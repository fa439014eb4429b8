//! Runs the service until a signal stops it.

use std::net::ToSocketAddrs as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use addressbook_domain::AddressService;
use anyhow::Context;
use tokio::select;
use tokio::sync::oneshot;

use crate::authentication::Authentication;
use crate::commands::serve::ServeArguments;
use crate::commands::serve::announce::Announcement;
use crate::commands::serve::build::Service;
use crate::demo;
use crate::settings::cannot_listen;
use crate::shutdown::Signals;

pub(super) async fn until_stopped(
    mut service: Service,
    arguments: &ServeArguments,
) -> anyhow::Result<ExitCode> {
    let listen = &arguments.listen.listen;
    let authentication = Authentication::new(service.api_keys.clone(), service.by_jwt.take());
    let authentication = Arc::new(authentication.await?);
    authentication.check_exposure(listen.to_socket_addrs()?, &arguments.access)?;
    if arguments.demo {
        demo::load(&service.addresses).await?;
    }
    let parts = service.parts(arguments, authentication.clone());
    let (metrics_address, metrics_server) = match service.metrics {
        Some((listener, metrics)) => {
            let address = listener.local_addr()?;
            (Some(address), Some(metrics.serve(listener)?))
        }
        None => (None, None),
    };
    let seconds = |number: u16| Duration::from_secs(number.into());
    let shutdown_timeout = seconds(arguments.shutdown_timeout_s);
    let options = arguments
        .bounds
        .server_options(service.workers, shutdown_timeout);
    let signals = Signals::listen().context("cannot wait for signals")?;
    let drain = parts.drain.clone();
    let (stop, stopped) = oneshot::channel();
    let until = async { stopped.await.unwrap_or_default() };
    let (addresses, server) = addressbook_http::listen(service.sockets, parts, options, until)
        .with_context(|| cannot_listen(listen, "--listen"))?;
    let announcement = Announcement {
        engine: &*service.engine,
        addresses: &addresses,
        has_docs: !arguments.no_docs,
        metrics: metrics_address,
        authentication: &authentication,
    };
    announcement.print()?;
    let replicas = service.replicas.into_iter();
    let replicas = replicas.map(|replica| actix_web::rt::spawn(replica.watch()));
    let background_tasks = [
        actix_web::rt::spawn(prune(service.addresses)),
        actix_web::rt::spawn(authentication.clone().require_after_first_key()),
        actix_web::rt::spawn(authentication.record_uses()),
    ];
    let background_tasks: Vec<_> = background_tasks.into_iter().chain(replicas).collect();
    // Metrics stay available until the last request is finished.
    let metrics_server = metrics_server.map(actix_web::rt::spawn);
    let delay = seconds(arguments.shutdown_delay_s);
    select! {
        ended = server => ended.context("the server failed")?,
        () = signals.handle(drain, delay, stop) => {}
    }
    background_tasks.iter().for_each(|task| task.abort());
    if let Some(server) = metrics_server {
        server.abort();
    }
    Ok(ExitCode::SUCCESS)
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
