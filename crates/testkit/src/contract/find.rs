use addressbook_domain::{
    Address, AddressContent, City, Country, Description, Found, Lookup, PostalDetails, Region,
};

use super::Subject;
use super::calls::{
    commit_ok, expect_moves_at_once, find, find_present, find_with_revisions, head, lookup,
};
use crate::fixtures::{
    address, address_id, commit, content, creating, custom_data, customer, moved, postal_details,
    replacing, text,
};

/// `find`: returns one result for each look-up, in their order: `None` if there is no such address.
pub async fn finds_by_id_in_the_order_of_the_look_ups(repository: Subject) {
    let [first, second] = [1, 2].map(|number| address("cus_1", number));
    let both = creating([first.clone(), second.clone()]);
    commit_ok(&repository, both, "create 1 and 2").await;
    let lookups = [2, 3, 1, 2].map(|number| Lookup::Id(customer("cus_1"), address_id(number)));
    let found = find(&repository, lookups.into()).await;
    assert_eq!(
        found,
        [Some(second.clone()), None, Some(first), Some(second)],
        "find: expected the results in the order of the look-ups 2, 3, 1 and 2"
    );
    assert_eq!(
        find(&repository, Vec::new()).await,
        [],
        "find: expected no results without look-ups"
    );
}

/// `find`: returns as many results as there are look-ups, however many. An import looks up as many
/// addresses as it commits.
pub async fn finds_as_many_as_are_looked_up(repository: Subject) {
    let addresses: Vec<_> = (0..1_000)
        .map(|number| address(&format!("cus_{}", number % 3), number))
        .collect();
    let created = creating(addresses.clone());
    commit_ok(&repository, created, "create 1,000 addresses").await;
    let there = addresses.iter().map(|there| (there, true));
    let not_there = addresses.iter().map(|there| (there, false));
    let mut expected = Vec::new();
    let mut lookups = Vec::new();
    for (address, is_there) in there.chain(not_there) {
        let customer_id = match is_there {
            true => address.customer_id.clone(),
            false => customer("cus_other"),
        };
        lookups.push(Lookup::Id(customer_id, address.id.clone()));
        expected.push(is_there.then(|| address.clone()));
    }
    let found = find(&repository, lookups).await;
    let first_difference = found
        .iter()
        .zip(&expected)
        .position(|(found, expected)| found != expected);
    assert_eq!(
        first_difference, None,
        "find: expected the right result for each of 2,000 look-ups; the one at this index differs"
    );
}

/// `find`: finds nothing in the book of another customer, neither by id nor by content.
pub async fn finds_nothing_in_another_customers_book(repository: Subject) {
    let there = creating([address("cus_1", 1)]);
    commit_ok(&repository, there, "create an address of cus_1").await;
    let lookups = vec![
        Lookup::Id(customer("cus_2"), address_id(1)),
        Lookup::Content(customer("cus_2"), content()),
    ];
    assert_eq!(
        find(&repository, lookups).await,
        [None, None],
        "find: expected nothing in the book of cus_2, because only cus_1 has an address"
    );
}

/// `find`: finds by content an address with equal content, nulls included, and none that differs in
/// case, in a blank, in a null or in the spelling of custom data.
pub async fn finds_by_content_what_is_equal_and_nothing_else(repository: Subject) {
    let full = content();
    let bare = AddressContent {
        description: None,
        details: PostalDetails::default(),
        custom_data: None,
        ..content()
    };
    let there = [(1, &full), (2, &bare)].map(|(number, content)| Address {
        content: content.clone(),
        ..address("cus_1", number)
    });
    let created = creating(there.clone());
    commit_ok(&repository, created, "create two with different content").await;
    let lookup = |content: &AddressContent| Lookup::Content(customer("cus_1"), content.clone());
    assert_eq!(
        find(&repository, vec![lookup(&full), lookup(&bare)]).await,
        there.map(Some),
        "find: expected by content the address with all fields and the one with nulls"
    );

    let description = |value| Some(text(value, Description::parse));
    let data = |value| Some(custom_data(value));
    for (content, differs) in [
        (
            AddressContent {
                description: description("home"),
                ..content()
            },
            "the case of the description",
        ),
        (
            AddressContent {
                description: None,
                ..content()
            },
            "a description that is null",
        ),
        (
            AddressContent {
                region: text("KIGALI", Region::parse),
                ..content()
            },
            "the case of the region",
        ),
        (
            AddressContent {
                city: text("Kigali X", City::parse),
                ..content()
            },
            "the city",
        ),
        (
            AddressContent {
                country: text("US", Country::parse),
                ..content()
            },
            "the country",
        ),
        (
            AddressContent {
                details: postal_details(r#"{"first_line":"KG 7 Avenue 12"}"#),
                ..content()
            },
            "some of the postal details",
        ),
        (
            AddressContent {
                details: PostalDetails::default(),
                ..content()
            },
            "postal details that are null",
        ),
        (
            AddressContent {
                custom_data: None,
                ..content()
            },
            "custom data that is null",
        ),
        (
            AddressContent {
                custom_data: data(r#"{"floor":"15th "}"#),
                ..content()
            },
            "a blank in custom data",
        ),
        (
            AddressContent {
                custom_data: data(r#"{"floor":"\u00315th"}"#),
                ..content()
            },
            "the spelling of custom data",
        ),
        (
            AddressContent {
                description: description("Home"),
                ..bare.clone()
            },
            "a description instead of null",
        ),
    ] {
        assert_eq!(
            find(&repository, vec![lookup(&content)]).await,
            [None],
            "find: expected nothing for a content that differs in {differs}"
        );
    }
    let moved = moved(&address("cus_1", 1), "Huye");
    let replaced = commit([replacing(&address("cus_1", 1), "Huye")]);
    commit_ok(&repository, replaced, "move the first").await;
    assert_eq!(
        find(&repository, vec![lookup(&full), lookup(&moved.content)]).await,
        [None, Some(moved)],
        "find: expected an address by its current content, not by its former content"
    );
}

/// `find`: all look-ups of one call read one snapshot.
pub async fn finds_all_at_one_moment(repository: Subject) {
    let addresses = [1, 2].map(|number| address("cus_1", number));
    let lookups = addresses.each_ref().map(lookup);
    let read = |repository| find_present(repository, lookups.to_vec());
    expect_moves_at_once(&repository, "find", addresses, read).await;
}

/// `find`: the revision is that of the book at the moment of the address, or of its absence.
pub async fn finds_at_the_moment_of_the_revision(repository: Subject) {
    let mut there = address("cus_1", 1);
    let [missing, elsewhere] = [address("cus_1", 2), address("cus_2", 1)];
    let creation = creating([there.clone()]);
    commit_ok(&repository, creation, "create an address").await;
    let by_content =
        |address: &Address| Lookup::Content(address.customer_id.clone(), address.content.clone());
    for turn in 0..30 {
        let before = found_at(&repository, &there).await;
        let next = moved(&there, &format!("City {turn}"));
        let moving = commit([replacing(&there, next.content.city.as_str())]);
        let (seen, _) = tokio::join!(
            find_with_revisions(&repository, vec![lookup(&there)]),
            commit_ok(&repository, moving, "move the address while it is read")
        );
        there = next;
        let after = found_at(&repository, &there).await;
        assert!(
            seen == [before.clone()] || seen == [after.clone()],
            "find: expected the address and the revision as they were before a commit, {before:?}, \
             or after it, {after:?}, but got {seen:?}"
        );
        let lookups = [&missing, &elsewhere].map(lookup);
        let lookups = [lookups[0].clone(), lookups[1].clone(), by_content(&there)];
        let nothing = |book_revision| Found {
            address: None,
            book_revision,
        };
        assert_eq!(
            find_with_revisions(&repository, lookups.into()).await,
            [nothing(after.book_revision), nothing(0), after],
            "find: expected the revision of the book with a missing address, 0 without a book, and \
             the revision with an address that is found by content"
        );
    }
}

/// What a look-up must find of an address that nobody changes now.
async fn found_at(repository: &Subject, address: &Address) -> Found {
    Found {
        address: Some(address.clone()),
        book_revision: head(repository, address.customer_id.as_str())
            .await
            .revision,
    }
}
