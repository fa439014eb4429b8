use std::collections::BTreeMap;

use addressbook_domain::{
    Address, AddressPage, AddressRef, AddressRepository, BookHead, Change, Commit, CustomerId,
    Inconsistency, Lookup, PageRequest, RepositoryError, Scan, Timestamp,
};
use async_trait::async_trait;
use diesel::connection::{DefaultLoadingMode, LoadConnection};
use diesel::deserialize::FromSql;
use diesel::dsl::{auto_type, sql};
use diesel::prelude::*;
use diesel::row::{Field, Row};
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::upsert::excluded;
use diesel::{insert_into, update};

use crate::dialect::{BorrowText, IsNotDistinctFrom, StoreConnection, on_each};
use crate::error::{OpenError, WorkError};
use crate::migrations::migrate;
use crate::pool::StoreManager;
use crate::row::AddressRow;
use crate::schema::{address_books, addresses};
use crate::{DatabaseUrl, StoreOptions};

/// Keeps addresses in SQLite or PostgreSQL. Cheap to clone: the clones share the pool.
#[derive(Clone)]
pub struct DieselAddressRepository {
    pool: r2d2::Pool<StoreManager>,
}

/// How often a transaction is run when PostgreSQL asks for it to be run again.
const ATTEMPTS: usize = 5;

impl DieselAddressRepository {
    /// Opens a database: creates it where there is none, and brings it to this release's
    /// schema.
    ///
    /// # Errors
    /// [`OpenError`], with nothing changed.
    pub fn open(url: &DatabaseUrl, options: &StoreOptions) -> Result<Self, OpenError> {
        migrate(url, options)?;
        Ok(Self {
            pool: options.pool(url.clone()),
        })
    }

    /// Does what [`open`](Self::open) does, and returns how many migrations there were
    /// to run instead of a repository.
    ///
    /// # Errors
    /// [`OpenError`], with nothing changed.
    pub fn migrate(url: &DatabaseUrl, options: &StoreOptions) -> Result<usize, OpenError> {
        migrate(url, options)
    }

    /// Runs a unit of work on a connection of the pool, on a thread that may wait.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut StoreConnection) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let pool = self.pool.clone();
        let on_thread = move || {
            let mut pooled = pool
                .get()
                .map_err(|error| RepositoryError::Unavailable(error.into()))?;
            let result = work(&mut pooled.store).map_err(RepositoryError::from);
            pooled.failed = matches!(
                result,
                Err(RepositoryError::Unavailable(_) | RepositoryError::Internal(_))
            );
            result
        };
        tokio::task::spawn_blocking(on_thread)
            .await
            .unwrap_or_else(|error| Err(RepositoryError::Internal(error.into())))
    }
}

#[async_trait]
impl AddressRepository for DieselAddressRepository {
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: PageRequest,
    ) -> Result<AddressPage, RepositoryError> {
        let customer_id = customer_id.clone();
        self.run(move |store| list(store, &customer_id, page)).await
    }

    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        let customer_id = customer_id.clone();
        self.run(move |store| head(store, &customer_id)).await
    }

    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Option<Address>>, RepositoryError> {
        self.run(move |store| lookups.iter().map(|lookup| find(store, lookup)).collect())
            .await
    }

    async fn commit(&self, commit: Commit) -> Result<(), RepositoryError> {
        self.run(move |store| {
            let mut attempt = 1;
            loop {
                match store.write(|store| write(store, &commit)) {
                    Err(error) if error.is_serialization_failure() && attempt < ATTEMPTS => {
                        attempt += 1;
                    }
                    result => return result,
                }
            }
        })
        .await
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError> {
        self.run(move |store| read_scan(store, &scan)).await
    }

    async fn ready(&self) -> Result<(), RepositoryError> {
        self.run(|store| {
            let any_book = address_books::table
                .select(address_books::revision)
                .limit(1);
            on_each!(store, c => any_book.first::<i64>(c).optional())?;
            Ok(())
        })
        .await
    }
}

fn list(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
    page: PageRequest,
) -> Result<AddressPage, WorkError> {
    let (limit, offset) = (page.limit.get().into(), page.offset.get().cast_signed());
    for _ in 0..ATTEMPTS {
        let query = page_query(customer_id.as_str(), limit, offset);
        let found =
            on_each!(store, c => read_page(LoadConnection::<DefaultLoadingMode>::load(c, query)?))?;
        if !found.is_empty() {
            return Ok(found);
        }
        // No row brought the book's head along. It may be newer than the look for rows:
        // then there is something on the page now.
        let head = head(store, customer_id)?;
        if head.addresses <= page.offset.get() {
            return Ok(AddressPage::new(head));
        }
    }
    Err(damaged_book("addresses").into())
}

/// One statement, so that the page and the book's head are of one moment.
#[auto_type(no_type_alias)]
fn page_query<'a>(customer_id: &'a str, limit: i64, offset: i64) -> _ {
    let total = address_books::table
        .filter(address_books::customer_id.eq(customer_id))
        .select(address_books::addresses)
        .single_value();
    let revision = address_books::table
        .filter(address_books::customer_id.eq(customer_id))
        .select(address_books::revision)
        .single_value();
    addresses::table
        .filter(addresses::customer_id.eq(customer_id))
        .order(addresses::id.asc())
        .limit(limit)
        .offset(offset)
        .select((
            addresses::id,
            addresses::description,
            addresses::region,
            addresses::city,
            addresses::country,
            addresses::custom_data,
            addresses::created_at,
            addresses::updated_at,
            total,
            revision,
        ))
}

/// Copies the rows of [`page_query`] from the database's buffers straight into the
/// page's, without a string of their own for each field.
fn read_page<'c, DB, R>(
    rows: impl Iterator<Item = QueryResult<R>>,
) -> Result<AddressPage, WorkError>
where
    DB: BorrowText,
    R: Row<'c, DB>,
    i64: FromSql<BigInt, DB>,
{
    let mut page = AddressPage::default();
    for row in rows {
        let row = row?;
        let number = |column: usize| {
            row.get_value::<BigInt, i64, _>(column)
                .map_err(diesel::result::Error::DeserializationError)
        };
        if page.is_empty() {
            page = AddressPage::new(book_head(number(8)?, number(9)?)?);
        }
        let fields: [_; 6] = std::array::from_fn(|column| row.get(column));
        let mut values = fields
            .each_ref()
            .map(|field| field.as_ref().and_then(Field::value));
        let [id, description, region, city, country, custom_data] = values
            .each_mut()
            .map(|value| value.as_mut().map(DB::text).transpose());
        let id = id.ok().flatten().unwrap_or_default();
        let damaged = |field| Inconsistency {
            record: "address",
            key: id.to_owned(),
            field,
        };
        page.push(AddressRef {
            id,
            description: description.map_err(|_| damaged("description"))?,
            region: region.map_err(|_| damaged("region"))?.unwrap_or_default(),
            city: city.map_err(|_| damaged("city"))?.unwrap_or_default(),
            country: country.map_err(|_| damaged("country"))?.unwrap_or_default(),
            custom_data: custom_data.map_err(|_| damaged("custom_data"))?,
            created_at: Timestamp::from_unix_ms(number(6)?).map_err(|_| damaged("created_at"))?,
            updated_at: Timestamp::from_unix_ms(number(7)?).map_err(|_| damaged("updated_at"))?,
        })?;
    }
    Ok(page)
}

fn head(store: &mut StoreConnection, customer_id: &CustomerId) -> Result<BookHead, WorkError> {
    let head = on_each!(store, c => address_books::table
        .filter(address_books::customer_id.eq(customer_id.as_str()))
        .select((address_books::addresses, address_books::revision))
        .first::<(i64, i64)>(c)
        .optional())?;
    match head {
        Some((addresses, revision)) => Ok(book_head(addresses, revision)?),
        None => Ok(BookHead::default()),
    }
}

fn book_head(addresses: i64, revision: i64) -> Result<BookHead, Inconsistency> {
    Ok(BookHead {
        addresses: addresses
            .try_into()
            .map_err(|_| damaged_book("addresses"))?,
        revision: revision.try_into().map_err(|_| damaged_book("revision"))?,
    })
}

fn damaged_book(field: &'static str) -> Inconsistency {
    // A book's key is its customer's id, which is not for logs.
    Inconsistency {
        record: "address book",
        key: String::new(),
        field,
    }
}

fn find(store: &mut StoreConnection, lookup: &Lookup) -> Result<Option<Address>, WorkError> {
    let row = match lookup {
        Lookup::Id(customer_id, id) => on_each!(store, c => addresses::table
            .find((customer_id.as_str(), id.as_str()))
            .select(AddressRow::as_select())
            .first(c)
            .optional())?,
        Lookup::Content(customer_id, content) => {
            let description = content.description.as_ref().map(|text| text.as_str());
            let custom_data = content.custom_data.as_ref().map(|json| json.as_str());
            on_each!(store, c => addresses::table
                .filter(addresses::customer_id.eq(customer_id.as_str()))
                .filter(addresses::region.eq(content.region.as_str()))
                .filter(addresses::city.eq(content.city.as_str()))
                .filter(addresses::country.eq(content.country.as_str()))
                .filter(IsNotDistinctFrom::new(addresses::description, description.into_sql::<Nullable<Text>>()))
                .filter(IsNotDistinctFrom::new(addresses::custom_data, custom_data.into_sql::<Nullable<Text>>()))
                .select(AddressRow::as_select())
                .first(c)
                .optional())?
        }
    };
    Ok(row.map(Address::try_from).transpose()?)
}

/// Makes the changes of a commit, inside a transaction.
fn write(store: &mut StoreConnection, commit: &Commit) -> Result<(), WorkError> {
    let mut added = BTreeMap::<&str, i64>::new();
    for change in &commit.changes {
        let creations = added
            .entry(change.address().customer_id.as_str())
            .or_default();
        *creations += i64::from(matches!(change, Change::Create(_)));
    }
    // Whoever changes a book locks it first, in the order of the customers' ids: commits
    // to one book come one after the other, and none waits for one that waits for it.
    for (customer_id, added) in added {
        count(store, customer_id, added, commit.at)?;
    }
    for (index, change) in commit.changes.iter().enumerate() {
        let address = change.address();
        let row = AddressRow::from(address);
        let written = match change {
            Change::Create(_) => on_each!(store, c => insert_into(addresses::table)
                .values(&row)
                .on_conflict((addresses::customer_id, addresses::id))
                .do_nothing()
                .execute(c))?,
            Change::Replace { expected, .. } => on_each!(store, c => update(addresses::table
                    .find((address.customer_id.as_str(), address.id.as_str()))
                    .filter(addresses::revision.eq(i64::from(expected.get()))))
                .set(&row)
                .execute(c))?,
        };
        if written != 1 {
            return Err(RepositoryError::Conflict { index }.into());
        }
    }
    Ok(())
}

/// Opens the book if need be, adds to its count and takes it to its next revision. The
/// first revision is the time in milliseconds: should a book ever be erased and opened
/// again, its revisions still tell the two apart.
fn count(
    store: &mut StoreConnection,
    customer_id: &str,
    added: i64,
    at: Timestamp,
) -> Result<(), WorkError> {
    on_each!(store, c => insert_into(address_books::table)
        .values((
            address_books::customer_id.eq(customer_id),
            address_books::addresses.eq(added),
            address_books::revision.eq(at.unix_ms().max(1)),
        ))
        .on_conflict(address_books::customer_id)
        .do_update()
        .set((
            address_books::addresses
                .eq(address_books::addresses + excluded(address_books::addresses)),
            address_books::revision.eq(address_books::revision + 1),
        ))
        .execute(c))?;
    Ok(())
}

fn read_scan(store: &mut StoreConnection, scan: &Scan) -> Result<Vec<Address>, WorkError> {
    let rows: Vec<AddressRow<'_>> = on_each!(store, c => {
        let mut query = addresses::table
            .order((addresses::customer_id.asc(), addresses::id.asc()))
            .limit(scan.limit.into())
            .select(AddressRow::as_select())
            .into_boxed();
        if let Some(customer_id) = &scan.customer_id {
            query = query.filter(addresses::customer_id.eq(customer_id.as_str()));
        }
        if let Some((customer_id, id)) = &scan.after {
            // A row value, which both databases answer from the key in one range.
            query = query.filter(
                sql::<Bool>("(customer_id, id) > (")
                    .bind::<Text, _>(customer_id.as_str())
                    .sql(", ")
                    .bind::<Text, _>(id.as_str())
                    .sql(")"),
            );
        }
        query.load(c)
    })?;
    Ok(rows
        .into_iter()
        .map(Address::try_from)
        .collect::<Result<_, _>>()?)
}
