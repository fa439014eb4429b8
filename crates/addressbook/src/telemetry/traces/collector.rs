use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

/// The timeout for sending a batch to the collector.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends spans to the collector. The exporter has its own thread, so this may block.
#[derive(Debug)]
pub(super) struct Collector {
    agent: ureq::Agent,
    fails: AtomicBool,
}

impl Default for Collector {
    fn default() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .proxy(None);
        Self {
            agent: config.build().into(),
            fails: AtomicBool::default(),
        }
    }
}

impl Collector {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (head, body) = request.into_parts();
        let response = self.agent.run(Request::from_parts(head, &*body))?;
        let (head, mut body) = response.into_parts();
        Ok(Response::from_parts(head, body.read_to_vec()?.into()))
    }

    /// Logs when the collector begins to fail and when it recovers, but no failure in between.
    fn report(&self, failure: Option<String>) {
        let failed = self.fails.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(cause) if !failed => {
                tracing::warn!(cause, "traces are lost: the collector does not accept them");
            }
            None if failed => tracing::info!("the collector accepts traces again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let response = self.send(request);
        self.report(match &response {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        });
        Ok(response?)
    }
}
