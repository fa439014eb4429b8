use actix_web::http::header::{ETAG, HeaderName, LOCATION};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{
    AddressContent, AddressDraft, AddressPatch, AddressService, CreateError, CustomerId, Faults,
    Fingerprint, IdempotencyKey, IdempotentRequest,
};
use sha2::{Digest as _, Sha256};

use crate::address_json::AddressJson;
use crate::cache_control::NO_STORE;
use crate::openapi::responses::{Created, problems};
use crate::openapi::{CustomerPath, Idempotency, NewAddress, RequestHeaders};
use crate::problem::Problem;
use crate::problem_kind::{BOOK_FULL, KEY_REUSED, UNSUPPORTED};
use crate::{address_etag, address_input, parameters};

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

problems!(CreateProblems: UNREADABLE, CONFLICT, BOOK_FULL, TOO_LARGE, UNSUPPORTED, INVALID_ADDRESS, KEY_REUSED);

/// `POST …/addresses`: a new address. With an `Idempotency-Key`
/// (draft-ietf-httpapi-idempotency-key-header-07) the client may repeat the request.
#[utoipa::path(
    post,
    path = "/v1/customers/{customer_id}/addresses",
    operation_id = "createAddress",
    tag = "Addresses",
    summary = "Create an address",
    description = "With an Idempotency-Key the request may be repeated without creating twice. A failed validation stores nothing.",
    params(CustomerPath, RequestHeaders, Idempotency),
    request_body(content = NewAddress, content_type = "application/json", description = "At most 64 KiB, unless set otherwise"),
    responses(Created, CreateProblems)
)]
pub(crate) async fn create(
    service: web::Data<AddressService>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    let (customer_id, key) = read(&request)?;
    if !address_input::has_media_type(&request, is_json) {
        return Err(Problem::of(UNSUPPORTED));
    }
    let content = judge(address_input::read(&body)?)?;
    let idempotent = key.map(|key| IdempotentRequest {
        key,
        fingerprint: Fingerprint(Sha256::digest(&body).into()),
    });
    let created = service
        .create(&customer_id, &content, idempotent.as_ref())
        .await?;
    let address = &created.address;
    let mut response = HttpResponse::Created();
    response
        // Relative to the path by which the client came, as the links of a list are.
        .insert_header((LOCATION, format!("addresses/{}", address.id)))
        .insert_header((ETAG, address_etag::of(address.version())))
        .insert_header(NO_STORE);
    if created.replayed {
        response.insert_header((IDEMPOTENT_REPLAYED, "true"));
    }
    Ok(response.json(AddressJson::from(address)))
}

/// JSON, also by a name of its own (RFC 6839, section 3.1).
fn is_json(media_type: &str) -> bool {
    media_type == "application/json"
        || media_type.starts_with("application/") && media_type.ends_with("+json")
}

/// Whose address it is and what the client calls the request; or everything that is wrong
/// with these.
fn read(request: &HttpRequest) -> Result<(CustomerId, Option<IdempotencyKey>), Problem> {
    let mut faults = Faults::default();
    let customer_id = parameters::customer_id(request, &mut faults);
    let mut keys = request.headers().get_all(IDEMPOTENCY_KEY);
    let key = keys
        .next()
        .and_then(|key| faults.check(IDEMPOTENCY_KEY, IdempotencyKey::parse(key.as_bytes())));
    if keys.next().is_some() {
        faults.add(IDEMPOTENCY_KEY, "expected once");
    }
    match customer_id {
        Some(customer_id) if faults.is_empty() => Ok((customer_id, key)),
        _ => Err(Problem::invalid_parameters(faults)),
    }
}

/// The content of a new address. A null is as good as nothing here.
fn judge(input: AddressPatch) -> Result<AddressContent, Problem> {
    let draft = AddressDraft {
        description: input.description.flatten().map(Into::into),
        region: input.region.flatten().map(Into::into),
        city: input.city.flatten().map(Into::into),
        country: input.country.flatten().map(Into::into),
        custom_data: input.custom_data.flatten().map(Into::into),
    };
    let mut faults = input.faults;
    match draft.parse(&mut faults) {
        Some(content) if faults.is_empty() => Ok(content),
        _ => Err(Problem::invalid_address(faults)),
    }
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::KeyReused => Self::of(KEY_REUSED),
            CreateError::BookFull { max_addresses } => Self::of(BOOK_FULL).with_detail(format!(
                "An address book holds at most {max_addresses} addresses, and this one does."
            )),
            CreateError::Repository(error) => error.into(),
        }
    }
}
