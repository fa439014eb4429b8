use clap::Args;
use url::Url;

/// Where traces are sent, and which.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Traces")]
pub(crate) struct TraceSettings {
    /// OpenTelemetry collector for traces over OTLP/HTTP, such as http://127.0.0.1:4318. Default: no
    /// traces
    #[arg(long, value_name = "URL", env = "ADDRESSBOOK_OTLP_ENDPOINT")]
    #[arg(value_parser = endpoint)]
    pub(crate) otlp_endpoint: Option<String>,

    /// Share of the traces to record, from 0 to 1. For requests with a traceparent, the caller
    /// decides instead
    #[arg(long, value_name = "RATIO", env = "ADDRESSBOOK_OTLP_SAMPLE_RATIO")]
    #[arg(default_value_t = 1.0, value_parser = ratio)]
    pub(crate) otlp_sample_ratio: f64,
}

/// Parses the base URL of the collector, to which `/v1/traces` is appended.
fn endpoint(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" => Err(
            "expected http://, because TLS to the collector is not supported: use a collector on this \
             machine or in a trusted network"
                .to_owned(),
        ),
        Ok(url) if url.scheme() == "http" && url.query().is_none() && url.fragment().is_none() => {
            Ok(text.to_owned())
        }
        _ => Err("expected a URL such as http://127.0.0.1:4318".to_owned()),
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok();
    ratio
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| "expected a number from 0 to 1, such as 0.05".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_without_tls() {
        for text in ["http://127.0.0.1:4318", "http://collector:4318/otlp/"] {
            assert_eq!(endpoint(text), Ok(text.to_owned()));
        }
        for (text, hint) in [
            ("https://collector:4318", "TLS"),
            ("127.0.0.1:4318", "such as"),
            ("collector", "such as"),
            ("http://collector/?key=1", "such as"),
            ("http://collector/#traces", "such as"),
            ("", "such as"),
        ] {
            let refused = endpoint(text).unwrap_err();
            assert!(refused.contains(hint), "{text}: {refused}");
        }
    }

    #[test]
    fn a_ratio_is_a_number_from_0_to_1() {
        assert_eq!(ratio("0.05"), Ok(0.05));
        assert_eq!(ratio("1"), Ok(1.0));
        for text in ["-0.1", "1.1", "NaN", "5%", ""] {
            assert!(ratio(text).is_err(), "{text}");
        }
    }
}
