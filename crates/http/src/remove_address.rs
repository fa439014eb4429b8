use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::AddressService;

use crate::cache_control::NO_STORE;
use crate::openapi::responses::{Removed, problems};
use crate::openapi::{AddressPath, ChangeConditions, RequestHeaders};
use crate::problem::Problem;
use crate::{HttpOptions, address_etag, parameters};

problems!(RemoveProblems: NOT_FOUND, PRECONDITION_FAILED, PRECONDITION_REQUIRED);

/// `DELETE …/addresses/{address_id}`: takes an address out of its book. Its revisions stay.
#[utoipa::path(
    delete,
    path = "/v1/customers/{customer_id}/addresses/{address_id}",
    operation_id = "removeAddress",
    tag = "Addresses",
    summary = "Remove an address",
    description = "The address leaves the book, its revisions stay.",
    params(AddressPath, RequestHeaders, ChangeConditions),
    responses(Removed, RemoveProblems)
)]
pub(crate) async fn remove(
    service: web::Data<AddressService>,
    options: web::Data<HttpOptions>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id) = parameters::address(&request)?;
    let precondition = address_etag::precondition(request.headers(), options.require_if_match)?;
    service
        .remove(&customer_id, &address_id, &precondition)
        .await?;
    Ok(HttpResponse::NoContent().insert_header(NO_STORE).finish())
}
