/// The defects of the faulty adapters, one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Correct,
    IsNeverReady,

    // list
    FailsForUnknownCustomers,
    ForgetsTheHeadPastTheEnd,
    ListsInOrderOfCreation,
    BeginsOneEarlier,
    BeginsOneLaterFarIn,
    ListsFarPagesAsTheBookFirstWas,
    ListsAtMost100,
    BeginsAgainAtTheEnd,
    ListsNothingAfterAMissingId,
    IncludesTheIdToStartAfter,
    ListsTheHeadOfAnotherMoment,

    // page_of
    MakesPagesOf100Addresses,
    IgnoresFilters,
    MakesPagesWithTheHeadOfAnotherMoment,
    IgnoresTheTime,
    ExcludesTheTimeItself,
    ShowsRemovedAddressesOfThePast,
    UsesTheLatestTimeAsTheLatestRevision,

    // head
    CountsCreations,
    UsesTheCountAsTheRevision,
    UsesTheTimeAsTheRevision,
    GrowsWithReads,
    GrowsWithOtherBooks,

    // find
    FindsTheFirst25,
    FindsInTheOrderOfIds,
    FindsOnlyExistingAddresses,
    FindsAcrossCustomers,
    FindsContentAcrossCustomers,
    FindsContentRegardlessOfNulls,
    FindsNoContentWithNulls,
    FindsContentRegardlessOfCase,
    FindsFormerContent,
    FindsAtSeveralMoments,
    FindsInACache,
    FindsTheRevisionOfAnotherMoment,

    // scan
    ScansAtMost100,
    ScansRegardlessOfCase,
    IncludesTheAddressToStartAfter,
    EndsStepsAtEachCustomer,
    ScansAllForOneCustomer,
    ScansOneCustomerFromTheStart,
    ScansAtSeveralMoments,

    // commit
    CommitsAtMost500Changes,
    CommitsTheFirst10000Changes,
    FailsWithoutChanges,
    ReturnsTheRevisionsBeforeTheCommit,
    ReturnsTheRevisionOfTheFirstBook,
    ComparesChangesWithTheStart,
    RequiresIdsUniqueAcrossBooks,
    IgnoresExpectedRevisions,
    ExpectsNothingOfMissingBooks,
    ChecksExpectedRevisionsLast,
    OverwritesExistingAddresses,
    ReplacesAnyRevision,
    RemovesAnyRevision,
    RemovesMissingAddresses,
    IgnoresTheAddressLimit,
    NamesTheLastChange,
    RefusesToChangeFullBooks,
    ChecksRoomFirst,
    IgnoresTheHistoryLimit,
    CountsRemovalsOnce,
    RefusesRemovalsInFullHistories,
    ChecksTheHistoryFirst,
    ChecksTheHistoryBeforeItReplaces,
    ChecksConflictsFirst,
    ChecksTheKeyFirst,
    LeavesTheChangesBeforeAConflict,
    LeavesTheChangesOfATakenKey,
    LeavesTheRecordOfARefusedCommit,
    CommitsBookByBook,
    ChecksTheIdBeforeItCreates,
    ChecksTheRevisionBeforeItReplaces,
    ChecksRoomBeforeItCreates,
    ChecksTheBookBeforeItCommits,
    ChecksTheKeyBeforeItCommits,
    WritesTheWholeStoreBack,
    GivesUpWhenOthersCommit,
    LocksBooksInTheOrderOfTheChanges,

    // revisions
    WritesNoRevisionOfCreations,
    UsesTheUpdateTimeAsTheChangeTime,
    RecordsRemovalsAsUpdates,
    ReturnsTheOldestFirst,
    ReturnsRevisionsByTime,
    IncludesTheRevisionToEndBefore,
    ReturnsAtMost100Revisions,
    ForgetsRevisionsOfRemovedAddresses,
    ReturnsRevisionsOfTwoMoments,
    ReturnsRevisionsOfAnotherMomentThanTheBook,
    ReturnsRevisionsAcrossCustomers,
    UsesTheRevisionOfTheChange,

    // idempotency records
    RecordsTheLastChange,
    ForgetsTheFingerprint,
    FindsKeysRegardlessOfCase,
    FindsRecordsAcrossCustomers,
    AcceptsTakenKeys,
    ExpiresKeysAtTheMoment,
    NeverExpiresKeys,
    LeavesExpiredRecords,
    PrunesMoreThanTheLimit,
    PrunesTheTimeItself,
    PrunesYoungRecords,
    CountsTheLimitAsPruned,

    // default addresses
    FailsForCustomersWithoutABook,
    IgnoresClearedDefaultAddresses,
    LeavesTheFirstDefaultAddress,
    FindsDefaultAddressesAcrossCustomers,
    FindsDefaultAddressesOf1000Customers,
    FindsDefaultAddressesOfAnotherMoment,
    LeavesDefaultAddressesOfRemovedAddresses,
    AcceptsDefaultAddressesThatAreMissing,
    ChecksDefaultAddressesBeforeItCommits,

    // erase
    LeavesDefaultAddresses,
    CountsNoDefaultAddresses,
    LeavesRevisions,
    LeavesRecords,
    ErasesByPrefix,
    CountsOnlyAddresses,
    RestartsBookRevisions,
    RecordsKeysLater,

    // fidelity
    StoresOnlyThreeByteCharacters,
    ReplacesLigatures,
    TrimsInvisibleCharacters,
    StoresNullAsText,
    DropsPhones,
    FillsTheRegion,
    RespellsNumbers,
    StoresOnly255Characters,
    StoresSeconds,
    StoresTimesSince1970,
    IgnoresTheCaseOfCustomers,
}

use Fault::*;

/// The promise that each fault breaks.
pub(super) const TABLE: &[(Fault, &str)] = &[
    (IsNeverReady, "is_ready"),
    (
        FailsForUnknownCustomers,
        "lists_an_empty_page_for_an_unknown_customer",
    ),
    (
        ForgetsTheHeadPastTheEnd,
        "lists_an_empty_page_with_the_head_past_the_end",
    ),
    (ListsInOrderOfCreation, "lists_by_ascending_id"),
    (
        BeginsOneEarlier,
        "pages_of_every_size_hold_each_address_exactly_once",
    ),
    (
        ListsAtMost100,
        "pages_of_every_size_hold_each_address_exactly_once",
    ),
    (
        BeginsAgainAtTheEnd,
        "pages_of_every_size_hold_each_address_exactly_once",
    ),
    (
        BeginsOneLaterFarIn,
        "pages_far_into_a_large_book_hold_the_same",
    ),
    (
        ListsFarPagesAsTheBookFirstWas,
        "pages_far_into_a_book_hold_the_same_as_it_grows_and_shrinks",
    ),
    (
        ListsNothingAfterAMissingId,
        "pages_after_an_id_begin_with_the_next_greater_one",
    ),
    (
        IncludesTheIdToStartAfter,
        "pages_after_an_id_begin_with_the_next_greater_one",
    ),
    (
        ListsTheHeadOfAnotherMoment,
        "the_head_of_a_page_is_of_the_moment_of_its_addresses",
    ),
    (
        MakesPagesOf100Addresses,
        "a_page_of_a_listing_is_made_of_all_addresses",
    ),
    (
        IgnoresFilters,
        "a_page_of_a_listing_is_made_of_all_addresses",
    ),
    (
        MakesPagesWithTheHeadOfAnotherMoment,
        "a_page_of_a_listing_is_of_one_moment",
    ),
    (
        IgnoresTheTime,
        "the_book_is_known_as_it_stood_at_any_moment",
    ),
    (
        ExcludesTheTimeItself,
        "the_book_is_known_as_it_stood_at_any_moment",
    ),
    (
        ShowsRemovedAddressesOfThePast,
        "the_book_is_known_as_it_stood_at_any_moment",
    ),
    (
        UsesTheLatestTimeAsTheLatestRevision,
        "the_latest_revision_is_the_one_with_the_greatest_number",
    ),
    (CountsCreations, "the_head_counts_the_addresses"),
    (
        UsesTheCountAsTheRevision,
        "the_revision_of_a_book_grows_with_its_changes_alone",
    ),
    (
        UsesTheTimeAsTheRevision,
        "the_revision_of_a_book_grows_with_its_changes_alone",
    ),
    (
        GrowsWithReads,
        "the_revision_of_a_book_grows_with_its_changes_alone",
    ),
    (
        GrowsWithOtherBooks,
        "the_revision_of_a_book_grows_with_its_changes_alone",
    ),
    (
        FindsInTheOrderOfIds,
        "finds_by_id_in_the_order_of_the_look_ups",
    ),
    (
        FindsOnlyExistingAddresses,
        "finds_by_id_in_the_order_of_the_look_ups",
    ),
    (FindsTheFirst25, "finds_as_many_as_are_looked_up"),
    (
        FindsAcrossCustomers,
        "finds_nothing_in_another_customers_book",
    ),
    (
        FindsContentAcrossCustomers,
        "finds_nothing_in_another_customers_book",
    ),
    (
        FindsContentRegardlessOfNulls,
        "finds_by_content_what_is_equal_and_nothing_else",
    ),
    (
        FindsNoContentWithNulls,
        "finds_by_content_what_is_equal_and_nothing_else",
    ),
    (
        FindsContentRegardlessOfCase,
        "finds_by_content_what_is_equal_and_nothing_else",
    ),
    (
        FindsFormerContent,
        "finds_by_content_what_is_equal_and_nothing_else",
    ),
    (FindsAtSeveralMoments, "finds_all_at_one_moment"),
    (FindsInACache, "a_call_sees_what_was_written_before_it"),
    (
        FindsTheRevisionOfAnotherMoment,
        "finds_at_the_moment_of_the_revision",
    ),
    (ScansRegardlessOfCase, "scans_in_byte_order"),
    (IncludesTheAddressToStartAfter, "scans_in_steps_of_any_size"),
    (EndsStepsAtEachCustomer, "scans_in_steps_of_any_size"),
    (ScansAtMost100, "scans_as_many_as_are_asked_for"),
    (ScansAllForOneCustomer, "scans_one_customer_alone"),
    (ScansOneCustomerFromTheStart, "scans_one_customer_alone"),
    (ScansAtSeveralMoments, "scans_at_one_moment"),
    (
        CommitsAtMost500Changes,
        "commits_as_many_changes_as_an_import_brings",
    ),
    (
        CommitsTheFirst10000Changes,
        "commits_as_many_changes_as_an_import_brings",
    ),
    (FailsWithoutChanges, "a_commit_without_changes_does_nothing"),
    (
        ReturnsTheRevisionsBeforeTheCommit,
        "a_commit_returns_the_revisions_of_its_books",
    ),
    (
        ReturnsTheRevisionOfTheFirstBook,
        "a_commit_returns_the_revisions_of_its_books",
    ),
    (
        ComparesChangesWithTheStart,
        "changes_see_the_effect_of_those_before_them",
    ),
    (
        RequiresIdsUniqueAcrossBooks,
        "accepts_the_same_address_id_in_two_books",
    ),
    (
        IgnoresExpectedRevisions,
        "refuses_to_change_a_book_that_is_not_at_the_expected_revision",
    ),
    (
        ExpectsNothingOfMissingBooks,
        "refuses_to_change_a_book_that_is_not_at_the_expected_revision",
    ),
    (
        ChecksExpectedRevisionsLast,
        "a_changed_book_is_refused_first",
    ),
    (OverwritesExistingAddresses, "refuses_to_create_what_exists"),
    (
        ReplacesAnyRevision,
        "refuses_to_replace_what_is_not_at_the_expected_revision",
    ),
    (
        RemovesAnyRevision,
        "refuses_to_remove_what_is_not_at_the_expected_revision",
    ),
    (
        RemovesMissingAddresses,
        "refuses_to_remove_what_is_not_at_the_expected_revision",
    ),
    (
        IgnoresTheAddressLimit,
        "refuses_one_address_too_many_and_names_it",
    ),
    (
        NamesTheLastChange,
        "refuses_one_address_too_many_and_names_it",
    ),
    (
        RefusesToChangeFullBooks,
        "refuses_one_address_too_many_and_names_it",
    ),
    (
        ChecksConflictsFirst,
        "the_first_change_that_does_not_fit_decides",
    ),
    (ChecksRoomFirst, "a_conflict_goes_before_a_full_book"),
    (
        IgnoresTheHistoryLimit,
        "refuses_one_past_revision_too_many_and_names_it",
    ),
    (
        CountsRemovalsOnce,
        "removes_addresses_whatever_the_history_holds",
    ),
    (
        RefusesRemovalsInFullHistories,
        "removes_addresses_whatever_the_history_holds",
    ),
    (
        ChecksTheHistoryFirst,
        "a_full_book_goes_before_a_full_history",
    ),
    (
        ChecksTheHistoryBeforeItReplaces,
        "of_concurrent_replacements_no_more_succeed_than_the_history_may_hold",
    ),
    (ChecksTheKeyFirst, "a_taken_key_is_refused_last"),
    (
        LeavesTheChangesBeforeAConflict,
        "a_refused_commit_changes_nothing",
    ),
    (
        LeavesTheChangesOfATakenKey,
        "a_refused_commit_changes_nothing",
    ),
    (
        LeavesTheRecordOfARefusedCommit,
        "a_refused_commit_changes_nothing",
    ),
    (
        CommitsBookByBook,
        "a_commit_takes_effect_in_all_books_at_once",
    ),
    (
        CommitsBookByBook,
        "a_dropped_commit_takes_effect_as_a_whole_or_not_at_all",
    ),
    (
        ChecksTheIdBeforeItCreates,
        "of_concurrent_creations_exactly_one_succeeds",
    ),
    (
        ChecksTheRevisionBeforeItReplaces,
        "of_concurrent_replacements_exactly_one_succeeds",
    ),
    (
        ChecksRoomBeforeItCreates,
        "of_concurrent_creations_no_more_succeed_than_the_book_may_hold",
    ),
    (
        ChecksTheBookBeforeItCommits,
        "of_concurrent_commits_that_expect_one_revision_exactly_one_succeeds",
    ),
    (
        ChecksTheKeyBeforeItCommits,
        "of_concurrent_commits_with_one_key_exactly_one_succeeds",
    ),
    (
        WritesTheWholeStoreBack,
        "concurrent_commits_to_one_book_lose_nothing",
    ),
    (
        GivesUpWhenOthersCommit,
        "concurrent_commits_across_books_all_succeed",
    ),
    (
        LocksBooksInTheOrderOfTheChanges,
        "concurrent_commits_across_books_all_succeed",
    ),
    (
        WritesNoRevisionOfCreations,
        "every_change_writes_a_revision",
    ),
    (
        UsesTheUpdateTimeAsTheChangeTime,
        "every_change_writes_a_revision",
    ),
    (RecordsRemovalsAsUpdates, "revisions_outlive_the_address"),
    (
        ForgetsRevisionsOfRemovedAddresses,
        "revisions_outlive_the_address",
    ),
    (
        ReturnsTheOldestFirst,
        "revisions_come_newest_first_in_ranges_of_any_size",
    ),
    (
        ReturnsRevisionsByTime,
        "revisions_come_newest_first_in_ranges_of_any_size",
    ),
    (
        IncludesTheRevisionToEndBefore,
        "revisions_come_newest_first_in_ranges_of_any_size",
    ),
    (
        ReturnsAtMost100Revisions,
        "gives_as_many_revisions_as_are_asked_for",
    ),
    (ReturnsRevisionsOfTwoMoments, "revisions_are_of_one_moment"),
    (
        ReturnsRevisionsOfAnotherMomentThanTheBook,
        "revisions_are_of_the_moment_of_the_book_revision",
    ),
    (
        ReturnsRevisionsAcrossCustomers,
        "gives_no_revisions_by_the_id_of_another_customers_address",
    ),
    (
        UsesTheRevisionOfTheChange,
        "an_address_that_is_created_again_continues_its_revisions",
    ),
    (
        RecordsTheLastChange,
        "stores_the_record_of_the_first_change",
    ),
    (
        ForgetsTheFingerprint,
        "stores_the_record_of_the_first_change",
    ),
    (
        FindsKeysRegardlessOfCase,
        "tells_records_apart_by_customer_and_key",
    ),
    (
        FindsRecordsAcrossCustomers,
        "tells_records_apart_by_customer_and_key",
    ),
    (AcceptsTakenKeys, "refuses_a_key_that_is_taken"),
    (ExpiresKeysAtTheMoment, "refuses_a_key_that_is_taken"),
    (
        NeverExpiresKeys,
        "replaces_the_record_of_a_key_that_has_expired",
    ),
    (
        LeavesExpiredRecords,
        "replaces_the_record_of_a_key_that_has_expired",
    ),
    (PrunesMoreThanTheLimit, "prunes_old_records_in_steps"),
    (PrunesTheTimeItself, "prunes_old_records_in_steps"),
    (PrunesYoungRecords, "prunes_old_records_in_steps"),
    (CountsTheLimitAsPruned, "prunes_old_records_in_steps"),
    (
        FailsForCustomersWithoutABook,
        "a_customer_without_a_book_has_no_default_addresses",
    ),
    (
        IgnoresClearedDefaultAddresses,
        "a_commit_sets_and_clears_default_addresses",
    ),
    (
        LeavesTheFirstDefaultAddress,
        "a_commit_sets_and_clears_default_addresses",
    ),
    (
        FindsDefaultAddressesAcrossCustomers,
        "default_addresses_belong_to_one_customer",
    ),
    (
        FindsDefaultAddressesOf1000Customers,
        "gives_the_default_addresses_of_as_many_customers_as_are_asked_for",
    ),
    (
        FindsDefaultAddressesOfAnotherMoment,
        "default_addresses_are_of_the_moment_of_the_revision",
    ),
    (
        LeavesDefaultAddressesOfRemovedAddresses,
        "a_removal_clears_the_default_addresses_of_the_address",
    ),
    (
        AcceptsDefaultAddressesThatAreMissing,
        "refuses_a_default_address_that_is_not_in_the_book",
    ),
    (
        ChecksDefaultAddressesBeforeItCommits,
        "concurrent_removals_leave_no_default_address",
    ),
    (
        LeavesDefaultAddresses,
        "erases_everything_of_one_customer_and_nothing_of_others",
    ),
    (
        CountsNoDefaultAddresses,
        "erases_everything_of_one_customer_and_nothing_of_others",
    ),
    (
        LeavesRevisions,
        "erases_everything_of_one_customer_and_nothing_of_others",
    ),
    (
        LeavesRecords,
        "erases_everything_of_one_customer_and_nothing_of_others",
    ),
    (
        ErasesByPrefix,
        "erases_everything_of_one_customer_and_nothing_of_others",
    ),
    (
        CountsOnlyAddresses,
        "erases_everything_of_one_customer_and_nothing_of_others",
    ),
    (
        RestartsBookRevisions,
        "a_book_opened_again_begins_at_a_greater_revision",
    ),
    (RecordsKeysLater, "an_erasure_among_commits_leaves_no_half"),
    (
        StoresOnlyThreeByteCharacters,
        "stores_every_script_byte_for_byte",
    ),
    (ReplacesLigatures, "stores_every_script_byte_for_byte"),
    (
        TrimsInvisibleCharacters,
        "stores_text_that_earlier_releases_accepted",
    ),
    (StoresNullAsText, "stores_nulls"),
    (DropsPhones, "stores_postal_details"),
    (FillsTheRegion, "stores_an_empty_region_and_city"),
    (RespellsNumbers, "stores_custom_data_as_it_was_spelled"),
    (StoresOnly255Characters, "stores_the_longest_values"),
    (StoresSeconds, "stores_times_to_the_millisecond"),
    (StoresTimesSince1970, "stores_times_to_the_millisecond"),
    (
        IgnoresTheCaseOfCustomers,
        "tells_ids_apart_that_differ_only_in_case",
    ),
];
