//! Shared helpers for the tests of the use cases.

use std::future::Future;
use std::sync::Arc;

use ulid::Ulid;

use crate::address::address_id::AddressId;
use crate::address::content::AddressContent;
use crate::address::postal_details::PostalDetails;
use crate::address::text::{City, Region};
use crate::address::{Address, Revision};
use crate::clock::Clock;
use crate::commit::Committed;
use crate::country::Country;
use crate::customer_id::CustomerId;
use crate::default_addresses::DefaultAddresses;
use crate::default_addresses::purpose::Purpose;
use crate::id_source::IdSource;
use crate::import::ImportEntry;
use crate::inconsistency::Inconsistency;
use crate::limits::ServiceLimits;
use crate::repository::{Found, MockAddressRepository, RepositoryError};
use crate::service::AddressService;
use crate::timestamp::Timestamp;

/// A frozen clock, and an id source that always returns the same id.
pub(crate) struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_722_507_330_000).unwrap()
    }
}

impl IdSource for Frozen {
    fn next(&self) -> Ulid {
        Ulid::from_parts(1, 2)
    }
}

/// The use cases on a repository, with a frozen clock and a constant id.
pub(crate) fn service(repository: MockAddressRepository) -> AddressService {
    AddressService::new(
        Arc::new(repository),
        Arc::new(Frozen),
        Arc::new(Frozen),
        ServiceLimits::default(),
    )
}

pub(crate) fn customer() -> CustomerId {
    CustomerId::parse("cus_1").unwrap()
}

pub(crate) fn purpose(name: &str) -> Purpose {
    Purpose::parse(name).unwrap()
}

pub(crate) fn defaults(entries: &[(&str, AddressId)]) -> DefaultAddresses {
    let entries = entries.iter();
    entries
        .map(|(name, id)| (purpose(name), id.clone()))
        .collect()
}

pub(crate) fn content(city: &str) -> AddressContent {
    AddressContent {
        description: None,
        region: Region::parse("Kigali").unwrap(),
        city: City::parse(city).unwrap(),
        country: Country::parse("RW").unwrap(),
        details: PostalDetails::default(),
        custom_data: None,
    }
}

pub(crate) fn entry(city: &str) -> ImportEntry {
    ImportEntry {
        customer_id: customer(),
        id: Some(AddressId::from_ulid(Ulid::from_parts(1, 1))),
        content: content(city).into(),
        created_at: None,
        updated_at: None,
        default_for: None,
    }
}

/// The address that an entry becomes.
pub(crate) fn imported_address(entry: &ImportEntry) -> Address {
    let now = Frozen.now();
    Address {
        customer_id: entry.customer_id.clone(),
        id: entry.id.clone().unwrap(),
        content: entry.content.new_content().clone(),
        created_at: now,
        updated_at: now,
        revision: Revision::FIRST,
    }
}

/// What a look-up finds in a book at this revision.
pub(crate) fn found(book_revision: u64, address: Option<Address>) -> Found {
    Found {
        address,
        book_revision,
    }
}

/// What a commit returns that gave the customer's book this revision.
pub(crate) fn committed(revision: u64) -> Committed {
    Committed {
        book_revisions: [(customer(), revision)].into(),
    }
}

pub(crate) type Failure = fn() -> RepositoryError;

/// The failures that every method of the port can report.
pub(crate) const FAILURES: [Failure; 4] = [
    || RepositoryError::Busy("locked".into()),
    || RepositoryError::Unavailable("no connection".into()),
    || RepositoryError::Internal("a defect".into()),
    || {
        RepositoryError::Corrupt(Inconsistency {
            record: "address",
            key: "add_1".into(),
            field: "country",
        })
    },
];

/// Expects the use case to report each of these failures of the repository.
pub(crate) async fn reports_each_failure<T, E: ToString, F: Future<Output = Result<T, E>>>(
    expect: impl Fn(&mut MockAddressRepository, Failure),
    call: impl Fn(AddressService) -> F,
) {
    for failure in FAILURES {
        let mut repository = MockAddressRepository::new();
        expect(&mut repository, failure);
        let error = call(service(repository)).await.err().unwrap();
        assert_eq!(error.to_string(), failure().to_string());
    }
}
