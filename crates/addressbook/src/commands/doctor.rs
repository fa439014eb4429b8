//! `addressbook doctor`: reports what is wrong and how to fix it. It changes nothing.

use std::fs;
use std::process::ExitCode;

use addressbook_adapters::SystemClock;
use addressbook_domain::{
    Cause, Clock, Engine, Examination, Finding, OpenMode, Timestamp, Verdict,
};
use clap::Args;

use crate::commands::serve::ServeArguments;
use crate::descriptors;
use crate::output::print;
use crate::settings::{BoundSettings, JwtSettings, LogSettings, misspelt_variables};
use crate::store::{EngineOf, replica_engines};
use crate::telemetry::log;

#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    /// Check everything, however long it takes
    #[arg(long)]
    full: bool,

    // The settings of `serve`. They were parsed before this command runs.
    #[command(flatten)]
    serve: ServeArguments,
}

pub(crate) fn run(arguments: &DoctorArguments, engine_of: EngineOf) -> anyhow::Result<ExitCode> {
    let serve = &arguments.serve;
    let mut findings = vec![
        configuration(),
        log_filter(&serve.log),
        token_keys(&serve.jwt),
        program(SystemClock.now()),
        connections(&serve.bounds),
    ];
    match engine_of(&serve.database) {
        Ok(engine) => {
            let checked = descriptors::check_workers(serve.workers(&*engine));
            let too_few = |error| Finding::failed("file descriptors", format!("{error}"));
            findings.extend(checked.err().map(too_few));
            findings.extend(store(&*engine, arguments)?);
            findings.extend(replicas(&*engine, serve, engine_of)?);
        }
        Err(error) => findings.push(Finding::failed("database", format!("{error:#}"))),
    }
    for finding in &findings {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
        };
        let (check, message) = (finding.check, &finding.message);
        print(format_args!("{verdict:<8} {check:<15} {message}\n"))?;
    }
    let failed = findings
        .iter()
        .any(|finding| finding.verdict == Verdict::Failed);
    Ok(ExitCode::from(u8::from(failed)))
}

fn store(engine: &dyn Engine, arguments: &DoctorArguments) -> anyhow::Result<Vec<Finding>> {
    let serve = &arguments.serve;
    let Some(maintenance) = engine.maintenance() else {
        return Ok(vec![readiness(engine)?]);
    };
    let workers: u32 = serve.workers(engine).try_into()?;
    Ok(maintenance.examine(&Examination {
        full: arguments.full,
        now: SystemClock.now(),
        connections: serve.database.pool_size() + workers,
    }))
}

/// Reports whether each replica can be reached, and how far it is behind.
fn replicas(
    primary: &dyn Engine,
    serve: &ServeArguments,
    engine_of: EngineOf,
) -> anyhow::Result<Vec<Finding>> {
    let engines = replica_engines(&serve.database, &serve.replicas, primary, engine_of);
    let engines = match engines {
        Ok(engines) => engines,
        Err(error) => return Ok(vec![Finding::failed("replica", format!("{error:#}"))]),
    };
    let runtime = actix_web::rt::System::new();
    let mut findings = Vec::new();
    for engine in engines {
        let lag = engine.open(OpenMode::Existing).map_err(Cause::from);
        let lag = lag.and_then(|store| match &store.replication {
            Some(replication) => Ok(runtime.block_on(replication.lag())?),
            None => Err("it cannot follow another database".into()),
        });
        let location = engine.location();
        findings.push(match lag {
            Ok(lag) if lag <= serve.replicas.max_lag() => {
                Finding::ok("replica", format!("{location} is {} ms behind", lag.as_millis()))
            }
            Ok(lag) => Finding::warning(
                "replica",
                format!(
                    "{location} is {} ms behind, more than --max-replica-lag-ms: it serves no reads",
                    lag.as_millis()
                ),
            ),
            Err(error) => Finding::failed("replica", format!("{location}: {error}")),
        });
    }
    Ok(findings)
}

/// Reports whether a store is ready, which is all that can be checked without maintenance.
fn readiness(engine: &dyn Engine) -> anyhow::Result<Finding> {
    let (name, location) = (engine.name(), engine.location());
    let ready = match engine.open(OpenMode::Existing) {
        Ok(store) => {
            let runtime = actix_web::rt::System::new();
            runtime
                .block_on(store.addresses.ready())
                .map_err(|error| format!("{error}"))
        }
        Err(error) => Err(format!("{error}")),
    };
    Ok(match ready {
        Ok(()) => Finding::ok("database", format!("{location} ({name}) is ready")),
        Err(error) => Finding::failed("database", format!("{location} ({name}): {error}")),
    })
}

/// Reports variables that are not settings. Settings were read when the program started.
fn configuration() -> Finding {
    match misspelt_variables() {
        None => Finding::ok("configuration", "no misspelt variables"),
        Some(warning) => Finding::warning("configuration", warning),
    }
}

fn log_filter(settings: &LogSettings) -> Finding {
    match log::filter(settings) {
        Ok(_) => Finding::ok("log filter", "is valid"),
        Err(error) => Finding::failed("log filter", format!("{error:#}")),
    }
}

fn token_keys(settings: &JwtSettings) -> Finding {
    match settings.authenticator() {
        Ok(Some(_)) => Finding::ok("token keys", "are valid"),
        Ok(None) => Finding::ok("token keys", "none: JSON Web Tokens are not accepted"),
        Err(error) => Finding::failed("token keys", format!("{error:#}")),
    }
}

fn connections(settings: &BoundSettings) -> Finding {
    match settings.too_few_descriptors() {
        None => Finding::ok("file descriptors", "are enough for --max-connections"),
        Some(warning) => Finding::warning("file descriptors", warning),
    }
}

/// Checks the clock, which cannot be earlier than the time of the program file.
fn program(now: Timestamp) -> Finding {
    let written = std::env::current_exe()
        .and_then(fs::metadata)
        .and_then(|file| file.modified())
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_millis()).ok());
    let version = env!("CARGO_PKG_VERSION");
    match written {
        Some(written_ms) if written_ms > now.unix_ms() => Finding::failed(
            "program",
            format!("{version} is newer than {now}: synchronize the machine's clock (NTP)"),
        ),
        _ => Finding::ok("program", version),
    }
}
