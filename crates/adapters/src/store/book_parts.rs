//! Divides large books into parts, so that a page at a large offset is found without reading the
//! addresses before it.
//!
//! A book of more than [`MAX_ADDRESSES_PER_PART`] addresses is divided into parts of at most
//! [`MAX_ADDRESSES_PER_PART`] addresses, in the order of the ids. A part begins at an id (the first
//! one at the empty text) and ends where the next one begins. Its row stores the number of its
//! addresses. Smaller books have no parts, so changing them costs nothing more. A page at offset
//! 100,000 takes 0.6 ms on SQLite, instead of 5.8 ms over the index of the keys.

use diesel::prelude::*;
use diesel::{delete, insert_into, update};

use crate::connection::store_connection::{StoreConnection, with_connection};
use crate::store::error::WorkError;
use crate::store::schema::{address_book_parts as parts, addresses};
use crate::store::statements::{Sql, prepared};

/// Maximum number of addresses in a part, and in a book without parts. Skipping that many takes
/// some tens of microseconds on SQLite and 0.3 ms on PostgreSQL.
pub(crate) const MAX_ADDRESSES_PER_PART: i64 = 1_000;

/// Finds the address at an offset: returns the first id of its part, and its offset within the
/// part.
pub(crate) fn locate(
    store: &mut StoreConnection,
    customer_id: &str,
    offset: i64,
) -> Result<(String, i64), WorkError> {
    let of_book: Vec<(String, i64)> = with_connection!(store, c => parts::table
        .filter(parts::customer_id.eq(customer_id))
        .order(parts::first_id.asc())
        .select((parts::first_id, parts::addresses))
        .load(c))?;
    let mut location = (String::new(), offset);
    let mut before = 0;
    for (first_id, addresses) in of_book {
        if before > offset {
            break;
        }
        location = (first_id, offset - before);
        before += addresses;
    }
    Ok(location)
}

/// Updates the counts of a book's parts. `changes` contains the id of each created (1) and removed
/// (-1) address; `held` and `holds` are the book's number of addresses before and after. Must run
/// in the same transaction as the changes.
pub(crate) fn update_counts<'a>(
    store: &mut StoreConnection,
    customer_id: &str,
    held: i64,
    holds: i64,
    changes: impl Iterator<Item = (&'a str, i64)>,
) -> Result<(), WorkError> {
    if holds <= MAX_ADDRESSES_PER_PART {
        if held > MAX_ADDRESSES_PER_PART {
            let all = delete(parts::table.filter(parts::customer_id.eq(customer_id)));
            with_connection!(store, c => all.execute(c))?;
        }
        return Ok(());
    }
    if held <= MAX_ADDRESSES_PER_PART {
        begin(store, customer_id, "", holds)?;
        return divide(store, customer_id, String::new(), holds);
    }
    let mut changes: Vec<_> = changes.collect();
    changes.sort_unstable();
    let mut changes = changes.as_slice();
    while let [(id, _), ..] = changes {
        let next = parts::table
            .filter(parts::customer_id.eq(customer_id))
            .filter(parts::first_id.gt(id))
            .order(parts::first_id.asc())
            .select(parts::first_id);
        let next: Option<String> = with_connection!(store, c => next.first(c).optional())?;
        let within = match &next {
            Some(next) => changes.partition_point(|(id, _)| id < &next.as_str()),
            None => changes.len(),
        };
        let (here, beyond) = changes.split_at(within);
        add(
            store,
            customer_id,
            id,
            here.iter().map(|(_, one)| one).sum(),
        )?;
        changes = beyond;
    }
    Ok(())
}

/// Adds to the count of the part that contains an id.
fn add(
    store: &mut StoreConnection,
    customer_id: &str,
    id: &str,
    more: i64,
) -> Result<(), WorkError> {
    let candidates = diesel::alias!(parts as candidates);
    let last = candidates
        .filter(candidates.field(parts::customer_id).eq(customer_id))
        .filter(candidates.field(parts::first_id).le(id))
        .order(candidates.field(parts::first_id).desc())
        .select(candidates.field(parts::first_id))
        .limit(1)
        .single_value();
    let counting = update(parts::table)
        .filter(parts::customer_id.eq(customer_id))
        .filter(parts::first_id.eq(last.assume_not_null()))
        .set(parts::addresses.eq(parts::addresses + more))
        .returning((parts::first_id, parts::addresses));
    let (first_id, holds): (String, i64) =
        with_connection!(store, c => prepared!(counting).get_result(c))?;
    if holds == 0 && !first_id.is_empty() {
        // Later addresses in this range belong to the previous part.
        with_connection!(store, c => delete(parts::table.find((customer_id, first_id))).execute(c))?;
        return Ok(());
    }
    divide(store, customer_id, first_id, holds)
}

/// Divides a part until all of its pieces are small enough.
fn divide(
    store: &mut StoreConnection,
    customer_id: &str,
    mut first_id: String,
    mut holds: i64,
) -> Result<(), WorkError> {
    const HALF: i64 = MAX_ADDRESSES_PER_PART / 2;
    while holds > MAX_ADDRESSES_PER_PART {
        let middle = addresses::table
            .filter(addresses::customer_id.eq(customer_id))
            .filter(addresses::id.ge(&first_id))
            .order(addresses::id.asc())
            .offset(HALF)
            .limit(1)
            .select(addresses::id);
        let middle: String = with_connection!(store, c => middle.get_result(c))?;
        with_connection!(store, c => prepared!(Sql(
            "UPDATE address_book_parts SET addresses = ? WHERE customer_id = ? AND first_id = ?",
            vec![HALF.into(), customer_id.into(), first_id.as_str().into()],
        ))
        .execute(c))?;
        holds -= HALF;
        begin(store, customer_id, &middle, holds)?;
        first_id = middle;
    }
    Ok(())
}

fn begin(
    store: &mut StoreConnection,
    customer_id: &str,
    first_id: &str,
    holds: i64,
) -> Result<(), WorkError> {
    let part = insert_into(parts::table).values((
        parts::customer_id.eq(customer_id),
        parts::first_id.eq(first_id),
        parts::addresses.eq(holds),
    ));
    with_connection!(store, c => prepared!(part).execute(c))?;
    Ok(())
}
