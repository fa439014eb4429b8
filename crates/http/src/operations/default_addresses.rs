use std::borrow::Cow;

use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::json::Json;
use addressbook_domain::{
    AddressId, AddressService, BookDefaults, CustomerId, DefaultAddresses, DefaultAddressesError,
    DefaultAddressesPatch, FieldErrors, Purpose,
};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::openapi::parameters::{
    ChangeConditions, CustomerPath, NoQuery, ReadCondition, ReadRevision, RequestHeaders,
};
use crate::openapi::problems::problems;
use crate::openapi::responses::{DefaultAddressesFound, DefaultAddressesPatched};
use crate::openapi::{examples, values};
use crate::options::HttpOptions;
use crate::request::caller::Caller;
use crate::request::json_body::{self, Members};
use crate::request::merge_patch;
use crate::request::min_book_revision;
use crate::request::parameters;
use crate::request::request_body::RequestBody;
use crate::response::address_etag;
use crate::response::book_revision;
use crate::response::cache_control::{NO_STORE, REVALIDATE};
use crate::response::problem::Problem;
use crate::response::problem_kind::INVALID_DEFAULT_ADDRESSES;
use crate::route::DEFAULT_ADDRESSES;

problems!(GetProblems: REVISION_UNAVAILABLE);
problems!(PatchProblems: UNREADABLE, REQUEST_TIMEOUT, PRECONDITION_FAILED, TOO_LARGE, UNSUPPORTED, INVALID_DEFAULT_ADDRESSES, PRECONDITION_REQUIRED);

/// `GET …/default-addresses`: the default address of a customer for each purpose.
#[utoipa::path(
    get,
    path = DEFAULT_ADDRESSES,
    operation_id = "getDefaultAddresses",
    tag = "Default addresses",
    summary = "Read a customer's default addresses",
    description = "For each purpose, such as `billing` or `shipping`, the address that is used unless the customer chooses another. A customer without default addresses has an empty object.",
    params(CustomerPath, NoQuery, RequestHeaders, ReadCondition, ReadRevision),
    responses(DefaultAddressesFound, GetProblems)
)]
pub(crate) async fn get(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (customer_id, min_revision) = parameters::read::<NoQuery, _>(&request, |errors| {
        let customer_id = parameters::customer_id(&request, errors);
        let min_revision = min_book_revision::read(&request, errors);
        customer_id.zip(min_revision)
    })?;
    let BookDefaults {
        revision,
        addresses,
    } = service
        .default_addresses(&customer_id, min_revision)
        .await?;
    let version = addresses.version();
    let is_known = address_etag::is_known(request.headers(), &version);
    let mut response = match is_known {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    response
        .insert_header((ETAG, address_etag::of(version)))
        .insert_header(book_revision::header(revision))
        .insert_header(REVALIDATE);
    Ok(match is_known {
        true => response.finish(),
        false => response.json(DefaultAddressesJson {
            customer_id,
            addresses,
        }),
    })
}

/// `PATCH …/default-addresses`: changes default addresses with a JSON merge patch (RFC 7396).
#[utoipa::path(
    patch,
    path = DEFAULT_ADDRESSES,
    operation_id = "patchDefaultAddresses",
    tag = "Default addresses",
    summary = "Change a customer's default addresses",
    description = "Applies a JSON merge patch (RFC 7396): a purpose with an address sets it, null clears it, and other purposes stay. A patch that changes nothing stores nothing.",
    params(CustomerPath, NoQuery, RequestHeaders, ChangeConditions),
    request_body(
        content((DefaultAddressesChange = "application/merge-patch+json"), (DefaultAddressesChange = "application/json")),
        description = "At most 64 KiB, unless configured otherwise",
    ),
    responses(DefaultAddressesPatched, PatchProblems)
)]
pub(crate) async fn patch(
    service: web::Data<AddressService>,
    options: web::Data<HttpOptions>,
    request: HttpRequest,
    RequestBody(body, _place): RequestBody,
) -> Result<HttpResponse, Problem> {
    let customer_id = customer_id(&request)?;
    let precondition = address_etag::precondition(request.headers(), options.require_if_match)?;
    merge_patch::expect_media_type(&request)?;
    let patch = read(&body)?;
    let BookDefaults {
        revision,
        addresses,
    } = service
        .patch_default_addresses(&customer_id, &patch, &precondition)
        .await
        .map_err(|error| problem_of(&request, error))?;
    let may_read = Caller::may_read(&request);
    let mut response = match may_read {
        true => HttpResponse::Ok(),
        false => HttpResponse::NoContent(),
    };
    response
        .insert_header((ETAG, address_etag::of(addresses.version())))
        .insert_header(book_revision::header(revision))
        .insert_header(NO_STORE);
    Ok(match may_read {
        true => response.json(DefaultAddressesJson {
            customer_id,
            addresses,
        }),
        false => response.finish(),
    })
}

fn customer_id(request: &HttpRequest) -> Result<CustomerId, Problem> {
    parameters::read::<NoQuery, _>(request, |errors| parameters::customer_id(request, errors))
}

/// The member of the bodies.
const MEMBER: &str = "default_addresses";

/// Reads the body of a change.
fn read(body: &[u8]) -> Result<DefaultAddressesPatch, Problem> {
    let mut errors = FieldErrors::default();
    let mut patch = DefaultAddressesPatch::default();
    let mut is_there = false;
    for (name, value) in json_body::members(body, INVALID_DEFAULT_ADDRESSES)? {
        match &*name {
            MEMBER => {
                is_there = true;
                match value.object() {
                    Some(purposes) => read_purposes(purposes, &mut patch, &mut errors),
                    None => errors.add(MEMBER, "expected an object"),
                }
            }
            "customer_id" => errors.add("customer_id", "is set by the service"),
            _ => errors.add(name.into_owned(), "is not a member of default addresses"),
        }
    }
    if !is_there {
        errors.missing(MEMBER);
    }
    match errors.is_empty() {
        true => Ok(patch),
        false => Err(Problem::with_field_errors(
            INVALID_DEFAULT_ADDRESSES,
            errors,
        )),
    }
}

fn read_purposes(
    purposes: Members<'_>,
    patch: &mut DefaultAddressesPatch,
    errors: &mut FieldErrors,
) {
    for (name, value) in purposes {
        let purpose = Purpose::parse(&name).map_err(|error| error.to_string());
        let id = address_id(value);
        match (purpose, id) {
            (Ok(purpose), Ok(id)) => drop(patch.0.insert(purpose, id)),
            (Err(error), _) | (_, Err(error)) => errors.add(field(&name), error),
        }
    }
}

fn field(purpose: &str) -> String {
    format!("{MEMBER}.{purpose}")
}

fn address_id(value: Json<'_>) -> Result<Option<AddressId>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let text = value
        .string()
        .ok_or("expected the id of an address, or null")?;
    let id = AddressId::parse(&text).map_err(|error| error.to_string())?;
    Ok(Some(id))
}

fn problem_of(request: &HttpRequest, error: DefaultAddressesError) -> Problem {
    let mut errors = FieldErrors::default();
    match error {
        DefaultAddressesError::Repository(error) => return error.into(),
        DefaultAddressesError::PreconditionFailed {
            current,
            book_revision,
        } => {
            return address_etag::precondition_failed(request.headers(), current).at(book_revision);
        }
        DefaultAddressesError::TooManyPurposes(error) => errors.add(MEMBER, error),
        DefaultAddressesError::NoSuchAddress { purposes } => {
            for purpose in purposes {
                errors.add(
                    field(purpose.as_str()),
                    "is not an address of this customer",
                );
            }
        }
    }
    Problem::with_field_errors(INVALID_DEFAULT_ADDRESSES, errors)
}

/// The default addresses of a customer.
pub(crate) struct DefaultAddressesJson {
    customer_id: CustomerId,
    addresses: DefaultAddresses,
}

impl Serialize for DefaultAddressesJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("DefaultAddresses", 2)?;
        object.serialize_field("customer_id", self.customer_id.as_str())?;
        object.serialize_field(MEMBER, &ByPurpose(&self.addresses))?;
        object.end()
    }
}

struct ByPurpose<'a>(&'a DefaultAddresses);

impl Serialize for ByPurpose<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = self.0.iter();
        let mut object = serializer.serialize_map(Some(entries.len()))?;
        for (purpose, id) in entries {
            object.serialize_entry(purpose.as_str(), id.as_str())?;
        }
        object.end()
    }
}

impl PartialSchema for DefaultAddressesJson {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().description(Some("The default addresses of a customer."));
        let object = values::with(object, "customer_id", values::customer_id());
        let by_purpose = values::by_purpose(values::address_id());
        values::with(object, MEMBER, by_purpose)
            .examples([examples::default_addresses()])
            .into()
    }
}

impl ToSchema for DefaultAddressesJson {
    fn name() -> Cow<'static, str> {
        "DefaultAddresses".into()
    }
}

/// A merge patch of default addresses.
pub(crate) struct DefaultAddressesChange;

impl PartialSchema for DefaultAddressesChange {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().description(Some(
            "A JSON merge patch (RFC 7396): an absent purpose stays unchanged, null clears it.",
        ));
        let by_purpose = values::by_purpose(values::address_id_or_null());
        values::with(object, MEMBER, by_purpose)
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .examples([serde_json::json!({
                MEMBER: {"shipping": examples::ADDRESS_ID, "billing": null},
            })])
            .into()
    }
}

impl ToSchema for DefaultAddressesChange {
    fn name() -> Cow<'static, str> {
        "DefaultAddressesPatch".into()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
    use actix_web::test::TestRequest;
    use addressbook_domain::{MockAddressRepository, RepositoryError};
    use addressbook_testkit::fixtures;
    use insta::assert_snapshot;

    use super::*;
    use crate::testing::{
        TestApp, answer, body_of, header_of, holding, path_of, refusing, sending,
    };

    const URI: &str = "/v1/customers/cus_1/default-addresses";

    async fn test_app() -> TestApp {
        TestApp::new(holding((1..=2).map(|number| fixtures::address("cus_1", number))).await)
    }

    fn get() -> TestRequest {
        TestRequest::get().uri(URI)
    }

    fn patching(json: impl Into<web::Bytes>) -> TestRequest {
        sending(Method::PATCH, URI, json)
    }

    fn setting(purpose: &str, number: u32) -> TestRequest {
        let id = fixtures::address_id(number);
        patching(format!(r#"{{"default_addresses":{{"{purpose}":"{id}"}}}}"#))
    }

    #[actix_web::test]
    async fn default_addresses_are_set_changed_and_cleared() {
        let test_app = test_app().await;
        assert_snapshot!("none", test_app.answer(get()).await);
        assert_snapshot!("set", test_app.answer(setting("shipping", 2)).await);
        test_app.answer(setting("billing", 1)).await;
        let merge_patch = patching(r#"{"default_addresses":{"shipping":null,"gift":null}}"#)
            .insert_header((CONTENT_TYPE, "application/merge-patch+json"));
        assert_snapshot!("cleared", test_app.answer(merge_patch).await);
        assert_snapshot!("one", test_app.answer(get()).await);
        let remove = TestRequest::delete().uri(&path_of(1));
        assert!(test_app.answer(remove).await.starts_with("204"));
        let none = test_app.answer(get()).await;
        assert_eq!(body_of(&none)[MEMBER], serde_json::json!({}));
    }

    #[actix_web::test]
    async fn conditions_protect_default_addresses() {
        let test_app = test_app().await;
        let read = test_app.answer(get()).await;
        let tag = header_of(&read, "etag").unwrap().to_owned();
        let current = get().insert_header((IF_NONE_MATCH, tag.clone()));
        assert_snapshot!("not_modified", test_app.answer(current).await);
        let changed = setting("shipping", 1).insert_header((IF_MATCH, tag.clone()));
        let changed = test_app.answer(changed).await;
        assert!(changed.starts_with("200"), "{changed}");
        let late = setting("shipping", 2).insert_header((IF_MATCH, tag.clone()));
        assert_snapshot!("precondition_failed", test_app.answer(late).await);
        let malformed = setting("shipping", 2).insert_header((IF_MATCH, "1"));
        assert!(test_app.answer(malformed).await.starts_with("400"));
        let stale = test_app
            .answer(get().insert_header((IF_NONE_MATCH, tag)))
            .await;
        assert_eq!(header_of(&stale, "etag"), header_of(&changed, "etag"));
        assert_eq!(body_of(&stale), body_of(&changed));
    }

    #[actix_web::test]
    async fn the_tag_changes_with_the_default_addresses_alone() {
        let test_app = test_app().await;
        let set = test_app.answer(setting("shipping", 1)).await;
        let change = sending(Method::PATCH, &path_of(1), r#"{"city":"Huye"}"#);
        assert!(test_app.answer(change).await.starts_with("200"));
        let read = test_app.answer(get()).await;
        assert_eq!(header_of(&read, "etag"), header_of(&set, "etag"));
    }

    #[actix_web::test]
    async fn every_error_of_a_change_is_named() {
        let test_app = test_app().await;
        for (name, json) in [
            (
                "all_bad",
                r#"{"customer_id":"cus_1","billing":null,"default_addresses":{"Shipping":null,
                    "billing":7,"gift":"cus_1","":"add_1"}}"#,
            ),
            ("nothing", "{}"),
            ("null", r#"{"default_addresses":null}"#),
            ("no_object", "[]"),
        ] {
            assert_snapshot!(name, test_app.answer(patching(json)).await);
        }
        let [unknown, known] = [9, 1].map(fixtures::address_id);
        let foreign = format!(
            r#"{{"default_addresses":{{"a":"{unknown}","b":"{known}","shipping":"{unknown}"}}}}"#
        );
        assert_snapshot!("no_such_address", test_app.answer(patching(foreign)).await);
        let id = fixtures::address_id(1);
        let many: Vec<_> = (0..17).map(|n| format!(r#""p{n}":"{id}""#)).collect();
        let many = format!(r#"{{"default_addresses":{{{}}}}}"#, many.join(","));
        assert_snapshot!("too_many", test_app.answer(patching(many)).await);
        let twice = patching(r#"{"default_addresses":{"a":null,"a":null}}"#);
        assert!(test_app.answer(twice).await.starts_with("400"));
        let untyped = setting("shipping", 1).insert_header((CONTENT_TYPE, "text/plain"));
        assert_snapshot!("untyped", test_app.answer(untyped).await);
        let none = test_app.answer(get()).await;
        assert_eq!(body_of(&none)[MEMBER], serde_json::json!({}));
    }

    #[actix_web::test]
    async fn repository_errors_become_problems() {
        for request in [get(), setting("shipping", 1)] {
            let failing = refusing(|| RepositoryError::Busy("secret".into()));
            let response = answer(failing, request).await;
            assert!(response.starts_with("503"), "{response}");
        }
        let unread = TestRequest::get().uri("/v1/customers/add_1/default-addresses");
        let unread = answer(MockAddressRepository::new(), unread).await;
        assert!(unread.starts_with("400"), "{unread}");
    }
}
