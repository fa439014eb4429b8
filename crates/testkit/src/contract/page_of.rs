use addressbook_domain::{
    Address, AddressPage, Change, City, Country, Filter, Limit, Listing, MatchKey, Order, OrderKey,
    PageRequest, PageStart, SearchText, Timestamp,
};

use super::Subject;
use super::calls::{commit_ok, head, page_of, start_writer};
use crate::fixtures::{
    address, address_id, commit, commit_at, content, creating, limit, moved, removal, replacing,
    timestamp,
};

/// A listing in descending order, with the maximum limit.
fn descending() -> Listing {
    Listing {
        page: PageRequest {
            limit: limit(Limit::MAX),
            ..PageRequest::default()
        },
        order: Order {
            descending: true,
            ..Order::default()
        },
        ..Listing::default()
    }
}

fn as_of(time: Timestamp) -> Listing {
    Listing {
        as_of: Some(time),
        ..Listing::default()
    }
}

/// Returns the page that the domain computes from these addresses.
#[track_caller]
fn made_of(listing: &Listing, page: &AddressPage, addresses: Vec<Address>) -> AddressPage {
    match listing.apply(page.head(), addresses) {
        Ok(page) => page,
        Err(error) => panic!("the suite has an invalid address: {error}"),
    }
}

/// `page_of`: returns what the listing computes from all current addresses of the book and its
/// head.
pub async fn a_page_of_a_listing_is_made_of_all_addresses(repository: Subject) {
    let descending = descending();
    let rest = Listing {
        page: PageRequest {
            start: PageStart::after_id(address_id(250)),
            ..descending.page.clone()
        },
        ..descending.clone()
    };
    let by_time = Listing {
        order: Order {
            key: OrderKey::UpdatedAt,
            descending: true,
        },
        ..Listing::default()
    };
    let filtered = |filter| Listing {
        filter,
        ..Listing::default()
    };
    let listings = [
        descending,
        rest,
        by_time,
        filtered(Filter {
            countries: Country::parse("RW").into_iter().collect(),
            ..Filter::default()
        }),
        filtered(Filter {
            text: SearchText::parse("HUYE").ok(),
            ..Filter::default()
        }),
        filtered(Filter {
            match_key: Some(MatchKey::of(&content())),
            ..Filter::default()
        }),
    ];
    for listing in &listings {
        assert_eq!(
            page_of(&repository, "cus_1", listing).await,
            AddressPage::default(),
            "page_of: expected the default page for a customer without a book, for {listing:?}"
        );
    }
    let mut expected: Vec<_> = (0..300).map(|number| address("cus_1", number)).collect();
    if let Ok(huye) = City::parse("Huye") {
        expected[299].content.city = huye;
    }
    let created = creating(expected.clone());
    commit_ok(&repository, created, "create 300 addresses").await;
    let other = creating([address("cus_2", 1)]);
    commit_ok(&repository, other, "create an address in another book").await;
    let head = head(&repository, "cus_1").await;
    for listing in &listings {
        let page = page_of(&repository, "cus_1", listing).await;
        assert_eq!(
            page.head(),
            head,
            "page_of: expected the head of the book, for {listing:?}"
        );
        assert_eq!(
            page,
            made_of(listing, &page, expected.clone()),
            "page_of: expected what `Listing::apply` computes from all addresses, for {listing:?}"
        );
    }
}

/// `page_of`: while addresses are created and removed, the head counts the addresses from which the
/// page is computed, now and as of the latest time.
pub async fn a_page_of_a_listing_is_of_one_moment(repository: Subject) {
    let create = (0..60).map(|number| creating([address("cus_1", number)]));
    let remove = (0..30).map(|number| commit([removal(address("cus_1", number))]));
    let writer = start_writer(&repository, create.chain(remove).collect());
    loop {
        let is_done = writer.is_done().await;
        for listing in [descending(), as_of(Timestamp::MAX)] {
            let page = page_of(&repository, "cus_1", &listing).await;
            assert_eq!(
                page.total(),
                page.head().addresses,
                "page_of: expected head and addresses from one snapshot, so that the head counts \
                 the addresses (left), for {listing:?}"
            );
        }
        if is_done {
            break;
        }
    }
    writer.end().await;
}

const TIMES: [&str; 3] = [
    "2025-01-01T00:00:00.000Z",
    "2025-02-01T00:00:00.001Z",
    "2025-03-01T00:00:00.999Z",
];

/// Expects the book of `cus_1` to have had these addresses at this time.
async fn expect_as_of(repository: &Subject, time: Timestamp, expected: Vec<Address>) {
    let listing = as_of(time);
    let page = page_of(repository, "cus_1", &listing).await;
    assert_eq!(
        page.head(),
        head(repository, "cus_1").await,
        "page_of: expected the current head of the book, even as of {time}"
    );
    assert_eq!(
        page,
        made_of(&listing, &page, expected),
        "page_of: expected the latest revision of each address as of {time}, unless that is a \
         removal"
    );
}

/// `page_of`: as of any time, contains exactly the addresses whose latest revision up to that time
/// is not a removal, each in the state of that revision.
pub async fn the_book_is_known_as_it_stood_at_any_moment(repository: Subject) {
    let created = address("cus_1", 1);
    let updated = moved(&created, "Huye");
    let stays = address("cus_1", 2);
    for commit in [
        commit_at(TIMES[0], [Change::Create(created.clone())]),
        commit_at(TIMES[0], [Change::Create(address("cus_2", 3))]),
        commit_at(TIMES[1], [replacing(&created, "Huye")]),
        commit_at(TIMES[1], [Change::Create(stays.clone())]),
        commit_at(TIMES[2], [removal(updated.clone())]),
    ] {
        commit_ok(&repository, commit, "a change of the history").await;
    }
    let [first, second, third] = TIMES.map(timestamp);
    let before = |time: Timestamp| time.minus(std::time::Duration::from_millis(1));
    for (time, expected) in [
        (before(first), vec![]),
        (first, vec![created.clone()]),
        (before(second), vec![created]),
        (second, vec![updated.clone(), stays.clone()]),
        (before(third), vec![updated, stays.clone()]),
        (third, vec![stays.clone()]),
        (Timestamp::MAX, vec![stays]),
    ] {
        expect_as_of(&repository, time, expected).await;
    }
}

/// `page_of`: of the revisions up to a time, the one with the greatest number is the latest, not
/// the one with the latest time, because the clock may have been set back.
pub async fn the_latest_revision_is_the_one_with_the_greatest_number(repository: Subject) {
    let [moves, leaves] = [1, 2].map(|number| address("cus_1", number));
    let both = [moves.clone(), leaves.clone()].map(Change::Create);
    commit_ok(
        &repository,
        commit_at(TIMES[2], both),
        "create two addresses",
    )
    .await;
    let changes = [replacing(&moves, "Huye"), removal(leaves.clone())];
    let earlier = commit_at(TIMES[0], changes);
    commit_ok(
        &repository,
        earlier,
        "move one and remove the other, earlier",
    )
    .await;
    let again = commit_at(TIMES[1], [replacing(&moved(&moves, "Huye"), "Musanze")]);
    commit_ok(&repository, again, "move it again, between the two").await;
    let second = moved(&moves, "Huye");
    let third = moved(&second, "Musanze");
    let [first_time, second_time, third_time] = TIMES.map(timestamp);
    for (time, expected) in [
        (first_time, second),
        (second_time, third.clone()),
        (third_time, third.clone()),
        (Timestamp::MAX, third),
    ] {
        expect_as_of(&repository, time, vec![expected]).await;
    }
}
