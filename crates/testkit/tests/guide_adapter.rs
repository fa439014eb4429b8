//! A complete small storage adapter, and the proof that it fulfils the contract.
//!
//! `docs/guides/write-a-storage-adapter.md` walks through the code between the two marks
//! below. The last test here sees to it that the guide shows this very code.

// guide: begin
use std::sync::{Arc, Mutex, MutexGuard};

use addressbook_domain::{
    Address, AddressId, AddressPage, AddressRef, AddressRepository, BookHead, Change, Commit,
    CustomData, CustomerId, Description, Lookup, PageRequest, RepositoryError, Scan,
};
use async_trait::async_trait;

/// Keeps every state that an address ever had, one after the other. The latest one counts.
#[derive(Default)]
struct LogRepository {
    log: Mutex<Vec<Address>>,
}

impl LogRepository {
    /// The log, for as long as one call takes: that makes each call a transaction.
    fn log(&self) -> Result<MutexGuard<'_, Vec<Address>>, RepositoryError> {
        self.log
            .lock()
            .map_err(|_| RepositoryError::Internal("a thread panicked at work on the log".into()))
    }
}

/// What tells addresses apart and orders them. Both ids compare by bytes, as the port asks.
fn key(address: &Address) -> (&CustomerId, &AddressId) {
    (&address.customer_id, &address.id)
}

/// The addresses of one customer, or of all, as they are now, by ascending key.
fn current<'a>(log: &'a [Address], customer_id: Option<&CustomerId>) -> Vec<&'a Address> {
    let newest_first = log.iter().rev();
    let mut found: Vec<_> = newest_first
        .filter(|address| customer_id.is_none_or(|id| *id == address.customer_id))
        .collect();
    // The sort is stable, so of each address the newest state stays in front.
    found.sort_by_key(|address| key(address));
    found.dedup_by_key(|address| key(address));
    found
}

/// The head of the book that holds these addresses. Each change of a book adds one entry to the
/// log and none is ever taken out, so their number is a revision.
fn head_of(log: &[Address], customer_id: &CustomerId, addresses: &[&Address]) -> BookHead {
    let entries = log.iter().filter(|entry| entry.customer_id == *customer_id);
    BookHead {
        addresses: addresses.len() as u64,
        revision: entries.count() as u64,
    }
}

#[async_trait]
impl AddressRepository for LogRepository {
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: PageRequest,
    ) -> Result<AddressPage, RepositoryError> {
        let log = self.log()?;
        let book = current(&log, Some(customer_id));
        let mut listed = AddressPage::new(head_of(&log, customer_id, &book));
        let offset = usize::try_from(page.offset.get()).unwrap_or(usize::MAX);
        for address in book.iter().skip(offset).take(page.limit.get().into()) {
            let content = &address.content;
            listed.push(AddressRef {
                id: address.id.as_str(),
                description: content.description.as_ref().map(Description::as_str),
                region: content.region.as_str(),
                city: content.city.as_str(),
                country: content.country.as_str(),
                custom_data: content.custom_data.as_ref().map(CustomData::as_str),
                created_at: address.created_at,
                updated_at: address.updated_at,
            })?;
        }
        Ok(listed)
    }

    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        let log = self.log()?;
        let book = current(&log, Some(customer_id));
        Ok(head_of(&log, customer_id, &book))
    }

    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Option<Address>>, RepositoryError> {
        let log = self.log()?;
        let answer = |lookup: &Lookup| {
            let (Lookup::Id(customer_id, _) | Lookup::Content(customer_id, _)) = lookup;
            let mut book = current(&log, Some(customer_id)).into_iter();
            book.find(|address| match lookup {
                Lookup::Id(_, id) => address.id == *id,
                Lookup::Content(_, content) => address.content == *content,
            })
            .cloned()
        };
        Ok(lookups.iter().map(answer).collect())
    }

    async fn commit(&self, commit: Commit) -> Result<(), RepositoryError> {
        let mut log = self.log()?;
        let before = log.len();
        for (index, change) in commit.changes.into_iter().enumerate() {
            let (address, expected) = match change {
                Change::Create(address) => (address, None),
                Change::Replace { address, expected } => (address, Some(expected)),
            };
            let latest = log.iter().rev().find(|entry| key(entry) == key(&address));
            if latest.map(|entry| entry.revision) != expected {
                log.truncate(before); // all or nothing
                return Err(RepositoryError::Conflict { index });
            }
            log.push(address); // from here on, later changes see it
        }
        Ok(())
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError> {
        let log = self.log()?;
        let addresses = current(&log, scan.customer_id.as_ref()).into_iter();
        let is_after = |address: &&Address| match &scan.after {
            Some((customer_id, id)) => key(address) > (customer_id, id),
            None => true,
        };
        let found = addresses.filter(is_after).take(scan.limit as usize);
        Ok(found.cloned().collect())
    }

    async fn ready(&self) -> Result<(), RepositoryError> {
        self.log().map(drop)
    }
}

/// An empty repository for one test, and whatever has to live as long as it does: the folder
/// of its files, for instance. Nothing here.
fn subject() -> (Arc<dyn AddressRepository>, ()) {
    (Arc::new(LogRepository::default()), ())
}

addressbook_testkit::address_repository_contract!(subject);
// guide: end

#[test]
fn the_guide_shows_this_code() {
    let between = |text: &'static str, start: &str, end: &str| -> Vec<_> {
        let pieces = text.split(start).skip(1);
        let pieces = pieces.map(|piece| piece.split(end).next().unwrap_or_default());
        pieces.map(|piece| piece.trim_matches('\n')).collect()
    };
    let source = between(
        include_str!("guide_adapter.rs"),
        "// guide: begin\n",
        "// guide: end\n",
    );
    let guide = between(
        include_str!("../../../docs/guides/write-a-storage-adapter.md"),
        "```rust title=\"crates/testkit/tests/guide_adapter.rs\"\n",
        "```\n",
    );
    assert_eq!(
        guide.join("\n\n"),
        source.concat(),
        "the guide (left) has to show the code of this file (right)"
    );
}
