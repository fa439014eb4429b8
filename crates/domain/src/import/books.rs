//! The keys of the addresses in customers' books, in which duplicates of entries are found.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::ImportEntry;
use crate::address::Address;
use crate::address::match_key::MatchKey;
use crate::commit::Change;
use crate::customer_id::CustomerId;
use crate::repository::RepositoryError;
use crate::service::AddressService;

/// The books that were read, and the keys that are looked for in them.
pub(super) struct Books {
    /// The key of each entry.
    of_entries: Vec<MatchKey>,
    /// The same keys. No others are kept, so that memory does not depend on the size of the books.
    wanted: HashSet<MatchKey>,
    read: HashMap<CustomerId, Book>,
}

/// A customer's addresses at a book revision.
struct Book {
    revision: u64,
    /// How many of them have each of the wanted keys.
    addresses: HashMap<MatchKey, i64>,
}

impl Books {
    /// None was read yet.
    pub(super) fn of(entries: &[ImportEntry]) -> Self {
        let key_of = |entry: &ImportEntry| MatchKey::of(entry.content.new_content());
        let of_entries: Vec<_> = entries.iter().map(key_of).collect();
        Self {
            wanted: of_entries.iter().cloned().collect(),
            of_entries,
            read: HashMap::new(),
        }
    }

    /// Reads the books of these customers.
    pub(super) async fn read(
        &mut self,
        service: &AddressService,
        customers: HashSet<CustomerId>,
    ) -> Result<(), RepositoryError> {
        for customer_id in customers {
            // Before the addresses: if one of them changes after this, the book is no longer at
            // this revision, and a commit that expects it is refused.
            let head = service.repository.head(&customer_id).await?;
            let mut addresses = HashMap::new();
            if head.addresses > 0 {
                let scanned = service.scan_book(&customer_id, |address| {
                    let key = MatchKey::of(&address.content);
                    if self.wanted.contains(&key) {
                        *addresses.entry(key).or_default() += 1;
                    }
                });
                scanned.await?;
            }
            let revision = head.revision;
            let book = Book {
                revision,
                addresses,
            };
            self.read.insert(customer_id, book);
        }
        Ok(())
    }

    /// Forgets the books that have changed since they were read.
    pub(super) async fn forget_changed(
        &mut self,
        service: &AddressService,
    ) -> Result<(), RepositoryError> {
        let mut changed = Vec::new();
        for (customer_id, book) in &self.read {
            if service.repository.head(customer_id).await?.revision != book.revision {
                changed.push(customer_id.clone());
            }
        }
        for customer_id in changed {
            self.read.remove(&customer_id);
        }
        Ok(())
    }

    /// The revisions of the books that these changes concern, as far as they were read.
    pub(super) fn revisions(&self, changes: &[Change]) -> BTreeMap<CustomerId, u64> {
        let customers = changes.iter().map(|change| &change.address().customer_id);
        customers
            .filter_map(|id| Some((id.clone(), self.read.get(id)?.revision)))
            .collect()
    }
}

/// The keys in the books after the changes decided so far.
pub(super) struct Keys<'a> {
    books: &'a Books,
    /// How many addresses more or less than in the books have a key.
    changed: HashMap<(CustomerId, MatchKey), i64>,
    /// Customers whose books are needed, but were not read.
    pub(super) unread: HashSet<CustomerId>,
}

impl<'a> Keys<'a> {
    /// Without changes.
    pub(super) fn of(books: &'a Books) -> Self {
        Self {
            books,
            changed: HashMap::new(),
            unread: HashSet::new(),
        }
    }

    /// Whether the customer of an entry has an address with the entry's key. `index` is that of the
    /// entry.
    pub(super) fn has(&mut self, index: usize, entry: &ImportEntry) -> bool {
        let Some(book) = self.books.read.get(&entry.customer_id) else {
            self.unread.insert(entry.customer_id.clone());
            return false;
        };
        let key = &self.books.of_entries[index];
        let stored = book.addresses.get(key).unwrap_or(&0);
        let changed = self.changed.get(&(entry.customer_id.clone(), key.clone()));
        stored + changed.unwrap_or(&0) > 0
    }

    /// Counts a new address.
    pub(super) fn add(&mut self, address: &Address) {
        self.count(address, 1);
    }

    /// Counts the next state of an address instead of the current one.
    pub(super) fn replace(&mut self, current: &Address, next: &Address) {
        self.count(current, -1);
        self.count(next, 1);
    }

    fn count(&mut self, address: &Address, more: i64) {
        let key = MatchKey::of(&address.content);
        let changed = self.changed.entry((address.customer_id.clone(), key));
        *changed.or_default() += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{
        ImportError, ImportOptions, ImportOutcome, OnConflict, OnDuplicateEntry, OnError,
    };
    use crate::listing::page::BookHead;
    use crate::repository::{Lookup, MockAddressRepository, Refusal};
    use crate::testing::{
        committed, content, customer, entry, found, imported_address, reports_each_failure, service,
    };

    const SKIPPING: ImportOptions = ImportOptions {
        on_duplicate: OnDuplicateEntry::Skip,
        on_error: OnError::Stop,
        on_conflict: OnConflict::Update,
    };

    async fn import(
        repository: MockAddressRepository,
        entries: &[ImportEntry],
    ) -> Result<Vec<ImportOutcome>, ImportError> {
        service(repository).import(entries, SKIPPING).await
    }

    /// An entry of a customer that has no id and would create an address.
    fn of(customer_id: &str, city: &str) -> ImportEntry {
        ImportEntry {
            customer_id: CustomerId::parse(customer_id).unwrap(),
            id: None,
            ..entry(city)
        }
    }

    fn new(city: &str) -> ImportEntry {
        of("cus_1", city)
    }

    /// A repository in which a look-up finds only the id of an address in this book. The book is at
    /// revision 7.
    fn holding(book: Vec<Address>) -> MockAddressRepository {
        let mut repository = MockAddressRepository::new();
        let held = book.clone();
        let find = move |lookup: &Lookup| match lookup {
            Lookup::Id(_, id) => held.iter().find(|address| address.id == *id).cloned(),
            Lookup::Content(..) => None,
        };
        repository.expect_find().returning(move |lookups| {
            Ok(lookups
                .iter()
                .map(|lookup| found(7, find(lookup)))
                .collect())
        });
        let head = BookHead {
            addresses: book.len() as u64,
            revision: 7,
        };
        repository
            .expect_head()
            .times(..=1)
            .returning(move |_| Ok(head));
        repository
            .expect_scan()
            .times(..=1)
            .returning(move |_| Ok(book.clone()));
        repository
    }

    fn kigali() -> Address {
        imported_address(&entry("Kigali"))
    }

    #[tokio::test]
    async fn import_reports_each_failure_to_read_a_book() {
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_find()
                    .returning(|_| Ok(vec![found(7, None)]));
                repository
                    .expect_head()
                    .times(1)
                    .returning(move |_| Err(failure()));
            },
            |service| async move { service.import(&[new("Huye")], SKIPPING).await },
        )
        .await;
        reports_each_failure(
            |repository, failure| {
                repository
                    .expect_find()
                    .returning(|_| Ok(vec![found(7, None)]));
                let head = BookHead {
                    addresses: 1,
                    revision: 7,
                };
                repository.expect_head().returning(move |_| Ok(head));
                repository
                    .expect_scan()
                    .times(1)
                    .returning(move |_| Err(failure()));
            },
            |service| async move { service.import(&[new("Huye")], SKIPPING).await },
        )
        .await;
    }

    #[tokio::test]
    async fn duplicates_of_the_book_and_of_earlier_entries_are_skipped() {
        let mut repository = holding(vec![kigali()]);
        repository.expect_commit().times(1).returning(|commit| {
            let expected = BTreeMap::from([(customer(), 7)]);
            assert_eq!(commit.expected_revisions, expected);
            let created = commit
                .changes
                .iter()
                .map(|change| &change.address().content);
            assert_eq!(created.collect::<Vec<_>>(), [&content("Huye")]);
            Ok(committed(8))
        });
        let entries = [new("KIGALI"), new("Huye"), new("huye."), new("kigali")];
        let outcomes = import(repository, &entries).await.unwrap();
        use ImportOutcome::{Created, Duplicate};
        assert_eq!(outcomes, [Duplicate, Created, Duplicate, Duplicate]);
    }

    #[tokio::test]
    async fn a_batch_of_duplicates_commits_nothing() {
        let repository = holding(vec![kigali()]);
        let outcomes = import(repository, &[new("KIGALI")]).await.unwrap();
        assert_eq!(outcomes, [ImportOutcome::Duplicate]);
    }

    #[tokio::test]
    async fn an_entry_of_an_existing_address_is_no_duplicate_and_its_book_is_not_read() {
        let mut repository = MockAddressRepository::new();
        repository
            .expect_find()
            .times(1)
            .returning(|_| Ok(vec![found(7, Some(kigali()))]));
        let outcomes = import(repository, &[entry("Kigali")]).await.unwrap();
        assert_eq!(outcomes, [ImportOutcome::Unchanged]);
    }

    #[tokio::test]
    async fn earlier_changes_of_the_batch_count() {
        let mut repository = holding(vec![kigali()]);
        repository
            .expect_commit()
            .times(1)
            .returning(|_| Ok(committed(8)));
        let entries = [entry("Huye"), new("KIGALI"), new("HUYE"), new("kigali!")];
        let outcomes = import(repository, &entries).await.unwrap();
        use ImportOutcome::{Created, Duplicate, Updated};
        assert_eq!(outcomes, [Updated, Created, Duplicate, Duplicate]);
    }

    #[tokio::test]
    async fn only_books_that_have_changed_are_read_again() {
        let mut repository = MockAddressRepository::new();
        repository
            .expect_find()
            .returning(|lookups| Ok(vec![found(7, None); lookups.len()]));
        let changed = |id: &CustomerId| id.as_str() == "cus_1";
        let mut reads = 0;
        repository.expect_head().returning(move |id| {
            reads += 1;
            // Both are read, both are compared, and one is read again.
            let revision = match changed(id) && reads > 2 {
                true => 8,
                false => 7,
            };
            Ok(BookHead {
                addresses: 1,
                revision,
            })
        });
        let mut scanned = Vec::new();
        repository.expect_scan().times(3).returning(move |scan| {
            let id = scan.customer_id.unwrap();
            let is_second = scanned.contains(&id);
            scanned.push(id.clone());
            assert_eq!(is_second, scanned.len() == 3 && changed(&id));
            let city = if is_second { "KIGALI" } else { "Musanze" };
            Ok(vec![imported_address(&ImportEntry {
                customer_id: id,
                ..entry(city)
            })])
        });
        let mut commits = 0;
        repository
            .expect_commit()
            .times(2)
            .returning(move |commit| {
                commits += 1;
                let revisions: Vec<_> = commit.expected_revisions.into_values().collect();
                match commits {
                    1 => {
                        assert_eq!(revisions, [7, 7]);
                        Err(Refusal::BookChanged.into())
                    }
                    _ => {
                        assert_eq!(revisions, [7]);
                        Ok(committed(8))
                    }
                }
            });
        let entries = [of("cus_1", "Kigali"), of("cus_2", "Kigali")];
        let outcomes = import(repository, &entries).await.unwrap();
        use ImportOutcome::{Created, Duplicate};
        assert_eq!(outcomes, [Duplicate, Created]);
    }

    #[tokio::test]
    async fn a_duplicate_needs_no_room() {
        let full = BookHead {
            addresses: 1_000,
            revision: 7,
        };
        for (refusal, skipped) in [
            (Refusal::BookFull { index: 0 }, ImportOutcome::BookFull),
            (
                Refusal::HistoryFull { index: 0 },
                ImportOutcome::HistoryFull,
            ),
        ] {
            let mut repository = MockAddressRepository::new();
            repository
                .expect_find()
                .returning(|lookups| Ok(vec![found(7, None); lookups.len()]));
            repository.expect_head().returning(move |_| Ok(full));
            repository
                .expect_scan()
                .times(1)
                .returning(|_| Ok(vec![kigali()]));
            repository
                .expect_commit()
                .times(1)
                .return_once(move |_| Err(refusal.into()));
            let options = ImportOptions {
                on_error: OnError::Skip,
                ..SKIPPING
            };
            let entries = [new("Huye"), new("KIGALI")];
            let outcomes = service(repository).import(&entries, options).await;
            assert_eq!(outcomes.unwrap(), [skipped, ImportOutcome::Duplicate]);
        }
    }
}
