use std::collections::BTreeSet;
use std::ops::Range;

use addressbook_domain::{Address, AddressId, AddressPage, BookHead, Change, Offset};

use super::Subject;
use super::calls::{commit_ok, head, list, list_after, start_writer};
use super::steps::Steps;
use crate::fixtures::{address, address_id, commit, creating, removal};

fn ids(page: &AddressPage) -> Vec<String> {
    page.iter().map(|address| address.id.to_owned()).collect()
}

fn ids_of(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    let id = |number| address_id(number).to_string();
    numbers.into_iter().map(id).collect()
}

/// `list`: returns an empty page with the default head for a customer without a book.
pub async fn lists_an_empty_page_for_an_unknown_customer(repository: Subject) {
    let page = list(&repository, "cus_unknown", 50, 0).await;
    assert_eq!(
        page,
        AddressPage::default(),
        "list: expected an empty page with the default head for a customer without a book"
    );
    assert_eq!(
        head(&repository, "cus_unknown").await,
        BookHead::default(),
        "head: expected the default head for a customer without a book"
    );
}

/// `list`: returns an empty page with the head of the book at or past the end.
pub async fn lists_an_empty_page_with_the_head_past_the_end(repository: Subject) {
    let addresses = [1, 2].map(|number| address("cus_1", number));
    commit_ok(&repository, creating(addresses), "create two addresses").await;
    let expected = head(&repository, "cus_1").await;
    for offset in [2, 3, 1_000, Offset::MAX] {
        let page = list(&repository, "cus_1", 1, offset).await;
        assert_eq!(
            (page.len(), page.head()),
            (0, expected),
            "list: expected no address and the head of the book at offset {offset} of 2 addresses"
        );
    }
    let page = list_after(&repository, "cus_1", 1, address_id(2)).await;
    assert_eq!(
        (page.len(), page.head()),
        (0, expected),
        "list: expected no address and the head of the book after the last id"
    );
}

/// `list`: returns addresses by ascending id, compared by bytes, whatever the order of creation.
pub async fn lists_by_ascending_id(repository: Subject) {
    for suffix in ["i1", "a0", "9a", "z0", "10", "aa", "0z", "l1"] {
        let created = Address {
            id: address_id(suffix),
            ..address("cus_1", 1)
        };
        commit_ok(&repository, creating([created]), "create an address").await;
    }
    let page = list(&repository, "cus_1", 50, 0).await;
    let by_bytes = ["0z", "10", "9a", "a0", "aa", "i1", "l1", "z0"];
    assert_eq!(
        ids(&page),
        by_bytes.map(|suffix| address_id(suffix).to_string()),
        "list: expected ascending ids, compared by bytes"
    );
}

/// `list`: consecutive pages contain each address exactly once, in the books of two customers with
/// 1,000 and 3 addresses, by offset at every page size, and after an id at some sizes.
pub async fn pages_of_every_size_hold_each_address_exactly_once(repository: Subject) {
    let books = [("cus_1", 1_000_u32), ("cus_2", 3)];
    for (customer_id, count) in books {
        let addresses = (0..count).map(|number| address(customer_id, number));
        commit_ok(&repository, creating(addresses), "create a whole book").await;
    }
    for (customer_id, count) in books {
        let expected = ids_of(0..count);
        let by_offset = (1..=200).map(|size| (size, false));
        let after_an_id = [1, 2, 7, 64, 199, 200].map(|size| (size, true));
        for (size, after) in by_offset.chain(after_an_id) {
            let name = match after {
                true => "pages after an id",
                false => "pages by offset",
            };
            let mut steps = Steps::new(name, size.into(), expected.len());
            while steps.go_on() {
                let last = steps.seen.last().filter(|_| after);
                let last = last.and_then(|id: &String| AddressId::parse(id).ok());
                let page = match last {
                    Some(id) => list_after(&repository, customer_id, size, id).await,
                    None => list(&repository, customer_id, size, steps.seen.len() as u64).await,
                };
                assert_eq!(
                    page.head().addresses,
                    u64::from(count),
                    "{name} of {size}: expected the head of each to count the addresses of the book"
                );
                steps.take(ids(&page));
            }
            assert_eq!(
                steps.seen, expected,
                "{name} of {size}: expected each address of the book exactly once"
            );
        }
    }
}

/// `list`: pages at a large offset in a large book contain the right addresses, with other books
/// before and after it.
pub async fn pages_far_into_a_large_book_hold_the_same(repository: Subject) {
    for (customer_id, count) in [("cus_1", 3), ("cus_2", 2_500), ("cus_3", 3)] {
        let addresses = (0..count).map(|number| address(customer_id, number));
        commit_ok(&repository, creating(addresses), "create a whole book").await;
    }
    for offset in [999, 1_000, 1_001, 1_002, 2_000, 2_498, 2_499, 2_500, 2_501] {
        let page = list(&repository, "cus_2", 3, offset.into()).await;
        assert_eq!(
            (ids(&page), page.head().addresses),
            (ids_of((offset..2_500).take(3)), 2_500),
            "list: expected the addresses from offset {offset}, and a head that counts 2,500"
        );
    }
}

/// `list`: pages at a large offset contain the right addresses after addresses were created and
/// removed anywhere in the book.
pub async fn pages_far_into_a_book_hold_the_same_as_it_grows_and_shrinks(repository: Subject) {
    let mut held = BTreeSet::new();
    let every_fourth = |numbers: Range<u32>| numbers.map(|number| 4 * number).collect();
    let (create, remove): (fn(_) -> _, fn(_) -> _) = (Change::Create, removal);
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
        commit_ok(&repository, commit(changes), &format!("step {step}")).await;
        for offset in [999, 1_000, 1_001]
            .into_iter()
            .chain((1_050..2_700).step_by(75))
        {
            let page = list(&repository, "cus_1", 2, offset).await;
            let expected = held.iter().skip(offset as usize).take(2).copied();
            assert_eq!(
                (ids(&page), page.head().addresses),
                (ids_of(expected), held.len() as u64),
                "list: expected the addresses from offset {offset} after step {step}, and a head \
                 that counts the addresses"
            );
        }
    }
}

/// `list`: a page after an id begins with the next greater id, whether or not an address with that
/// id exists.
pub async fn pages_after_an_id_begin_with_the_next_greater_one(repository: Subject) {
    let addresses = [2, 4, 6].map(|number| address("cus_1", number));
    commit_ok(&repository, creating(addresses), "create 2, 4 and 6").await;
    let other = creating([address("cus_2", 5)]);
    commit_ok(&repository, other, "create 5 in another book").await;
    let head = head(&repository, "cus_1").await;
    for (after, expected) in [
        (1, vec![2, 4]),
        (2, vec![4, 6]),
        (3, vec![4, 6]),
        (5, vec![6]),
        (6, vec![]),
        (7, vec![]),
    ] {
        let page = list_after(&repository, "cus_1", 2, address_id(after)).await;
        assert_eq!(
            (ids(&page), page.head()),
            (ids_of(expected), head),
            "list: expected the next greater ids after {after}, of 2, 4 and 6"
        );
    }
}

/// `list`: while addresses are created and removed, each page has as many addresses as its head
/// says, the book revision never decreases, and pages with the same book revision are equal.
pub async fn the_head_of_a_page_is_of_the_moment_of_its_addresses(repository: Subject) {
    let create = (0..60).map(|number| creating([address("cus_1", number)]));
    let remove = (0..30).map(|number| commit([removal(address("cus_1", number))]));
    let writer = start_writer(&repository, create.chain(remove).collect());
    let mut last = AddressPage::default();
    loop {
        let is_done = writer.is_done().await;
        let page = list(&repository, "cus_1", 200, 0).await;
        let past = list(&repository, "cus_1", 200, page.len() as u64).await;
        for (offset, page) in [(0, &page), (page.len(), &past)] {
            let held = page.head().addresses;
            assert_eq!(
                page.len() as u64,
                held.saturating_sub(offset as u64),
                "list: expected the page at offset {offset} to contain the rest of the {held} \
                 addresses that its head counts, because both are from one snapshot"
            );
        }
        let (before, now) = (last.head().revision, page.head().revision);
        assert!(
            now >= before,
            "list: expected the book revision not to decrease, got {now} after {before}"
        );
        if now == before {
            assert_eq!(
                page, last,
                "list: expected equal pages at one book revision"
            );
        }
        last = page;
        if is_done {
            break;
        }
    }
    writer.end().await;
    assert_eq!(
        last.len(),
        30,
        "list: expected all writes to be visible after the writer ended"
    );
}
