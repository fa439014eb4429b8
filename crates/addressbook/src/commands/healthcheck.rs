//! `addressbook healthcheck`: checks whether the service is ready, for containers without curl.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use crate::ConfigArgument;
use crate::output::print;
use crate::settings::ListenSettings;

#[derive(Args, Debug)]
pub(crate) struct HealthcheckArguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    listen: ListenSettings,
}

const TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) fn run(arguments: &HealthcheckArguments) -> anyhow::Result<ExitCode> {
    let url = format!("http://{}/readyz", reachable(&arguments.listen.listen));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    match agent.get(&url).call() {
        Ok(response) if response.status() == 200 => {
            print(format_args!("{url} is ready\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(response) => bail!("{url} returned {}", response.status()),
        Err(error) => bail!("{url} does not respond: {error}"),
    }
}

/// The address at which a service is reached from its own machine, even if it listens on all
/// addresses.
fn reachable(listen: &str) -> String {
    match listen.rsplit_once(':') {
        Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
        Some(("[::]", port)) => format!("[::1]:{port}"),
        _ => listen.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_on_all_addresses_is_reached_by_loopback() {
        assert_eq!(reachable("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reachable("[::]:80"), "[::1]:80");
        assert_eq!(reachable("10.0.0.7:80"), "10.0.0.7:80");
    }
}
