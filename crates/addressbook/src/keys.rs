//! `addressbook keys`: makes API keys, lists them, takes them back.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use addressbook_adapters::SystemClock;
use addressbook_domain::{
    ApiKey, ApiKeyId, ApiKeyService, Clock as _, CustomerId, KeyAuthenticator, KeyName, KeyState,
    NewApiKey, Scope, Timestamp,
};
use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::ConfigArgument;
use crate::settings::DatabaseSettings;

#[derive(Args, Debug)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    task: KeysTask,
}

#[derive(Debug, Subcommand)]
enum KeysTask {
    /// Make a key, and print it this once
    Create(CreateArguments),
    /// List all keys that were ever made
    List(ListArguments),
    /// Take a key back, for good
    Revoke(RevokeArguments),
}

#[derive(Args, Debug)]
struct CreateArguments {
    /// What the key is called in lists and logs, such as the program that will use it: 1 to 64
    /// visible ASCII characters
    #[arg(long, value_parser = KeyName::parse)]
    name: KeyName,

    /// What it allows: addresses:read or addresses:write; several times for both
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = Scope::parse)]
    scopes: Vec<Scope>,

    /// Open the address book of this customer alone
    #[arg(long, value_name = "ID", value_parser = CustomerId::parse)]
    customer: Option<CustomerId>,

    /// How long it is worth something, such as 90d, 12h or 1year; until it is revoked without
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    expires: Option<Duration>,

    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Args, Debug)]
struct ListArguments {
    /// As a JSON array
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Args, Debug)]
struct RevokeArguments {
    /// Which one: its id from the list (key_…)
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

impl StoreArguments {
    fn open(&self) -> anyhow::Result<ApiKeyService> {
        Ok(crate::api_keys(Arc::new(self.database.open()?)))
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

pub(crate) fn run(arguments: &KeysArguments) -> anyhow::Result<ExitCode> {
    actix_web::rt::System::new().block_on(async {
        match &arguments.task {
            KeysTask::Create(arguments) => create(arguments).await,
            KeysTask::List(arguments) => list(arguments).await,
            KeysTask::Revoke(arguments) => revoke(arguments).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// How soon running services know of a change.
const SOON: Duration = KeyAuthenticator::LIFETIME;

async fn create(arguments: &CreateArguments) -> anyhow::Result<()> {
    let new = NewApiKey {
        name: arguments.name.clone(),
        scopes: arguments.scopes.clone(),
        customer_id: arguments.customer.clone(),
        lifetime: arguments.expires,
    };
    let (key, token) = arguments.store.open()?.create(new).await?;
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
        "This is the key {id} ({name}): {scopes} in {books}. {end}\n\
         Keep it now: it is not shown again, and nothing that the service keeps leads back to it.\n\
         To be sent as the header `Authorization: Bearer KEY`. Services on this database know it \
         within {soon} s,\n\
         and from then on let nobody in without a credential.",
        id = key.id,
        name = key.name,
        scopes = scopes_of(&key),
        soon = SOON.as_secs(),
    );
    Ok(())
}

async fn list(arguments: &ListArguments) -> anyhow::Result<()> {
    let keys = arguments.store.open()?.list().await?;
    let now = SystemClock.now();
    let rows: Vec<_> = keys.iter().map(|key| Row::of(key, now)).collect();
    let text = if arguments.json {
        serde_json::to_string_pretty(&rows)? + "\n"
    } else {
        table(&rows)?
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

async fn revoke(arguments: &RevokeArguments) -> anyhow::Result<()> {
    let id = &arguments.id;
    let key = arguments.store.open()?.revoke(id).await?;
    let key = key.with_context(|| format!("there is no key {id}: see addressbook keys list"))?;
    eprintln!(
        "The key {id} ({name}) is revoked: within {soon} s it lets nobody in any more.",
        name = key.name,
        soon = SOON.as_secs(),
    );
    Ok(())
}

fn scopes_of(key: &ApiKey) -> String {
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    scopes.join(" ")
}

/// A key as it is shown.
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
