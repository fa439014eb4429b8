//! Fast reads of PostgreSQL, on one connection for each calling thread.
//!
//! The pool lends a connection to one request at a time, on a thread that may block. Here all
//! requests of a thread share one connection: their statements are sent together, in batches, and
//! only the calling tasks wait. Thus no request changes threads, and there can be many more
//! concurrent requests than connections.

mod driver;
mod libpq;
mod query;

use std::cell::RefCell;
use std::ffi::CStr;
use std::sync::Arc;

use addressbook_domain::{
    Address, AddressId, AddressPage, BookHead, CustomerId, PageRequest, PageStart, RepositoryError,
    UncheckedPage,
};
use diesel::deserialize::FromSqlRow;
use diesel::dsl::SqlTypeOf;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use thread_local::ThreadLocal;
use tokio::sync::mpsc::UnboundedSender;

use self::driver::{Plan, Request};
use self::libpq::Answer;
use self::query::{Query, prepare};
use crate::connection::pool::ANSWER_GRACE;
use crate::connection::pool::StoreOptions;
use crate::connection::url::PostgresUrl;
use crate::postgres::session;
use crate::store::error::WorkError;
use crate::store::fast_reads::push_row;
use crate::store::reads;
use crate::store::rows::AddressRow;

/// One pipeline for each calling thread. The clones share the pipelines, which close with the last
/// clone.
#[derive(Clone)]
pub(crate) struct Pipelines {
    plan: Arc<Plan>,
    threads: Arc<ThreadLocal<RefCell<Option<UnboundedSender<Request>>>>>,
}

impl Pipelines {
    /// Prepares for fast reads. Connections are opened when they are needed.
    pub(crate) fn of(url: &PostgresUrl, options: &StoreOptions) -> QueryResult<Self> {
        let plan = Plan {
            url: session::with_parameters(url),
            // Diesel also sets the first two on each connection. The plans use the key whatever
            // the parameters are, so PostgreSQL need not plan each time.
            session: format!(
                "SET TIME ZONE 'UTC'; SET CLIENT_ENCODING TO 'UTF8'; {}
                 SET plan_cache_mode = force_generic_plan; {}",
                session::statements(&options.session()),
                prepare_all()?,
            ),
            patience: options.pool_timeout,
            answer_timeout: options.statement_timeout + ANSWER_GRACE,
        };
        Ok(Self {
            plan: Arc::new(plan),
            threads: Arc::default(),
        })
    }

    /// Returns a page, or `None` if one short statement does not find it.
    pub(crate) async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<Option<AddressPage>, RepositoryError> {
        let (id, limit) = (customer_id.as_str(), page.limit.get().into());
        let query = match &page.start {
            PageStart::Offset(offset) => {
                let offset = offset.get().cast_signed();
                Query::new(PAGE_FROM, &reads::page_from(id, limit, offset))
            }
            PageStart::After(after) => {
                Query::new(PAGE_AFTER, &reads::page_after(id, limit, after.as_str()))
            }
        };
        let answer = self.run(query).await?;
        let mut found = UncheckedPage::default();
        let filled = answer
            .rows()
            .try_for_each(|row| push_row(&mut found, &row, page.limit));
        let Some(found) = filled.and_then(|()| found.check().ok()) else {
            return Ok(None);
        };
        if !found.is_empty() {
            return Ok(Some(found));
        }
        // The head of the book comes with each row, and there is no row.
        let head = self.head(customer_id).await?;
        Ok((head.addresses == 0).then(|| AddressPage::new(head)))
    }

    pub(crate) async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        let query = Query::new(HEAD, &reads::head_of(customer_id.as_str()));
        let answer = self.run(query).await?;
        match first::<(BigInt, BigInt), (i64, i64)>(&answer)? {
            Some((addresses, revision)) => Ok(reads::book_head(addresses, revision)?),
            None => Ok(BookHead::default()),
        }
    }

    pub(crate) async fn find(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
    ) -> Result<Option<Address>, RepositoryError> {
        type Columns = SqlTypeOf<<AddressRow<'static> as Selectable<Pg>>::SelectExpression>;
        let query = reads::address_of(customer_id.as_str(), id.as_str());
        let query = Query::new(ADDRESS, &query.select(AddressRow::as_select()));
        let answer = self.run(query).await?;
        let row: Option<AddressRow<'_>> = first::<Columns, _>(&answer)?;
        Ok(row.map(Address::try_from).transpose()?)
    }

    async fn run(&self, query: QueryResult<Query>) -> Result<Answer, RepositoryError> {
        let (request, answered) = Request::new(query.map_err(WorkError::from)?);
        self.hand_over(request);
        answered
            .await
            .unwrap_or_else(|_| Err(RepositoryError::Unavailable("no response in time".into())))
    }

    /// Sends a request to this thread's driver. Starts a new driver if the previous one has ended
    /// with its runtime.
    fn hand_over(&self, request: Request) {
        let mut driver = self.threads.get_or_default().borrow_mut();
        let _ended = driver.take_if(|driver| driver.is_closed());
        let driver = driver.get_or_insert_with(|| driver::start(Arc::clone(&self.plan)));
        // If the driver has just ended, the request is dropped, which the caller notices.
        let _ = driver.send(request);
    }
}

const PAGE_FROM: &CStr = c"page_from";
const PAGE_AFTER: &CStr = c"page_after";
const HEAD: &CStr = c"head";
const ADDRESS: &CStr = c"address";

/// The SQL that prepares the queries, which are defined in [`reads`].
fn prepare_all() -> QueryResult<String> {
    Ok([
        prepare(PAGE_FROM, &reads::page_from("", 0, 0))?,
        prepare(PAGE_AFTER, &reads::page_after("", 0, ""))?,
        prepare(HEAD, &reads::head_of(""))?,
        prepare(
            ADDRESS,
            &reads::address_of("", "").select(AddressRow::as_select()),
        )?,
    ]
    .concat())
}

fn first<ST, T: FromSqlRow<ST, Pg>>(answer: &Answer) -> Result<Option<T>, WorkError> {
    let row = answer.rows().next();
    let value = row.map(|row| T::build_from_row(&row)).transpose();
    Ok(value.map_err(diesel::result::Error::DeserializationError)?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::thread;
    use std::time::Duration;

    use addressbook_testkit::fixtures::customer;
    use addressbook_testkit::postgres::PostgresServer;
    use tempfile::TempDir;

    use super::*;
    use crate::connection::url::DatabaseUrl;

    fn options() -> StoreOptions {
        StoreOptions {
            pool_timeout: Duration::from_millis(200),
            lock_timeout: Duration::from_millis(1_234),
            statement_timeout: Duration::from_millis(100),
            ..StoreOptions::default()
        }
    }

    fn pipelines(url: &str) -> Pipelines {
        let DatabaseUrl::Postgres(url) = url.parse().unwrap() else {
            panic!("{url} is not a PostgreSQL URL");
        };
        Pipelines::of(&url, &options()).unwrap()
    }

    /// A server that handles its connections with `serve`.
    fn server(serve: impl Fn(UnixStream) + Send + 'static) -> (TempDir, Pipelines) {
        let folder = TempDir::new_in("/tmp").unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        thread::spawn(move || listener.incoming().flatten().for_each(serve));
        let url = format!("postgres:///x?host={}", folder.path().display());
        (folder, pipelines(&url))
    }

    async fn head(pipelines: &Pipelines) -> (Result<BookHead, RepositoryError>, Duration) {
        let started = std::time::Instant::now();
        let head = pipelines.head(&customer("cus_1")).await;
        (head, started.elapsed())
    }

    #[tokio::test]
    async fn a_server_that_never_responds_is_unavailable_after_the_pools_timeout() {
        let (_folder, pipelines) = server(|stream| {
            thread::sleep(Duration::from_secs(2));
            drop(stream);
        });
        let (head, waited) = head(&pipelines).await;
        assert!(matches!(head, Err(RepositoryError::Unavailable(_))));
        assert!(waited >= options().pool_timeout && waited < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_server_that_stops_responding_is_unavailable_after_the_response_timeout() {
        let (_folder, pipelines) = server(|mut stream| {
            let mut message = [0; 8_192];
            let authenticated = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
            let session_is_set_up = b"C\0\0\0\x08SET\0Z\0\0\0\x05I";
            for answer in [&authenticated[..], session_is_set_up] {
                assert_ne!(stream.read(&mut message).unwrap(), 0);
                stream.write_all(answer).unwrap();
            }
            // Until the client closes the connection.
            while stream.read(&mut message).is_ok_and(|length| length > 0) {}
        });
        let (head, waited) = head(&pipelines).await;
        assert!(matches!(head, Err(RepositoryError::Unavailable(_))));
        assert!(waited >= ANSWER_GRACE && waited < ANSWER_GRACE * 2);
    }

    #[tokio::test]
    async fn a_session_has_the_same_settings_as_those_of_the_pool() {
        let url = PostgresServer::shared().create_database();
        crate::connection::migrations::MIGRATIONS
            .migrate(&url.parse().unwrap(), &options())
            .unwrap();
        let mut pipelines = pipelines(&url);
        let settings = [
            "lock_timeout",
            "statement_timeout",
            "idle_in_transaction_session_timeout",
            "application_name",
            "TimeZone",
            "client_encoding",
        ];
        let values = settings
            .map(|name| format!("current_setting('{name}')"))
            .join(" || ' ' || ");
        let plan = Arc::get_mut(&mut pipelines.plan).unwrap();
        plan.session += &format!("PREPARE settings AS SELECT {values};");
        let query = Query {
            name: c"settings",
            binds: Vec::new(),
        };
        let answer = pipelines.run(Ok(query)).await.unwrap();
        let settings: Option<String> = first::<diesel::sql_types::Text, _>(&answer).ok().flatten();
        let expected = "1234ms 100ms 100ms addressbook UTC UTF8";
        assert_eq!(settings.as_deref(), Some(expected));
    }
}
