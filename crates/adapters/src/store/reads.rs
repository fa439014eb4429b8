//! The queries of the repository.

use std::collections::HashSet;

use addressbook_domain::{
    Address, AddressId, AddressPage, AddressRef, AddressRevision, BookHead, ChangeKind, CustomerId,
    Fingerprint, IdempotencyKey, IdempotencyRecord, Inconsistency, Lookup, PageRequest, PageStart,
    RevisionRange, Scan, Timestamp,
};
use diesel::connection::{DefaultLoadingMode, LoadConnection};
use diesel::deserialize::FromSql;
use diesel::dsl::{auto_type, sql};
use diesel::prelude::*;
use diesel::row::{Field, Row};
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use crate::connection::store_connection::{StoreConnection, on_each};
use crate::store::book_parts;
use crate::store::borrow_text::BorrowText;
use crate::store::error::WorkError;
use crate::store::rows::{AddressRow, RevisionRow, revision};
use crate::store::schema::{address_books, address_revisions, addresses, idempotency_records};

diesel::infix_operator!(IsNotDistinctFrom, " IS NOT DISTINCT FROM ");

pub(crate) fn list(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
    page: &PageRequest,
) -> Result<AddressPage, WorkError> {
    if is_short(page) {
        let found = read_page(store, customer_id, page)?;
        if !found.is_empty() {
            return Ok(found);
        }
        // The head of the book comes with each row, and there is no row.
        let head = head(store, customer_id)?;
        if head.addresses == 0 {
            return Ok(AddressPage::new(head));
        }
    }
    store.read(|store| {
        let head = self::head(store, customer_id)?;
        let found = read_page(store, customer_id, page)?;
        match page.start {
            _ if !found.is_empty() => Ok(found),
            PageStart::Offset(offset) if head.addresses > offset.get() => {
                Err(damaged_book("addresses").into())
            }
            _ => Ok(AddressPage::new(head)),
        }
    })
}

/// Whether one statement returns the page without skipping many addresses.
pub(crate) fn is_short(page: &PageRequest) -> bool {
    !matches!(&page.start, PageStart::Offset(offset) if offset.get() > book_parts::MOST.unsigned_abs())
}

fn read_page(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
    page: &PageRequest,
) -> Result<AddressPage, WorkError> {
    let (customer_id, limit) = (customer_id.as_str(), page.limit.get().into());
    match &page.start {
        PageStart::Offset(offset) if !is_short(page) => {
            let offset = offset.get().cast_signed();
            let (first_id, offset) = book_parts::place(store, customer_id, offset)?;
            let query = page_from(customer_id, limit, offset).filter(addresses::id.ge(&first_id));
            on_each!(store, c => collect_page(LoadConnection::<DefaultLoadingMode>::load(c, query)?))
        }
        PageStart::Offset(offset) => {
            let query = page_from(customer_id, limit, offset.get().cast_signed());
            on_each!(store, c => collect_page(LoadConnection::<DefaultLoadingMode>::load(c, query)?))
        }
        PageStart::After(id) => {
            let query = page_after(customer_id, limit, id.as_str());
            on_each!(store, c => collect_page(LoadConnection::<DefaultLoadingMode>::load(c, query)?))
        }
    }
}

/// The page that begins at an offset.
#[auto_type(no_type_alias)]
pub(crate) fn page_from<'a>(customer_id: &'a str, limit: i64, offset: i64) -> _ {
    let page: page_query<'a> = page_query(customer_id, limit);
    page.offset(offset)
}

/// The page that begins after an id.
#[auto_type(no_type_alias)]
pub(crate) fn page_after<'a>(customer_id: &'a str, limit: i64, id: &'a str) -> _ {
    let page: page_query<'a> = page_query(customer_id, limit);
    page.filter(addresses::id.gt(id))
}

/// Selects the page and the book's head in one statement, so that both come from one snapshot.
/// Filters each table by the customer, so that the join compares nothing for each address.
#[auto_type]
fn page_query<'a>(customer_id: &'a str, limit: i64) -> _ {
    addresses::table
        .inner_join(address_books::table.on(address_books::customer_id.eq(customer_id)))
        .filter(addresses::customer_id.eq(customer_id))
        .order(addresses::id.asc())
        .limit(limit)
        .select((
            addresses::id,
            addresses::description,
            addresses::region,
            addresses::city,
            addresses::country,
            addresses::custom_data,
            addresses::created_at,
            addresses::updated_at,
            address_books::addresses,
            address_books::revision,
        ))
}

/// Copies the rows of [`page_query`] directly from the database's buffers into the page's, without
/// allocating a string for each field.
pub(crate) fn collect_page<'c, DB, R>(
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

pub(crate) fn head(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
) -> Result<BookHead, WorkError> {
    let query = head_of(customer_id.as_str());
    let head = on_each!(store, c => query.get_result::<(i64, i64)>(c).optional())?;
    match head {
        Some((addresses, revision)) => Ok(book_head(addresses, revision)?),
        None => Ok(BookHead::default()),
    }
}

/// Selects a book's number of addresses and its revision.
#[auto_type(no_type_alias)]
pub(crate) fn head_of<'a>(customer_id: &'a str) -> _ {
    address_books::table
        .find(customer_id)
        .select((address_books::addresses, address_books::revision))
}

pub(crate) fn book_head(addresses: i64, revision: i64) -> Result<BookHead, Inconsistency> {
    Ok(BookHead {
        addresses: addresses
            .try_into()
            .map_err(|_| damaged_book("addresses"))?,
        revision: revision.try_into().map_err(|_| damaged_book("revision"))?,
    })
}

fn damaged_book(field: &'static str) -> Inconsistency {
    // A book's key is its customer's id, which must not be logged.
    Inconsistency {
        record: "address book",
        key: String::new(),
        field,
    }
}

pub(crate) fn find(
    store: &mut StoreConnection,
    lookup: &Lookup,
) -> Result<Option<Address>, WorkError> {
    let row = match lookup {
        Lookup::Id(customer_id, id) => {
            let query = address_of(customer_id.as_str(), id.as_str());
            on_each!(store, c => query.select(AddressRow::as_select()).get_result(c).optional())?
        }
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

/// Selects an address by its id.
#[auto_type(no_type_alias)]
pub(crate) fn address_of<'a>(customer_id: &'a str, id: &'a str) -> _ {
    addresses::table.find((customer_id, id))
}

pub(crate) fn scan(store: &mut StoreConnection, scan: &Scan) -> Result<Vec<Address>, WorkError> {
    let rows: Vec<AddressRow<'_>> = on_each!(store, c => {
        let mut query = addresses::table
            .order((addresses::customer_id.asc(), addresses::id.asc()))
            .limit(scan.limit.into())
            .select(AddressRow::as_select())
            .into_boxed();
        if let Some(customer_id) = &scan.customer_id {
            query = query.filter(addresses::customer_id.eq(customer_id.as_str()));
        }
        query = match &scan.after {
            // Within one book, SQLite would compare row values from the beginning of the book.
            Some((customer_id, id)) if scan.customer_id.as_ref() == Some(customer_id) => {
                query.filter(addresses::id.gt(id.as_str()))
            }
            // A row value, which both databases look up as one range of the key.
            Some((customer_id, id)) => query.filter(
                sql::<Bool>("(customer_id, id) > (")
                    .bind::<Text, _>(customer_id.as_str())
                    .sql(", ")
                    .bind::<Text, _>(id.as_str())
                    .sql(")"),
            ),
            None => query,
        };
        query.load(c)
    })?;
    Ok(rows
        .into_iter()
        .map(Address::try_from)
        .collect::<Result<_, _>>()?)
}

/// Returns the head of a book and all its addresses, as of a time if there is one. Must run in a
/// transaction that reads.
pub(crate) fn book(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
    as_of: Option<Timestamp>,
) -> Result<(BookHead, Vec<Address>), WorkError> {
    let head = head(store, customer_id)?;
    let customer_id = customer_id.as_str();
    let current: Vec<(AddressRow<'_>, Option<i64>)> = on_each!(store, c => addresses::table
        .filter(addresses::customer_id.eq(customer_id))
        .select((AddressRow::as_select(), addresses::changed_at))
        .load(c))?;
    let mut rows: Vec<_> = current
        .into_iter()
        .filter(|(row, changed_at)| {
            as_of.is_none_or(|at| changed_at.unwrap_or(row.updated_at) <= at.unix_ms())
        })
        .map(|(row, _)| row)
        .collect();
    if let Some(at) = as_of {
        let past = states_at(store, customer_id, at)?;
        let current_ids: HashSet<_> = rows.iter().map(|row| row.id.clone()).collect();
        rows.extend(
            past.into_iter()
                .filter(|row| !current_ids.contains(&row.id)),
        );
    }
    let addresses = rows
        .into_iter()
        .map(Address::try_from)
        .collect::<Result<_, _>>()?;
    Ok((head, addresses))
}

/// Returns the past states that were current at a time.
fn states_at(
    store: &mut StoreConnection,
    customer_id: &str,
    at: Timestamp,
) -> Result<Vec<AddressRow<'static>>, WorkError> {
    // Not as `exists`: PostgreSQL would turn it into a join and, until its statistics include the
    // book, compare each revision with every other.
    let later = diesel::alias!(address_revisions as later);
    let next = later
        .filter(later.field(address_revisions::customer_id).eq(customer_id))
        .filter(later.field(address_revisions::id).eq(address_revisions::id))
        .filter(
            later
                .field(address_revisions::revision)
                .gt(address_revisions::revision),
        )
        .filter(later.field(address_revisions::changed_at).le(at.unix_ms()))
        .select(later.field(address_revisions::revision))
        .single_value();
    Ok(on_each!(store, c => address_revisions::table
        .filter(address_revisions::customer_id.eq(customer_id))
        .filter(address_revisions::changed_at.le(at.unix_ms()))
        .filter(address_revisions::change.ne(ChangeKind::Removed.as_str()))
        .filter(next.is_null())
        .select(address_columns())
        .load(c))?)
}

/// The columns of a revision that form an [`AddressRow`], in its order.
#[auto_type(no_type_alias)]
fn address_columns() -> _ {
    (
        address_revisions::customer_id,
        address_revisions::id,
        address_revisions::description,
        address_revisions::region,
        address_revisions::city,
        address_revisions::country,
        address_revisions::custom_data,
        address_revisions::created_at,
        address_revisions::updated_at,
        address_revisions::revision,
    )
}

/// Returns the revisions of an address, newest first. Must run in a transaction that reads.
pub(crate) fn revisions(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
    id: &AddressId,
    range: RevisionRange,
) -> Result<Vec<AddressRevision>, WorkError> {
    let before = range.before.map_or(i64::MAX, |before| before.get().into());
    let mut rows: Vec<RevisionRow<'_>> = on_each!(store, c => address_revisions::table
        .filter(address_revisions::customer_id.eq(customer_id.as_str()))
        .filter(address_revisions::id.eq(id.as_str()))
        .filter(address_revisions::revision.lt(before))
        .order(address_revisions::revision.desc())
        .limit(range.limit.into())
        .select((address_columns(), address_revisions::change, address_revisions::changed_at))
        .load(c))?;
    // The current state of the address, which is newer than all of those.
    let query =
        address_of(customer_id.as_str(), id.as_str()).filter(addresses::revision.lt(before));
    let current: Option<(AddressRow<'_>, Option<i64>)> = on_each!(store, c => query
        .select((AddressRow::as_select(), addresses::changed_at))
        .get_result(c)
        .optional())?;
    if let Some((row, changed_at)) = current {
        let change = match rows.first() {
            Some((_, change, _)) if change != ChangeKind::Removed.as_str() => ChangeKind::Updated,
            _ => ChangeKind::Created,
        };
        let changed_at = changed_at.unwrap_or(row.updated_at);
        rows.insert(0, (row, change.as_str().to_owned(), changed_at));
        rows.truncate(range.limit as usize);
    }
    Ok(rows.into_iter().map(revision).collect::<Result<_, _>>()?)
}

pub(crate) fn idempotency_record(
    store: &mut StoreConnection,
    customer_id: CustomerId,
    key: IdempotencyKey,
) -> Result<Option<IdempotencyRecord>, WorkError> {
    let row: Option<(Vec<u8>, String, i64)> = on_each!(store, c => idempotency_records::table
        .find((customer_id.as_str(), key.as_str()))
        .select((
            idempotency_records::fingerprint,
            idempotency_records::address_id,
            idempotency_records::created_at,
        ))
        .first(c)
        .optional())?;
    let Some((fingerprint, address_id, created_at)) = row else {
        return Ok(None);
    };
    let damaged = |field| Inconsistency {
        record: "idempotency record",
        // The key itself may be personal data, which must not be logged.
        key: address_id.clone(),
        field,
    };
    let record = IdempotencyRecord {
        customer_id,
        key,
        fingerprint: Fingerprint(fingerprint.try_into().map_err(|_| damaged("fingerprint"))?),
        address_id: AddressId::parse(&address_id).map_err(|_| damaged("address_id"))?,
        created_at: Timestamp::from_unix_ms(created_at).map_err(|_| damaged("created_at"))?,
    };
    Ok(Some(record))
}
