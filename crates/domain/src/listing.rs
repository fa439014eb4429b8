use std::cmp::Ordering;

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization;

use crate::{
    Address, AddressId, AddressPage, BookHead, Country, Inconsistency, Limit, Offset, PageRequest,
    PageStart, TextError, Timestamp, text,
};

/// Which addresses of a book are asked for, in which order, and which page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The most addresses to give.
    pub limit: Limit,
    /// Where the page begins.
    pub start: Start,
    /// What goes first.
    pub order: Order,
    /// What is left out.
    pub filter: Filter,
    /// The book as it stood then; as it stands now without.
    pub as_of: Option<Timestamp>,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// After so many addresses.
    Offset(Offset),
    /// After this place in the order, whether an address is there or not.
    After(Place),
}

impl Default for Start {
    fn default() -> Self {
        Self::Offset(Offset::default())
    }
}

/// A place in an order: the one of an address with this id and this time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The time that the order goes by, `None` in an order by id alone.
    pub time: Option<Timestamp>,
    /// The id, which breaks ties.
    pub id: AddressId,
}

/// What goes first in a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// What addresses are compared by.
    pub key: OrderKey,
    /// The greatest goes first, also among those with the same time.
    pub descending: bool,
}

/// What addresses are compared by; where that is equal, by their ids.
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

/// What is left out of a listing. The default leaves nothing out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Addresses in other countries, unless this is empty.
    pub countries: Vec<Country>,
    /// Addresses of which neither description, region nor city holds this.
    pub text: Option<SearchText>,
    /// Addresses that last changed before this.
    pub updated_since: Option<Timestamp>,
}

/// A text to be found in others, whatever the case of its letters: 1 to 200 characters,
/// trimmed, without control characters.
///
/// Two texts match as by Unicode's canonical caseless matching (definition D145: full case
/// folding of the normalised text). Besides, the Turkish İ and ı match i and I: which of
/// them is whose upper case depends on a language that nobody tells us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchText(String);

impl SearchText {
    /// The longest text, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 200;

    /// The search for a text.
    ///
    /// # Errors
    /// [`TextError`] when the text breaks the rules that the type states.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        Ok(Self(fold(&text::normalise(text, Self::MAX_CHARS)?)))
    }

    fn is_in(&self, text: &str) -> bool {
        fold(text).contains(&self.0)
    }
}

fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed: String = text.nfd().collect();
    let folded = CaseMapper::new().fold_string(&decomposed);
    folded
        .replace("i\u{307}", "i")
        .replace('ı', "i")
        .nfc()
        .collect()
}

impl Filter {
    /// Whether an address stays in the listing.
    pub fn keeps(&self, address: &Address) -> bool {
        let content = &address.content;
        let texts = [
            content
                .description
                .as_ref()
                .map_or("", |text| text.as_str()),
            content.region.as_str(),
            content.city.as_str(),
        ];
        (self.countries.is_empty() || self.countries.contains(&content.country))
            && self
                .updated_since
                .is_none_or(|since| address.updated_at >= since)
            && self
                .text
                .as_ref()
                .is_none_or(|wanted| texts.iter().any(|text| wanted.is_in(text)))
    }
}

impl Order {
    /// Which of an address's times this order goes by: the one that belongs to its [`Place`].
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
    /// The page of the book as it stands, if that is all that is asked for: what a
    /// repository answers from its key, whatever the size of the book.
    pub fn plain(&self) -> Option<PageRequest> {
        let plain = self.order == Order::default()
            && self.filter == Filter::default()
            && self.as_of.is_none();
        let start = match &self.start {
            Start::Offset(offset) => PageStart::Offset(*offset),
            Start::After(place) => PageStart::After(place.id.clone()),
        };
        plain.then_some(PageRequest {
            limit: self.limit,
            start,
        })
    }

    /// The page that is asked for, of all addresses of a book in whichever order: one place
    /// for what is left out, what goes first and where the page begins, whatever the
    /// repository.
    ///
    /// # Errors
    /// [`Inconsistency`] when an address cannot be put on a page.
    pub fn page(
        &self,
        head: BookHead,
        addresses: impl IntoIterator<Item = Address>,
    ) -> Result<AddressPage, Inconsistency> {
        let kept = addresses
            .into_iter()
            .filter(|address| self.filter.keeps(address));
        let mut found: Vec<_> = kept.collect();
        found.sort_by(|one, other| {
            let time = self.order.time(other.created_at, other.updated_at);
            self.order.compare(one, time, &other.id)
        });
        let skipped = match &self.start {
            Start::Offset(offset) => usize::try_from(offset.get()).unwrap_or(usize::MAX),
            Start::After(place) => found.partition_point(|address| {
                self.order.compare(address, place.time, &place.id) != Ordering::Greater
            }),
        };
        let mut page = AddressPage::of_total(head, found.len() as u64);
        for address in found.iter().skip(skipped).take(self.limit.get().into()) {
            page.push(address.into())?;
        }
        Ok(page)
    }
}
