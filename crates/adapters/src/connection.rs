//! Access to a database: its URL, connections, the pool, and migrations.

pub(crate) mod connection_log;
pub(crate) mod migrations;
pub(crate) mod pool;
pub(crate) mod schema_state;
pub(crate) mod session_options;
pub(crate) mod store_connection;
pub(crate) mod url;
