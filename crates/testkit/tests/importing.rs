//! The result of an import depends on its entries, not on how they are divided into batches.

#![expect(clippy::unwrap_used, reason = "in a test, a panic reports the failure")]

use std::collections::HashSet;
use std::sync::Arc;

use addressbook_domain::{
    AddressContent, AddressService, City, ImportEntry, ImportOptions, ImportOutcome, MatchKey,
    OnConflict, OnDuplicateEntry, OnError, Purpose, Scan, ServiceLimits,
};
use addressbook_testkit::{FrozenClock, InMemoryRepository, SequenceIds, fixtures};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{self, select};
use tokio::runtime::Runtime;

/// Entries for few customers, with few ids and few contents, so that they often match.
fn entries() -> impl Strategy<Value = Vec<ImportEntry>> {
    let entry = (
        select(vec!["cus_1", "cus_2"]),
        option::of(1_u32..4),
        select(vec!["X", "x", "Y"]),
        option::of(sample::subsequence(vec!["billing", "shipping"], 0..=2)),
    );
    let entry = entry.prop_map(|(customer_id, number, city, default_for)| {
        let content = AddressContent {
            city: fixtures::text(city, City::parse),
            ..fixtures::content()
        };
        ImportEntry {
            customer_id: fixtures::customer(customer_id),
            id: number.map(fixtures::address_id),
            content: content.into(),
            created_at: None,
            updated_at: None,
            // Without an id, an entry may match any address with the same content.
            default_for: default_for
                .filter(|_| number.is_some())
                .map(|names| names.into_iter().map(fixtures::purpose).collect()),
        }
    });
    vec(entry, 1..12)
}

/// An address of a customer, with the purposes for which it is the default.
type Imported = (String, AddressContent, Vec<Purpose>);

/// Returns the outcomes of an import in batches, and the addresses of each customer afterwards.
async fn imported(
    entries: &[ImportEntry],
    batches: &[usize],
    options: ImportOptions,
) -> (Vec<ImportOutcome>, Vec<Imported>) {
    let service = AddressService::new(
        Arc::new(InMemoryRepository::default()),
        Arc::new(FrozenClock::default()),
        Arc::new(SequenceIds::default()),
        ServiceLimits {
            max_addresses: 4,
            ..ServiceLimits::default()
        },
    );
    let mut outcomes = Vec::new();
    let mut rest = entries;
    for size in batches.iter().chain(&[entries.len()]) {
        let (batch, remaining) = rest.split_at(*size.min(&rest.len()));
        let imported = service.import(batch, options).await;
        outcomes.extend(imported.unwrap());
        rest = remaining;
    }
    let scan = Scan {
        customer_id: None,
        after: None,
        limit: 100,
    };
    let addresses = service.export(scan).await.unwrap().into_iter();
    let mut contents: Vec<_> = addresses
        .map(|exported| {
            let address = exported.address;
            let customer_id = address.customer_id.as_str().to_owned();
            (customer_id, address.content, exported.default_for)
        })
        .collect();
    contents.sort_by_key(|(customer_id, content, purposes)| {
        let city = content.city.as_str().to_owned();
        (customer_id.clone(), city, purposes.clone())
    });
    (outcomes, contents)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_batch_size_makes_no_difference(
        entries in entries(),
        batches in vec(1_usize..6, 0..6),
        on_conflict in select(vec![OnConflict::Reject, OnConflict::Update]),
        on_duplicate in select(vec![OnDuplicateEntry::Create, OnDuplicateEntry::Skip]),
    ) {
        let options = ImportOptions {
            on_error: OnError::Skip,
            on_conflict,
            on_duplicate,
        };
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let one_by_one = vec![1; entries.len()];
            let expected = imported(&entries, &one_by_one, options).await;
            prop_assert_eq!(imported(&entries, &batches, options).await, expected);
            Ok(())
        })?;
    }

    /// Without changes of addresses, which can make them the same.
    #[test]
    fn skipping_duplicates_creates_none(entries in entries(), batches in vec(1_usize..6, 0..6)) {
        let options = ImportOptions {
            on_error: OnError::Skip,
            on_duplicate: OnDuplicateEntry::Skip,
            ..ImportOptions::default()
        };
        let (_, contents) = Runtime::new().unwrap().block_on(imported(&entries, &batches, options));
        let keys: HashSet<_> = contents
            .iter()
            .map(|(customer_id, content, _)| (customer_id, MatchKey::of(content)))
            .collect();
        prop_assert_eq!(keys.len(), contents.len());
    }
}
