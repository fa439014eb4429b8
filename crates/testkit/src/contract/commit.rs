use addressbook_domain::{Address, Change, Commit, RepositoryError, Revision};

use super::{Subject, assert_conflict, at_once, find, head, list};
use crate::fixtures::{address, commit, creating, customer, moved, moving};

/// `commit`: an address to create must not exist, which is a conflict in a full book too.
pub async fn refuses_to_create_what_exists(repository: Subject) {
    repository
        .commit(creating([address("cus_1", 1)]))
        .await
        .unwrap();
    let other = moved(&address("cus_1", 1), "Huye");
    for max_addresses in [u32::MAX, 1] {
        let commit = Commit {
            max_addresses,
            ..creating([other.clone()])
        };
        assert_conflict(repository.commit(commit).await, 0);
    }
    assert_eq!(
        find(&repository, &address("cus_1", 1)).await,
        Some(address("cus_1", 1))
    );
}

/// `commit`: an address to replace must exist at the expected revision.
pub async fn refuses_to_replace_what_is_not_at_the_expected_revision(repository: Subject) {
    let first = address("cus_1", 1);
    let second = moved(&first, "Huye");
    assert_conflict(repository.commit(moving(&first, "Huye")).await, 0);
    repository.commit(creating([first.clone()])).await.unwrap();
    assert_conflict(repository.commit(moving(&second, "Musanze")).await, 0);
    repository.commit(moving(&first, "Huye")).await.unwrap();
    assert_conflict(repository.commit(moving(&first, "Musanze")).await, 0);
    assert_eq!(find(&repository, &first).await, Some(second));
}

/// `commit`: an address to remove must exist at the expected revision.
pub async fn refuses_to_remove_what_is_not_at_the_expected_revision(repository: Subject) {
    let first = address("cus_1", 1);
    let second = moved(&first, "Huye");
    let removing = |address: &Address| commit([Change::Remove(address.clone())]);
    assert_conflict(repository.commit(removing(&first)).await, 0);
    repository
        .commit(creating([first.clone(), address("cus_1", 2)]))
        .await
        .unwrap();
    assert_conflict(repository.commit(removing(&second)).await, 0);
    repository.commit(moving(&first, "Huye")).await.unwrap();
    assert_conflict(repository.commit(removing(&first)).await, 0);
    repository.commit(removing(&second)).await.unwrap();
    assert_eq!(find(&repository, &first).await, None);
    assert_conflict(repository.commit(removing(&second)).await, 0);
    assert_eq!(head(&repository, &customer("cus_1")).await.addresses, 1);
    assert_eq!(list(&repository, &customer("cus_1"), 50, 0).await.len(), 1);
}

/// `commit`: a book holds no more addresses than the commit allows; the first creation
/// that is too many is named, and room that is made can be used again.
pub async fn refuses_one_address_too_many_and_names_it(repository: Subject) {
    let full = |max_addresses, changes: Vec<Change>| Commit {
        max_addresses,
        ..commit(changes)
    };
    let create = |number| Change::Create(address("cus_1", number));
    repository.commit(full(2, vec![create(1)])).await.unwrap();
    let too_many = full(
        2,
        vec![
            Change::Create(address("cus_2", 1)),
            create(2),
            create(3),
            create(4),
        ],
    );
    let refused = repository.commit(too_many).await;
    assert!(
        matches!(refused, Err(RepositoryError::BookFull { index: 2 })),
        "{refused:?}"
    );
    assert_eq!(head(&repository, &customer("cus_2")).await.addresses, 0);
    repository.commit(full(2, vec![create(2)])).await.unwrap();
    let refused = repository.commit(full(1, vec![create(3)])).await;
    assert!(
        matches!(refused, Err(RepositoryError::BookFull { index: 0 })),
        "{refused:?}"
    );
    // What adds nothing is no matter of how much there is.
    let replaced = moved(&address("cus_1", 1), "Huye");
    let replace = Change::Replace {
        address: replaced,
        expected: Revision::FIRST,
    };
    repository.commit(full(1, vec![replace])).await.unwrap();
    repository
        .commit(full(1, vec![Change::Remove(address("cus_1", 2))]))
        .await
        .unwrap();
    repository.commit(full(2, vec![create(3)])).await.unwrap();
    let exchange = vec![Change::Remove(address("cus_1", 3)), create(4)];
    repository.commit(full(2, exchange)).await.unwrap();
    assert_eq!(head(&repository, &customer("cus_1")).await.addresses, 2);
}

/// `commit`: one change that does not fit takes all others of its commit with it.
pub async fn a_refused_commit_changes_nothing(repository: Subject) {
    let kept = address("cus_1", 1);
    repository.commit(creating([kept.clone()])).await.unwrap();
    let before = head(&repository, &customer("cus_1")).await;
    let refused = commit([
        Change::Create(address("cus_1", 2)),
        Change::Create(address("cus_2", 1)),
        Change::Replace {
            address: moved(&kept, "Huye"),
            expected: Revision::FIRST,
        },
        Change::Create(kept.clone()),
        Change::Create(address("cus_1", 3)),
    ]);
    assert_conflict(repository.commit(refused).await, 3);
    assert_eq!(head(&repository, &customer("cus_1")).await, before);
    assert_eq!(
        head(&repository, &customer("cus_2")).await,
        Default::default()
    );
    assert_eq!(list(&repository, &customer("cus_1"), 50, 0).await.len(), 1);
    assert_eq!(find(&repository, &kept).await, Some(kept));
}

/// `commit`: changes see the effect of those before them.
pub async fn changes_see_the_effect_of_those_before_them(repository: Subject) {
    let first = address("cus_1", 1);
    let second = moved(&first, "Huye");
    let third = moved(&second, "Musanze");
    let replacing = |from: &Address, to: &Address| Change::Replace {
        address: to.clone(),
        expected: from.revision,
    };
    repository
        .commit(commit([
            Change::Create(first.clone()),
            replacing(&first, &second),
            replacing(&second, &third),
        ]))
        .await
        .unwrap();
    assert_eq!(find(&repository, &first).await, Some(third));
    assert_eq!(head(&repository, &customer("cus_1")).await.addresses, 1);
    let twice = creating([address("cus_1", 2), address("cus_1", 2)]);
    assert_conflict(repository.commit(twice).await, 1);
}

/// `commit`: the same address id in the books of two customers.
pub async fn accepts_the_same_address_id_in_two_books(repository: Subject) {
    let (ours, theirs) = (address("cus_1", 1), address("cus_2", 1));
    repository
        .commit(creating([ours.clone(), theirs.clone()]))
        .await
        .unwrap();
    assert_eq!(find(&repository, &ours).await, Some(ours));
    assert_eq!(find(&repository, &theirs).await, Some(theirs));
}

/// How many commits the tests below make at the same time.
const AT_ONCE: u32 = 16;

#[track_caller]
fn assert_one_success(results: Vec<Result<(), RepositoryError>>) {
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1, "{won:?} {lost:?}");
    for result in lost {
        assert_conflict(result, 0);
    }
}

/// `commit`: of several creations of one address at once exactly one succeeds.
pub async fn of_concurrent_creations_exactly_one_succeeds(repository: Subject) {
    let commits = (0..AT_ONCE)
        .map(|_| creating([address("cus_1", 1)]))
        .collect();
    assert_one_success(at_once(&repository, commits).await);
    assert_eq!(head(&repository, &customer("cus_1")).await.addresses, 1);
}

/// `commit`: of several replacements of one revision at once exactly one succeeds.
pub async fn of_concurrent_replacements_exactly_one_succeeds(repository: Subject) {
    let first = address("cus_1", 1);
    repository.commit(creating([first.clone()])).await.unwrap();
    let commits = (0..AT_ONCE)
        .map(|number| moving(&first, &format!("City {number}")))
        .collect();
    assert_one_success(at_once(&repository, commits).await);
    let kept = find(&repository, &first).await.unwrap();
    assert_eq!(kept.revision, Revision::FIRST.next());
}

/// `commit`: of several creations at once no more succeed than the book may hold.
pub async fn of_concurrent_creations_no_more_succeed_than_the_book_may_hold(repository: Subject) {
    let create = |number| Commit {
        max_addresses: 5,
        ..creating([address("cus_1", number)])
    };
    let results = at_once(&repository, (0..AT_ONCE).map(create).collect()).await;
    let (done, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 5);
    for result in refused {
        assert!(
            matches!(result, Err(RepositoryError::BookFull { index: 0 })),
            "{result:?}"
        );
    }
    assert_eq!(head(&repository, &customer("cus_1")).await.addresses, 5);
}

/// `commit`: commits to one book at once all succeed and all count.
pub async fn concurrent_commits_to_one_book_lose_nothing(repository: Subject) {
    let commits = (0..AT_ONCE)
        .map(|number| creating([address("cus_1", number)]))
        .collect();
    for result in at_once(&repository, commits).await {
        result.unwrap();
    }
    let page = list(&repository, &customer("cus_1"), 200, 0).await;
    assert_eq!(
        (page.len() as u32, page.head().addresses),
        (AT_ONCE, u64::from(AT_ONCE))
    );
}

/// `commit`: commits that touch the same books in opposite orders all succeed.
pub async fn concurrent_commits_across_books_do_not_block_each_other_for_ever(repository: Subject) {
    let commits = (0..AT_ONCE)
        .map(|number| {
            let books = match number % 2 {
                0 => ["cus_1", "cus_2", "cus_3"],
                _ => ["cus_3", "cus_2", "cus_1"],
            };
            creating(books.map(|customer_id| address(customer_id, number)))
        })
        .collect();
    for result in at_once(&repository, commits).await {
        result.unwrap();
    }
    for customer_id in ["cus_1", "cus_2", "cus_3"] {
        let addresses = head(&repository, &customer(customer_id)).await.addresses;
        assert_eq!(addresses, u64::from(AT_ONCE));
    }
}
