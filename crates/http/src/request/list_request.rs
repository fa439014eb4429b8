use std::borrow::Cow;
use std::collections::BTreeSet;

use actix_web::HttpRequest;
use addressbook_domain::{
    AddressId, AddressPage, Country, CustomerId, FieldErrors, Filter, Limit, ListPosition, Listing,
    MinRevision, Offset, Order, OrderKey, PageRequest, PageStart, Purpose, SearchText, Timestamp,
};
use form_urlencoded::Serializer;

use crate::nearest::nearest;
use crate::openapi::parameters::ListQuery;
use crate::request::cursor;
use crate::request::include::{self, Included};
use crate::request::list_order::{ORDERS, orders};
use crate::request::min_book_revision;
use crate::request::parameters::{self, QueryValue};
use crate::response::problem::Problem;

/// The purpose of this list's cursors. They contain the order's index in [`ORDERS`], the time of
/// the position in eight bytes if the order is by time, and the id.
const PURPOSE: &str = "addresses";

/// A parsed request for a list of addresses.
#[derive(Debug)]
pub(crate) struct ListRequest {
    /// The customer whose addresses are requested.
    pub(crate) customer_id: CustomerId,
    /// The lowest revision of the book that the client accepts.
    pub(crate) min_revision: MinRevision,
    /// The filter, the order and the page.
    pub(crate) listing: Listing,
    /// Only the default addresses for these purposes. Empty: all addresses.
    pub(crate) default_for: Vec<Purpose>,
    /// What each address has in addition.
    pub(crate) include: Vec<Included>,
    /// The cursor as received, empty for the first page; `None` if the client pages by offset.
    pub(crate) after: Option<String>,
    /// The effective parameters besides `limit`, `offset` and `after`, as a query in a fixed
    /// order; empty if there are none.
    pub(crate) selection: String,
}

impl ListRequest {
    /// Parses the path, the headers and the query.
    ///
    /// # Errors
    /// A problem with all field errors.
    pub(crate) fn read(request: &HttpRequest) -> Result<Self, Problem> {
        parameters::read::<ListQuery, _>(request, |errors| {
            let customer_id = parameters::customer_id(request, errors);
            let min_revision = min_book_revision::read(request, errors);
            let parsed = Self::parse(customer_id, request.query_string(), errors);
            Some(Self {
                min_revision: min_revision?,
                ..parsed?
            })
        })
    }

    fn parse(
        customer_id: Option<CustomerId>,
        query: &str,
        errors: &mut FieldErrors,
    ) -> Option<Self> {
        let parameters = Parameters::of(query);
        let limit = parameters.limit.parse("limit", Limit::parse, errors);
        let offset = parameters.offset.parse("offset", Offset::parse, errors);
        let countries = parse_countries(&parameters.countries, errors);
        let text = parameters.q.parse("q", parse_text, errors);
        let order = parameters.order.parse("order", parse_order, errors);
        let order = order.map(Option::unwrap_or_default);
        let updated_since = parameters.updated_since;
        let updated_since = updated_since.parse("updated_since", parse_time, errors);
        let as_of = parameters.as_of.parse("as_of", parse_time, errors);
        let open = |cursor: &str| match &customer_id {
            Some(customer_id) if !cursor.is_empty() => {
                open(customer_id, order.ok(), cursor).map(Some)
            }
            _ => Ok(None),
        };
        let position = parameters.after.parse("after", open, errors);
        let include = include::parse(&parameters.include, errors);
        let default_for = parse_purposes(&parameters.default_for, errors);
        // Default addresses have no history.
        if parameters.as_of != QueryValue::Nothing {
            if !parameters.default_for.is_empty() {
                errors.add("default_for", "cannot be combined with as_of");
            }
            let includes = |include: &Vec<_>| include.contains(&Included::DefaultFor);
            if include.as_ref().is_some_and(includes) {
                errors.add("include", "default_for cannot be combined with as_of");
            }
        }
        if parameters.after != QueryValue::Nothing && parameters.offset != QueryValue::Nothing {
            errors.add("offset", "cannot be combined with after");
            errors.add("after", "cannot be combined with offset");
        }
        let listing = Listing {
            page: PageRequest {
                limit: limit.ok()?.unwrap_or_default(),
                start: match (position.ok()?.flatten(), offset.ok()?) {
                    (Some(position), _) => PageStart::After(position),
                    (None, offset) => PageStart::Offset(offset.unwrap_or_default()),
                },
            },
            order: order.ok()?,
            filter: Filter {
                countries: countries?,
                text: text.ok()?,
                updated_since: updated_since.ok()?,
                match_key: None,
                ids: None,
            },
            as_of: as_of.ok()?,
        };
        let (include, default_for) = (include?, default_for?);
        Some(Self {
            min_revision: MinRevision::default(),
            customer_id: customer_id?,
            selection: selection(
                &listing,
                parameters.q.text().map(str::trim),
                &default_for,
                &include,
            ),
            after: parameters.after.text().map(str::to_owned),
            listing,
            default_for,
            include,
        })
    }

    /// Whether this is a page by offset of the current book, without a filter or another order.
    pub(crate) fn is_plain(&self) -> bool {
        self.after.is_none() && self.listing.plain().is_some() && self.default_for.is_empty()
    }

    /// Whether the response depends on the default addresses of the customer.
    pub(crate) fn needs_defaults(&self) -> bool {
        !self.default_for.is_empty() || self.include.contains(&Included::DefaultFor)
    }

    /// The effective offset: 0 if the page begins after a cursor.
    pub(crate) fn offset(&self) -> Offset {
        match self.listing.page.start {
            PageStart::Offset(offset) => offset,
            PageStart::After(_) => Offset::default(),
        }
    }

    /// The cursor of the next page, for a client that pages by cursors. `None` if the list ends
    /// before this page is full. If the list ends exactly when this page is full, the next page is
    /// empty.
    pub(crate) fn next(&self, page: &AddressPage) -> Option<String> {
        self.after.as_ref()?;
        let is_full = page.len() == usize::from(self.listing.page.limit.get());
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

/// Parses the position in a cursor, which must be for this order if that is valid.
fn open(
    customer_id: &CustomerId,
    order: Option<Order>,
    cursor: &str,
) -> Result<ListPosition, &'static str> {
    let position = || {
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
        fits.then_some(ListPosition { time, id })
    };
    position().ok_or(
        "expected the cursor of a link to the next page, for the same customer and order, \
         or an empty value for the first page",
    )
}

fn parse_order(text: &str) -> Result<Order, String> {
    let order = ORDERS.iter().find(|(name, _)| *name == text);
    order.map(|(_, order)| *order).ok_or_else(|| {
        let expected = "expected id, -id, created_at, -created_at, updated_at or -updated_at";
        match meant_order(text) {
            _ if text.contains(',') => format!("{expected}; the id already breaks ties"),
            Some(name) => format!("{expected}; did you mean {name}?"),
            None => expected.into(),
        }
    })
}

/// The order that was probably meant by a text such as `createdAt:desc`.
fn meant_order(text: &str) -> Option<&'static str> {
    let (key, direction) = text
        .trim()
        .split_once([':', '.', ' '])
        .unwrap_or((text, ""));
    let name = nearest(key, orders())?;
    let (_, meant) = ORDERS.iter().find(|(known, _)| *known == name)?;
    let descending = meant.descending || direction.eq_ignore_ascii_case("desc");
    let meant = Order {
        descending,
        ..*meant
    };
    let known = ORDERS.iter().find(|(_, known)| *known == meant);
    known.map(|(name, _)| *name)
}

/// Parses a time. Explains a `+` in the time zone that was not percent-encoded, because in a query
/// it means a space.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| {
        let meant = text.rsplit_once(' ');
        let meant = meant.map(|(time, zone)| format!("{time}+{zone}"));
        match meant.map(|meant| Timestamp::parse(&meant)) {
            Some(Ok(_)) => format!(
                "{error}; in a query, + stands for a space: write it as %2B, or give the time in UTC with Z"
            ),
            _ => error.to_string(),
        }
    })
}

/// Rejects U+FFFD, which stands for invalid UTF-8.
fn parse_text(text: &str) -> Result<SearchText, String> {
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err("expected UTF-8".into());
    }
    SearchText::parse(text).map_err(|error| error.to_string())
}

/// Parses the countries, sorts them and removes duplicates.
fn parse_countries(texts: &[Cow<'_, str>], errors: &mut FieldErrors) -> Option<Vec<Country>> {
    let countries: Result<Vec<_>, _> = texts.iter().map(|text| parse_country(text)).collect();
    let mut countries = errors.check("country", countries)?;
    countries.sort_unstable_by_key(Country::as_str);
    countries.dedup();
    Some(countries)
}

fn parse_country(text: &str) -> Result<Country, String> {
    Country::parse(text).map_err(|error| {
        let codes = text.split([',', ';', '|', ' ']).map(str::trim);
        let codes = codes.filter(|code| !code.is_empty());
        let are_codes = |code: &str| matches!(code.len(), 2 | 3) && code.is_ascii();
        if codes.clone().count() > 1 && codes.clone().all(are_codes) {
            format!("{error}; for several countries, repeat the parameter: country=DE&country=FR")
        } else {
            error.to_string()
        }
    })
}

/// Parses the purposes, sorts them and removes duplicates.
fn parse_purposes(texts: &[Cow<'_, str>], errors: &mut FieldErrors) -> Option<Vec<Purpose>> {
    let purposes: Result<BTreeSet<_>, _> = texts.iter().map(|text| Purpose::parse(text)).collect();
    let purposes = errors.check("default_for", purposes)?;
    Some(purposes.into_iter().collect())
}

/// Builds [`ListRequest::selection`].
fn selection(
    listing: &Listing,
    text: Option<&str>,
    default_for: &[Purpose],
    include: &[Included],
) -> String {
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
    query.extend_pairs(
        default_for
            .iter()
            .map(|purpose| ("default_for", purpose.as_str())),
    );
    query.extend_pairs(include.iter().map(|included| ("include", included.name())));
    query.finish()
}

/// The known parameters of a query.
#[derive(Default)]
struct Parameters<'a> {
    limit: QueryValue<'a>,
    offset: QueryValue<'a>,
    after: QueryValue<'a>,
    countries: Vec<Cow<'a, str>>,
    q: QueryValue<'a>,
    order: QueryValue<'a>,
    updated_since: QueryValue<'a>,
    as_of: QueryValue<'a>,
    default_for: Vec<Cow<'a, str>>,
    include: Vec<Cow<'a, str>>,
}

impl<'a> Parameters<'a> {
    fn of(query: &'a str) -> Self {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let parameter = match &*name {
                "limit" => &mut parameters.limit,
                "offset" => &mut parameters.offset,
                "after" => &mut parameters.after,
                "country" => {
                    parameters.countries.push(value);
                    continue;
                }
                "q" => &mut parameters.q,
                "order" => &mut parameters.order,
                "updated_since" => &mut parameters.updated_since,
                "as_of" => &mut parameters.as_of,
                "default_for" => {
                    parameters.default_for.push(value);
                    continue;
                }
                "include" => {
                    parameters.include.push(value);
                    continue;
                }
                _ => continue,
            };
            parameter.add(value);
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use addressbook_testkit::fixtures;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    proptest! {
        #[test]
        fn a_selection_parses_to_the_same_listing(
            parameters in vec(select(vec![
                ("country", "rw"), ("country", "US"), ("country", "RW"), ("q", " É&=+%#<>\"; a "),
                ("q", "straße"), ("order", "id"), ("order", "-updated_at"), ("limit", "7"),
                ("updated_since", "2024-08-01T12:15:30.0009+02:00"), ("unknown", "1"),
                ("as_of", "2024-08-01T10:15:30Z"), ("offset", "3"), ("include", "label"),
                ("include", "label,label"), ("include", "default_for"), ("default_for", "a_1"),
                ("default_for", "billing"),
            ]), 0..8),
        ) {
            let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
            let parse = |query: &str| {
                let mut errors = FieldErrors::default();
                let asked = ListRequest::parse(Some(fixtures::customer("cus_1")), query, &mut errors);
                asked.filter(|_| errors.is_empty())
            };
            let asked = parse(&query);
            prop_assume!(asked.is_some()); // no parameter was repeated
            let asked = asked.unwrap();
            let (limit, offset) = (asked.listing.page.limit.get(), asked.offset().get());
            let again = parse(&format!("limit={limit}&offset={offset}&{}", asked.selection));
            let again = again.unwrap();
            prop_assert_eq!(&again.listing, &asked.listing);
            prop_assert_eq!(&again.default_for, &asked.default_for);
            prop_assert_eq!(&again.include, &asked.include);
            prop_assert_eq!(&again.selection, &asked.selection);
            prop_assert!(asked.selection.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\",;".contains(&byte)));
        }

        /// A later release, or anyone who knows the digest, could have created such a cursor.
        #[test]
        fn a_sealed_payload_of_another_form_is_rejected(payload in vec(any::<u8>(), 0..60)) {
            let customer_id = fixtures::customer("cus_1");
            let cursor = cursor::seal(PURPOSE, &customer_id, &payload);
            prop_assert!(open(&customer_id, None, &cursor).is_err());
        }
    }

    #[test]
    fn a_cursor_contains_an_order_an_id_and_a_time_if_needed() {
        let customer_id = fixtures::customer("cus_1");
        let id = fixtures::address_id(1);
        for (number, unix_ms, is_position) in [
            (0, None, true),
            (1, None, true),
            (2, None, false),
            (0, Some(0_i64), false),
            (2, Some(0), true),
            (5, Some(-1), true),
            (5, Some(i64::MAX), false),
            (6, Some(0), false),
        ] {
            let mut payload = vec![number];
            payload.extend(unix_ms.into_iter().flat_map(i64::to_be_bytes));
            payload.extend(id.as_str().bytes());
            let cursor = cursor::seal(PURPOSE, &customer_id, &payload);
            let position = open(&customer_id, None, &cursor).ok();
            assert_eq!(position.is_some(), is_position, "{number} {unix_ms:?}");
            assert!(position.is_none_or(|position| position.id == id));
        }
    }

    #[test]
    fn an_invalid_parameter_gets_a_suggestion() {
        let country = "expected a two-letter ISO 3166-1 alpha-2 country code such as RW";
        let several = "for several countries, repeat the parameter: country=DE&country=FR";
        let time = "expected an RFC 3339 time from year 0000 to 9999, such as \
                    2024-08-01T10:15:30.000Z";
        let plus = "in a query, + stands for a space: write it as %2B, or give the time in UTC \
                    with Z";
        let order = "expected id, -id, created_at, -created_at, updated_at or -updated_at";
        for (query, message) in [
            ("country=UK", format!("{country}; did you mean GB?")),
            (
                "country=DE&country=usa",
                format!("{country}; did you mean US?"),
            ),
            ("country=DE,FR", format!("{country}; {several}")),
            ("country=DE%2C+FR", format!("{country}; {several}")),
            ("country=de|fr;it", format!("{country}; {several}")),
            ("country=DEU,FRA", format!("{country}; {several}")),
            ("country=,", country.to_owned()),
            ("country=DE,", country.to_owned()),
            ("country=Kigali,+Rwanda", country.to_owned()),
            (
                "updated_since=2026-01-01T02:00:00+02:00",
                format!("{time}; {plus}"),
            ),
            (
                "as_of=2026-01-01T02:00:00.123+02:00",
                format!("{time}; {plus}"),
            ),
            ("as_of=2026-01-01+02:00:00+02:00", format!("{time}; {plus}")),
            ("as_of=2026-01-01T02:00:00", time.to_owned()),
            ("as_of=2026-01-01T02:00:00+", time.to_owned()),
            ("order=ID", format!("{order}; did you mean id?")),
            (
                "order=createdAt",
                format!("{order}; did you mean created_at?"),
            ),
            (
                "order=-updated",
                format!("{order}; did you mean -updated_at?"),
            ),
            (
                "order=%2Bcreated_at",
                format!("{order}; did you mean created_at?"),
            ),
            (
                "order=created_at+desc",
                format!("{order}; did you mean -created_at?"),
            ),
            (
                "order=updated_at:DESC",
                format!("{order}; did you mean -updated_at?"),
            ),
            (
                "order=updated_at.asc",
                format!("{order}; did you mean updated_at?"),
            ),
            (
                "order=created_at,id",
                format!("{order}; the id already breaks ties"),
            ),
            ("order=city", order.to_owned()),
        ] {
            let mut errors = FieldErrors::default();
            ListRequest::parse(Some(fixtures::customer("cus_1")), query, &mut errors);
            let (name, _) = query.split_once('=').unwrap();
            assert_eq!(errors.to_string(), format!("{name}: {message}"), "{query}");
        }
    }
}
