use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard};

use addressbook_domain::{
    Address, AddressId, AddressPage, AddressRef, AddressRepository, BookHead, Change, Commit,
    CustomerId, Lookup, PageRequest, RepositoryError, Scan,
};
use async_trait::async_trait;

/// Keeps addresses in memory: the simplest repository that fulfils the contract, for
/// tests of whatever stands on the port.
#[derive(Debug, Default)]
pub struct InMemoryRepository {
    books: Mutex<Books>,
}

type Books = BTreeMap<CustomerId, Book>;

#[derive(Clone, Debug, Default)]
struct Book {
    revision: u64,
    addresses: BTreeMap<AddressId, Address>,
}

impl Book {
    fn head(&self) -> BookHead {
        BookHead {
            addresses: self.addresses.len() as u64,
            revision: self.revision,
        }
    }

    fn apply(&mut self, change: Change, index: usize) -> Result<(), RepositoryError> {
        let entry = self.addresses.entry(change.address().id.clone());
        match (change, entry) {
            (Change::Create(address), Entry::Vacant(place)) => {
                place.insert(address);
            }
            (Change::Replace { address, expected }, Entry::Occupied(mut place))
                if place.get().revision == expected =>
            {
                place.insert(address);
            }
            _ => return Err(RepositoryError::Conflict { index }),
        }
        Ok(())
    }
}

impl InMemoryRepository {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books
            .lock()
            .expect("no test panicked while it held the books")
    }
}

#[async_trait]
impl AddressRepository for InMemoryRepository {
    async fn list(
        &self,
        customer_id: &CustomerId,
        page: PageRequest,
    ) -> Result<AddressPage, RepositoryError> {
        let books = self.books();
        let Some(book) = books.get(customer_id) else {
            return Ok(AddressPage::default());
        };
        let offset = usize::try_from(page.offset.get()).unwrap_or(usize::MAX);
        let mut found = AddressPage::new(book.head());
        for address in book
            .addresses
            .values()
            .skip(offset)
            .take(page.limit.get().into())
        {
            found.push(borrow(address))?;
        }
        Ok(found)
    }

    async fn head(&self, customer_id: &CustomerId) -> Result<BookHead, RepositoryError> {
        Ok(self
            .books()
            .get(customer_id)
            .map(Book::head)
            .unwrap_or_default())
    }

    async fn find(&self, lookups: Vec<Lookup>) -> Result<Vec<Option<Address>>, RepositoryError> {
        let books = self.books();
        let find = |lookup: &Lookup| match lookup {
            Lookup::Id(customer_id, id) => books.get(customer_id)?.addresses.get(id).cloned(),
            Lookup::Content(customer_id, content) => {
                let mut addresses = books.get(customer_id)?.addresses.values();
                addresses
                    .find(|address| address.content == *content)
                    .cloned()
            }
        };
        Ok(lookups.iter().map(find).collect())
    }

    async fn commit(&self, commit: Commit) -> Result<(), RepositoryError> {
        let mut books = self.books();
        let mut touched = Books::new();
        for (index, change) in commit.changes.into_iter().enumerate() {
            let customer_id = change.address().customer_id.clone();
            touched
                .entry(customer_id)
                .or_insert_with_key(|id| books.get(id).cloned().unwrap_or_default())
                .apply(change, index)?;
        }
        for book in touched.values_mut() {
            book.revision += 1;
        }
        books.append(&mut touched);
        Ok(())
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Address>, RepositoryError> {
        let key = |address: &Address| (address.customer_id.clone(), address.id.clone());
        let wanted = |address: &&Address| {
            scan.customer_id
                .as_ref()
                .is_none_or(|id| *id == address.customer_id)
                && scan
                    .after
                    .as_ref()
                    .is_none_or(|after| key(address) > *after)
        };
        let books = self.books();
        let addresses = books.values().flat_map(|book| book.addresses.values());
        Ok(addresses
            .filter(wanted)
            .take(scan.limit as usize)
            .cloned()
            .collect())
    }

    async fn ready(&self) -> Result<(), RepositoryError> {
        Ok(())
    }
}

fn borrow(address: &Address) -> AddressRef<'_> {
    let content = &address.content;
    AddressRef {
        id: address.id.as_str(),
        description: content
            .description
            .as_ref()
            .map(|description| description.as_str()),
        region: content.region.as_str(),
        city: content.city.as_str(),
        country: content.country.as_str(),
        custom_data: content.custom_data.as_ref().map(|json| json.as_str()),
        created_at: address.created_at,
        updated_at: address.updated_at,
    }
}
