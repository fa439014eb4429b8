use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::{PgConnection, select};

use super::{
    CLOCK_TOLERANCE_MS, Examination, Finding, NEWEST_BOOK, books, clock, schema, wrong_books,
};
use crate::dialect::{SessionOptions, StoreConnection};
use crate::error::{connection_reason, one_line};
use crate::sqlite_file::Schema;
use crate::{DatabaseUrl, StoreOptions};

/// The oldest version on which this is tried, and which PostgreSQL's developers still mend.
const OLDEST_VERSION: i64 = 14;

pub(super) fn examine(
    url: &DatabaseUrl,
    options: &StoreOptions,
    how: &Examination,
) -> Vec<Finding> {
    let session = match how.full {
        false => options.session(),
        true => SessionOptions {
            statement_timeout: Duration::ZERO,
            ..options.session()
        },
    };
    let mut connection = match StoreConnection::establish(url, &session) {
        Ok(StoreConnection::Postgres(connection)) => connection,
        Ok(StoreConnection::Sqlite(_)) => return Vec::new(),
        Err(error) => {
            let reason = connection_reason(&error);
            let says = format!("{url} cannot be reached: {reason}");
            return vec![Finding::failed("database", says)];
        }
    };
    let mut findings = vec![Finding::ok("database", format!("{url} can be reached"))];
    if let Err(error) = look_at(&mut connection, how, &session, &mut findings) {
        let says = format!(
            "cannot be looked at further: {}",
            one_line(&error.to_string())
        );
        findings.push(Finding::failed("database", says));
    }
    findings
}

fn number(connection: &mut PgConnection, question: &str) -> QueryResult<i64> {
    select(sql::<BigInt>(&format!("({question})::bigint"))).first(connection)
}

fn text(connection: &mut PgConnection, question: &str) -> QueryResult<String> {
    select(sql::<Text>(&format!("({question})::text"))).first(connection)
}

fn look_at(
    connection: &mut PgConnection,
    how: &Examination,
    session: &SessionOptions,
    findings: &mut Vec<Finding>,
) -> QueryResult<()> {
    let version = number(connection, "current_setting('server_version_num')")? / 10_000;
    findings.push(match version < OLDEST_VERSION {
        false => Finding::ok("version", format!("PostgreSQL {version}")),
        true => Finding::warning(
            "version",
            format!(
                "PostgreSQL {version} is no longer mended: upgrade to {OLDEST_VERSION} or newer"
            ),
        ),
    });
    let encoding = text(connection, "current_setting('server_encoding')")?;
    findings.push(match encoding == "UTF8" {
        true => Finding::ok("encoding", "UTF8"),
        false => Finding::failed(
            "encoding",
            format!("{encoding} cannot hold every address: make a database with ENCODING 'UTF8'"),
        ),
    });
    let messages = text(connection, "current_setting('lc_messages')")?;
    let is_english = ["", "C", "POSIX"].contains(&messages.as_str())
        || ["C.", "en"].iter().any(|start| messages.starts_with(start));
    findings.push(match is_english {
        true => Finding::ok("messages", "are in English"),
        false => Finding::warning(
            "messages",
            format!(
                "are in another language ({messages}), and failures that pass are taken for \
                 defects: ALTER ROLE … SET lc_messages = 'C'"
            ),
        ),
    });
    findings.push(
        match text(connection, "SELECT pg_is_in_recovery()")?.as_str() {
            "false" => Finding::ok("role", "this server takes writes"),
            _ => Finding::warning(
                "role",
                "this server is a standby: lists are answered and writes refused; for the primary, \
             target_session_attrs=read-write",
            ),
        },
    );
    // What a pooler in between does not keep for the session is gone with the next statement.
    let milliseconds =
        |name: &str| format!("SELECT setting FROM pg_settings WHERE name = '{name}'");
    let kept = number(connection, &milliseconds("statement_timeout"))?;
    findings.push(match u128::try_from(kept) == Ok(session.statement_timeout.as_millis()) {
        true => Finding::ok("timeouts", "are the session's"),
        false => Finding::failed(
            "timeouts",
            "are not kept: a pooler in between has to keep sessions apart (pool_mode = session)",
        ),
    });
    let free = number(
        connection,
        "SELECT current_setting('max_connections')::bigint
              - current_setting('superuser_reserved_connections')::bigint
              - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')",
    )?;
    findings.push(match free >= how.connections.into() {
        true => Finding::ok("connections", format!("{free} are free")),
        false => Finding::warning(
            "connections",
            format!(
                "{free} are free, and one more service makes up to {}: raise max_connections, or \
                 lower --pool-size and --workers",
                how.connections
            ),
        ),
    });
    let applied = sql::<Text>("version FROM __diesel_schema_migrations ORDER BY version");
    let is_there = text(
        connection,
        "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL",
    )?;
    let found = match is_there.as_str() {
        "true" => Schema::of(&select(applied).load::<String>(connection)?),
        _ => Schema::Foreign,
    };
    findings.push(schema(&found));
    if found == Schema::Foreign {
        return Ok(());
    }
    let foreign = number(
        connection,
        "SELECT count(*) FROM pg_attribute
         JOIN pg_collation ON pg_collation.oid = attcollation
         WHERE attrelid IN ('address_books'::regclass, 'addresses'::regclass)
           AND attname IN ('customer_id', 'id') AND collname <> 'C'",
    )?;
    findings.push(match foreign {
        0 => Finding::ok("collation", "ids are compared byte for byte"),
        _ => Finding::failed(
            "collation",
            "ids are not compared byte for byte: their columns have to be COLLATE \"C\"",
        ),
    });
    findings.push(books(number(connection, &wrong_books(how.full))?, how.full));
    findings.push(clock(number(connection, NEWEST_BOOK)?, how.now));
    let theirs = number(
        connection,
        "SELECT extract(epoch FROM clock_timestamp()) * 1000",
    )?;
    findings.push(
        match (theirs - how.now.unix_ms()).abs() > CLOCK_TOLERANCE_MS {
            false => Finding::ok("server's clock", "agrees with this machine's"),
            true => Finding::warning(
                "server's clock",
                "is more than a minute off this machine's: set both by NTP",
            ),
        },
    );
    Ok(())
}
