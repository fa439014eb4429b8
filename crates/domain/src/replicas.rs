//! Replicas: copies of the primary store that can be behind it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::min_revision::MinRevision;
use crate::reads::OfBook;
use crate::repository::{AddressRepository, RepositoryError};
use crate::timer::Timer;

/// The replicas of a store. Reads go round those in rotation.
///
/// The program puts a replica into rotation while it is healthy, and takes it out otherwise. A
/// replica that fails a read leaves the rotation at once.
pub struct Replicas {
    /// Each replica that is in rotation.
    in_rotation: Vec<RwLock<Option<Arc<dyn AddressRepository>>>>,
    next: AtomicUsize,
    max_wait: Duration,
    timer: Arc<dyn Timer>,
}

/// What the replicas have of a book.
pub(crate) enum FromReplicas<T> {
    /// It was read from one of them.
    Read(T),
    /// One was read, but it is behind.
    Behind,
    /// None can be read now.
    Nothing,
}

/// The first pause before a replica that is behind is read again. Each further pause is twice as
/// long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

impl Replicas {
    /// Creates a number of replicas, none of which is in rotation yet. A read waits this long for
    /// one that is behind.
    pub fn new(count: usize, max_wait: Duration, timer: Arc<dyn Timer>) -> Self {
        Self {
            in_rotation: (0..count).map(|_| RwLock::default()).collect(),
            next: AtomicUsize::new(0),
            max_wait,
            timer,
        }
    }

    /// Puts the replica with this index into rotation, or takes it out with `None`. An unknown index
    /// changes nothing.
    pub fn set(&self, index: usize, replica: Option<Arc<dyn AddressRepository>>) {
        if let Some(slot) = self.in_rotation.get(index) {
            *slot.write().unwrap_or_else(PoisonError::into_inner) = replica;
        }
    }

    /// Whether the replica with this index is in rotation.
    pub fn is_in_rotation(&self, index: usize) -> bool {
        self.get(index).is_some()
    }

    fn get(&self, index: usize) -> Option<Arc<dyn AddressRepository>> {
        let slot = self.in_rotation.get(index)?;
        slot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next replica in rotation, with its index.
    fn next(&self) -> Option<(usize, Arc<dyn AddressRepository>)> {
        let count = self.in_rotation.len();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        (0..count).find_map(|step| {
            let index = first.wrapping_add(step) % count;
            Some((index, self.get(index)?))
        })
    }

    /// Reads from a replica in rotation, after it has this revision.
    pub(crate) async fn read<T: OfBook, F>(
        &self,
        min_revision: MinRevision,
        read: &impl Fn(Arc<dyn AddressRepository>) -> F,
    ) -> FromReplicas<T>
    where
        F: Future<Output = Result<T, RepositoryError>>,
    {
        for _ in &self.in_rotation {
            let Some((index, replica)) = self.next() else {
                break;
            };
            match self.read_one(&replica, min_revision, read).await {
                Ok(Some(found)) => return FromReplicas::Read(found),
                Ok(None) => return FromReplicas::Behind,
                // Others would be busy, too.
                Err(RepositoryError::Busy(_)) => break,
                Err(_) => self.set(index, None),
            }
        }
        FromReplicas::Nothing
    }

    /// Reads from one replica; `None` if it is behind.
    async fn read_one<T: OfBook, F>(
        &self,
        replica: &Arc<dyn AddressRepository>,
        min_revision: MinRevision,
        read: &impl Fn(Arc<dyn AddressRepository>) -> F,
    ) -> Result<Option<T>, RepositoryError>
    where
        F: Future<Output = Result<T, RepositoryError>>,
    {
        let mut waited = Duration::ZERO;
        let mut pause = FIRST_PAUSE;
        loop {
            let found = read(Arc::clone(replica)).await?;
            let revision = found.book_revision();
            if min_revision.is_met_by(revision) {
                return Ok(Some(found));
            }
            // A book that is missing was erased, or is so new that the primary store has it sooner.
            if revision == 0 || waited >= self.max_wait {
                return Ok(None);
            }
            pause = pause.min(self.max_wait - waited);
            self.timer.sleep(pause).await;
            waited += pause;
            pause *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::listing::Listing;
    use crate::listing::page::{AddressPage, BookHead};
    use crate::reads::ReadError;
    use crate::repository::MockAddressRepository;
    use crate::service::AddressService;
    use crate::testing::{FAILURES, customer, service};

    /// Adds up what it was asked to wait.
    #[derive(Default)]
    struct Waited(Mutex<Duration>);

    #[async_trait]
    impl Timer for Waited {
        async fn sleep(&self, duration: Duration) {
            *self.0.lock().unwrap() += duration;
        }
    }

    const MAX_WAIT: Duration = Duration::from_millis(50);

    fn at_least(revision: u64) -> MinRevision {
        MinRevision::parse(revision.to_string().as_bytes()).unwrap()
    }

    /// A store whose pages are at these revisions, one after the other.
    fn listing<const N: usize>(revisions: [u64; N]) -> MockAddressRepository {
        let mut repository = MockAddressRepository::new();
        let mut revisions = revisions.into_iter();
        repository
            .expect_list()
            .times(revisions.len())
            .returning(move |_, _| {
                Ok(AddressPage::new(BookHead {
                    addresses: 0,
                    revision: revisions.next().unwrap(),
                }))
            });
        repository
    }

    fn failing(failure: fn() -> RepositoryError) -> MockAddressRepository {
        let mut repository = MockAddressRepository::new();
        repository
            .expect_list()
            .times(1)
            .returning(move |_, _| Err(failure()));
        repository
    }

    struct Reader {
        service: AddressService,
        replicas: Arc<Replicas>,
        waited: Arc<Waited>,
    }

    impl Reader {
        fn of(
            primary: MockAddressRepository,
            replicas: impl IntoIterator<Item = MockAddressRepository>,
        ) -> Self {
            let waited = Arc::new(Waited::default());
            let in_rotation: Vec<_> = replicas.into_iter().collect();
            let replicas = Replicas::new(in_rotation.len(), MAX_WAIT, waited.clone());
            for (index, replica) in in_rotation.into_iter().enumerate() {
                replicas.set(index, Some(Arc::new(replica)));
            }
            let replicas = Arc::new(replicas);
            Self {
                service: service(primary).with_replicas(replicas.clone()),
                replicas,
                waited,
            }
        }

        /// Lists, and returns the revision of the page.
        async fn read(&self, min_revision: u64) -> Result<u64, ReadError> {
            let (customer_id, listing) = (customer(), Listing::default());
            let min_revision = at_least(min_revision);
            let page = self.service.list(&customer_id, &listing, min_revision);
            Ok(page.await?.head().revision)
        }

        fn waited(&self) -> Duration {
            *self.waited.0.lock().unwrap()
        }
    }

    #[tokio::test]
    async fn reads_go_round_the_replicas_in_rotation() {
        let reader = Reader::of(
            listing([9]),
            [listing([1, 4]), listing([2, 5, 6]), listing([3])],
        );
        for revision in [1, 2, 3, 4] {
            assert_eq!(reader.read(0).await.unwrap(), revision);
        }
        reader.replicas.set(0, None);
        reader.replicas.set(2, None);
        for revision in [5, 6] {
            assert_eq!(reader.read(0).await.unwrap(), revision);
        }
        reader.replicas.set(1, None);
        assert_eq!(reader.read(0).await.unwrap(), 9, "none is left");
        assert_eq!(reader.waited(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_read_waits_for_a_replica_that_is_behind() {
        let reader = Reader::of(listing([]), [listing([6, 6, 6, 7])]);
        assert_eq!(reader.read(7).await.unwrap(), 7);
        assert_eq!(reader.waited(), FIRST_PAUSE * 7);
    }

    #[tokio::test]
    async fn the_primary_is_read_if_a_replica_stays_behind() {
        let reader = Reader::of(listing([8]), [listing([6; 7])]);
        assert_eq!(reader.read(7).await.unwrap(), 8);
        assert_eq!(reader.waited(), MAX_WAIT);
        assert!(reader.replicas.is_in_rotation(0));
    }

    #[tokio::test]
    async fn a_book_that_a_replica_lacks_is_read_from_the_primary_at_once() {
        for newest in [7, 0] {
            let reader = Reader::of(listing([newest]), [listing([0])]);
            assert_eq!(reader.read(7).await.unwrap(), newest);
            assert_eq!(reader.waited(), Duration::ZERO);
        }
        let reader = Reader::of(listing([]), [listing([0])]);
        assert_eq!(reader.read(0).await.unwrap(), 0, "no revision is required");
    }

    #[tokio::test]
    async fn a_replica_that_fails_leaves_the_rotation_and_another_is_read() {
        for failure in FAILURES {
            if matches!(failure(), RepositoryError::Busy(_)) {
                continue;
            }
            let reader = Reader::of(listing([9]), [failing(failure), listing([8])]);
            assert_eq!(reader.read(0).await.unwrap(), 8);
            assert!(!reader.replicas.is_in_rotation(0));
            reader.replicas.set(1, None);
            assert_eq!(reader.read(0).await.unwrap(), 9);
        }
    }

    #[tokio::test]
    async fn a_busy_replica_stays_and_the_primary_is_read() {
        let busy = || RepositoryError::Busy("conflict with recovery".into());
        let reader = Reader::of(listing([9]), [failing(busy), listing([])]);
        assert_eq!(reader.read(0).await.unwrap(), 9);
        assert!(reader.replicas.is_in_rotation(0));
    }

    #[tokio::test]
    async fn a_book_never_goes_back_even_if_the_primary_is_behind_or_away() {
        let reader = Reader::of(listing([6]), []);
        let behind = reader.read(7).await;
        assert!(matches!(behind, Err(ReadError::Behind(_))), "{behind:?}");
        let away = || RepositoryError::Unavailable("no connection".into());
        let reader = Reader::of(failing(away), [listing([6; 7])]);
        let behind = reader.read(7).await;
        assert!(matches!(behind, Err(ReadError::Behind(_))), "{behind:?}");
        let reader = Reader::of(failing(away), []);
        let unavailable = reader.read(7).await;
        let is_unavailable = matches!(
            unavailable,
            Err(ReadError::Repository(RepositoryError::Unavailable(_)))
        );
        assert!(is_unavailable, "{unavailable:?}");
    }
}
