use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

/// How long the collector may take for a batch.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Whoever takes the spans. The exporter has a thread of its own, so this may block.
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
        let answer = self.agent.run(Request::from_parts(head, &*body))?;
        let (head, mut body) = answer.into_parts();
        Ok(Response::from_parts(head, body.read_to_vec()?.into()))
    }

    /// Logs that it begins to fail, and that it is over, and not each time in between.
    fn tell(&self, failure: Option<String>) {
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
        let answer = self.send(request);
        self.tell(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(answer.status().to_string()),
            Err(error) => Some(error.to_string()),
        });
        Ok(answer?)
    }
}
