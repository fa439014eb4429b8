//! The queries of the repository.

use std::collections::{HashMap, HashSet};

use addressbook_domain::{
    Address, AddressId, AddressPage, AddressRef, AddressRevisions, BookDefaults, BookHead,
    ChangeKind, Column, Columns, CustomerId, Fingerprint, Found, IdempotencyKey, IdempotencyRecord,
    Inconsistency, Lookup, PageRequest, PageStart, Purpose, RevisionRange, Scan, Timestamp,
};
use diesel::connection::{DefaultLoadingMode, LoadConnection};
use diesel::deserialize::FromSql;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::row::{Field, Row};
use diesel::sql_types::{BigInt, Bool, Text};

use crate::connection::store_connection::{StoreConnection, with_connection};
use crate::store::book_parts;
use crate::store::borrow_text::BorrowText;
use crate::store::error::WorkError;
use crate::store::read_queries::ReadQuery;
use crate::store::rows::{
    AddressRow, FoundRow, RevisionRow, change_after, past_address_columns, revision,
};
use crate::store::schema::{
    address_books, address_revisions, addresses, default_addresses, idempotency_records,
};

pub(crate) fn list(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
    page: &PageRequest,
) -> Result<AddressPage, WorkError> {
    let far = far_offset(&page.start);
    if far.is_none() {
        let found = read_page(store, ReadQuery::page(customer_id, page))?;
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
        let found = match far {
            Some(offset) => {
                let (first_id, offset) = book_parts::locate(store, customer_id.as_str(), offset)?;
                let query = ReadQuery::page_in_part(customer_id, page.limit, &first_id, offset);
                read_page(store, query)?
            }
            None => read_page(store, ReadQuery::page(customer_id, page))?,
        };
        match page.start {
            _ if !found.is_empty() => Ok(found),
            PageStart::Offset(offset) if head.addresses > offset.get() => {
                Err(damaged_book("addresses").into())
            }
            _ => Ok(AddressPage::new(head)),
        }
    })
}

/// The offset of a page, if it is so large that one query would skip many addresses.
pub(crate) fn far_offset(start: &PageStart) -> Option<i64> {
    match start {
        PageStart::Offset(offset) => Some(offset.get().cast_signed())
            .filter(|offset| *offset > book_parts::MAX_ADDRESSES_PER_PART),
        PageStart::After(_) => None,
    }
}

fn read_page(store: &mut StoreConnection, query: ReadQuery<'_>) -> Result<AddressPage, WorkError> {
    let query = query.into_sql();
    with_connection!(store, c => collect_page(LoadConnection::<DefaultLoadingMode>::load(c, query)?))
}

/// Copies the rows of a page directly from the database's buffers into the page's, without
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
        const CREATED_AT: usize = 1 + Column::COUNT;
        if page.is_empty() {
            page = AddressPage::new(book_head(number(CREATED_AT + 2)?, number(CREATED_AT + 3)?)?);
        }
        let fields: [_; CREATED_AT] = std::array::from_fn(|column| row.get(column));
        let mut values = fields
            .each_ref()
            .map(|field| field.as_ref().and_then(Field::value));
        let [id, texts @ ..] = values
            .each_mut()
            .map(|value| value.as_mut().map(DB::text).transpose());
        let id = id.ok().flatten().unwrap_or_default();
        let damaged = |field| Inconsistency {
            record: "address",
            key: id.to_owned(),
            field,
        };
        let mut columns = Columns::default();
        for (column, text) in Column::ALL.into_iter().zip(texts) {
            columns[column] = text.map_err(|_| damaged(column.name()))?;
        }
        let time = |field, column| {
            Timestamp::from_unix_ms(number(column)?).map_err(|_| WorkError::from(damaged(field)))
        };
        page.push(AddressRef {
            id,
            columns,
            created_at: time("created_at", CREATED_AT)?,
            updated_at: time("updated_at", CREATED_AT + 1)?,
        })?;
    }
    Ok(page)
}

pub(crate) fn head(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
) -> Result<BookHead, WorkError> {
    #[derive(QueryableByName)]
    struct HeadRow {
        #[diesel(sql_type = BigInt)]
        addresses: i64,
        #[diesel(sql_type = BigInt)]
        revision: i64,
    }
    let query = ReadQuery::head(customer_id).into_sql();
    let head: Option<HeadRow> = with_connection!(store, c => query.get_result(c).optional())?;
    match head {
        Some(head) => Ok(book_head(head.addresses, head.revision)?),
        None => Ok(BookHead::default()),
    }
}

pub(crate) fn book_head(addresses: i64, revision: i64) -> Result<BookHead, Inconsistency> {
    Ok(BookHead {
        addresses: addresses
            .try_into()
            .map_err(|_| damaged_book("addresses"))?,
        revision: revision.try_into().map_err(|_| damaged_book("revision"))?,
    })
}

pub(crate) fn damaged_book(field: &'static str) -> Inconsistency {
    // A book's key is its customer's id, which must not be logged.
    Inconsistency {
        record: "address book",
        key: String::new(),
        field,
    }
}

pub(crate) fn find(store: &mut StoreConnection, lookup: &Lookup) -> Result<Found, WorkError> {
    let query = match lookup {
        Lookup::Id(customer_id, id) => ReadQuery::address(customer_id, id),
        Lookup::Content(customer_id, content) => {
            ReadQuery::address_with_content(customer_id, content)
        }
    };
    let query = query.into_sql();
    let row: Option<FoundRow<'_>> = with_connection!(store, c => query.get_result(c).optional())?;
    Ok(row.map(Found::try_from).transpose()?.unwrap_or_default())
}

pub(crate) fn scan(store: &mut StoreConnection, scan: &Scan) -> Result<Vec<Address>, WorkError> {
    let rows: Vec<AddressRow<'_>> = with_connection!(store, c => {
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
    let current: Vec<(AddressRow<'_>, Option<i64>)> = with_connection!(store, c => addresses::table
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
    Ok(with_connection!(store, c => address_revisions::table
        .filter(address_revisions::customer_id.eq(customer_id))
        .filter(address_revisions::changed_at.le(at.unix_ms()))
        .filter(address_revisions::change.ne(ChangeKind::Removed.as_str()))
        .filter(next.is_null())
        .select(past_address_columns())
        .load(c))?)
}

/// Returns the revisions of an address, newest first, and the revision of the book. Must run in a
/// transaction that reads.
pub(crate) fn revisions(
    store: &mut StoreConnection,
    customer_id: &CustomerId,
    id: &AddressId,
    range: RevisionRange,
) -> Result<AddressRevisions, WorkError> {
    let head = head(store, customer_id)?;
    let before = range.before.map_or(i64::MAX, |before| before.get().into());
    let mut rows: Vec<RevisionRow<'_>> = with_connection!(store, c => address_revisions::table
        .filter(address_revisions::customer_id.eq(customer_id.as_str()))
        .filter(address_revisions::id.eq(id.as_str()))
        .filter(address_revisions::revision.lt(before))
        .order(address_revisions::revision.desc())
        .limit(range.limit.into())
        .select((past_address_columns(), address_revisions::change, address_revisions::changed_at))
        .load(c))?;
    // The current state of the address, which is newer than all of those.
    let query = addresses::table
        .find((customer_id.as_str(), id.as_str()))
        .filter(addresses::revision.lt(before));
    let current: Option<(AddressRow<'_>, Option<i64>)> = with_connection!(store, c => query
        .select((AddressRow::as_select(), addresses::changed_at))
        .get_result(c)
        .optional())?;
    if let Some((row, changed_at)) = current {
        let change = change_after(rows.first().map(|(_, change, _)| change.as_str()));
        let changed_at = changed_at.unwrap_or(row.updated_at);
        rows.insert(0, (row, change.as_str().to_owned(), changed_at));
        rows.truncate(range.limit as usize);
    }
    Ok(AddressRevisions {
        revisions: rows.into_iter().map(revision).collect::<Result<_, _>>()?,
        book_revision: head.revision,
    })
}

/// Returns the default addresses of customers. Several steps must run in a transaction that reads.
pub(crate) fn default_addresses(
    store: &mut StoreConnection,
    customers: &[CustomerId],
) -> Result<Vec<BookDefaults>, WorkError> {
    type Row = (String, i64, Option<String>, Option<String>);
    let ids: Vec<_> = customers.iter().map(CustomerId::as_str).collect();
    let rows: Vec<Row> = with_connection!(store, c => address_books::table
        .left_join(default_addresses::table
            .on(default_addresses::customer_id.eq(address_books::customer_id)))
        .filter(address_books::customer_id.eq_any(ids))
        .select((
            address_books::customer_id,
            address_books::revision,
            default_addresses::purpose.nullable(),
            default_addresses::address_id.nullable(),
        ))
        .load(c))?;
    let mut found: HashMap<String, (u64, Vec<(Purpose, AddressId)>)> = HashMap::new();
    for (customer_id, revision, purpose, address_id) in rows {
        let revision = revision.try_into().map_err(|_| damaged_book("revision"))?;
        let (_, entries) = found.entry(customer_id).or_insert((revision, Vec::new()));
        if let (Some(purpose), Some(address_id)) = (purpose, address_id) {
            let damaged = |field| Inconsistency {
                record: "default address",
                key: address_id.clone(),
                field,
            };
            let purpose = Purpose::parse(&purpose).map_err(|_| damaged("purpose"))?;
            let id = AddressId::parse(&address_id).map_err(|_| damaged("address_id"))?;
            entries.push((purpose, id));
        }
    }
    let defaults = |customer_id: &CustomerId| {
        let found = found.get(customer_id.as_str());
        found.map_or_else(BookDefaults::default, |(revision, entries)| BookDefaults {
            revision: *revision,
            addresses: entries.iter().cloned().collect(),
        })
    };
    Ok(customers.iter().map(defaults).collect())
}

/// The number of customers whose default addresses one statement reads. SQLite allows 32,766 values.
pub(crate) const CUSTOMERS_AT_ONCE: usize = 1_000;

pub(crate) fn idempotency_record(
    store: &mut StoreConnection,
    customer_id: CustomerId,
    key: IdempotencyKey,
) -> Result<Option<IdempotencyRecord>, WorkError> {
    let row: Option<(Vec<u8>, String, i64)> = with_connection!(store, c => idempotency_records::table
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
