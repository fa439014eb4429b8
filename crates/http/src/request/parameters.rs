//! Parameters in a request's path and query. The framework percent-decodes the segments of the
//! path, replaces invalid UTF-8 by U+FFFD, and leaves `%2F`, `%25` and `%2B` as they are. No valid
//! id contains any of these.

use std::borrow::Cow;
use std::fmt::Display;

use actix_web::HttpRequest;
use addressbook_domain::{AddressId, CustomerId, FieldErrors};

use crate::nearest::nearest;
use crate::openapi::parameters::Parameters;
use crate::request::prefer::{self, Handling};
use crate::response::problem::Problem;

/// The maximum number of unknown parameters that a problem names.
const MAX_UNKNOWN: usize = 50;

/// Parses the parameters of a request: the path, the headers, and the query parameters that the
/// operation declares as `Query`. Others are ignored, or rejected if the client prefers that.
///
/// # Errors
/// 400 with all field errors.
pub(crate) fn read<Query: Parameters, T>(
    request: &HttpRequest,
    read: impl FnOnce(&mut FieldErrors) -> Option<T>,
) -> Result<T, Problem> {
    let mut errors = FieldErrors::default();
    if prefer::apply(request) == Handling::Strict {
        refuse_unknown(request.query_string(), Query::NAMES, &mut errors);
    }
    match read(&mut errors) {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(Problem::invalid_parameters(errors)),
    }
}

/// Adds a field error for each unknown parameter, with the known one that was probably meant.
fn refuse_unknown(query: &str, known: &[&'static str], errors: &mut FieldErrors) {
    let mut unknown = Vec::new();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        if known.contains(&&*name) || unknown.contains(&name) {
            continue;
        }
        if unknown.len() == MAX_UNKNOWN {
            break;
        }
        let message = match nearest(&name, known.iter().copied()) {
            Some(meant) => format!("is not a parameter of this operation; did you mean {meant}?"),
            None if known.is_empty() => {
                "is not a parameter of this operation, which has none".into()
            }
            None => format!(
                "is not a parameter of this operation, which has {}",
                known.join(", ")
            ),
        };
        errors.add(name.clone().into_owned(), message);
        unknown.push(name);
    }
}

pub(crate) fn customer_id(request: &HttpRequest, errors: &mut FieldErrors) -> Option<CustomerId> {
    let text = request.match_info().query("customer_id");
    errors.check("customer_id", CustomerId::parse(text))
}

pub(crate) fn address_id(request: &HttpRequest, errors: &mut FieldErrors) -> Option<AddressId> {
    let text = request.match_info().query("address_id");
    errors.check("address_id", AddressId::parse(text))
}

/// Parses the customer and the address in the path.
pub(crate) fn address(
    request: &HttpRequest,
    errors: &mut FieldErrors,
) -> Option<(CustomerId, AddressId)> {
    let customer_id = customer_id(request, errors);
    let address_id = address_id(request, errors);
    customer_id.zip(address_id)
}

/// A query parameter that must not be repeated.
#[derive(Default, PartialEq)]
pub(crate) enum QueryValue<'a> {
    #[default]
    Nothing,
    Once(Cow<'a, str>),
    Repeatedly,
}

/// A query parameter is invalid; a field error says why.
#[derive(Clone, Copy)]
pub(crate) struct Invalid;

impl<'a> QueryValue<'a> {
    /// The parameter with this name in a query.
    pub(crate) fn named(query: &'a str, name: &str) -> Self {
        let mut query_value = Self::Nothing;
        let parameters = form_urlencoded::parse(query.as_bytes());
        parameters
            .filter(|(key, _)| key == name)
            .for_each(|(_, value)| query_value.add(value));
        query_value
    }

    pub(crate) fn add(&mut self, value: Cow<'a, str>) {
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

    /// Parses the value if there is one.
    ///
    /// # Errors
    /// [`Invalid`], and a field error is added.
    pub(crate) fn parse<T, E: Display>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        errors: &mut FieldErrors,
    ) -> Result<Option<T>, Invalid> {
        match self {
            Self::Nothing => Ok(None),
            Self::Once(text) => errors.check(name, parse(text)).map(Some).ok_or(Invalid),
            Self::Repeatedly => {
                errors.add(name, "expected once");
                Err(Invalid)
            }
        }
    }
}
