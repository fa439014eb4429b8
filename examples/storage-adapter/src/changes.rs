use addressbook_domain::{
    Change, ChangeKind, Commit, Committed, DefaultAddressChange, Erased, IdempotencyRecord,
    Refusal, Revision, Timestamp,
};
use redb::{ReadableTable, Table, WriteTransaction};

use crate::error::Failed;
use crate::rows::{AddressRow, RecordRow, RevisionRow, address_row, damaged};
use crate::tables::{
    ADDRESSES, BOOKS, DEFAULT_ADDRESSES, LAST_COMMIT, RECORDS, RECORDS_BY_AGE, REVISIONS, end_of,
};

/// The tables that a transaction writes.
pub(crate) struct Tables<'t> {
    addresses: Table<'t, (&'static str, &'static str), AddressRow<'static>>,
    revisions: Table<'t, (&'static str, &'static str, u32), RevisionRow<'static>>,
    books: Table<'t, &'static str, (u64, u64, u64)>,
    records: Table<'t, (&'static str, &'static str), RecordRow<'static>>,
    records_by_age: Table<'t, (i64, &'static str, &'static str), ()>,
    default_addresses: Table<'t, (&'static str, &'static str), &'static str>,
    last_commit: Table<'t, (), u64>,
}

impl<'t> Tables<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, Failed> {
        Ok(Self {
            addresses: transaction.open_table(ADDRESSES)?,
            revisions: transaction.open_table(REVISIONS)?,
            books: transaction.open_table(BOOKS)?,
            records: transaction.open_table(RECORDS)?,
            records_by_age: transaction.open_table(RECORDS_BY_AGE)?,
            default_addresses: transaction.open_table(DEFAULT_ADDRESSES)?,
            last_commit: transaction.open_table(LAST_COMMIT)?,
        })
    }

    pub(crate) fn commit(&mut self, commit: &Commit) -> Result<Committed, Failed> {
        let last = self.last_commit.get(())?.map_or(0, |last| last.value());
        let number = last + 1;
        self.check_expected(commit)?;
        for index in 0..commit.changes.len() {
            self.make(commit, index, number)?; // the next change sees its effect
        }
        for (index, change) in commit.default_addresses.iter().enumerate() {
            self.set_default(change, index, number)?;
        }
        if let Some((record, expired_before)) = commit.record() {
            self.store(&record, expired_before)?;
        }
        self.last_commit.insert((), number)?;
        let book_revisions = commit.customers().map(|id| (id.clone(), number)).collect();
        Ok(Committed { book_revisions })
    }

    /// Refuses a commit to a book that is not at the expected revision.
    fn check_expected(&self, commit: &Commit) -> Result<(), Failed> {
        for customer_id in commit.customers() {
            if let Some(expected) = commit.expected_revisions.get(customer_id) {
                let book = self.books.get(customer_id.as_str())?;
                if book.map_or(0, |book| book.value().1) != *expected {
                    return Err(Refusal::BookChanged.into());
                }
            }
        }
        Ok(())
    }

    /// Makes one change of a commit, if it matches the stored state.
    fn make(&mut self, commit: &Commit, index: usize, number: u64) -> Result<(), Failed> {
        let change = &commit.changes[index];
        let address = change.address();
        let (customer_id, id) = (address.customer_id.as_str(), address.id.as_str());
        let (kind, expected) = match change {
            Change::Create(_) => (ChangeKind::Created, None),
            Change::Replace { expected, .. } => (ChangeKind::Updated, Some(expected.get())),
            Change::Remove { expected, .. } => (ChangeKind::Removed, Some(expected.get())),
        };
        let current = self.addresses.get((customer_id, id))?;
        if current.map(|row| row.value().0) != expected {
            return Err(Refusal::Conflict { index }.into());
        }
        let (held, past) = self.books.get(customer_id)?.map_or((0, 0), |book| {
            let (held, _, past) = book.value();
            (held, past)
        });
        if kind == ChangeKind::Created && held >= commit.max_addresses.into() {
            return Err(Refusal::BookFull { index }.into());
        }
        if kind != ChangeKind::Removed && past >= commit.max_past_revisions.into() {
            return Err(Refusal::HistoryFull { index }.into());
        }

        let revision = self.last_revision(customer_id, id)?;
        let revision = revision.map_or(Revision::FIRST, Revision::next);
        let row = address_row(address, revision);
        let (held, past) = match kind {
            ChangeKind::Created => (Some(held + 1), past),
            ChangeKind::Updated => (Some(held), past + 1),
            ChangeKind::Removed => (held.checked_sub(1), past + 2),
        };
        let held = held.ok_or_else(|| damaged("address book", "", "addresses"))?;
        match kind {
            ChangeKind::Removed => {
                self.addresses.remove((customer_id, id))?;
                let theirs = (customer_id, "")..(&*end_of(customer_id), "");
                self.default_addresses
                    .retain_in(theirs, |_, default| default != id)?;
            }
            _ => drop(self.addresses.insert((customer_id, id), row)?),
        }
        let revision_row = (kind.as_str(), commit.at.unix_ms(), row);
        let revision_key = (customer_id, id, revision.get());
        self.revisions.insert(revision_key, revision_row)?;
        self.books.insert(customer_id, (held, number, past))?;
        Ok(())
    }

    /// Sets or clears a default address.
    fn set_default(
        &mut self,
        change: &DefaultAddressChange,
        index: usize,
        number: u64,
    ) -> Result<(), Failed> {
        let customer_id = change.customer_id.as_str();
        let key = (customer_id, change.purpose.as_str());
        match &change.address_id {
            Some(id) if self.addresses.get((customer_id, id.as_str()))?.is_none() => {
                return Err(Refusal::NotInBook { index }.into());
            }
            Some(id) => drop(self.default_addresses.insert(key, id.as_str())?),
            None => drop(self.default_addresses.remove(key)?),
        }
        let book = self.books.get(customer_id)?.map(|book| book.value());
        let (held, _, past) = book.unwrap_or_default();
        self.books.insert(customer_id, (held, number, past))?;
        Ok(())
    }

    /// The number of the last revision of an address, which may be its removal.
    fn last_revision(&self, customer_id: &str, id: &str) -> Result<Option<Revision>, Failed> {
        let all = (customer_id, id, 0)..=(customer_id, id, u32::MAX);
        let last = self.revisions.range(all)?.next_back().transpose()?;
        Ok(last.and_then(|(key, _)| Revision::new(key.value().2)))
    }

    /// Stores a record, unless one with the same key exists that has not expired.
    fn store(
        &mut self,
        record: &IdempotencyRecord,
        expired_before: Timestamp,
    ) -> Result<(), Failed> {
        let (customer_id, key) = (record.customer_id.as_str(), record.key.as_str());
        let known = self.records.get((customer_id, key))?;
        if let Some(known_at) = known.map(|row| row.value().2) {
            if known_at >= expired_before.unix_ms() {
                return Err(Refusal::KeyTaken.into());
            }
            self.records_by_age.remove((known_at, customer_id, key))?;
        }
        let created_at = record.created_at.unix_ms();
        let row = (
            &record.fingerprint.0,
            record.address_id.as_str(),
            created_at,
        );
        self.records.insert((customer_id, key), row)?;
        self.records_by_age
            .insert((created_at, customer_id, key), ())?;
        Ok(())
    }

    pub(crate) fn prune(&mut self, before: Timestamp, limit: u32) -> Result<u64, Failed> {
        let older = ..(before.unix_ms(), "", "");
        let mut pruned = 0;
        let oldest = self.records_by_age.extract_from_if(older, |_, ()| true)?;
        for record in oldest.take(limit as usize) {
            let (age_key, _) = record?;
            let (_, customer_id, key) = age_key.value();
            self.records.remove((customer_id, key))?;
            pruned += 1;
        }
        Ok(pruned)
    }

    pub(crate) fn erase(&mut self, customer_id: &str) -> Result<Erased, Failed> {
        let end = end_of(customer_id);
        let mut erased = Erased::default();
        self.addresses
            .retain_in((customer_id, "")..(end.as_str(), ""), |_, _| {
                erased.addresses += 1;
                false
            })?;
        self.revisions
            .retain_in((customer_id, "", 0)..(end.as_str(), "", 0), |_, _| {
                erased.revisions += 1;
                false
            })?;
        let mut ages = Vec::new();
        self.records.retain_in(
            (customer_id, "")..(end.as_str(), ""),
            |(_, key), (_, _, created_at)| {
                ages.push((created_at, key.to_owned()));
                false
            },
        )?;
        for (created_at, key) in &ages {
            self.records_by_age
                .remove((*created_at, customer_id, key.as_str()))?;
        }
        erased.idempotency_records = ages.len() as u64;
        self.default_addresses
            .retain_in((customer_id, "")..(end.as_str(), ""), |_, _| {
                erased.default_addresses += 1;
                false
            })?;
        self.books.remove(customer_id)?;
        Ok(erased)
    }
}
