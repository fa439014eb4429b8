use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{
    AddressId, AddressService, CustomerId, Faults, Limit, Revision, RevisionRange,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::address_json::RevisionJson;
use crate::cache_control::REVALIDATE;
use crate::openapi::responses::{RevisionFound, RevisionsListed, problems};
use crate::openapi::{AddressPath, RequestHeaders, RevisionPath, RevisionsQuery};
use crate::parameters;
use crate::problem::Problem;
use crate::problem_kind::NOT_FOUND;

/// A page of what an address was, newest first.
#[derive(Serialize)]
struct Revisions<'a> {
    customer_id: &'a str,
    address_id: &'a str,
    revisions: Vec<RevisionJson<'a>>,
    next: Option<String>,
}

problems!(ListProblems: NOT_FOUND);

/// `GET …/addresses/{address_id}/revisions?limit=&after=`: what an address was, also after
/// its removal.
#[utoipa::path(
    get,
    path = "/v1/customers/{customer_id}/addresses/{address_id}/revisions",
    operation_id = "listAddressRevisions",
    tag = "Revisions",
    summary = "List what an address was",
    description = "Newest first, also after the address was removed, until the customer is erased.",
    params(AddressPath, RevisionsQuery, RequestHeaders),
    responses(RevisionsListed, ListProblems)
)]
pub(crate) async fn list(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id, limit, before) = read_page(&request)?;
    let limit = usize::from(limit.get());
    let range = RevisionRange {
        before,
        // One more than is given tells whether there are more.
        limit: limit as u32 + 1,
    };
    let found = service.revisions(&customer_id, &address_id, range).await?;
    // After a cursor there is something, unless the customer was erased meanwhile.
    let found = found.filter(|found| !found.is_empty());
    let found = found.ok_or(Problem::of(NOT_FOUND))?;
    let page = &found[..limit.min(found.len())];
    let next = page
        .last()
        .filter(|_| found.len() > limit)
        .map(|last| seal(&customer_id, &address_id, last.address.revision));
    Ok(HttpResponse::Ok()
        .insert_header(REVALIDATE)
        .json(Revisions {
            customer_id: customer_id.as_str(),
            address_id: address_id.as_str(),
            revisions: page.iter().map(RevisionJson::from).collect(),
            next,
        }))
}

problems!(GetProblems: NOT_FOUND);

/// `GET …/addresses/{address_id}/revisions/{revision}`: what an address was once.
#[utoipa::path(
    get,
    path = "/v1/customers/{customer_id}/addresses/{address_id}/revisions/{revision}",
    operation_id = "getAddressRevision",
    tag = "Revisions",
    summary = "Read what an address was",
    description = "An order can keep the address's id and a revision, and read it for ever, until the customer is erased.",
    params(AddressPath, RevisionPath, RequestHeaders),
    responses(RevisionFound, GetProblems)
)]
pub(crate) async fn get(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id, revision) = read_one(&request)?;
    let revision = service
        .revision(&customer_id, &address_id, revision)
        .await?
        .ok_or(Problem::of(NOT_FOUND))?;
    Ok(HttpResponse::Ok()
        .insert_header(REVALIDATE)
        .json(RevisionJson::from(&revision)))
}

type Page = (CustomerId, AddressId, Limit, Option<Revision>);

/// Which revisions are asked for, or everything that is wrong with the request.
fn read_page(request: &HttpRequest) -> Result<Page, Problem> {
    let mut faults = Faults::default();
    let customer_id = parameters::customer_id(request, &mut faults);
    let address_id = parameters::address_id(request, &mut faults);
    let limit = parameters::optional(request, "limit", Limit::parse, &mut faults);
    // A cursor can be judged only where it is known whose it has to be.
    let owner = customer_id.as_ref().zip(address_id.as_ref());
    let open = |text: &str| match owner {
        Some((customer_id, address_id)) => open(customer_id, address_id, text).map(Some),
        None => Ok(None),
    };
    let before = parameters::optional(request, "after", open, &mut faults);
    match (customer_id, address_id, limit, before) {
        (Some(customer_id), Some(address_id), Some(limit), Some(before)) => Ok((
            customer_id,
            address_id,
            limit.unwrap_or_default(),
            before.flatten(),
        )),
        _ => Err(Problem::invalid_parameters(faults)),
    }
}

fn read_one(request: &HttpRequest) -> Result<(CustomerId, AddressId, Revision), Problem> {
    let mut faults = Faults::default();
    let customer_id = parameters::customer_id(request, &mut faults);
    let address_id = parameters::address_id(request, &mut faults);
    let revision = parse(request.match_info().query("revision"))
        .ok_or("expected a whole number from 1 to 4294967295 in decimal digits");
    let revision = faults.check("revision", revision);
    match (customer_id, address_id, revision) {
        (Some(customer_id), Some(address_id), Some(revision)) => {
            Ok((customer_id, address_id, revision))
        }
        _ => Err(Problem::invalid_parameters(faults)),
    }
}

/// Decimal digits, without sign or leading zeros.
fn parse(text: &str) -> Option<Revision> {
    let number: u32 = text.parse().ok()?;
    Revision::new(number).filter(|_| number.to_string() == text)
}

/// The version of the cursors' form.
const CURSOR: u8 = 1;

/// The cursor behind a revision: `01`, the revision, and 8 bytes of a digest of these and of
/// whose revision it is, in hexadecimal digits.
fn seal(customer_id: &CustomerId, address_id: &AddressId, revision: Revision) -> String {
    let digest = Sha256::new()
        .chain_update([CURSOR])
        .chain_update(customer_id.as_str())
        .chain_update([0])
        .chain_update(address_id.as_str())
        .chain_update(revision.get().to_be_bytes())
        .finalize();
    let mut cursor = format!("{CURSOR:02x}{:08x}", revision.get());
    for byte in &digest[..8] {
        cursor += &format!("{byte:02x}");
    }
    cursor
}

fn open(
    customer_id: &CustomerId,
    address_id: &AddressId,
    cursor: &str,
) -> Result<Revision, &'static str> {
    let revision = cursor
        .get(2..10)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .and_then(Revision::new);
    revision
        .filter(|revision| seal(customer_id, address_id, *revision) == cursor)
        .ok_or("expected next of an earlier page of the same address")
}
