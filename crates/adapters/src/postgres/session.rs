//! How a connection to PostgreSQL is set up.

use crate::connection::store_connection::SessionOptions;
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

/// libpq waits for an unreachable host for minutes, and for one that falls silent for hours,
/// unless it is told otherwise.
const PARAMETERS: [(&str, &str); 6] = [
    ("connect_timeout", "5"), // in seconds, for each host
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "25000"), // in milliseconds
    ("fallback_application_name", "addressbook"),
];

/// The URL with what it does not say itself.
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
