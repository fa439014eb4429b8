//! `addressbook keys`: creates, lists and revokes API keys.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use addressbook_adapters::SystemClock;
use addressbook_domain::{
    ApiKey, ApiKeyId, ApiKeyService, Clock as _, CustomerId, KeyAuthenticator, KeyName, KeyState,
    NewApiKey, OpenMode, Scope, Timestamp,
};
use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::ConfigArgument;
use crate::output::print;
use crate::settings::DatabaseSettings;
use crate::store::{self, EngineOf};

#[derive(Args, Debug)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Create a key and print it once
    Create(CreateArguments),
    /// List all keys, including expired and revoked ones
    List(ListArguments),
    /// Revoke a key permanently
    Revoke(RevokeArguments),
}

#[derive(Args, Debug)]
struct CreateArguments {
    /// Name of the key in lists and logs, for example the program that uses it: 1 to 64 visible
    /// ASCII characters
    #[arg(long, value_parser = KeyName::parse)]
    name: KeyName,

    /// Permission: addresses:read or addresses:write. Repeat the flag for both
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = Scope::parse)]
    scopes: Vec<Scope>,

    /// Restrict the key to this customer
    #[arg(long, value_name = "ID", value_parser = CustomerId::parse)]
    customer: Option<CustomerId>,

    /// Lifetime, for example 90d, 12h or 1year. Default: never expires
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    expires: Option<Duration>,

    /// Create the database if it does not exist. By default, that is an error
    #[arg(long)]
    create_database: bool,

    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Args, Debug)]
struct ListArguments {
    /// Print a JSON array
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Args, Debug)]
struct RevokeArguments {
    /// Id of the key, from `addressbook keys list` (key_…)
    #[arg(value_name = "ID", value_parser = ApiKeyId::parse)]
    id: ApiKeyId,

    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Args, Debug)]
struct StoreArguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    database: DatabaseSettings,
}

/// The API keys of a store.
struct Keys {
    service: ApiKeyService,
    /// The location of the store, without passwords.
    location: String,
}

impl StoreArguments {
    fn open(&self, engine_of: EngineOf, mode: OpenMode) -> anyhow::Result<Keys> {
        let engine = engine_of(&self.database)?;
        let store = store::open(&*engine, mode)?;
        Ok(Keys {
            service: crate::api_keys(store.api_keys),
            location: engine.location(),
        })
    }
}

fn lifetime(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_secs(60);
    const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);
    humantime::parse_duration(text)
        .ok()
        .filter(|lifetime| (SHORTEST..=LONGEST).contains(lifetime))
        .ok_or_else(|| "expected 1min to 100years, such as 90d or 12h".to_owned())
}

pub(crate) fn run(arguments: &KeysArguments, engine_of: EngineOf) -> anyhow::Result<ExitCode> {
    actix_web::rt::System::new().block_on(async {
        match &arguments.command {
            KeysCommand::Create(arguments) => create(arguments, engine_of).await,
            KeysCommand::List(arguments) => list(arguments, engine_of).await,
            KeysCommand::Revoke(arguments) => revoke(arguments, engine_of).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The time within which running services notice a change.
const SOON: Duration = KeyAuthenticator::CACHE_LIFETIME;

async fn create(arguments: &CreateArguments, engine_of: EngineOf) -> anyhow::Result<()> {
    let new = NewApiKey {
        name: arguments.name.clone(),
        scopes: arguments.scopes.clone(),
        customer_id: arguments.customer.clone(),
        lifetime: arguments.expires,
    };
    let mode = match arguments.create_database {
        true => OpenMode::CreateOrMigrate,
        false => OpenMode::Existing,
    };
    let keys = arguments.store.open(engine_of, mode)?;
    let (key, token) = keys.service.create(new).await?;
    writeln!(std::io::stdout(), "{}", token.expose())?;
    let books = match &key.customer_id {
        Some(customer_id) => format!("the address book of {customer_id} alone"),
        None => "every address book".to_owned(),
    };
    let end = match key.expires_at {
        Some(expires_at) => format!("It expires at {expires_at}."),
        None => "It does not expire.".to_owned(),
    };
    eprintln!(
        "Created the key {id} ({name}) in {location}: {scopes} in {books}. {end}\n\
         Save it now: it is not shown again, and cannot be recovered.\n\
         Clients send it in the header `Authorization: Bearer KEY`. Services on this database \
         accept it within {soon} s,\n\
         and require a credential from then on.",
        id = key.id,
        name = key.name,
        location = keys.location,
        scopes = scopes_of(&key),
        soon = SOON.as_secs(),
    );
    Ok(())
}

async fn list(arguments: &ListArguments, engine_of: EngineOf) -> anyhow::Result<()> {
    let keys = arguments.store.open(engine_of, OpenMode::Existing)?;
    let keys = keys.service.list().await?;
    let now = SystemClock.now();
    let rows: Vec<_> = keys.iter().map(|key| Row::of(key, now)).collect();
    let text = if arguments.json {
        serde_json::to_string_pretty(&rows)? + "\n"
    } else {
        table(&rows)?
    };
    print(text)
}

async fn revoke(arguments: &RevokeArguments, engine_of: EngineOf) -> anyhow::Result<()> {
    let id = &arguments.id;
    let keys = arguments.store.open(engine_of, OpenMode::Existing)?;
    let key = keys.service.revoke(id).await?.with_context(|| {
        format!(
            "there is no key {id} in {}: see addressbook keys list",
            keys.location
        )
    })?;
    eprintln!(
        "Revoked the key {id} ({name}) in {location}. Services reject it within {soon} s.",
        name = key.name,
        location = keys.location,
        soon = SOON.as_secs(),
    );
    Ok(())
}

fn scopes_of(key: &ApiKey) -> String {
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    scopes.join(" ")
}

/// A key as it is printed.
#[derive(Serialize)]
struct Row {
    id: String,
    name: String,
    state: &'static str,
    scopes: String,
    customer_id: Option<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
}

impl Row {
    fn of(key: &ApiKey, now: Timestamp) -> Self {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        Self {
            id: key.id.to_string(),
            name: key.name.to_string(),
            state: match key.state(now) {
                KeyState::Active => "active",
                KeyState::Expired => "expired",
                KeyState::Revoked => "revoked",
            },
            scopes: scopes_of(key),
            customer_id: key.customer_id.as_ref().map(ToString::to_string),
            created_at: key.created_at.to_string(),
            expires_at: time(key.expires_at),
            revoked_at: time(key.revoked_at),
            last_used_at: time(key.last_used_at),
        }
    }

    fn cells(&self) -> [&str; 8] {
        [
            &self.id,
            &self.name,
            self.state,
            &self.scopes,
            self.customer_id.as_deref().unwrap_or("any"),
            &self.created_at,
            self.expires_at.as_deref().unwrap_or("never"),
            self.last_used_at.as_deref().unwrap_or("never"),
        ]
    }
}

fn table(rows: &[Row]) -> anyhow::Result<String> {
    let head = [
        "ID",
        "NAME",
        "STATE",
        "SCOPES",
        "CUSTOMER",
        "CREATED",
        "EXPIRES",
        "LAST USED",
    ];
    let mut lines = vec![head];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
    let widths: [_; 8] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(widths) {
            write!(row, "{cell:width$}  ")?;
        }
        writeln!(text, "{}", row.trim_end())?;
    }
    Ok(text)
}
