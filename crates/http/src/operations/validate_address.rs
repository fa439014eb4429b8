use std::borrow::Cow;

use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{AddressService, FieldErrors, InputFinding};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::parameters::{NoQuery, RequestHeaders};
use crate::openapi::problems::problems;
use crate::openapi::responses::Validated;
use crate::openapi::values;
use crate::request::address_input::{self, AddressDraft};
use crate::request::parameters;
use crate::request::request_body::RequestBody;
use crate::response::cache_control::NO_STORE;
use crate::response::problem::Problem;
use crate::response::problem_kind::UNSUPPORTED;
use crate::route::VALIDATION;

/// What is wrong with an address, or unusual.
#[derive(Serialize, ToSchema)]
#[schema(as = Validation)]
pub(crate) struct ValidationJson {
    /// Whether the address can be created, also where the rules of its country are strict
    valid: bool,
    /// What is wrong, and what is unusual. Empty if nothing is
    findings: Vec<FindingJson>,
}

/// What is noticed about a member of an address.
#[derive(Serialize, ToSchema)]
#[schema(as = Finding)]
pub(crate) struct FindingJson {
    /// The member, as a JSON Pointer (RFC 6901) into the body
    pointer: String,
    #[schema(schema_with = values::finding_code)]
    code: &'static str,
    /// What was expected. Never holds the value itself
    message: Cow<'static, str>,
    /// What the member probably should hold; null if that is not known
    #[schema(required = true)]
    suggestion: Option<String>,
}

impl From<InputFinding> for FindingJson {
    fn from(found: InputFinding) -> Self {
        let name = found.field.replace('~', "~0").replace('/', "~1");
        Self {
            pointer: format!("/{name}"),
            code: found.code,
            message: found.message,
            suggestion: found.suggestion,
        }
    }
}

problems!(ValidateProblems: UNREADABLE, REQUEST_TIMEOUT, TOO_LARGE, UNSUPPORTED, INVALID_ADDRESS);

/// `POST /v1/addresses/validate`: validates an address as a creation would, and by the rules of its
/// country. Stores nothing.
#[utoipa::path(
    post,
    path = VALIDATION,
    operation_id = "validateAddress",
    tag = "Addresses",
    summary = "Validate an address without storing it",
    description = "Takes the body of a creation. If the address is invalid, the response is still 200, with `valid` false.",
    params(NoQuery, RequestHeaders),
    request_body(content = AddressDraft, content_type = "application/json", description = "At most 64 KiB, unless configured otherwise"),
    responses(Validated, ValidateProblems)
)]
pub(crate) async fn validate(
    service: web::Data<AddressService>,
    request: HttpRequest,
    RequestBody(body, _place): RequestBody,
) -> Result<HttpResponse, Problem> {
    parameters::read::<NoQuery, _>(&request, |_| Some(()))?;
    if !address_input::has_media_type(&request, address_input::is_json) {
        return Err(Problem::of(UNSUPPORTED));
    }
    let mut errors = FieldErrors::default();
    let (input, _) = address_input::read_new(&body, &mut errors)?;
    let found = service.validate(&input, errors);
    Ok(HttpResponse::Ok()
        .insert_header(NO_STORE)
        .json(ValidationJson {
            valid: !found.iter().any(|found| found.is_error),
            findings: found.into_iter().map(FindingJson::from).collect(),
        }))
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::http::header::CONTENT_TYPE;
    use actix_web::test::TestRequest;
    use addressbook_domain::MockAddressRepository;
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;
    use crate::testing::{answer, body_of, sending};

    /// The response of a service whose store fails the test if it is called.
    async fn validating(body: &str) -> String {
        let request = sending(Method::POST, VALIDATION, body.to_owned());
        answer(MockAddressRepository::new(), request).await
    }

    #[actix_web::test]
    async fn a_valid_address_has_no_findings() {
        let valid = r#"{"first_line":"10 Downing Street","city":"London","country":"gb",
            "postal_code":"SW1A 2AA","custom_data":{"a":1}}"#;
        assert_snapshot!("valid", validating(valid).await);
    }

    #[actix_web::test]
    async fn everything_that_is_noticed_is_returned() {
        let body = r#"{"first_line":"1 Main Street","city":7,"region":"illinois","country":"US",
            "postal_code":"627O1","district":"East","a/b~c":1,"id":"x","description":"\u0000"}"#;
        assert_snapshot!("found", validating(body).await);
        let hints = r#"{"first_line":"10 Downing Street","city":"London","country":"GB",
            "postal_code":"sw1a2aa"}"#;
        let hints = body_of(&validating(hints).await);
        assert_eq!(hints["valid"], true);
        assert_eq!(hints["findings"][0]["suggestion"], "SW1A 2AA");
        let named = body_of(&validating(r#"{"country":"Germany"}"#).await);
        assert_eq!(named["valid"], false);
        let country = named["findings"].as_array().unwrap();
        let country = country.iter().find(|found| found["pointer"] == "/country");
        assert_eq!(country.unwrap()["suggestion"], "DE");
    }

    #[actix_web::test]
    async fn a_body_that_is_no_address_is_a_problem() {
        for (body, status) in [("", 400), ("{", 400), ("[]", 422), ("1", 422)] {
            let response = validating(body).await;
            assert_eq!(body_of(&response)["status"], json!(status), "{body}");
        }
        let untyped = TestRequest::post()
            .uri(VALIDATION)
            .insert_header((CONTENT_TYPE, "text/plain"))
            .set_payload("{}");
        let untyped = answer(MockAddressRepository::new(), untyped).await;
        assert!(untyped.starts_with("415 "), "{untyped}");
    }
}
