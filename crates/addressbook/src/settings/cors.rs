use clap::Args;
use url::Url;

/// The origins whose pages may call the service from a browser.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub(crate) struct CorsSettings {
    /// Origin whose pages may call the service from a browser, such as `https://shop.example`.
    /// Repeat the flag or separate origins with commas. Default: none
    #[arg(long, value_name = "ORIGIN", env = "ADDRESSBOOK_CORS_ORIGIN")]
    #[arg(value_delimiter = ',', value_parser = origin)]
    pub(crate) cors_origin: Vec<String>,
}

/// Parses an origin as browsers write it (WHATWG HTML). Other spellings would never match.
fn origin(text: &str) -> Result<String, String> {
    let origin = Url::parse(text).map(|url| url.origin());
    match origin.map(|origin| (origin.is_tuple(), origin.ascii_serialization())) {
        Ok((true, spelled)) if spelled == text => Ok(spelled),
        Ok((true, spelled)) => Err(format!(
            "expected an origin as browsers spell it, {spelled}"
        )),
        _ => Err("expected an origin such as `https://shop.example`, not *".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_must_be_spelled_as_browsers_do() {
        for text in [
            "https://shop.example",
            "http://localhost:3000",
            "http://[::1]",
        ] {
            assert_eq!(origin(text), Ok(text.to_owned()));
        }
        for (text, hint) in [
            ("https://shop.example/", "https://shop.example"),
            ("https://Shop.example", "https://shop.example"),
            ("https://shop.example:443", "https://shop.example"),
            ("https://me@shop.example/a?b", "https://shop.example"),
            ("*", "not *"),
            ("null", "such as"),
            ("", "such as"),
            ("shop.example", "such as"),
            ("file:///a.html", "such as"),
        ] {
            let refused = origin(text).unwrap_err();
            assert!(refused.contains(hint), "{text}: {refused}");
        }
    }
}
