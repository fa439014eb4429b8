//! Overwrites old data in unused space of SQLite's pages.
//!
//! `PRAGMA secure_delete` overwrites rows when they are deleted. But when SQLite rebuilds a page of
//! a b-tree from its cells, for example to balance neighbours, old bytes remain in the gap between
//! the page's cell pointers and its cells. They are copies of rows, which may belong to a customer
//! who is erased later. This module fills such gaps with zeros.

use std::ops::Range;

use rusqlite::{Connection, TransactionBehavior};

/// Number of pages that one [`step`] checks: 4 MiB with SQLite's default page size, which takes
/// some milliseconds.
pub(crate) const STEP_PAGES: u32 = 1_000;

/// From this page number on, an overflow page may look like a b-tree page, because its first byte
/// is that of the next page's number: 128 GiB with SQLite's default page size.
const FIRST_AMBIGUOUS_PAGE: u32 = 0x0200_0000;

/// Fills the gaps of [`STEP_PAGES`] pages with zeros, starting at page `from`. Returns the first
/// page of the next step, or `None` at the end of the database.
///
/// # Errors
/// SQLite's errors. If SQLite was built without `SQLITE_ENABLE_DBPAGE_VTAB`, the table
/// `sqlite_dbpage` does not exist.
pub(crate) fn step(connection: &mut Connection, from: u32) -> rusqlite::Result<Option<u32>> {
    let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if pages >= FIRST_AMBIGUOUS_PAGE {
        tracing::warn!("the database is too large to overwrite unused space in its pages");
        return Ok(None);
    }
    let end = pages.saturating_add(1).min(from.saturating_add(STEP_PAGES));
    let stained = stained_pages(connection, from..end)?;
    if !stained.is_empty() {
        // From here on nobody else writes, so read the pages again.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for number in stained {
            let mut page = read(&transaction, number)?;
            if let Some(gap) = gap(number, &page) {
                page[gap].fill(0);
                transaction
                    .prepare_cached("UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?")?
                    .execute((page, number))?;
            }
        }
        transaction.commit()?;
    }
    Ok((end <= pages).then_some(end))
}

/// Fills all gaps of a database with zeros.
///
/// # Errors
/// The same as [`step`].
pub(crate) fn scrub_database(connection: &mut Connection) -> rusqlite::Result<()> {
    let mut next = Some(1);
    while let Some(from) = next {
        next = step(connection, from)?;
    }
    Ok(())
}

/// The pages whose gap contains bytes other than zero.
fn stained_pages(connection: &Connection, numbers: Range<u32>) -> rusqlite::Result<Vec<u32>> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE numbers (n) AS (
             VALUES (?1) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2)
         SELECT n, data FROM numbers CROSS JOIN sqlite_dbpage ON pgno = n",
    )?;
    let mut rows = statement.query((numbers.start, numbers.end))?;
    let mut stained = Vec::new();
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        let page = row.get_ref(1)?.as_blob().unwrap_or_default();
        if let Some(gap) = gap(number, page)
            && page[gap].iter().any(|byte| *byte != 0)
        {
            stained.push(number);
        }
    }
    Ok(stained)
}

fn read(connection: &Connection, number: u32) -> rusqlite::Result<Vec<u8>> {
    connection
        .prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?")?
        .query_row([number], |row| row.get(0))
}

/// The unused space between the cell pointers and the cells of a b-tree page
/// (<https://www.sqlite.org/fileformat2.html#b_tree_pages>). `None` for other pages.
fn gap(number: u32, page: &[u8]) -> Option<Range<usize>> {
    // The first page begins with the header of the database.
    let header = if number == 1 { 100 } else { 0 };
    let header_length = match page.get(header)? {
        2 | 5 => 12,
        10 | 13 => 8,
        _ => return None,
    };
    let two_bytes = |offset: usize| {
        let bytes = page.get(header + offset..)?.first_chunk()?;
        Some(usize::from(u16::from_be_bytes(*bytes)))
    };
    let cells = two_bytes(3)?;
    let begin = header + header_length + 2 * cells;
    let end = match two_bytes(5)? {
        0 => 0x1_0000,
        offset => offset,
    };
    // Do not change a damaged page: all cells and free blocks must be after the gap.
    let is_behind = |offset: usize| two_bytes(offset).is_some_and(|pointer| pointer >= end);
    let mut pointers = (0..cells).map(|cell| header_length + 2 * cell);
    let is_whole = pointers.all(is_behind) && (two_bytes(1)? == 0 || is_behind(1));
    (is_whole && begin <= end && end <= page.len()).then_some(begin..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_of_a_page_is_between_pointers_and_cells() {
        let mut page = vec![0; 512];
        page[..7].copy_from_slice(&[10, 0, 0, 0, 3, 1, 0]);
        assert_eq!(gap(2, &page), None, "the cells would be in the gap");
        page[8..14].copy_from_slice(&[1, 100, 1, 50, 1, 0]);
        assert_eq!(gap(2, &page), Some(14..256));
        page[2] = 200;
        assert_eq!(gap(2, &page), None, "a free block would be in the gap");
        page[1..3].copy_from_slice(&[1, 200]);
        assert_eq!(gap(2, &page), Some(14..256));
        page.copy_within(8..14, 12);
        page[0] = 2;
        assert_eq!(gap(2, &page), Some(18..256));
        assert_eq!(
            gap(1, &page),
            None,
            "the page starts with the header of the database"
        );
        page[0] = 1;
        assert_eq!(gap(2, &page), None, "not a b-tree page");
        page[..7].copy_from_slice(&[13, 0, 0, 1, 0, 1, 0]);
        assert_eq!(gap(2, &page), None, "the pointers would overlap the cells");
        assert_eq!(gap(2, &[13]), None);
    }

    #[test]
    fn gaps_are_overwritten_and_rows_are_unchanged() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "PRAGMA secure_delete = OFF;
                 CREATE TABLE t (a TEXT PRIMARY KEY, b TEXT) WITHOUT ROWID;
                 WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                 INSERT INTO t SELECT i, 'text of ' || i || hex(zeroblob(i % 100)) FROM n;
                 DELETE FROM t WHERE b LIKE '%7%'",
            )
            .unwrap();
        let rows = |connection: &Connection| -> String {
            let all = "SELECT group_concat(a || b) FROM (SELECT * FROM t ORDER BY a)";
            connection.query_row(all, [], |row| row.get(0)).unwrap()
        };
        let before = rows(&connection);
        let stained = |connection: &Connection| stained_pages(connection, 1..10_000).unwrap().len();
        assert_ne!(stained(&connection), 0);
        scrub_database(&mut connection).unwrap();
        assert_eq!(stained(&connection), 0);
        assert_eq!(rows(&connection), before);
        let check = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let whole = connection.query_row("PRAGMA integrity_check", [], check);
        assert_eq!(whole.unwrap(), "ok");
    }
}
