//! Every setting is a flag, an `ADDRESSBOOK_*` variable and a TOML key of the same name. The flag
//! takes precedence over the variable, the variable over the file, and the file over the default.

mod access;
mod bounds;
mod cors;
mod jwt;
mod load;
mod metrics;
mod replicas;
mod values;

use std::time::Duration;

use addressbook_adapters::{Checkpoints, StoreOptions, Synchronous};
use addressbook_domain::{AddressRules, ContentLimits, ServiceLimits};
use clap::{Args, ValueEnum};

pub(crate) use self::access::AccessSettings;
pub(crate) use self::bounds::BoundSettings;
pub(crate) use self::cors::CorsSettings;
pub(crate) use self::jwt::JwtSettings;
pub(crate) use self::load::{misspelt_variables, read_command_line};
pub(crate) use self::metrics::MetricsSettings;
pub(crate) use self::replicas::ReplicaSettings;
pub(crate) use self::values::{host_and_port, true_or_false, whole_number};

/// The store of the addresses, and its options.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Database")]
pub struct DatabaseSettings {
    /// Database: sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE. Default:
    /// sqlite://./data/addressbook.db. The variable DATABASE_URL works as well
    #[arg(long, value_name = "URL", env = "ADDRESSBOOK_DATABASE_URL")]
    #[arg(
        default_value = "sqlite://./data/addressbook.db",
        hide_env_values = true
    )]
    database_url: String,

    /// Maximum number of connections in the pool. On PostgreSQL, each worker may open one more
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_POOL_SIZE")]
    #[arg(default_value_t = 16, value_parser = whole_number::<u32>(1..=1_000))]
    pool_size: u32,

    /// How long a request waits for a connection from the pool, in milliseconds
    #[arg(long, value_name = "MS", env = "ADDRESSBOOK_POOL_TIMEOUT_MS")]
    #[arg(default_value_t = 1_000, value_parser = whole_number::<u32>(1..=60_000))]
    pool_timeout_ms: u32,

    /// How long a write waits for other writes, in milliseconds
    #[arg(long, value_name = "MS", env = "ADDRESSBOOK_LOCK_TIMEOUT_MS")]
    #[arg(default_value_t = 5_000, value_parser = whole_number::<u32>(1..=600_000))]
    lock_timeout_ms: u32,

    /// Maximum duration of one statement on PostgreSQL, in milliseconds
    #[arg(long, value_name = "MS", env = "ADDRESSBOOK_STATEMENT_TIMEOUT_MS")]
    #[arg(default_value_t = 5_000, value_parser = whole_number::<u32>(1..=600_000))]
    statement_timeout_ms: u32,

    /// When a write to SQLite is complete
    #[arg(long, value_name = "WHEN", env = "ADDRESSBOOK_SQLITE_SYNCHRONOUS")]
    #[arg(default_value = "full", value_enum)]
    sqlite_synchronous: SqliteSynchronous,

    /// Maximum number of writes to SQLite that become durable together
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_SQLITE_GROUP_COMMITS")]
    #[arg(default_value_t = 100, value_parser = whole_number::<u32>(1..=1_000))]
    sqlite_group_commits: u32,

    /// Which program copies SQLite's write-ahead log (WAL) to the database file
    #[arg(long, value_name = "WHO", env = "ADDRESSBOOK_SQLITE_CHECKPOINTS")]
    #[arg(default_value = "service", value_enum)]
    sqlite_checkpoints: SqliteCheckpoints,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SqliteCheckpoints {
    /// Addressbook
    Service,
    /// Another program, such as Litestream. Addressbook does so only after an erasure
    External,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SqliteSynchronous {
    /// When it is on the disk. It survives a power cut
    Full,
    /// When the operating system has it. A power cut may lose the last writes
    Normal,
}

impl DatabaseSettings {
    /// The URL as it was set. It may contain a password.
    pub fn url(&self) -> &str {
        &self.database_url
    }

    /// The same settings with another database.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self {
            database_url: url.to_owned(),
            ..self.clone()
        }
    }

    /// The maximum number of connections in the pool. Each worker may open one more.
    pub(crate) fn pool_size(&self) -> u32 {
        self.pool_size
    }

    /// The options of a SQL store.
    pub(crate) fn sql_options(&self) -> StoreOptions {
        let milliseconds = |number: u32| Duration::from_millis(number.into());
        StoreOptions {
            pool_size: self.pool_size,
            pool_timeout: milliseconds(self.pool_timeout_ms),
            lock_timeout: milliseconds(self.lock_timeout_ms),
            statement_timeout: milliseconds(self.statement_timeout_ms),
            synchronous: match self.sqlite_synchronous {
                SqliteSynchronous::Full => Synchronous::Full,
                SqliteSynchronous::Normal => Synchronous::Normal,
            },
            group_commits: self.sqlite_group_commits,
            checkpoints: match self.sqlite_checkpoints {
                SqliteCheckpoints::Service => Checkpoints::Service,
                SqliteCheckpoints::External => Checkpoints::External,
            },
        }
    }
}

/// The settings that can contain the URL of the database, for messages.
pub(crate) const DATABASE_URL_SETTINGS: &str =
    "--database-url, ADDRESSBOOK_DATABASE_URL or DATABASE_URL";

/// Limits of address books and of their contents.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitSettings {
    /// Maximum number of addresses per customer
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_MAX_ADDRESSES")]
    #[arg(default_value_t = 1_000, value_parser = whole_number::<u32>(1..=1_000_000))]
    max_addresses: u32,

    /// Maximum number of revisions per address. At the limit, the address can be removed but not
    /// changed
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_MAX_REVISIONS")]
    #[arg(default_value_t = 1_000, value_parser = whole_number::<u32>(1..=1_000_000))]
    max_revisions: u32,

    /// Maximum number of past revisions per customer, including those of removed addresses. At the
    /// limit, the customer can remove addresses, but not change or add any
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_MAX_PAST_REVISIONS")]
    #[arg(default_value_t = 20_000, value_parser = whole_number::<u32>(1..=1_000_000_000))]
    max_past_revisions: u32,

    /// How long idempotency keys are stored, in hours
    #[arg(long, value_name = "H", env = "ADDRESSBOOK_IDEMPOTENCY_RETENTION_H")]
    #[arg(default_value_t = 24, value_parser = whole_number::<u32>(1..=8_760))]
    idempotency_retention_h: u32,

    /// Maximum length of a description, in characters
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_MAX_DESCRIPTION_CHARS")]
    #[arg(default_value_t = 1_024, value_parser = whole_number::<u16>(1..=1_024))]
    max_description_chars: u16,

    /// Maximum length of a region and of a city, in characters
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_MAX_PLACE_CHARS")]
    #[arg(default_value_t = 200, value_parser = whole_number::<u16>(1..=200))]
    max_place_chars: u16,

    /// Maximum size of custom data, in bytes of compact JSON
    #[arg(long, value_name = "BYTES", env = "ADDRESSBOOK_MAX_CUSTOM_DATA_BYTES")]
    #[arg(default_value_t = 16_384, value_parser = whole_number::<u16>(2..=16_384))]
    max_custom_data_bytes: u16,

    /// Maximum nesting depth of custom data, in levels of objects and arrays
    #[arg(long, value_name = "COUNT", env = "ADDRESSBOOK_MAX_CUSTOM_DATA_DEPTH")]
    #[arg(default_value_t = 32, value_parser = whole_number::<u16>(1..=32))]
    max_custom_data_depth: u16,

    /// What to do with new and changed addresses that are invalid in their country
    #[arg(long, value_name = "HOW", env = "ADDRESSBOOK_ADDRESS_RULES")]
    #[arg(default_value = "lenient", value_enum)]
    address_rules: RulesChoice,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RulesChoice {
    /// Store them, unless the client asks for strict handling
    Lenient,
    /// Reject them
    Strict,
}

impl LimitSettings {
    pub(crate) fn limits(&self) -> ServiceLimits {
        let hours = u64::from(self.idempotency_retention_h);
        ServiceLimits {
            max_addresses: self.max_addresses,
            max_revisions: self.max_revisions,
            max_past_revisions: self.max_past_revisions,
            idempotency_retention: Duration::from_secs(hours * 60 * 60),
            content: ContentLimits {
                max_description_chars: self.max_description_chars.into(),
                max_region_or_city_chars: self.max_place_chars.into(),
                max_custom_data_bytes: self.max_custom_data_bytes.into(),
                max_custom_data_depth: self.max_custom_data_depth.into(),
                rules: match self.address_rules {
                    RulesChoice::Lenient => AddressRules::Lenient,
                    RulesChoice::Strict => AddressRules::Strict,
                },
            },
        }
    }
}

/// Where the service listens.
#[derive(Args, Clone, Debug)]
pub(crate) struct ListenSettings {
    /// Address to listen on. Port 0 selects a free port
    #[arg(long, value_name = "HOST:PORT", env = "ADDRESSBOOK_LISTEN")]
    #[arg(default_value = "127.0.0.1:8080", value_parser = host_and_port)]
    pub(crate) listen: String,
}

/// The message for an address on which the program cannot listen.
pub(crate) fn cannot_listen(address: &str, setting: &str) -> String {
    format!(
        "cannot listen on {address} (stop the program that uses it, if there is one, or choose \
         another address with {setting})"
    )
}

/// What the service logs to standard error, and in which format.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogSettings {
    /// What to log: error, warn, info, debug, trace or off, optionally per module
    #[arg(long, value_name = "FILTER", env = "ADDRESSBOOK_LOG")]
    #[arg(default_value = "info,actix_server=warn,actix_http=off")]
    pub(crate) log: String,

    /// Format of the log
    #[arg(long, value_name = "FORMAT", env = "ADDRESSBOOK_LOG_FORMAT")]
    #[arg(default_value = "text", value_enum)]
    pub(crate) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// Plain text
    Text,
    /// One JSON object per line
    Json,
}
