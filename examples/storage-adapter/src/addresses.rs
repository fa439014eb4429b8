use std::ops::Bound::{Excluded, Included, Unbounded};

use addressbook_domain::{
    Address, AddressContent, AddressId, AddressPage, AddressRepository, AddressRevision,
    AddressRevisions, BookDefaults, BookHead, ChangeKind, Commit, CommitError, Committed,
    CustomerId, Erased, Found, IdempotencyKey, IdempotencyRecord, Listing, Lookup, PageRequest,
    PageStart, RepositoryError, RevisionRange, Scan, Timestamp,
};
use async_trait::async_trait;
use redb::ReadTransaction;

use crate::RedbStore;
use crate::changes::Tables;
use crate::error::Failed;
use crate::rows::{self, AddressRow};
use crate::tables::{ADDRESSES, BOOKS, DEFAULT_ADDRESSES, RECORDS, REVISIONS, end_of};

fn head(transaction: &ReadTransaction, customer_id: &str) -> Result<BookHead, Failed> {
    let book = transaction.open_table(BOOKS)?.get(customer_id)?;
    let (addresses, revision, _) = book.map_or((0, 0, 0), |book| book.value());
    Ok(BookHead {
        addresses,
        revision,
    })
}

fn defaults(transaction: &ReadTransaction, customer_id: &str) -> Result<BookDefaults, Failed> {
    let defaults = transaction.open_table(DEFAULT_ADDRESSES)?;
    let end = end_of(customer_id);
    let mut found = Vec::new();
    for entry in defaults.range((customer_id, "")..(end.as_str(), ""))? {
        let (key, id) = entry?;
        found.push(rows::default_address(key.value().1, id.value())?);
    }
    Ok(BookDefaults {
        revision: head(transaction, customer_id)?.revision,
        addresses: found.into_iter().collect(),
    })
}

fn find_address(transaction: &ReadTransaction, lookup: &Lookup) -> Result<Option<Address>, Failed> {
    let addresses = transaction.open_table(ADDRESSES)?;
    match lookup {
        Lookup::Id(customer_id, id) => {
            let (customer_id, id) = (customer_id.as_str(), id.as_str());
            let found = addresses.get((customer_id, id))?;
            let found = found.map(|row| rows::address(customer_id, id, row.value()));
            Ok(found.transpose()?)
        }
        Lookup::Content(customer_id, content) => {
            let customer_id = customer_id.as_str();
            let end = end_of(customer_id);
            for entry in addresses.range((customer_id, "")..(end.as_str(), ""))? {
                let (key, row) = entry?;
                if has_content(row.value(), content) {
                    return Ok(Some(rows::address(
                        customer_id,
                        key.value().1,
                        row.value(),
                    )?));
                }
            }
            Ok(None)
        }
    }
}

fn find(transaction: &ReadTransaction, lookup: &Lookup) -> Result<Found, Failed> {
    let (Lookup::Id(customer_id, _) | Lookup::Content(customer_id, _)) = lookup;
    Ok(Found {
        address: find_address(transaction, lookup)?,
        book_revision: head(transaction, customer_id.as_str())?.revision,
    })
}

fn has_content(row: AddressRow<'_>, content: &AddressContent) -> bool {
    rows::columns(row) == content.columns()
}

/// All current addresses of a book.
fn book(transaction: &ReadTransaction, customer_id: &str) -> Result<Vec<Address>, Failed> {
    let end = end_of(customer_id);
    let addresses = transaction.open_table(ADDRESSES)?;
    let mut book = Vec::new();
    for entry in addresses.range((customer_id, "")..(end.as_str(), ""))? {
        let (key, row) = entry?;
        book.push(rows::address(customer_id, key.value().1, row.value())?);
    }
    Ok(book)
}

/// All addresses of a book, as it was at a time. The key orders the revisions of an address by
/// number, so the last one that is not later than `at` is the latest.
fn book_then(
    transaction: &ReadTransaction,
    customer_id: &str,
    at: Timestamp,
) -> Result<Vec<Address>, Failed> {
    let end = end_of(customer_id);
    let revisions = transaction.open_table(REVISIONS)?;
    let mut latest: Vec<AddressRevision> = Vec::new();
    for entry in revisions.range((customer_id, "", 0)..(end.as_str(), "", 0))? {
        let (key, row) = entry?;
        let revision = rows::revision(customer_id, key.value().1, row.value())?;
        if revision.changed_at > at {
            continue;
        }
        let id = &revision.address.id;
        latest.pop_if(|earlier| earlier.address.id == *id);
        latest.push(revision);
    }
    latest.retain(|revision| revision.change != ChangeKind::Removed);
    Ok(latest
        .into_iter()
        .map(|revision| revision.address)
        .collect())
}

#[async_trait]
impl AddressRepository for RedbStore {
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: &PageRequest,
    ) -> Result<AddressPage, RepositoryError> {
        let (customer_id, page) = (customer_id.clone(), page.clone());
        self.read(move |transaction| {
            let customer_id = customer_id.as_str();
            let mut found = AddressPage::new(head(transaction, customer_id)?);
            let (skipped, first) = match &page.start {
                PageStart::Offset(offset) => (offset.get(), Included((customer_id, ""))),
                PageStart::After(position) => (0, Excluded((customer_id, position.id.as_str()))),
            };
            let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
            let end = end_of(customer_id);
            let addresses = transaction.open_table(ADDRESSES)?;
            let rest = addresses.range((first, Excluded((end.as_str(), ""))))?;
            for entry in rest.skip(skipped).take(page.limit.get().into()) {
                let (key, row) = entry?;
                found.push(rows::address_ref(key.value().1, row.value())?)?;
            }
            Ok(found)
        })
        .await
    }

    async fn page_of(
        &self,
        customer_id: &CustomerId,
        listing: &Listing,
    ) -> Result<AddressPage, RepositoryError> {
        let (customer_id, listing) = (customer_id.clone(), listing.clone());
        self.read(move |transaction| {
            let customer_id = customer_id.as_str();
            let addresses = match listing.as_of {
                None => book(transaction, customer_id)?,
                Some(at) => book_then(transaction, customer_id, at)?,
            };
            Ok(listing.apply(head(transaction, customer_id)?, addresses)?)
        })
        .await
    }

    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        let customer_id = customer_id.clone();
        self.read(move |transaction| head(transaction, customer_id.as_str()))
            .await
    }

    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Found>, RepositoryError> {
        self.read(move |transaction| {
            let found = lookups.iter().map(|lookup| find(transaction, lookup));
            found.collect()
        })
        .await
    }

    async fn default_addresses(
        &self,
        customers: Vec<CustomerId>,
    ) -> Result<Vec<BookDefaults>, RepositoryError> {
        self.read(move |transaction| {
            let customers = customers.iter().map(CustomerId::as_str);
            let found = customers.map(|customer_id| defaults(transaction, customer_id));
            found.collect()
        })
        .await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.write(move |transaction| Tables::open(transaction)?.commit(&commit))
            .await
    }

    async fn revisions(
        &self,
        customer_id: &CustomerId,
        id: &AddressId,
        range: RevisionRange,
    ) -> Result<AddressRevisions, RepositoryError> {
        let (customer_id, id) = (customer_id.clone(), id.clone());
        self.read(move |transaction| {
            let (customer_id, id) = (customer_id.as_str(), id.as_str());
            let before = match range.before {
                Some(before) => Excluded((customer_id, id, before.get())),
                None => Included((customer_id, id, u32::MAX)),
            };
            let revisions = transaction.open_table(REVISIONS)?;
            let earlier = revisions.range((Included((customer_id, id, 0)), before))?;
            let mut found = Vec::new();
            for entry in earlier.rev().take(range.limit as usize) {
                found.push(rows::revision(customer_id, id, entry?.1.value())?);
            }
            Ok(AddressRevisions {
                revisions: found,
                book_revision: head(transaction, customer_id)?.revision,
            })
        })
        .await
    }

    async fn idempotency_record(
        &self,
        customer_id: &CustomerId,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, RepositoryError> {
        let (customer_id, key) = (customer_id.clone(), key.clone());
        self.read(move |transaction| {
            let records = transaction.open_table(RECORDS)?;
            let found = records.get((customer_id.as_str(), key.as_str()))?;
            let found = found.map(|row| rows::record(customer_id, key, row.value()));
            Ok(found.transpose()?)
        })
        .await
    }

    async fn prune_idempotency_records(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, RepositoryError> {
        self.write(move |transaction| Tables::open(transaction)?.prune(before, limit))
            .await
    }

    async fn erase(&self, customer_id: &CustomerId) -> Result<Erased, RepositoryError> {
        let customer_id = customer_id.clone();
        self.write(move |transaction| Tables::open(transaction)?.erase(customer_id.as_str()))
            .await
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError> {
        self.read(move |transaction| {
            let whose = scan.customer_id.as_ref().map(CustomerId::as_str);
            let after = scan.after.as_ref();
            let after = after.map(|(customer_id, id)| (customer_id.as_str(), id.as_str()));
            let begin = match (whose.map(|customer_id| (customer_id, "")), after) {
                (Some(begin), after) if after < Some(begin) => Included(begin),
                (_, Some(after)) => Excluded(after),
                (_, None) => Unbounded,
            };
            let end = whose.map(end_of);
            let end = end.as_deref().map_or(Unbounded, |end| Excluded((end, "")));
            let addresses = transaction.open_table(ADDRESSES)?;
            let mut found = Vec::new();
            for entry in addresses.range((begin, end))?.take(scan.limit as usize) {
                let (key, row) = entry?;
                let (customer_id, id) = key.value();
                found.push(rows::address(customer_id, id, row.value())?);
            }
            Ok(found)
        })
        .await
    }

    async fn ready(&self) -> Result<(), RepositoryError> {
        self.read(|transaction| {
            transaction.open_table(BOOKS)?;
            Ok(())
        })
        .await
    }
}
