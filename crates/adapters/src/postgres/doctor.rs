use std::error::Error;
use std::time::Duration;

use addressbook_domain::{Examination, Finding, RepositoryError, Timestamp};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::{PgConnection, select};

use crate::connection::pool::StoreOptions;
use crate::connection::schema_state::SchemaState;
use crate::connection::session_options::SessionOptions;
use crate::connection::store_connection::StoreConnection;
use crate::connection::url::DatabaseUrl;
use crate::doctor::{CLOCK_TOLERANCE_MS, NEWEST_BOOK, books, clock, schema, wrong_books};
use crate::postgres::fast_reads;
use crate::store::error::{WorkError, connection_reason, one_line};
use crate::store::rehearsal;

/// The oldest major version that the tests cover and that PostgreSQL's developers still support.
const OLDEST_VERSION: i64 = 14;

pub(crate) fn examine(
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
    let mut store = match StoreConnection::establish(url, &session) {
        Ok(store) => store,
        Err(error) => {
            let reason = connection_reason(&error);
            let message = format!("{url} cannot be reached: {reason}");
            return vec![Finding::failed("database", message)];
        }
    };
    let mut findings = vec![Finding::ok("database", format!("{url} can be reached"))];
    if let Err(error) = examine_database(&mut store, how, &session, &mut findings) {
        let message = format!(
            "cannot be examined further: {}",
            one_line(&error.to_string())
        );
        findings.push(Finding::failed("database", message));
    }
    findings
}

fn number(connection: &mut PgConnection, expression: &str) -> QueryResult<i64> {
    select(sql::<BigInt>(&format!("({expression})::bigint"))).first(connection)
}

fn text(connection: &mut PgConnection, expression: &str) -> QueryResult<String> {
    select(sql::<Text>(&format!("({expression})::text"))).first(connection)
}

fn examine_database(
    store: &mut StoreConnection,
    how: &Examination,
    session: &SessionOptions,
    findings: &mut Vec<Finding>,
) -> QueryResult<()> {
    let StoreConnection::Postgres(connection) = store else {
        return Ok(());
    };
    let version_number = number(connection, "current_setting('server_version_num')")?;
    findings.push(version(version_number / 10_000));
    findings.push(encoding(&text(
        connection,
        "current_setting('server_encoding')",
    )?));
    findings.push(messages(&text(
        connection,
        "current_setting('lc_messages')",
    )?));
    findings.push(role(&text(connection, "SELECT pg_is_in_recovery()")?));
    let found_ms = number(
        connection,
        "SELECT setting FROM pg_settings WHERE name = 'statement_timeout'",
    )?;
    findings.push(timeouts(found_ms, session.statement_timeout));
    let free = number(
        connection,
        "SELECT current_setting('max_connections')::bigint
              - current_setting('superuser_reserved_connections')::bigint
              - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')",
    )?;
    findings.push(connections(free, how.connections));
    let found = SchemaState::of_postgres(connection)?;
    findings.push(schema(&found));
    if found == SchemaState::Foreign {
        return Ok(());
    }
    let foreign = number(
        connection,
        "SELECT count(*) FROM pg_attribute
         JOIN pg_collation ON pg_collation.oid = attcollation
         WHERE attrelid IN ('address_books'::regclass, 'addresses'::regclass)
           AND attname IN ('customer_id', 'id') AND collname <> 'C'",
    )?;
    findings.push(collation(foreign));
    findings.push(additions(&text(connection, ADDITIONS)?));
    let wrong = number(connection, &wrong_books(how.full, &found))?;
    findings.push(books(wrong, how.full));
    findings.push(clock(number(connection, NEWEST_BOOK)?, how.now));
    let theirs_ms = number(
        connection,
        "SELECT extract(epoch FROM clock_timestamp()) * 1000",
    )?;
    findings.push(servers_clock(theirs_ms, how.now));
    if found == SchemaState::Current {
        let tried = fast_reads::try_statements(connection).map_err(WorkError::from);
        let tried = tried.and_then(|()| rehearsal::writes(store).map(drop));
        findings.push(statements(tried.map_err(RepositoryError::from)));
    }
    Ok(())
}

/// Finds objects that may change writes to Addressbook's tables and that the migrations did not
/// create.
const ADDITIONS: &str = "
    SELECT coalesce(string_agg(format('the %s %I on %I', kind, name, relname), ', '), '')
    FROM pg_class
    JOIN (SELECT tgrelid AS oid, 'trigger' AS kind, tgname AS name
          FROM pg_trigger WHERE NOT tgisinternal
          UNION ALL SELECT ev_class, 'rule', rulename FROM pg_rewrite
          UNION ALL SELECT polrelid, 'policy', polname FROM pg_policy) AS addition USING (oid)
    WHERE relname IN ('address_books', 'address_book_parts', 'addresses', 'address_revisions',
                      'default_addresses', 'idempotency_records', 'api_keys')
      AND relnamespace = (
          SELECT relnamespace FROM pg_class WHERE oid = 'address_books'::regclass)";

fn additions(found: &str) -> Finding {
    match found.is_empty() {
        true => Finding::ok(
            "additions",
            "the tables have no triggers, rules or policies",
        ),
        false => Finding::warning(
            "additions",
            format!(
                "{found} was not created by Addressbook and may change stored data: find out \
                 who created it, or drop it"
            ),
        ),
    }
}

fn version(version: i64) -> Finding {
    match version < OLDEST_VERSION {
        false => Finding::ok("version", format!("PostgreSQL {version}")),
        true => Finding::warning(
            "version",
            format!(
                "PostgreSQL {version} is no longer supported by its developers: upgrade to {OLDEST_VERSION} or newer"
            ),
        ),
    }
}

fn encoding(encoding: &str) -> Finding {
    match encoding {
        "UTF8" => Finding::ok("encoding", "UTF8"),
        _ => Finding::failed(
            "encoding",
            format!(
                "{encoding} cannot store every address: create a database with ENCODING 'UTF8'"
            ),
        ),
    }
}

fn messages(locale: &str) -> Finding {
    let is_english = ["", "C", "POSIX"].contains(&locale)
        || ["C.", "en"].iter().any(|start| locale.starts_with(start));
    match is_english {
        true => Finding::ok("messages", "are in English"),
        false => Finding::warning(
            "messages",
            format!(
                "are in another language ({locale}), so temporary errors look like defects: ALTER \
                 ROLE … SET lc_messages = 'C'"
            ),
        ),
    }
}

fn role(is_in_recovery: &str) -> Finding {
    match is_in_recovery {
        "false" => Finding::ok("role", "this server accepts writes"),
        _ => Finding::warning(
            "role",
            "this server is a standby, which accepts no writes; to connect to the primary, add \
             target_session_attrs=read-write to the URL",
        ),
    }
}

/// A pooler that does not preserve sessions loses the settings with the next statement.
fn timeouts(found_ms: i64, set: Duration) -> Finding {
    match u128::try_from(found_ms) == Ok(set.as_millis()) {
        true => Finding::ok("timeouts", "are in effect"),
        false => Finding::failed(
            "timeouts",
            "are lost: a connection pooler must use session mode (pool_mode = session)",
        ),
    }
}

fn connections(free: i64, needed: u32) -> Finding {
    match free >= needed.into() {
        true => Finding::ok("connections", format!("{free} are free")),
        false => Finding::warning(
            "connections",
            format!(
                "{free} are free, and one more service opens up to {needed}: raise \
                 max_connections, or lower --pool-size and --workers"
            ),
        ),
    }
}

fn statements(tried: Result<(), RepositoryError>) -> Finding {
    match tried {
        Ok(()) => Finding::ok("statements", "the database runs those of requests"),
        Err(error) => {
            let cause = error.source().map(ToString::to_string);
            let cause = one_line(&cause.unwrap_or_else(|| error.to_string()));
            Finding::failed(
                "statements",
                format!(
                    "the database does not run those of requests: {cause}; with the extension \
                     citus, run addressbook distribute; with a connection pooler, use session mode"
                ),
            )
        }
    }
}

fn collation(columns_of_others: i64) -> Finding {
    match columns_of_others {
        0 => Finding::ok("collation", "ids are compared byte for byte"),
        _ => Finding::failed(
            "collation",
            "ids are not compared byte for byte: their columns must be COLLATE \"C\"",
        ),
    }
}

fn servers_clock(theirs_ms: i64, now: Timestamp) -> Finding {
    match (theirs_ms - now.unix_ms()).abs() > CLOCK_TOLERANCE_MS {
        false => Finding::ok("server's clock", "agrees with this machine's"),
        true => Finding::warning(
            "server's clock",
            "differs from this machine's clock by more than a minute: synchronize both with NTP",
        ),
    }
}

/// Findings that a test server cannot easily cause, such as an old version, another language or a
/// wrong clock.
#[cfg(test)]
mod tests {
    use super::*;
    use addressbook_domain::Verdict;

    #[test]
    fn an_unsupported_version_is_a_warning() {
        assert_eq!(version(14).verdict, Verdict::Ok);
        let found = version(13);
        assert_eq!(found.verdict, Verdict::Warning);
        assert!(found.message.contains("upgrade"), "{}", found.message);
    }

    #[test]
    fn an_encoding_other_than_utf8_fails() {
        assert_eq!(encoding("UTF8").verdict, Verdict::Ok);
        let found = encoding("SQL_ASCII");
        assert_eq!(found.verdict, Verdict::Failed);
        assert!(
            found.message.contains("ENCODING 'UTF8'"),
            "{}",
            found.message
        );
    }

    #[test]
    fn messages_in_another_language_are_a_warning() {
        for english in ["", "C", "POSIX", "C.UTF-8", "en_GB.UTF-8"] {
            assert_eq!(messages(english).verdict, Verdict::Ok, "{english}");
        }
        for other in ["pl_PL.UTF-8", "de_DE", "C-like"] {
            let found = messages(other);
            assert_eq!(found.verdict, Verdict::Warning, "{other}");
            assert!(found.message.contains("lc_messages"), "{}", found.message);
        }
    }

    #[test]
    fn timeouts_that_a_pooler_loses_fail() {
        let set = Duration::from_secs(5);
        assert_eq!(timeouts(5_000, set).verdict, Verdict::Ok);
        assert_eq!(timeouts(0, set).verdict, Verdict::Failed);
        assert_eq!(timeouts(0, Duration::ZERO).verdict, Verdict::Ok);
    }

    #[test]
    fn a_server_with_a_different_clock_is_a_warning() {
        let now = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
        for (off_ms, verdict) in [
            (-60_001, Verdict::Warning),
            (-60_000, Verdict::Ok),
            (60_000, Verdict::Ok),
            (60_001, Verdict::Warning),
        ] {
            let found = servers_clock(now.unix_ms() + off_ms, now);
            assert_eq!(found.verdict, verdict, "{off_ms}");
        }
    }
}
