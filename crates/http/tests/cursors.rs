//! Clients that follow the links of a list from page to page.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a panic is how a failure is reported"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::http::header::LINK;
use actix_web::rt;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use addressbook_domain::{
    Address, AddressContent, AddressRepository as _, AddressService, Change, City, Country, Filter,
    Limit, Listing, MinRevision, Order, OrderKey, PageRequest, SearchText, Timestamp,
};
use addressbook_http::AppParts;
use addressbook_testkit::{InMemoryRepository, SequenceIds, fixtures, service};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::Value;

const ORDERS: [(&str, OrderKey, bool); 6] = [
    ("id", OrderKey::Id, false),
    ("-id", OrderKey::Id, true),
    ("created_at", OrderKey::CreatedAt, false),
    ("-created_at", OrderKey::CreatedAt, true),
    ("updated_at", OrderKey::UpdatedAt, false),
    ("-updated_at", OrderKey::UpdatedAt, true),
];
/// When the first and the second half of a book are created.
const TIMES: [&str; 2] = ["2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"];

struct Book {
    repository: Arc<InMemoryRepository>,
    service: AddressService,
}

/// The relevant content of a page.
struct Page {
    ids: Vec<String>,
    total: usize,
    next: Option<String>,
}

impl Book {
    fn new() -> Self {
        let repository = Arc::new(InMemoryRepository::default());
        let service = service(repository.clone());
        Self {
            repository,
            service,
        }
    }

    async fn change(&self, at: &str, changes: impl IntoIterator<Item = Change>) {
        let mut commit = fixtures::commit(changes);
        commit.at = fixtures::timestamp(at);
        self.repository.commit(commit).await.unwrap();
    }

    async fn get(&self, reference: &str) -> Page {
        let ids = Arc::new(SequenceIds::default());
        let app = init_service(addressbook_http::app(AppParts::new(
            self.service.clone(),
            ids,
        )))
        .await;
        let uri = format!("/v1/customers/cus_1/{reference}");
        let request = TestRequest::get().uri(&uri).to_request();
        let response = call_service(&app, request).await;
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap();
        let total = header("x-total-count").parse().unwrap();
        let links = header(LINK.as_str()).split(", ");
        let mut links = links.map(|link| link.split_once(">; rel=").unwrap());
        let next = links.find(|(_, relation)| *relation == "\"next\"");
        let next = next.map(|(target, _)| target[1..].to_owned());
        let body: Value = read_body_json(response).await;
        assert_eq!(body["offset"], 0);
        let addresses = body["addresses"].as_array().unwrap();
        let id = |address: &Value| address["id"].as_str().unwrap().to_owned();
        Page {
            ids: addresses.iter().map(id).collect(),
            total,
            next,
        }
    }
}

prop_compose! {
    /// An address with content and times from few values, so that many are equal.
    fn address()(
        city in select(vec!["Évry", "évry", "Straße", "STRASSE", "İzmir", "Kigali"]),
        country in select(vec!["RW", "FR", "DE", "TR"]),
        created_at in 0..4_i64,
        later in 0..3_i64,
    ) -> Address {
        let address = fixtures::address("cus_1", 0);
        let time = |unix_ms| Timestamp::from_unix_ms(unix_ms).unwrap();
        Address {
            content: AddressContent {
                city: City::parse(city).unwrap(),
                country: Country::parse(country).unwrap(),
                ..address.content
            },
            created_at: time(created_at),
            updated_at: time(created_at + later),
            ..address
        }
    }
}

/// A list of addresses with distinct ids.
fn addresses(numbers: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Address>> {
    vec(address(), numbers).prop_map(|addresses| {
        let numbered = addresses.into_iter().enumerate();
        numbered
            .map(|(number, address)| Address {
                id: fixtures::address_id(number),
                ..address
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_pages_together_are_the_requested_list(
        addresses in addresses(0..20),
        limit in 1..8_usize,
        (order, key, descending) in select(ORDERS.to_vec()),
        countries in subsequence(vec!["RW", "FR", "DE", "TR"], 0..4),
        text in option::of(select(vec!["É", "ss", "straß", "i", "nowhere", "home"])),
        since in option::of(0..6_i64),
        as_of in option::of(select(TIMES.to_vec())),
    ) {
        let time = |unix_ms| Timestamp::from_unix_ms(unix_ms).unwrap();
        let listing = Listing {
            page: PageRequest {
                limit: Limit::parse("200").unwrap(),
                ..PageRequest::default()
            },
            order: Order { key, descending },
            filter: Filter {
                countries: countries.iter().map(|code| Country::parse(code).unwrap()).collect(),
                text: text.map(|text| SearchText::parse(text).unwrap()),
                updated_since: since.map(time),
                match_key: None,
                ids: None,
            },
            as_of: as_of.map(fixtures::timestamp),
        };
        let mut query = form_urlencoded::Serializer::new("addresses?after=".to_owned());
        query.append_pair("limit", &limit.to_string()).append_pair("order", order);
        query.extend_pairs(countries.iter().map(|code| ("country", code)));
        query.extend_pairs(text.map(|text| ("q", text)));
        query.extend_pairs(since.map(|since| ("updated_since", time(since).to_string())));
        query.extend_pairs(as_of.map(|as_of| ("as_of", as_of)));
        let first = query.finish();

        let (walked, expected, totals) = rt::System::new().block_on(async {
            let book = Book::new();
            let (old, new) = addresses.split_at(addresses.len() / 2);
            for (at, addresses) in TIMES.into_iter().zip([old, new]) {
                book.change(at, addresses.iter().cloned().map(Change::Create)).await;
            }
            let customer_id = fixtures::customer("cus_1");
            let page = book.service.list(&customer_id, &listing, MinRevision::default());
            let page = page.await.unwrap();
            let expected: Vec<_> = page.iter().map(|address| address.id.to_owned()).collect();
            let (mut walked, mut totals, mut next) = (vec![], BTreeSet::new(), Some(first));
            while let Some(reference) = next {
                let page = book.get(&reference).await;
                assert!(page.ids.len() <= limit);
                totals.insert(page.total);
                walked.extend(page.ids);
                next = page.next;
            }
            (walked, expected, totals)
        });
        prop_assert_eq!(totals, BTreeSet::from([expected.len()]));
        prop_assert_eq!(walked, expected);
    }

    #[test]
    fn no_address_is_skipped_or_repeated_during_concurrent_changes(
        addresses in addresses(1..24),
        limit in 1..5_usize,
        (order, key, descending) in select(ORDERS.to_vec()),
        steps in vec((any::<bool>(), any::<Index>()), 0..12),
    ) {
        rt::System::new().block_on(async {
            let book = Book::new();
            // Half of them exist from the start; the others may be added between the pages.
            let (mut there, mut coming): (Vec<_>, Vec<_>) = addresses
                .into_iter()
                .enumerate()
                .partition(|(number, _)| number % 2 == 0);
            book.change(TIMES[0], there.iter().map(|(_, address)| Change::Create(address.clone())))
                .await;
            let mut walked = vec![];
            let mut all = there.clone();
            let mut steps = steps.into_iter();
            let mut next = Some(format!("addresses?after=&limit={limit}&order={order}"));
            let mut stayed = there.clone();
            while let Some(reference) = next {
                let page = book.get(&reference).await;
                walked.extend(page.ids);
                next = page.next;
                for (adds, index) in steps.by_ref().take(2) {
                    let from = if adds { &mut coming } else { &mut there };
                    if from.is_empty() {
                        continue;
                    }
                    let entry = from.swap_remove(index.index(from.len()));
                    let change = if adds {
                        all.push(entry.clone());
                        there.push(entry.clone());
                        Change::Create(entry.1)
                    } else {
                        stayed.retain(|(number, _)| *number != entry.0);
                        fixtures::removal(entry.1)
                    };
                    book.change(TIMES[1], [change]).await;
                }
            }
            // Every address that existed all the time was returned. Every returned address existed
            // at some time. All are in order, each once.
            let seen: BTreeSet<_> = walked.iter().cloned().collect();
            for (_, address) in &stayed {
                assert!(seen.contains(address.id.as_str()));
            }
            let listing = Listing {
                page: PageRequest {
                    limit: Limit::parse("200").unwrap(),
                    ..PageRequest::default()
                },
                order: Order { key, descending },
                ..Listing::default()
            };
            let all = all.into_iter().map(|(_, address)| address);
            let sorted = listing.apply(Default::default(), all).unwrap();
            let sorted = sorted.iter().map(|address| address.id.to_owned());
            let expected: Vec<_> = sorted.filter(|id| seen.contains(id)).collect();
            assert_eq!(walked, expected);
        });
    }
}
