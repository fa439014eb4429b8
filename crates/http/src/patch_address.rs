use actix_web::http::header::{ETAG, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::AddressService;

use crate::address_json::AddressJson;
use crate::cache_control::NO_STORE;
use crate::openapi::responses::{Patched, problems};
use crate::openapi::{AddressPatch, AddressPath, ChangeConditions, RequestHeaders};
use crate::problem::Problem;
use crate::problem_kind::UNSUPPORTED;
use crate::{HttpOptions, address_etag, address_input, parameters};

/// RFC 5789, section 3.1.
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
const MEDIA_TYPES: &str = "application/merge-patch+json, application/json";

problems!(PatchProblems: UNREADABLE, NOT_FOUND, PRECONDITION_FAILED, TOO_LARGE, UNSUPPORTED, INVALID_ADDRESS, PRECONDITION_REQUIRED);

/// `PATCH …/addresses/{address_id}`: changes an address by a JSON merge patch (RFC 7396).
#[utoipa::path(
    patch,
    path = "/v1/customers/{customer_id}/addresses/{address_id}",
    operation_id = "patchAddress",
    tag = "Addresses",
    summary = "Change an address",
    description = "By a JSON merge patch (RFC 7396). A patch that changes nothing makes no revision.",
    params(AddressPath, RequestHeaders, ChangeConditions),
    request_body(
        content((AddressPatch = "application/merge-patch+json"), (AddressPatch = "application/json")),
        description = "At most 64 KiB, unless set otherwise",
    ),
    responses(Patched, PatchProblems)
)]
pub(crate) async fn patch(
    service: web::Data<AddressService>,
    options: web::Data<HttpOptions>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id) = parameters::address(&request)?;
    let precondition = address_etag::precondition(request.headers(), options.require_if_match)?;
    let is_patch = |media_type: &str| MEDIA_TYPES.split(", ").any(|known| known == media_type);
    if !address_input::has_media_type(&request, is_patch) {
        return Err(Problem::of(UNSUPPORTED)
            .with_detail("The body has to be of a media type in the header Accept-Patch.")
            .with_header(ACCEPT_PATCH, HeaderValue::from_static(MEDIA_TYPES)));
    }
    let patch = address_input::read(&body)?;
    let address = service
        .patch(&customer_id, &address_id, &patch, &precondition)
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, address_etag::of(address.version())))
        .insert_header(NO_STORE)
        .json(AddressJson::from(&address)))
}
