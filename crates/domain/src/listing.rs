pub(crate) mod fold;
pub(crate) mod page;
pub(crate) mod pagination;
pub(crate) mod search_text;

use std::cmp::Ordering;

use crate::address::Address;
use crate::address::address_id::AddressId;
use crate::address::match_key::MatchKey;
use crate::country::Country;
use crate::inconsistency::Inconsistency;
use crate::listing::page::{AddressPage, BookHead};
use crate::listing::pagination::{Limit, Offset};
use crate::listing::search_text::SearchText;
use crate::timestamp::Timestamp;

/// A request for a page of a book, with filters and order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The size of the page and where it begins.
    pub page: PageRequest,
    /// The order of the addresses.
    pub order: Order,
    /// The addresses to include.
    pub filter: Filter,
    /// Lists the book as it was at this time. `None`: as it is now.
    pub as_of: Option<Timestamp>,
}

/// The size of a page and where it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// The maximum number of addresses on the page.
    pub limit: Limit,
    /// Where the page begins.
    pub start: PageStart,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageStart {
    /// After this number of addresses.
    Offset(Offset),
    /// After this position in the order, whether or not an address is there.
    After(ListPosition),
}

impl PageStart {
    /// After this id, in an order by id alone.
    pub fn after_id(id: AddressId) -> Self {
        Self::After(ListPosition { time: None, id })
    }
}

impl Default for PageStart {
    fn default() -> Self {
        Self::Offset(Offset::default())
    }
}

/// A position in an order: that of an address with this id and this time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPosition {
    /// The time by which the order sorts. `None` in an order by id.
    pub time: Option<Timestamp>,
    /// The id, which breaks ties.
    pub id: AddressId,
}

/// The order of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The key by which addresses are compared.
    pub key: OrderKey,
    /// Whether the greatest comes first. Also applies to ids that break ties.
    pub descending: bool,
}

/// The key by which addresses are compared. Ties are broken by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderKey {
    /// The id, byte for byte.
    #[default]
    Id,
    /// When the address was created.
    CreatedAt,
    /// When it last changed.
    UpdatedAt,
}

/// The conditions that an address in a listing must meet. The default includes all addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The address is in one of these countries. Empty: in any country.
    pub countries: Vec<Country>,
    /// The description, the region or the city contains this text.
    pub text: Option<SearchText>,
    /// The address last changed at this time or later.
    pub updated_since: Option<Timestamp>,
    /// The address has this key.
    pub match_key: Option<MatchKey>,
    /// The address has one of these ids. `None`: any id.
    pub ids: Option<Vec<AddressId>>,
}

impl Filter {
    /// Whether an address meets all conditions.
    pub fn matches(&self, address: &Address) -> bool {
        let content = &address.content;
        (self.countries.is_empty() || self.countries.contains(&content.country))
            && self
                .updated_since
                .is_none_or(|since| address.updated_at >= since)
            && self
                .ids
                .as_ref()
                .is_none_or(|ids| ids.contains(&address.id))
            && self.text.as_ref().is_none_or(|wanted| {
                let texts = content.texts();
                let searched = texts.iter().filter(|(member, _)| member.is_searched());
                searched
                    .filter_map(|(_, text)| *text)
                    .any(|text| wanted.is_in(text))
            })
            && self
                .match_key
                .as_ref()
                .is_none_or(|key| *key == MatchKey::of(content))
    }
}

impl Order {
    /// Returns the time by which this order sorts an address: the time of its [`ListPosition`].
    pub fn time(self, created_at: Timestamp, updated_at: Timestamp) -> Option<Timestamp> {
        match self.key {
            OrderKey::Id => None,
            OrderKey::CreatedAt => Some(created_at),
            OrderKey::UpdatedAt => Some(updated_at),
        }
    }

    fn compare(self, address: &Address, time: Option<Timestamp>, id: &AddressId) -> Ordering {
        let own_time = self.time(address.created_at, address.updated_at);
        let ordering = own_time.cmp(&time).then_with(|| address.id.cmp(id));
        if self.descending {
            ordering.reverse()
        } else {
            ordering
        }
    }
}

impl Listing {
    /// The page, if the listing has no filter, no other order than by ascending id, and no `as_of`. A
    /// repository reads such a page by key, whatever the size of the book.
    pub fn plain(&self) -> Option<&PageRequest> {
        let is_plain = self.order == Order::default()
            && self.filter == Filter::default()
            && self.as_of.is_none();
        is_plain.then_some(&self.page)
    }

    /// Computes the page from all addresses of a book, which may be in any order. It applies the
    /// filter, the order and the start of the page in the same way for every repository.
    ///
    /// # Errors
    /// [`Inconsistency`] if an address has a value that cannot have been written through the port.
    pub fn apply(
        &self,
        head: BookHead,
        addresses: impl IntoIterator<Item = Address>,
    ) -> Result<AddressPage, Inconsistency> {
        let matching = addresses
            .into_iter()
            .filter(|address| self.filter.matches(address));
        let mut found: Vec<_> = matching.collect();
        found.sort_by(|one, other| {
            let time = self.order.time(other.created_at, other.updated_at);
            self.order.compare(one, time, &other.id)
        });
        let skipped = match &self.page.start {
            PageStart::Offset(offset) => usize::try_from(offset.get()).unwrap_or(usize::MAX),
            PageStart::After(position) => found.partition_point(|address| {
                self.order.compare(address, position.time, &position.id) != Ordering::Greater
            }),
        };
        let mut page = AddressPage::with_total(head, found.len() as u64);
        for address in found
            .iter()
            .skip(skipped)
            .take(self.page.limit.get().into())
        {
            page.push(address.into())?;
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::address::Revision;
    use crate::address::content::AddressContent;
    use crate::address::postal_details::PostalDetails;
    use crate::address::text::{City, Description, Region};
    use crate::customer_id::CustomerId;

    fn at(unix_ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(unix_ms).unwrap()
    }

    fn id(number: u8) -> AddressId {
        AddressId::parse(&format!("add_{number:026}")).unwrap()
    }

    fn address(number: u8, created_at: i64, updated_at: i64) -> Address {
        Address {
            customer_id: CustomerId::parse("cus_1").unwrap(),
            id: id(number),
            content: AddressContent {
                description: None,
                region: Region::parse("Kigali").unwrap(),
                city: City::parse("Nyarugenge").unwrap(),
                country: Country::parse("RW").unwrap(),
                details: PostalDetails::default(),
                custom_data: None,
            },
            created_at: at(created_at),
            updated_at: at(updated_at),
            revision: Revision::FIRST,
        }
    }

    /// Five addresses in no order. Some share a time.
    fn book() -> Vec<Address> {
        vec![
            address(3, 20, 50),
            address(1, 30, 40),
            address(5, 10, 50),
            address(2, 20, 30),
            address(4, 20, 40),
        ]
    }

    const HEAD: BookHead = BookHead {
        addresses: 5,
        revision: 9,
    };

    const fn order(key: OrderKey, descending: bool) -> Order {
        Order { key, descending }
    }

    /// The numbers of the addresses of [`book`] in each order.
    const ORDERED: [(Order, [u8; 5]); 6] = [
        (order(OrderKey::Id, false), [1, 2, 3, 4, 5]),
        (order(OrderKey::Id, true), [5, 4, 3, 2, 1]),
        (order(OrderKey::CreatedAt, false), [5, 2, 3, 4, 1]),
        (order(OrderKey::CreatedAt, true), [1, 4, 3, 2, 5]),
        (order(OrderKey::UpdatedAt, false), [2, 1, 4, 3, 5]),
        (order(OrderKey::UpdatedAt, true), [5, 3, 4, 1, 2]),
    ];

    /// The numbers of the addresses on a page of that book, and the total.
    fn numbers(listing: &Listing, book: Vec<Address>) -> (Vec<u8>, u64) {
        let page = listing.apply(HEAD, book).unwrap();
        assert_eq!(page.head(), HEAD);
        let number =
            |address: crate::listing::page::AddressRef<'_>| address.id[4..].parse().unwrap();
        (page.iter().map(number).collect(), page.total())
    }

    fn from(offset: u64) -> PageStart {
        PageStart::Offset(Offset::parse(&offset.to_string()).unwrap())
    }

    fn starting(start: PageStart) -> PageRequest {
        PageRequest {
            start,
            ..PageRequest::default()
        }
    }

    fn limit(limit: u8) -> Limit {
        Limit::parse(&limit.to_string()).unwrap()
    }

    #[test]
    fn each_order_sorts_by_its_key_and_then_by_id() {
        for (order, expected) in ORDERED {
            let listing = Listing {
                order,
                ..Listing::default()
            };
            assert_eq!(numbers(&listing, book()), (expected.to_vec(), 5));
        }
    }

    #[test]
    fn a_page_has_the_requested_offset_and_limit() {
        for (order, expected) in ORDERED {
            for (offset, size) in [(0, 1), (0, 5), (1, 2), (3, 200), (4, 1)] {
                let listing = Listing {
                    page: PageRequest {
                        limit: limit(size),
                        start: from(offset),
                    },
                    order,
                    ..Listing::default()
                };
                let rest = expected.iter().skip(offset as usize);
                let page = rest.take(size.into()).copied().collect();
                assert_eq!(numbers(&listing, book()), (page, 5));
            }
        }
    }

    #[test]
    fn a_page_past_the_end_is_empty_and_has_the_total() {
        for offset in [5, 6, Offset::MAX] {
            let listing = Listing {
                page: starting(from(offset)),
                order: order(OrderKey::UpdatedAt, true),
                ..Listing::default()
            };
            assert_eq!(numbers(&listing, book()), (vec![], 5));
        }
    }

    #[test]
    fn a_page_after_a_position_does_not_require_an_address_there() {
        for (order, expected) in ORDERED {
            for (index, number) in expected.into_iter().enumerate() {
                let found = book().into_iter().find(|address| address.id == id(number));
                let position = found.map(|found| ListPosition {
                    time: order.time(found.created_at, found.updated_at),
                    id: found.id,
                });
                let listing = Listing {
                    page: starting(PageStart::After(position.unwrap())),
                    order,
                    ..Listing::default()
                };
                let rest = expected[index + 1..].to_vec();
                assert_eq!(numbers(&listing, book()), (rest.clone(), 5));
                let mut others = book();
                others.retain(|address| address.id != id(number));
                assert_eq!(numbers(&listing, others), (rest, 4));
            }
        }
    }

    #[test]
    fn a_listing_is_plain_without_filter_order_and_as_of() {
        let after = Listing {
            page: starting(PageStart::after_id(id(3))),
            ..Listing::default()
        };
        assert_eq!(after.plain(), Some(&after.page));
        assert_eq!(Listing::default().plain(), Some(&PageRequest::default()));

        let listing = Listing::default;
        let filtered = |filter| Listing {
            filter,
            ..listing()
        };
        for listing in [
            Listing {
                order: order(OrderKey::Id, true),
                ..listing()
            },
            Listing {
                as_of: Some(Timestamp::MAX),
                ..listing()
            },
            filtered(Filter {
                countries: vec![Country::parse("RW").unwrap()],
                ..Filter::default()
            }),
            filtered(Filter {
                text: Some(SearchText::parse("a").unwrap()),
                ..Filter::default()
            }),
            filtered(Filter {
                updated_since: Some(at(0)),
                ..Filter::default()
            }),
            filtered(Filter {
                match_key: Some(MatchKey::of(&address(1, 0, 0).content)),
                ..Filter::default()
            }),
            filtered(Filter {
                ids: Some(vec![]),
                ..Filter::default()
            }),
        ] {
            assert_eq!(listing.plain(), None, "{listing:?}");
        }
    }

    #[test]
    fn an_address_must_meet_all_conditions_of_a_filter() {
        let countries = |codes: &[&str]| Filter {
            countries: codes
                .iter()
                .map(|code| Country::parse(code).unwrap())
                .collect(),
            ..Filter::default()
        };
        let since = |unix_ms| Filter {
            updated_since: Some(at(unix_ms)),
            ..Filter::default()
        };
        let text = |text| Filter {
            text: Some(SearchText::parse(text).unwrap()),
            ..Filter::default()
        };
        let same_as = |content: &AddressContent| Filter {
            match_key: Some(MatchKey::of(content)),
            ..Filter::default()
        };
        let ids = |ids| Filter {
            ids: Some(ids),
            ..Filter::default()
        };
        let mut address = address(1, 10, 20);
        let mut elsewhere = address.content.clone();
        elsewhere.city = City::parse("Kicukiro").unwrap();
        address.content.description = Some(Description::parse("Home").unwrap());
        for (filter, matches) in [
            (Filter::default(), true),
            (countries(&["RW"]), true),
            (countries(&["US", "RW"]), true),
            (countries(&["US", "FR"]), false),
            (since(19), true),
            (since(20), true),
            (since(21), false),
            (text("hom"), true),
            (text("KIGALI"), true),
            (text("garu"), false),
            (text("rugen"), true),
            (ids(vec![id(2), id(1)]), true),
            (ids(vec![id(2)]), false),
            (ids(vec![]), false),
            // A match does not span two fields. Other fields are not searched.
            (text("kigali nya"), false),
            (text("rw"), false),
            (same_as(&address.content), true),
            (same_as(&elsewhere), false),
            (
                Filter {
                    updated_since: Some(at(20)),
                    countries: vec![Country::parse("RW").unwrap()],
                    ..text("home")
                },
                true,
            ),
            (
                Filter {
                    updated_since: Some(at(21)),
                    ..text("home")
                },
                false,
            ),
            (
                Filter {
                    countries: vec![Country::parse("US").unwrap()],
                    ..text("home")
                },
                false,
            ),
            (
                Filter {
                    updated_since: Some(at(21)),
                    ..same_as(&address.content)
                },
                false,
            ),
        ] {
            assert_eq!(filter.matches(&address), matches, "{filter:?}");
        }
    }
}
