use addressbook_domain::{Address, Scan};

use super::Subject;
use super::calls::{ALL, commit_ok, expect_moves_at_once, scan};
use super::steps::Steps;
use crate::fixtures::{address, address_id, creating, customer};

fn keys(addresses: &[Address]) -> Vec<(String, String)> {
    let key = |address: &Address| (address.customer_id.to_string(), address.id.to_string());
    addresses.iter().map(key).collect()
}

/// Customer ids in byte order. The rules of languages order them differently.
const CUSTOMERS: [&str; 7] = ["-x", "B", "Z_1", "_x", "a", "b", "cus_1"];

/// Creates three addresses for each customer, and returns them in byte order.
async fn fill(repository: &Subject) -> Vec<Address> {
    let of = |customer_id| [1, 2, 3].map(|number| address(customer_id, number));
    let addresses: Vec<_> = CUSTOMERS.into_iter().flat_map(of).collect();
    let backwards = creating(addresses.iter().rev().cloned());
    commit_ok(repository, backwards, "create them in the opposite order").await;
    addresses
}

/// `scan`: returns addresses by ascending customer id and address id, compared by bytes.
pub async fn scans_in_byte_order(repository: Subject) {
    let expected = fill(&repository).await;
    assert_eq!(
        scan(&repository, ALL).await,
        expected,
        "scan: expected all addresses by ascending customer id and address id, compared by bytes"
    );
}

/// `scan`: returns fewer than the limit only at the end, and each address once, at any limit.
pub async fn scans_in_steps_of_any_size(repository: Subject) {
    let expected = fill(&repository).await;
    for limit in 1..=expected.len() as u32 + 1 {
        let mut steps = Steps::new("scan", limit as usize, expected.len());
        while steps.go_on() {
            let last: Option<&Address> = steps.seen.last();
            let after = last.map(|last| (last.customer_id.clone(), last.id.clone()));
            let step = Scan {
                after,
                limit,
                ..ALL
            };
            steps.take(scan(&repository, step).await);
        }
        assert_eq!(
            keys(&steps.seen),
            keys(&expected),
            "scan in steps of {limit}: expected each address once, in order"
        );
    }
    // Between two addresses, and between two customers.
    for (after, rest) in [
        ((customer("Z_1"), address_id(0)), 6),
        ((customer("Z_1"), address_id(9)), 9),
        ((customer("Z_2"), address_id(1)), 9),
        ((customer("z"), address_id(1)), 21),
    ] {
        let step = Scan {
            after: Some(after.clone()),
            ..ALL
        };
        assert_eq!(
            keys(&scan(&repository, step).await),
            keys(&expected[rest..]),
            "scan: expected the addresses after {after:?}, which does not exist"
        );
    }
}

/// `scan`: returns as many as the limit allows. An export reads 1,000 at a time.
pub async fn scans_as_many_as_are_asked_for(repository: Subject) {
    let mut expected = Vec::new();
    for customer_id in ["cus_1", "cus_2"] {
        expected.extend((0..1_250).map(|number| address(customer_id, number)));
    }
    let created = creating(expected.clone());
    commit_ok(&repository, created, "create 2,500 addresses").await;
    for (limit, customer_id, count) in [
        (1_000, None, 1_000),
        (2_499, None, 2_499),
        (u32::MAX, None, 2_500),
        (1_000, Some("cus_1"), 1_000),
        (u32::MAX, Some("cus_1"), 1_250),
    ] {
        let step = Scan {
            customer_id: customer_id.map(customer),
            after: None,
            limit,
        };
        let found = scan(&repository, step).await;
        assert_eq!(
            found.len(),
            count,
            "scan: expected as many addresses as the limit {limit} allows, of {customer_id:?}"
        );
        assert!(
            found == expected[..count],
            "scan: expected the first {count} addresses of {customer_id:?}, in order"
        );
    }
}

/// `scan`: of one customer, returns no addresses of others, even after a given one.
pub async fn scans_one_customer_alone(repository: Subject) {
    fill(&repository).await;
    let all = [1, 2, 3].map(|number| address("a", number));
    for (customer_id, after, expected) in [
        ("a", None, &all[..]),
        ("a", Some(("a", 1)), &all[1..]),
        ("a", Some(("a", 3)), &[]),
        // After an address of another customer.
        ("a", Some(("B", 2)), &all[..]),
        ("a", Some(("b", 1)), &[]),
        ("unknown", None, &[]),
    ] {
        let step = Scan {
            customer_id: Some(customer(customer_id)),
            after: after.map(|(customer_id, number)| (customer(customer_id), address_id(number))),
            limit: 10,
        };
        assert_eq!(
            scan(&repository, step).await,
            expected,
            "scan: expected only addresses of {customer_id}, after {after:?}"
        );
    }
}

/// `scan`: all addresses of one call come from one snapshot, across books.
pub async fn scans_at_one_moment(repository: Subject) {
    let addresses = ["cus_1", "cus_2"].map(|customer_id| address(customer_id, 1));
    let read = |repository| async move { scan(&repository, ALL).await };
    expect_moves_at_once(&repository, "scan", addresses, read).await;
}
