use actix_web::http::header::IF_MATCH;
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{AddressService, Faults};
use serde::Serialize;

use crate::cache_control::NO_STORE;
use crate::openapi::responses::{Erased, problems};
use crate::openapi::{CustomerPath, ErasureCondition, RequestHeaders};
use crate::parameters;
use crate::problem::Problem;
use crate::problem_kind::PRECONDITION_FAILED;

/// How much was erased, and of nobody in particular: it may be kept as evidence.
#[derive(Serialize)]
struct Receipt {
    addresses: u64,
    revisions: u64,
    idempotency_records: u64,
}

problems!(EraseProblems: PRECONDITION_FAILED);

/// `DELETE …/addresses`: erases all that is kept of a customer, for good.
#[utoipa::path(
    delete,
    path = "/v1/customers/{customer_id}/addresses",
    operation_id = "eraseCustomer",
    tag = "Erasure",
    summary = "Erase all that is kept of a customer",
    description = "All addresses, revisions and idempotency records of the customer, for good. There is no way back.",
    params(CustomerPath, RequestHeaders, ErasureCondition),
    responses(Erased, EraseProblems)
)]
pub(crate) async fn erase(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut faults = Faults::default();
    let Some(customer_id) = parameters::customer_id(&request, &mut faults) else {
        return Err(Problem::invalid_parameters(faults));
    };
    let mut tags = request.headers().get_all(IF_MATCH);
    if tags.any(|tag| tag != "*") {
        return Err(Problem::of(PRECONDITION_FAILED)
            .with_detail("The tags of an address book are weak: If-Match finds none of them."));
    }
    let erased = service.erase(&customer_id).await?;
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(Receipt {
        addresses: erased.addresses,
        revisions: erased.revisions,
        idempotency_records: erased.idempotency_records,
    }))
}
