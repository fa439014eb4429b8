use std::borrow::Cow;
use std::fmt::Display;

use actix_web::HttpRequest;
use addressbook_domain::{
    AddressId, AddressPage, Country, CustomerId, Faults, Filter, Limit, Listing, Offset, Order,
    OrderKey, Place, SearchText, Start, Timestamp,
};
use form_urlencoded::Serializer;

use crate::cursor;
use crate::problem::Problem;

/// What the cursors of this list are sealed for. They hold the order's number in [`ORDERS`],
/// in an order by time the eight bytes of the place's time, and its id.
const PURPOSE: &str = "addresses";

/// The values of `order`. Cursors hold their numbers: a new one goes to the end.
const ORDERS: [(&str, Order); 6] = [
    ("id", order(OrderKey::Id, false)),
    ("-id", order(OrderKey::Id, true)),
    ("created_at", order(OrderKey::CreatedAt, false)),
    ("-created_at", order(OrderKey::CreatedAt, true)),
    ("updated_at", order(OrderKey::UpdatedAt, false)),
    ("-updated_at", order(OrderKey::UpdatedAt, true)),
];

const fn order(key: OrderKey, descending: bool) -> Order {
    Order { key, descending }
}

/// A request for a list of addresses, understood.
#[derive(Debug)]
pub(crate) struct ListRequest {
    /// Whose addresses are asked for.
    pub(crate) customer_id: CustomerId,
    /// Which of them, and which page.
    pub(crate) listing: Listing,
    /// The cursor as it came, empty at the start; `None` from a client that pages by offset.
    pub(crate) after: Option<String>,
    /// The parameters in force besides `limit`, `offset` and `after`, as a query in a fixed
    /// sequence; empty where there are none.
    pub(crate) selection: String,
}

impl ListRequest {
    /// Reads path and query, or gives everything that is wrong with them. Parameters that
    /// the operation does not know are passed over.
    ///
    /// The path's segment comes percent-decoded, bad UTF-8 as U+FFFD and `%2F`, `%25` and
    /// `%2B` as they are: an id can hold none of them.
    pub(crate) fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let mut faults = Faults::default();
        let customer_id = request.match_info().query("customer_id");
        match Self::parse(customer_id, request.query_string(), &mut faults) {
            Some(asked) if faults.is_empty() => Ok(asked),
            _ => Err(Problem::invalid_parameters(faults)),
        }
    }

    fn parse(customer_id: &str, query: &str, faults: &mut Faults) -> Option<Self> {
        let given = Parameters::of(query);
        let customer_id = faults.check("customer_id", CustomerId::parse(customer_id));
        let limit = given.limit.parse("limit", Limit::parse, faults);
        let offset = given.offset.parse("offset", Offset::parse, faults);
        let countries = parse_countries(&given.countries, faults);
        let text = given.q.parse("q", parse_text, faults);
        let order = given.order.parse("order", parse_order, faults);
        let order = order.map(Option::unwrap_or_default);
        let since = &given.updated_since;
        let updated_since = since.parse("updated_since", Timestamp::parse, faults);
        let as_of = given.as_of.parse("as_of", Timestamp::parse, faults);
        let open = |cursor: &str| match &customer_id {
            Some(customer_id) if !cursor.is_empty() => open(customer_id, order, cursor).map(Some),
            _ => Ok(None),
        };
        let place = given.after.parse("after", open, faults);
        if given.after != Given::Nothing && given.offset != Given::Nothing {
            faults.add("offset", "expected without after");
            faults.add("after", "expected without offset");
        }
        let listing = Listing {
            limit: limit?.unwrap_or_default(),
            start: match (place?.flatten(), offset?) {
                (Some(place), _) => Start::After(place),
                (None, offset) => Start::Offset(offset.unwrap_or_default()),
            },
            order: order?,
            filter: Filter {
                countries: countries?,
                text: text?,
                updated_since: updated_since?,
            },
            as_of: as_of?,
        };
        Some(Self {
            customer_id: customer_id?,
            selection: selection(&listing, given.q.text()),
            after: given.after.text().map(str::to_owned),
            listing,
        })
    }

    /// Whether this is a page by offset of the book as it stands.
    pub(crate) fn is_plain(&self) -> bool {
        self.after.is_none() && self.selection.is_empty()
    }

    /// The offset in force: 0 when the page begins after a cursor.
    pub(crate) fn offset(&self) -> Offset {
        match self.listing.start {
            Start::Offset(offset) => offset,
            Start::After(_) => Offset::default(),
        }
    }

    /// For a client that pages by cursors, the one of the page after this; `None` where the
    /// list ends before this page is full. Where it ends just when this page is full, the
    /// next one is empty.
    pub(crate) fn next(&self, page: &AddressPage) -> Option<String> {
        self.after.as_ref()?;
        let is_full = page.len() == usize::from(self.listing.limit.get());
        if !is_full || page.total() == page.len() as u64 {
            return None;
        }
        let order = self.listing.order;
        let number = ORDERS.iter().position(|(_, known)| *known == order)?;
        let last = page.iter().last()?;
        let mut payload = vec![number as u8];
        if let Some(time) = order.time(last.created_at, last.updated_at) {
            payload.extend(time.unix_ms().to_be_bytes());
        }
        payload.extend(last.id.as_bytes());
        Some(cursor::seal(PURPOSE, &self.customer_id, &payload))
    }
}

/// The place that a cursor holds, of this order if that is known.
fn open(
    customer_id: &CustomerId,
    order: Option<Order>,
    cursor: &str,
) -> Result<Place, &'static str> {
    let place = || {
        let payload = cursor::open(PURPOSE, customer_id, cursor)?;
        let (number, mut rest) = payload.split_first()?;
        let (_, own_order) = ORDERS.get(usize::from(*number))?;
        let mut time = None;
        if own_order.key != OrderKey::Id {
            let (unix_ms, id) = rest.split_first_chunk()?;
            time = Some(Timestamp::from_unix_ms(i64::from_be_bytes(*unix_ms)).ok()?);
            rest = id;
        }
        let id = AddressId::parse(str::from_utf8(rest).ok()?).ok()?;
        let fits = order.is_none_or(|order| order == *own_order);
        fits.then_some(Place { time, id })
    };
    place().ok_or(
        "expected the cursor of a link to the next page, of the same customer and order, \
         or nothing for the first page",
    )
}

/// How an order is asked for.
pub(crate) fn orders() -> impl Iterator<Item = &'static str> {
    ORDERS.iter().map(|(name, _)| *name)
}

fn parse_order(text: &str) -> Result<Order, &'static str> {
    let order = ORDERS.iter().find(|(name, _)| *name == text);
    order
        .map(|(_, order)| *order)
        .ok_or("expected id, -id, created_at, -created_at, updated_at or -updated_at")
}

/// Bad UTF-8 comes as U+FFFD: nobody looks for that.
fn parse_text(text: &str) -> Result<SearchText, String> {
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err("expected UTF-8".into());
    }
    SearchText::parse(text).map_err(|error| error.to_string())
}

/// Each country once, in one sequence for every sequence in which they may be given.
fn parse_countries(texts: &[Cow<'_, str>], faults: &mut Faults) -> Option<Vec<Country>> {
    let countries: Result<Vec<_>, _> = texts.iter().map(|text| Country::parse(text)).collect();
    let mut countries = faults.check("country", countries)?;
    countries.sort_unstable_by_key(Country::as_str);
    countries.dedup();
    Some(countries)
}

/// What [`ListRequest::selection`] is.
fn selection(listing: &Listing, text: Option<&str>) -> String {
    let Listing {
        order,
        filter,
        as_of,
        ..
    } = listing;
    let mut query = Serializer::new(String::new());
    query.extend_pairs(
        filter
            .countries
            .iter()
            .map(|country| ("country", country.as_str())),
    );
    query.extend_pairs(text.map(|text| ("q", text)));
    let ordered = ORDERS.iter().skip(1).find(|(_, known)| known == order);
    query.extend_pairs(ordered.map(|(name, _)| ("order", name)));
    query.extend_pairs(
        filter
            .updated_since
            .map(|time| ("updated_since", time.to_string())),
    );
    query.extend_pairs(as_of.map(|time| ("as_of", time.to_string())));
    query.finish()
}

/// The parameters of a query that the operation knows.
#[derive(Default)]
struct Parameters<'a> {
    limit: Given<'a>,
    offset: Given<'a>,
    after: Given<'a>,
    countries: Vec<Cow<'a, str>>,
    q: Given<'a>,
    order: Given<'a>,
    updated_since: Given<'a>,
    as_of: Given<'a>,
}

/// How often a parameter is given that may be given once.
#[derive(Default, PartialEq)]
enum Given<'a> {
    #[default]
    Nothing,
    Once(Cow<'a, str>),
    Repeatedly,
}

impl<'a> Parameters<'a> {
    fn of(query: &'a str) -> Self {
        let mut given = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "limit" => &mut given.limit,
                "offset" => &mut given.offset,
                "after" => &mut given.after,
                "country" => {
                    given.countries.push(value);
                    continue;
                }
                "q" => &mut given.q,
                "order" => &mut given.order,
                "updated_since" => &mut given.updated_since,
                "as_of" => &mut given.as_of,
                _ => continue,
            };
            *place = match place {
                Given::Nothing => Given::Once(value),
                _ => Given::Repeatedly,
            };
        }
        given
    }
}

impl Given<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Once(text) => Some(text),
            _ => None,
        }
    }

    /// The value if there is one, or `None` with its fault noted.
    fn parse<T, E: Display>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        faults: &mut Faults,
    ) -> Option<Option<T>> {
        match self {
            Self::Nothing => Some(None),
            Self::Once(text) => faults.check(name, parse(text)).map(Some),
            Self::Repeatedly => {
                faults.add(name, "expected once");
                None
            }
        }
    }
}
