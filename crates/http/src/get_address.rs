use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::AddressService;

use crate::address_json::AddressJson;
use crate::cache_control::REVALIDATE;
use crate::openapi::responses::{Found, problems};
use crate::openapi::{AddressPath, ReadCondition, RequestHeaders};
use crate::problem::Problem;
use crate::problem_kind::NOT_FOUND;
use crate::{address_etag, parameters};

problems!(GetProblems: NOT_FOUND);

/// `GET …/addresses/{address_id}`: one address, or 304 when the client has it already.
#[utoipa::path(
    get,
    path = "/v1/customers/{customer_id}/addresses/{address_id}",
    operation_id = "getAddress",
    tag = "Addresses",
    summary = "Read an address",
    params(AddressPath, RequestHeaders, ReadCondition),
    responses(Found, GetProblems)
)]
pub(crate) async fn get(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id) = parameters::address(&request)?;
    let address = service.find(&customer_id, &address_id).await?;
    let address = address.ok_or(Problem::of(NOT_FOUND))?;
    let version = address.version();
    let known = address_etag::is_known(request.headers(), version);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, address_etag::of(version)))
        .insert_header(REVALIDATE);
    Ok(if known {
        response.finish()
    } else {
        response.json(AddressJson::from(&address))
    })
}
