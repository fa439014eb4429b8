//! Generates calls with few customers, ids, keys and texts, so that the calls affect each other.

use addressbook_domain::{
    Address, AddressContent, AddressId, Change, ChangeKind, City, Commit, CustomData, CustomerId,
    DefaultAddressChange, Description, Filter, Fingerprint, IdempotencyKey, IdempotentRequest,
    Listing, Lookup, MatchKey, NewIdempotencyKey, Offset, Order, PageRequest, PageStart, Revision,
    RevisionRange, Scan, Timestamp,
};
use addressbook_testkit::{fixtures, strategies};
use proptest::prelude::*;
use proptest::{collection, option, sample};

use super::Call;

/// Any call, at a time and with these current addresses.
pub(super) fn any_call(now: u32, current: Vec<Address>) -> impl Strategy<Value = Call> {
    let whose = any_customer;
    let any_time = moment(0..=now + 1).boxed();
    prop_oneof![
        12 => commit(now, current.clone()).prop_map(Call::Commit),
        2 => (whose(), page()).prop_map(|(whose, page)| Call::List(whose, page)),
        2 => (whose(), listing(any_time.clone()))
            .prop_map(|(whose, listing)| Call::PageOf(whose, listing)),
        2 => collection::vec(lookup(current), 0..4).prop_map(Call::Find),
        2 => (whose(), any_id(), range())
            .prop_map(|(whose, id, range)| Call::Revisions(whose, id, range)),
        1 => (whose(), any_key()).prop_map(|(whose, key)| Call::Record(whose, key)),
        1 => (any_time, 1..4_u32).prop_map(|(before, step)| Call::Prune(before, step)),
        1 => collection::vec(whose(), 0..4).prop_map(Call::DefaultAddresses),
        1 => whose().prop_map(Call::Erase),
        1 => scan().prop_map(Call::Scan),
    ]
}

/// How far the clock may go back, in ticks of [`moment`].
pub(super) const CLOCK_BACK: u32 = 3;

/// Moments half a second apart.
fn moment(ticks: impl Strategy<Value = u32>) -> impl Strategy<Value = Timestamp> {
    ticks.prop_map(|tick| {
        Timestamp::from_unix_ms(1_722_507_330_000 + i64::from(tick) * 500).unwrap()
    })
}

/// Customers whose order by bytes differs from that of any language.
pub(super) fn customers() -> Vec<CustomerId> {
    ["_x", "B", "a"].map(fixtures::customer).into()
}

pub(super) fn ids() -> Vec<AddressId> {
    (1..=6).map(fixtures::address_id).collect()
}

pub(super) fn keys() -> Vec<IdempotencyKey> {
    ["key", "KEY"]
        .map(|key| IdempotencyKey::parse(key.as_bytes()).unwrap())
        .into()
}

fn any_customer() -> impl Strategy<Value = CustomerId> {
    sample::select(customers())
}

fn any_id() -> impl Strategy<Value = AddressId> {
    sample::select(ids())
}

fn any_key() -> impl Strategy<Value = IdempotencyKey> {
    sample::select(keys())
}

fn revision() -> impl Strategy<Value = Revision> {
    (1..6_u32).prop_map(|number| Revision::new(number).unwrap())
}

fn page() -> impl Strategy<Value = PageRequest> {
    let start = prop_oneof![
        (0..8_u8).prop_map(|offset| PageStart::Offset(Offset::parse(&offset.to_string()).unwrap())),
        (0..8_u8).prop_map(|number| PageStart::after_id(fixtures::address_id(number))),
    ];
    (1..8_u8, start).prop_map(|(limit, start)| PageRequest {
        limit: fixtures::limit(limit),
        start,
    })
}

prop_compose! {
    fn listing(any_time: impl Strategy<Value = Timestamp>)(
        descending in any::<bool>(),
        same_as in option::of(content()),
        as_of in option::of(any_time),
    ) -> Listing {
        Listing {
            order: Order { descending, ..Order::default() },
            filter: Filter {
                match_key: same_as.as_ref().map(MatchKey::of),
                ..Filter::default()
            },
            as_of,
            ..Listing::default()
        }
    }
}

/// One of the current addresses, or sometimes none.
fn one_of(current: Vec<Address>) -> BoxedStrategy<Option<Address>> {
    match current.len() {
        0 => Just(None).boxed(),
        _ => option::weighted(0.7, sample::select(current)).boxed(),
    }
}

fn lookup(current: Vec<Address>) -> impl Strategy<Value = Lookup> {
    let lookup = |(by_id, any, there): (_, _, Option<Address>)| {
        let wanted = there.unwrap_or(any);
        match by_id {
            true => Lookup::Id(wanted.customer_id, wanted.id),
            false => Lookup::Content(wanted.customer_id, wanted.content),
        }
    };
    (any::<bool>(), address(), one_of(current)).prop_map(lookup)
}

fn range() -> impl Strategy<Value = RevisionRange> {
    (option::of(revision()), 1..6_u32).prop_map(|(before, limit)| RevisionRange { before, limit })
}

fn scan() -> impl Strategy<Value = Scan> {
    let after = option::of((any_customer(), any_id()));
    (option::of(any_customer()), after, 1..20_u32).prop_map(|(customer_id, after, limit)| Scan {
        customer_id,
        after,
        limit,
    })
}

/// A few contents with differences that a store might not distinguish, and sometimes any content.
fn content() -> impl Strategy<Value = AddressContent> {
    let description = sample::select(vec![None, Some("Home"), Some("home")]);
    let city = sample::select(vec!["Kigali", "Île"]);
    let custom_data = sample::select(vec![None, Some(r#"{"a":1}"#), Some(r#"{"a":1.0}"#)]);
    let few = (description, city, custom_data).prop_map(|(description, city, custom_data)| {
        AddressContent {
            description: description.map(|text| Description::parse(text).unwrap()),
            city: City::parse(city).unwrap(),
            custom_data: custom_data.map(|json| CustomData::parse(json).unwrap()),
            ..fixtures::content()
        }
    });
    prop_oneof![8 => few, 1 => strategies::content()]
}

prop_compose! {
    fn address()(
        customer_id in any_customer(),
        id in any_id(),
        content in content(),
        mut times in [strategies::timestamp(), strategies::timestamp()],
    ) -> Address {
        times.sort();
        let [created_at, updated_at] = times;
        Address { customer_id, id, content, created_at, updated_at, revision: Revision::FIRST }
    }
}

/// A change that may or may not match one of the current addresses.
fn change(current: Vec<Address>) -> impl Strategy<Value = Change> {
    let kind = prop_oneof![
        3 => Just(ChangeKind::Created),
        2 => Just(ChangeKind::Updated),
        1 => Just(ChangeKind::Removed),
    ];
    let change = |(kind, mut address, any, there): (_, Address, _, Option<Address>)| {
        let mut expected = any;
        if let Some(there) = there.filter(|_| kind != ChangeKind::Created) {
            (address.customer_id, address.id) = (there.customer_id, there.id);
            expected = there.revision;
        }
        match kind {
            ChangeKind::Created => Change::Create(address),
            ChangeKind::Updated => Change::Replace { address, expected },
            ChangeKind::Removed => Change::Remove { address, expected },
        }
    };
    (kind, address(), revision(), one_of(current)).prop_map(change)
}

/// The change of a default address to one of the current addresses, which the commit may remove, or
/// its clearing.
fn default_change(current: Vec<Address>) -> impl Strategy<Value = Option<DefaultAddressChange>> {
    let purpose = sample::select(vec!["billing", "shipping"]);
    let change = |(purpose, sets, there): (_, bool, Option<Address>)| {
        there.map(|there| DefaultAddressChange {
            customer_id: there.customer_id,
            purpose: fixtures::purpose(purpose),
            address_id: sets.then_some(there.id),
        })
    };
    (purpose, prop::bool::weighted(0.8), one_of(current)).prop_map(change)
}

prop_compose! {
    /// A commit, sometimes with an idempotency key.
    fn commit(now: u32, current: Vec<Address>)(
        at in moment(now - CLOCK_BACK..=now),
        changes in prop_oneof![
            collection::vec(change(current.clone()), 1),
            collection::vec(change(current.clone()), 0..5),
        ],
        default_changes in collection::vec(default_change(current), 0..2),
        max_addresses in prop_oneof![Just(1_000), 1..5_u32],
        max_past_revisions in prop_oneof![3 => Just(1_000), 1 => 1..20_u32],
        expects_no_book in prop_oneof![9 => Just(false), 1 => Just(true)],
        key in option::of(any_key()),
        fingerprint in any::<[u8; 32]>(),
        expired_before in moment(0..=now),
    ) -> Commit {
        let fingerprint = Fingerprint(fingerprint);
        let idempotency = key.map(|key| NewIdempotencyKey {
            request: IdempotentRequest { key, fingerprint },
            expired_before,
        });
        // The stores count the revisions of a book differently, but all agree on 0.
        let expected_revisions = changes
            .iter()
            .filter(|_| expects_no_book)
            .map(|change| (change.address().customer_id.clone(), 0))
            .collect();
        Commit {
            at,
            changes,
            max_addresses,
            max_past_revisions,
            default_addresses: default_changes.into_iter().flatten().collect(),
            expected_revisions,
            idempotency,
        }
    }
}
