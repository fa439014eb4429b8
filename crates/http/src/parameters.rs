//! What stands in a request's path and query. The path's segments come percent-decoded, bad
//! UTF-8 as U+FFFD and `%2F`, `%25` and `%2B` as they are: an id can hold none of them.

use std::borrow::Cow;
use std::fmt::Display;

use actix_web::HttpRequest;
use addressbook_domain::{AddressId, CustomerId, Faults};

use crate::problem::Problem;

pub(crate) fn customer_id(request: &HttpRequest, faults: &mut Faults) -> Option<CustomerId> {
    let text = request.match_info().query("customer_id");
    faults.check("customer_id", CustomerId::parse(text))
}

pub(crate) fn address_id(request: &HttpRequest, faults: &mut Faults) -> Option<AddressId> {
    let text = request.match_info().query("address_id");
    faults.check("address_id", AddressId::parse(text))
}

/// Which address of whose is meant, or everything that is wrong with the path.
pub(crate) fn address(request: &HttpRequest) -> Result<(CustomerId, AddressId), Problem> {
    let mut faults = Faults::default();
    let customer_id = customer_id(request, &mut faults);
    match (customer_id, address_id(request, &mut faults)) {
        (Some(customer_id), Some(address_id)) => Ok((customer_id, address_id)),
        _ => Err(Problem::invalid_parameters(faults)),
    }
}

/// How often a parameter of the query is given that may be given once.
#[derive(Default, PartialEq)]
pub(crate) enum Given<'a> {
    #[default]
    Nothing,
    Once(Cow<'a, str>),
    Repeatedly,
}

impl<'a> Given<'a> {
    /// The parameter of that name in a query.
    pub(crate) fn named(query: &'a str, name: &str) -> Self {
        let mut given = Self::Nothing;
        let parameters = form_urlencoded::parse(query.as_bytes());
        parameters
            .filter(|(key, _)| key == name)
            .for_each(|(_, value)| given.give(value));
        given
    }

    pub(crate) fn give(&mut self, value: Cow<'a, str>) {
        *self = match self {
            Self::Nothing => Self::Once(value),
            _ => Self::Repeatedly,
        };
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Once(text) => Some(text),
            _ => None,
        }
    }

    /// The value if there is one, or `None` with its fault noted.
    pub(crate) fn parse<T, E: Display>(
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
