//! Sets up connections to PostgreSQL.

use crate::connection::session_options::SessionOptions;
use crate::connection::url::PostgresUrl;

pub(crate) fn statements(options: &SessionOptions) -> String {
    format!(
        "SET lock_timeout = {lock};
         SET statement_timeout = {statement};
         SET idle_in_transaction_session_timeout = {statement};",
        lock = options.lock_timeout.as_millis(),
        statement = options.statement_timeout.as_millis(),
    )
}

/// Default parameters of a connection. Without them, libpq waits minutes for an unreachable host,
/// and hours for one that stops responding.
const PARAMETERS: [(&str, &str); 6] = [
    ("connect_timeout", "5"), // in seconds, for each host
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "25000"), // in milliseconds
    ("fallback_application_name", "addressbook"),
];

/// Returns the URL with the [default parameters](PARAMETERS) that it does not set itself.
pub(crate) fn with_parameters(url: &PostgresUrl) -> String {
    let mut url = url.expose().to_owned();
    for (name, value) in PARAMETERS {
        if !url.contains(&format!("{name}=")) {
            let separator = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{separator}{name}={value}"));
        }
    }
    url
}
