//! Checks the query plan of each statement, so that its cost does not depend on the size of the
//! database.
//!
//! The statements are all those that the repository runs in the contract suite, so that none is
//! forgotten. Each is explained on a filled database.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
)]

#[path = "../store/support.rs"]
mod support;

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::thread;

use addressbook_adapters::{SqlStore, StoreOptions};
use addressbook_testkit::contract::{ADDRESS_PROMISES, API_KEY_PROMISES};
use diesel::connection::{
    Instrumentation, InstrumentationEvent, SimpleConnection, set_default_instrumentation,
};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use crate::support::{Database, KeySubject, RawConnection, Subject};

/// What the query plans of a store may contain.
struct Rules {
    /// Steps that read or sort more rows than the statement returns.
    costly: [&'static str; 2],
    /// The allowed exceptions: the start of the statement, the step, and the reason.
    exceptions: &'static [(&'static str, &'static str, &'static str)],
}

const SQLITE: Rules = Rules {
    costly: ["SCAN ", "USE TEMP B-TREE"],
    exceptions: &[(
        "SELECT `addresses`.`customer_id`",
        "SCAN addresses",
        "the first step of an export: the first rows of the table, by the primary key",
    )],
};

const POSTGRES: Rules = Rules {
    costly: ["Seq Scan on ", "Sort"],
    exceptions: &[
        (
            "DELETE FROM idempotency_records WHERE (customer_id, key) IN",
            "Sort",
            "sorts the few keys of one step, to look up each once",
        ),
        (
            "SELECT \"address_book_parts\".\"first_id\", \"address_book_parts\".\"addresses\"",
            "Sort",
            "sorts the parts of one book, of which there is one for 500 addresses",
        ),
    ],
};

async fn sqlite() -> Subject {
    Database::sqlite().subject()
}

async fn postgres() -> Subject {
    Database::postgres().subject()
}

async fn sqlite_keys() -> KeySubject {
    Database::sqlite().key_subject()
}

async fn postgres_keys() -> KeySubject {
    Database::postgres().key_subject()
}

#[test]
fn every_statement_on_sqlite_uses_keys() {
    let statements = statements_of(|| {
        concurrently(ADDRESS_PROMISES, |promise| promise.run(sqlite));
        concurrently(API_KEY_PROMISES, |promise| promise.run(sqlite_keys));
    });
    let database = Database::sqlite();
    let RawConnection::Sqlite(mut connection) = filled(&database) else {
        unreachable!()
    };
    check(&statements, &SQLITE, |sql| {
        sql_query(format!("EXPLAIN QUERY PLAN {sql}"))
            .load(&mut connection)
            .unwrap()
            .into_iter()
            .map(|SqliteStep { detail }| detail)
            .collect()
    });
}

static POSTGRES_STATEMENTS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    statements_of(|| {
        concurrently(ADDRESS_PROMISES, |promise| promise.run(postgres));
        concurrently(API_KEY_PROMISES, |promise| promise.run(postgres_keys));
    })
});

/// The statements that access the books of several customers, and what they need of a distributed
/// database.
const OF_SEVERAL_CUSTOMERS: [(&str, &str); 5] = [
    (
        "INSERT INTO address_books (customer_id, addresses, revision)",
        "a batch of an import: max_prepared_transactions",
    ),
    (
        "SELECT EXISTS (",
        "a batch of an import into books with past revisions: a join placed together",
    ),
    (
        "SELECT \"address_books\".\"customer_id\", \"address_books\".\"revision\", \"default_addresses\"",
        "default addresses, of one customer for a request and of many for an export: a join placed together",
    ),
    (
        "SELECT \"addresses\".\"customer_id\"",
        "an export and an integrity check: each step reads its own snapshot of each shard",
    ),
    (
        "DELETE FROM idempotency_records WHERE (customer_id, key) IN",
        "pruning",
    ),
];

/// A distributed PostgreSQL finds the one node of a customer by `customer_id`. Each node has all API
/// keys.
#[test]
fn every_statement_of_a_request_is_of_one_customer() {
    let mut broken = Vec::new();
    let of_books = |sql: &&String| !sql.contains("api_keys");
    for sql in POSTGRES_STATEMENTS.iter().filter(of_books) {
        let plain = sql.replace('"', "");
        let has = |text| plain.contains(text);
        let is_bound = has("customer_id = $")
            || has("customer_id) = ($")
            || (plain.starts_with("INSERT INTO") && has("(customer_id, "));
        let of_several = |(start, _): &(&str, _)| sql.starts_with(start);
        let rules = [
            (
                "is not bound to one customer",
                is_bound || OF_SEVERAL_CUSTOMERS.iter().any(of_several),
            ),
            (
                "has a subquery in VALUES",
                !(has("VALUES") && has("SELECT")),
            ),
            (
                "has ON CONFLICT without the customer",
                !has("ON CONFLICT") || has("ON CONFLICT (customer_id"),
            ),
            (
                "depends on the session or the server",
                !["nextval", "pg_", "set_config"]
                    .iter()
                    .any(|text| has(*text)),
            ),
        ];
        let broken_here = rules.into_iter().filter(|(_, is_kept)| !is_kept);
        broken.extend(broken_here.map(|(rule, _)| format!("{rule}: {sql}")));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    for (start, need) in OF_SEVERAL_CUSTOMERS {
        let is_used = POSTGRES_STATEMENTS.iter().any(|sql| sql.starts_with(start));
        assert!(is_used, "no statement starts with {start} ({need})");
    }
}

#[test]
fn every_statement_on_postgres_uses_keys() {
    let RawConnection::Postgres(mut connection) = filled(&Database::postgres()) else {
        unreachable!()
    };
    // A generic plan is for all values, not for particular ones.
    connection
        .batch_execute("SET plan_cache_mode = force_generic_plan")
        .unwrap();
    check(&POSTGRES_STATEMENTS, &POSTGRES, |sql| {
        let values = (1..).take_while(|n| sql.contains(&format!("${n}"))).count();
        let values = match vec!["NULL"; values].join(", ") {
            none if none.is_empty() => none,
            some => format!("({some})"),
        };
        let prepare = format!("DEALLOCATE ALL; PREPARE explained AS {sql}");
        connection.batch_execute(&prepare).unwrap();
        sql_query(format!("EXPLAIN (COSTS OFF) EXECUTE explained{values}"))
            .load(&mut connection)
            .unwrap()
            .into_iter()
            .map(|PostgresStep { step }| step)
            .collect()
    });
}

/// Checks each statement's plan against the rules.
fn check(
    statements: &BTreeSet<String>,
    rules: &Rules,
    mut explain: impl FnMut(&str) -> Vec<String>,
) {
    // Fast reads bypass Diesel, but if a page is empty, the pool runs the same statements.
    let is_page = |sql: &&String| sql.contains("custom_data") && sql.contains("b.addresses");
    let pages = statements.iter().filter(is_page).count();
    assert_eq!(
        pages, 3,
        "by offset, deep offset and cursor: {statements:#?}"
    );
    let mut faults = Vec::new();
    for sql in statements {
        let plan = explain(sql);
        let is_fault = |step: &String| {
            rules.costly.iter().any(|costly| step.contains(costly))
                && !rules.exceptions.iter().any(|(statement, excused, _)| {
                    sql.starts_with(statement) && step.contains(excused)
                })
        };
        if plan.iter().any(is_fault) {
            faults.push(format!("{sql}\n  {}", plan.join("\n  ")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// Runs promises on two threads, because much of their time is spent waiting.
fn concurrently<P: Sync>(promises: &[P], run: impl Fn(&P) + Sync) {
    const THREADS: usize = 2;
    let run = &run;
    thread::scope(|scope| {
        for first in 0..THREADS {
            let share = promises.iter().skip(first).step_by(THREADS);
            scope.spawn(move || share.for_each(run));
        }
    });
}

/// The statements on Addressbook's tables that all connections have run since the recording began.
static RECORDED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn statements_of(work: impl FnOnce()) -> BTreeSet<String> {
    /// One store at a time.
    static RECORDING: Mutex<()> = Mutex::new(());
    let _recording: MutexGuard<'_, ()> = RECORDING.lock().unwrap();
    RECORDED.lock().unwrap().clear();
    set_default_instrumentation(|| Some(Box::new(Recorder))).unwrap();
    work();
    set_default_instrumentation(|| None).unwrap();
    RECORDED.lock().unwrap().clone()
}

struct Recorder;

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let InstrumentationEvent::StartQuery { query, .. } = event else {
            return;
        };
        let query = query.to_string();
        // Diesel appends the values of the statement.
        let sql = query.split(" -- binds: ").next().unwrap_or_default();
        // COPY has no plan, because it only inserts rows.
        let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
        let tables = ["address", "idempotency_records", "api_keys"];
        if verbs.iter().any(|verb| sql.starts_with(verb))
            && tables.iter().any(|table| sql.contains(table))
        {
            RECORDED.lock().unwrap().insert(sql.to_owned());
        }
    }
}

/// Fills 2,000 books with ten addresses each and one with 5,000. Each address has two past
/// revisions, an idempotency record, a purpose of its own and, as if the books were large, a part.
/// Each book has an API key.
const FILL: &str = "
    WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000)
    INSERT INTO address_books SELECT 'cus_' || n, 10, 1, 20 FROM numbers;
    WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 24999)
    INSERT INTO addresses
    SELECT 'cus_' || CASE WHEN n < 20000 THEN n % 2000 ELSE 2000 END,
           'add_' || (1000000000 + n) || '0000000000000000',
           NULL, 'Region', 'City', 'RW', NULL, n, n, 1, NULL, NULL
    FROM numbers;
    INSERT INTO address_book_parts SELECT customer_id, id, 1 FROM addresses;
    INSERT INTO default_addresses SELECT customer_id, 'p' || id, id FROM addresses;
    INSERT INTO address_revisions
    SELECT customer_id, id, n, 'updated', n,
           description, region, city, country, custom_data, created_at, updated_at,
           postal_details
    FROM addresses, (SELECT 1 AS n UNION SELECT 2) AS two;
    INSERT INTO idempotency_records
    SELECT customer_id, id, CAST('12345678901234567890123456789012' AS FINGERPRINT), id, created_at
    FROM addresses;
    WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000)
    INSERT INTO api_keys
    SELECT 'key_' || (1000000000 + n) || '0000000000000000',
           CAST('0000000000000000000000' || (1000000000 + n) AS FINGERPRINT),
           'name', 'addresses:read', 'cus_' || n, 1, NULL, NULL, NULL
    FROM numbers;";

/// Fills a database with [`FILL`] and returns a connection to it.
fn filled(database: &Database) -> RawConnection {
    SqlStore::migrate(&database.url, &StoreOptions::default()).unwrap();
    let mut connection = database.connect();
    match connection {
        // Without statistics, as in production.
        RawConnection::Sqlite(_) => connection.execute(&FILL.replace("FINGERPRINT", "blob")),
        // In production, PostgreSQL gathers statistics over time.
        RawConnection::Postgres(_) => {
            connection.execute(&FILL.replace("FINGERPRINT", "bytea"));
            connection.execute("VACUUM ANALYZE");
        }
    }
    connection
}

#[derive(QueryableByName)]
struct SqliteStep {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PostgresStep {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    step: String,
}
