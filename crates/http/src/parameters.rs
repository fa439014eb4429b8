//! What stands in a request's path and query. The path's segments come percent-decoded, bad
//! UTF-8 as U+FFFD and `%2F`, `%25` and `%2B` as they are: an id can hold none of them.

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

/// A parameter of the query that may be left out, which the inner `None` stands for. The
/// outer one is a fault.
pub(crate) fn optional<T, E: Display>(
    request: &HttpRequest,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
    faults: &mut Faults,
) -> Option<Option<T>> {
    let mut values = form_urlencoded::parse(request.query_string().as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Some(None),
        (Some(value), None) => faults.check(name, parse(&value)).map(Some),
        _ => {
            faults.add(name, "expected once");
            None
        }
    }
}
