//! Builds the service: binds its addresses and opens its store.

use std::net::TcpListener;
use std::sync::Arc;

use addressbook_adapters::{JwtAuthenticator, SystemClock, TokioTimer};
use addressbook_domain::{AddressService, ApiKeyRepository, Engine, OpenMode, Replicas, Store};
use addressbook_http::{AppParts, BoundSockets, HttpOptions, InFlight};
use anyhow::Context;

use crate::authentication::Authentication;
use crate::commands::serve::ServeArguments;
use crate::commands::serve::replicas::Watched;
use crate::descriptors;
use crate::settings::cannot_listen;
use crate::store::{self, EngineOf};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::observed;
use crate::telemetry::traces::Traces;

/// Everything that the service needs to run, before it accepts connections.
pub(super) struct Service {
    pub(super) engine: Box<dyn Engine>,
    pub(super) addresses: AddressService,
    pub(super) api_keys: Arc<dyn ApiKeyRepository>,
    pub(super) by_jwt: Option<JwtAuthenticator<SystemClock>>,
    pub(super) sockets: BoundSockets,
    pub(super) workers: usize,
    pub(super) metrics: Option<(TcpListener, Metrics)>,
    pub(super) replicas: Vec<Watched>,
    in_flight: InFlight,
    traces: Option<Traces>,
}

impl Service {
    /// Binds the addresses and opens the store, which is created or migrated.
    pub(super) fn build(arguments: &ServeArguments, engine_of: EngineOf) -> anyhow::Result<Self> {
        let traces = Traces::start(&arguments.traces)?;
        let by_jwt = arguments.jwt.authenticator()?;
        let engine = engine_of(&arguments.database)?;
        let workers = arguments.workers(&*engine);
        descriptors::check_workers(workers)?;
        let replicas = &arguments.replicas;
        let replica_engines =
            store::replica_engines(&arguments.database, replicas, &*engine, engine_of)?;
        // Bind before anything is changed, because the address may be in use.
        let listen = &arguments.listen.listen;
        let sockets =
            BoundSockets::to(listen).with_context(|| cannot_listen(listen, "--listen"))?;
        let metrics_listener = arguments.metrics.listener()?;
        let store = store::open(&*engine, OpenMode::CreateOrMigrate)?;
        let in_flight = InFlight::default();
        let metrics = metrics_listener.map(|listener| {
            let metrics = Metrics::new(&store, engine.name(), &in_flight);
            (listener, metrics)
        });
        let counted = metrics.as_ref().map(|(_, metrics)| metrics.store.clone());
        let traced = traces
            .as_ref()
            .map(|traces| traces.store_tracer(engine.name()));
        let observe: Arc<dyn Fn(Store) -> Store> =
            Arc::new(move |store| observed::observe(store, counted.clone(), traced.clone()));
        let store = observe(store);
        let mut addresses = crate::service(store.addresses, arguments.limits.limits());
        let timer = Arc::new(TokioTimer);
        let rotation = Replicas::new(replica_engines.len(), replicas.max_wait(), timer);
        let rotation = Arc::new(rotation);
        if !replica_engines.is_empty() {
            addresses = addresses.with_replicas(Arc::clone(&rotation));
        }
        let watched = |(index, engine)| Watched {
            engine,
            index,
            rotation: Arc::clone(&rotation),
            max_lag: replicas.max_lag(),
            observe: Arc::clone(&observe),
        };
        Ok(Self {
            engine,
            addresses,
            replicas: replica_engines
                .into_iter()
                .enumerate()
                .map(watched)
                .collect(),
            api_keys: store.api_keys,
            by_jwt,
            sockets,
            workers,
            metrics,
            in_flight,
            traces,
        })
    }

    /// The parts of the HTTP application.
    pub(super) fn parts(
        &self,
        arguments: &ServeArguments,
        authentication: Arc<Authentication>,
    ) -> AppParts {
        let metrics = self.metrics.as_ref();
        AppParts {
            authenticator: Some(authentication),
            cors_origins: arguments.cors.cors_origin.clone(),
            options: arguments.bounds.apply(HttpOptions {
                require_if_match: arguments.require_if_match,
                on_duplicate: arguments.on_duplicate.into(),
                has_docs: !arguments.no_docs,
                max_body_bytes: arguments.max_body_bytes as usize,
                ..HttpOptions::default()
            }),
            in_flight: self.in_flight.clone(),
            metrics: metrics.map(|(_, metrics)| metrics.http.clone()),
            rate_limit: arguments.bounds.rate_limit(),
            tracer: self.traces.as_ref().map(Traces::request_tracer),
            ..AppParts::new(self.addresses.clone(), crate::ids())
        }
    }
}
