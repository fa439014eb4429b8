use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use addressbook_domain::{
    Address, AddressContent, AddressPage, BookHead, Change, City, Country, CustomData, Description,
    Listing, Lookup, Offset, Order, PageRequest, PageStart, Place, Region, Scan, Start,
};

use super::{Subject, head, list};
use crate::fixtures::{address, address_id, commit, content, creating, customer, limit, moving};

fn ids(page: &AddressPage) -> Vec<String> {
    page.iter().map(|address| address.id.to_owned()).collect()
}

/// `list`: an empty page of a default head for a customer never heard of.
pub async fn lists_an_empty_page_for_an_unknown_customer(repository: Subject) {
    let page = list(&repository, &customer("cus_unknown"), 50, 0).await;
    assert_eq!(page, AddressPage::default());
    assert_eq!(
        head(&repository, &customer("cus_unknown")).await,
        BookHead::default()
    );
}

/// `list`: an empty page, with the book's head, at or past the end.
pub async fn lists_an_empty_page_with_the_head_past_the_end(repository: Subject) {
    repository
        .commit(creating([1, 2].map(|number| address("cus_1", number))))
        .await
        .unwrap();
    let expected = head(&repository, &customer("cus_1")).await;
    for offset in [2, 3, 1_000, Offset::MAX] {
        let page = list(&repository, &customer("cus_1"), 1, offset).await;
        assert_eq!(
            (page.len(), page.head()),
            (0, expected),
            "at offset {offset}"
        );
    }
}

/// `list`: by ascending id, compared byte for byte, whatever the order of creation.
pub async fn lists_by_ascending_id(repository: Subject) {
    let ids_by_bytes = ["0z", "10", "9a", "a0", "aa", "i1", "l1", "z0"];
    for suffix in ["i1", "a0", "9a", "z0", "10", "aa", "0z", "l1"] {
        let id = address_id(suffix);
        repository
            .commit(creating([Address {
                id,
                ..address("cus_1", 1)
            }]))
            .await
            .unwrap();
    }
    let page = list(&repository, &customer("cus_1"), 50, 0).await;
    assert_eq!(
        ids(&page),
        ids_by_bytes.map(|suffix| address_id(suffix).to_string())
    );
}

/// `list`: pages that follow each other hold each address exactly once, in the books of
/// two customers with 1,000 and 3 addresses, at every page size.
pub async fn pages_of_every_size_hold_each_address_exactly_once(repository: Subject) {
    for (customer_id, count) in [("cus_1", 1_000_u32), ("cus_2", 3)] {
        let addresses = (0..count).map(|number| address(customer_id, number));
        repository.commit(creating(addresses)).await.unwrap();
    }
    for (customer_id, count) in [("cus_1", 1_000_u32), ("cus_2", 3)] {
        let expected: Vec<_> = (0..count)
            .map(|number| address_id(number).to_string())
            .collect();
        for limit in 1..=200 {
            let mut seen = Vec::new();
            loop {
                let offset = seen.len() as u64;
                let page = list(&repository, &customer(customer_id), limit, offset).await;
                assert_eq!(page.head().addresses, u64::from(count));
                seen.extend(ids(&page));
                if page.len() < limit.into() {
                    break;
                }
            }
            assert_eq!(seen, expected, "in pages of {limit}");
        }
    }
}

/// `list`: pages far into a large book, between the books of two others, hold what they would
/// near its beginning.
pub async fn pages_far_into_a_large_book_hold_the_same(repository: Subject) {
    let books = [("cus_1", 3), ("cus_2", 2_500), ("cus_3", 3)];
    for (customer_id, count) in books {
        let addresses = (0..count).map(|number| address(customer_id, number));
        repository.commit(creating(addresses)).await.unwrap();
    }
    for offset in [999, 1_000, 1_001, 1_002, 2_000, 2_498, 2_499, 2_500, 2_501] {
        let page = list(&repository, &customer("cus_2"), 3, offset).await;
        let expected = (offset..2_500).take(3).map(|n| address_id(n).to_string());
        assert_eq!(ids(&page), expected.collect::<Vec<_>>(), "from {offset}");
        assert_eq!(page.head().addresses, 2_500);
    }
}

/// `list`: so they do after addresses came and left anywhere in it.
pub async fn pages_far_into_a_book_hold_the_same_as_it_grows_and_shrinks(repository: Subject) {
    let mut held = BTreeSet::new();
    let every_fourth = |numbers: Range<u32>| numbers.map(|number| 4 * number).collect();
    let (create, remove): (fn(_) -> _, fn(_) -> _) = (Change::Create, Change::Remove);
    let steps = [
        (create, every_fourth(0..1_500)),
        (create, (2_001..4_001).step_by(2).collect()),
        (create, vec![2]),
        (create, vec![10_000]),
        (remove, vec![3_000]),
        (remove, every_fourth(0..700)),
        (remove, (2_001..2_701).step_by(2).collect()),
        (remove, every_fourth(751..1_500)),
        (create, every_fourth(0..300)),
    ];
    for (step, (change, numbers)) in steps.into_iter().enumerate() {
        for number in &numbers {
            if !held.remove(number) {
                held.insert(*number);
            }
        }
        let changes = numbers.iter().map(|n| change(address("cus_1", *n)));
        repository.commit(commit(changes)).await.unwrap();
        for offset in [999, 1_000, 1_001]
            .into_iter()
            .chain((1_050..2_700).step_by(75))
        {
            let page = list(&repository, &customer("cus_1"), 2, offset).await;
            let expected = held.iter().skip(offset as usize).take(2);
            let expected: Vec<_> = expected.map(|n| address_id(n).to_string()).collect();
            assert_eq!(ids(&page), expected, "from {offset} after step {step}");
            assert_eq!(page.head().addresses, held.len() as u64);
        }
    }
}

/// `list`: a page after an id begins with the next greater one, whether or not there is
/// an address of that id.
pub async fn pages_after_an_id_begin_with_the_next_greater_one(repository: Subject) {
    let addresses = [2, 4, 6].map(|number| address("cus_1", number));
    repository.commit(creating(addresses)).await.unwrap();
    repository
        .commit(creating([address("cus_2", 5)]))
        .await
        .unwrap();
    for (after, expected) in [
        (1, vec![2, 4]),
        (2, vec![4, 6]),
        (3, vec![4, 6]),
        (5, vec![6]),
        (6, vec![]),
        (7, vec![]),
    ] {
        let start = PageStart::After(address_id(after));
        let page = PageRequest {
            limit: limit(2),
            start,
        };
        let page = repository.list(&customer("cus_1"), &page).await.unwrap();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|n| address_id(n).to_string())
            .collect();
        assert_eq!(ids(&page), expected, "after {after}");
        assert_eq!(page.head(), head(&repository, &customer("cus_1")).await);
    }
}

/// `page_of`: what the listing makes of all addresses of the book as it stands, and its head.
pub async fn a_page_of_a_listing_is_made_of_all_addresses(repository: Subject) {
    let listing = Listing {
        order: Order {
            descending: true,
            ..Order::default()
        },
        start: Start::After(Place {
            time: None,
            id: address_id(250),
        }),
        ..Listing::default()
    };
    let page = repository.page_of(&customer("cus_1"), &listing).await;
    assert_eq!(page.unwrap(), AddressPage::default());
    let expected: Vec<_> = (0..300).map(|number| address("cus_1", number)).collect();
    repository.commit(creating(expected.clone())).await.unwrap();
    repository
        .commit(creating([address("cus_2", 1)]))
        .await
        .unwrap();
    let page = repository.page_of(&customer("cus_1"), &listing).await;
    let head = head(&repository, &customer("cus_1")).await;
    assert_eq!(page.unwrap(), listing.page(head, expected).unwrap());
}

/// `list`: while addresses are added, no page shows another number of addresses than
/// its head says, and no two pages of one revision differ.
pub async fn the_head_of_a_page_is_of_the_moment_of_its_addresses(repository: Subject) {
    const ADDRESSES: u32 = 60;
    let writer = tokio::spawn({
        let repository = Arc::clone(&repository);
        async move {
            for number in 0..ADDRESSES {
                repository
                    .commit(creating([address("cus_1", number)]))
                    .await
                    .unwrap();
            }
        }
    });
    let (mut last, mut empty_reads) = (AddressPage::default(), 0);
    while last.len() < ADDRESSES as usize {
        let page = list(&repository, &customer("cus_1"), 200, 0).await;
        assert_eq!(page.head().addresses, page.len() as u64);
        assert!(
            page.head().revision >= last.head().revision,
            "the book went back"
        );
        if page.head().revision == last.head().revision {
            assert_eq!(page, last);
        }
        let past = list(&repository, &customer("cus_1"), 200, page.len() as u64).await;
        if past.is_empty() {
            empty_reads += 1;
            assert!(past.head().addresses <= page.head().addresses || page.is_empty());
        }
        last = page;
    }
    writer.await.unwrap();
    assert!(
        empty_reads > 0,
        "at the latest the last page has nothing after it"
    );
}

/// `head`: counts the addresses that the book holds.
pub async fn the_head_counts_the_addresses(repository: Subject) {
    repository
        .commit(creating([1, 2, 3].map(|number| address("cus_1", number))))
        .await
        .unwrap();
    repository
        .commit(creating([address("cus_1", 4), address("cus_2", 1)]))
        .await
        .unwrap();
    repository
        .commit(moving(&address("cus_1", 2), "Huye"))
        .await
        .unwrap();
    for (customer_id, addresses) in [("cus_1", 4), ("cus_2", 1), ("cus_3", 0)] {
        assert_eq!(
            head(&repository, &customer(customer_id)).await.addresses,
            addresses
        );
    }
}

/// `head`: the revision is greater after a commit that changed the book, and the same
/// as long as nothing changed, also when others' books did.
pub async fn the_revision_of_a_book_grows_with_its_changes_alone(repository: Subject) {
    let book = customer("cus_1");
    let mut before = head(&repository, &book).await.revision;
    for commit in [
        creating([address("cus_1", 1)]),
        creating([address("cus_1", 2), address("cus_1", 3)]),
        moving(&address("cus_1", 2), "Huye"),
    ] {
        repository.commit(commit).await.unwrap();
        let after = head(&repository, &book).await.revision;
        assert!(after > before, "{after} after {before}");
        before = after;
    }
    repository
        .commit(creating([address("cus_2", 1)]))
        .await
        .unwrap();
    repository
        .commit(creating([address("cus_1", 1)]))
        .await
        .unwrap_err();
    repository
        .commit(moving(&address("cus_1", 2), "Musanze"))
        .await
        .unwrap_err();
    assert_eq!(head(&repository, &book).await.revision, before);
    assert_eq!(list(&repository, &book, 1, 0).await.head().revision, before);
}

/// `find`: answers in the order of the look-ups, `None` where there is nothing.
pub async fn finds_by_id_in_the_order_of_the_look_ups(repository: Subject) {
    let addresses = [1, 2].map(|number| address("cus_1", number));
    repository
        .commit(creating(addresses.clone()))
        .await
        .unwrap();
    let lookup = |number| Lookup::Id(customer("cus_1"), address_id(number));
    let found = repository
        .find([2, 3, 1, 2].map(lookup).into())
        .await
        .unwrap();
    let [first, second] = addresses;
    assert_eq!(
        found,
        [Some(second.clone()), None, Some(first), Some(second)]
    );
    assert_eq!(repository.find(Vec::new()).await.unwrap(), []);
}

/// `find`: nothing by the id of another customer's address.
pub async fn finds_nothing_by_the_id_of_another_customers_address(repository: Subject) {
    repository
        .commit(creating([address("cus_1", 1)]))
        .await
        .unwrap();
    let lookups = vec![
        Lookup::Id(customer("cus_2"), address_id(1)),
        Lookup::Content(customer("cus_2"), content()),
    ];
    assert_eq!(repository.find(lookups).await.unwrap(), [None, None]);
}

/// `find`: by content what is equal, nulls included, and nothing that differs in case,
/// in a blank, in a null or in the spelling of custom data.
pub async fn finds_by_content_what_is_equal_and_nothing_else(repository: Subject) {
    let full = content();
    let bare = AddressContent {
        description: None,
        custom_data: None,
        ..content()
    };
    let kept: Vec<_> = [(1, &full), (2, &bare)]
        .into_iter()
        .map(|(number, content)| Address {
            content: content.clone(),
            ..address("cus_1", number)
        })
        .collect();
    repository.commit(creating(kept.clone())).await.unwrap();
    let lookup = |content: &AddressContent| Lookup::Content(customer("cus_1"), content.clone());
    let found = repository
        .find(vec![lookup(&full), lookup(&bare)])
        .await
        .unwrap();
    assert_eq!(found, kept.into_iter().map(Some).collect::<Vec<_>>());

    let description = |text| Some(Description::parse(text).unwrap());
    let custom_data = |text| Some(CustomData::parse(text).unwrap());
    let others = [
        AddressContent {
            description: description("home"),
            ..content()
        },
        AddressContent {
            description: None,
            ..content()
        },
        AddressContent {
            region: Region::parse("KIGALI").unwrap(),
            ..content()
        },
        AddressContent {
            city: City::parse("Kigali X").unwrap(),
            ..content()
        },
        AddressContent {
            country: Country::parse("US").unwrap(),
            ..content()
        },
        AddressContent {
            custom_data: None,
            ..content()
        },
        AddressContent {
            custom_data: custom_data(r#"{"floor":"15th "}"#),
            ..content()
        },
        AddressContent {
            custom_data: custom_data(r#"{"floor":"\u00315th"}"#),
            ..content()
        },
        AddressContent {
            description: description("Home"),
            ..bare.clone()
        },
    ];
    let found = repository
        .find(others.iter().map(lookup).collect())
        .await
        .unwrap();
    assert_eq!(found, vec![None; others.len()]);
}

async fn scan(repository: &Subject, scan: Scan) -> Vec<Address> {
    repository.scan(scan).await.unwrap()
}

fn key(address: &Address) -> (String, String) {
    (address.customer_id.to_string(), address.id.to_string())
}

/// Customers whose ids languages order otherwise than bytes do, by bytes.
const CUSTOMERS: [&str; 7] = ["-x", "B", "Z_1", "_x", "a", "b", "cus_1"];

async fn fill(repository: &Subject) -> Vec<Address> {
    let mut addresses = Vec::new();
    for customer_id in CUSTOMERS {
        addresses.extend((1..=3).map(|number| address(customer_id, number)));
    }
    let shuffled = addresses.iter().cloned().rev();
    repository.commit(creating(shuffled)).await.unwrap();
    addresses
}

/// `scan`: by ascending customer id and address id, compared by bytes.
pub async fn scans_customers_and_addresses_in_byte_order(repository: Subject) {
    let expected = fill(&repository).await;
    let all = Scan {
        customer_id: None,
        after: None,
        limit: 1_000,
    };
    assert_eq!(scan(&repository, all).await, expected);
}

/// `scan`: fewer than the limit only at the end, each address once, at any limit.
pub async fn scans_in_steps_of_any_size(repository: Subject) {
    let expected: Vec<_> = fill(&repository).await.iter().map(key).collect();
    for limit in 1..=22 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let step = scan(
                &repository,
                Scan {
                    customer_id: None,
                    after,
                    limit,
                },
            )
            .await;
            seen.extend(step.iter().map(key));
            if step.len() < limit as usize {
                break;
            }
            after = step
                .last()
                .map(|last| (last.customer_id.clone(), last.id.clone()));
        }
        assert_eq!(seen, expected, "in steps of {limit}");
    }
}

/// `scan`: of one customer, nobody else's addresses, also after a given one.
pub async fn scans_one_customer_alone(repository: Subject) {
    fill(&repository).await;
    let of = |after| Scan {
        customer_id: Some(customer("a")),
        after,
        limit: 10,
    };
    let all = scan(&repository, of(None)).await;
    assert_eq!(all, [1, 2, 3].map(|number| address("a", number)));
    let rest = scan(&repository, of(Some((customer("a"), address_id(1))))).await;
    assert_eq!(rest, all[1..]);
    let none = Scan {
        customer_id: Some(customer("unknown")),
        after: None,
        limit: 10,
    };
    assert_eq!(scan(&repository, none).await, []);
}
