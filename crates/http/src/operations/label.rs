use actix_web::http::header::{CONTENT_TYPE, HeaderValue, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{
    AddressId, AddressService, Country, CustomerId, FieldErrors, MinRevision, Script, label_lines,
    vcard,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::parameters::{AddressPath, LabelQuery, ReadRevision, RequestHeaders};
use crate::openapi::problems::problems;
use crate::openapi::responses::Labelled;
use crate::request::accept;
use crate::request::min_book_revision;
use crate::request::parameters::{self, QueryValue};
use crate::response::book_revision;
use crate::response::cache_control::REVALIDATE;
use crate::response::problem::Problem;
use crate::response::problem_kind::NOT_ACCEPTABLE;
use crate::route::LABEL;

/// The lines of a label.
#[derive(Serialize, ToSchema)]
#[schema(as = Label)]
pub(crate) struct LabelJson {
    /// What to print, from top to bottom
    lines: Vec<String>,
}

/// The media types of a label, the default one first.
const MEDIA_TYPES: [&str; 3] = ["text/plain", "application/json", "text/vcard"];

/// The values of `script`.
pub(crate) const SCRIPTS: [(&str, Script); 2] =
    [("local", Script::Local), ("latin", Script::Latin)];

problems!(LabelProblems: NOT_FOUND, NOT_ACCEPTABLE, REVISION_UNAVAILABLE);

/// `GET …/addresses/{address_id}/label?script=&origin=`: what to print on a letter or parcel.
#[utoipa::path(
    get,
    path = LABEL,
    operation_id = "getAddressLabel",
    tag = "Addresses",
    summary = "Read the label of an address",
    description = "The address as it is written in its country, as lines of text (the default), as JSON or as a vCard 4.0, as `Accept` says. Members that the country does not use are left out, except in the vCard.",
    params(AddressPath, LabelQuery, RequestHeaders, ReadRevision),
    responses(Labelled, LabelProblems)
)]
pub(crate) async fn get(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id, script, origin, min_revision) =
        parameters::read::<LabelQuery, _>(&request, |errors| read(&request, errors))?;
    let Some(media_type) = accept::preferred(&request, &MEDIA_TYPES) else {
        let detail = format!("A label is available as {}.", MEDIA_TYPES.join(", "));
        return Err(Problem::of(NOT_ACCEPTABLE).with_detail(detail));
    };
    let found = service.find(&customer_id, &address_id, min_revision);
    let found = found.await?;
    let book_revision = found.book_revision;
    let address = found.address;
    let address = address.ok_or_else(|| Problem::no_address_at(book_revision))?;
    let postal = address.content.postal();
    let mut response = HttpResponse::Ok();
    response
        .insert_header(book_revision::header(book_revision))
        .insert_header(REVALIDATE)
        .insert_header((VARY, HeaderValue::from_static("Accept")));
    let mut text = |media_type, body| {
        let media_type = HeaderValue::from_static(media_type);
        response
            .insert_header((CONTENT_TYPE, media_type))
            .body(body)
    };
    let lines = || label_lines(&postal, script, origin);
    Ok(match media_type {
        "application/json" => response.json(LabelJson { lines: lines() }),
        "text/vcard" => text("text/vcard; charset=utf-8", vcard(&postal)),
        _ => text("text/plain; charset=utf-8", lines().join("\n") + "\n"),
    })
}

type LabelRequest = (CustomerId, AddressId, Script, Option<Country>, MinRevision);

fn read(request: &HttpRequest, errors: &mut FieldErrors) -> Option<LabelRequest> {
    let address = parameters::address(request, errors);
    let query = request.query_string();
    let script = QueryValue::named(query, "script").parse("script", parse_script, errors);
    let origin = QueryValue::named(query, "origin").parse("origin", Country::parse, errors);
    let min_revision = min_book_revision::read(request, errors);
    let (customer_id, address_id) = address?;
    let script = script.ok()?.unwrap_or(Script::Local);
    Some((customer_id, address_id, script, origin.ok()?, min_revision?))
}

fn parse_script(text: &str) -> Result<Script, &'static str> {
    let known = SCRIPTS.iter().find(|(name, _)| *name == text);
    known
        .map(|(_, script)| *script)
        .ok_or("expected local or latin")
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::ACCEPT;
    use actix_web::test::TestRequest;
    use addressbook_domain::{Address, AddressContent, AddressInput, Input, Member};
    use addressbook_domain::{MockAddressRepository, RepositoryError};
    use addressbook_testkit::fixtures;
    use insta::assert_snapshot;

    use super::*;
    use crate::testing::{TestApp, answer, body_of, holding, path_of, refusing};

    async fn test_app() -> TestApp {
        let mut input = AddressInput::default();
        for (member, text) in [
            (Member::Recipient, "Ada Lovelace"),
            (Member::FirstLine, "1-1 Chiyoda"),
            (Member::Region, "東京都"),
            (Member::PostalCode, "100-0001"),
            (Member::Country, "JP"),
        ] {
            input[member] = Input::Value(text.into());
        }
        let content = AddressContent::parse(&input, &mut FieldErrors::default());
        let address = Address {
            content: content.unwrap(),
            ..fixtures::address("cus_1", 1)
        };
        TestApp::new(holding([address]).await)
    }

    fn get(query: &str) -> TestRequest {
        TestRequest::get().uri(&format!("{}/label?{query}", path_of(1)))
    }

    #[actix_web::test]
    async fn a_label_is_text_json_or_a_vcard() {
        for (name, accepted) in [
            ("text", None),
            ("text", Some("text/*, image/png")),
            ("json", Some("application/json")),
            ("vcard", Some("text/vcard")),
            ("not_acceptable", Some("image/png")),
        ] {
            let mut request = get("");
            if let Some(accepted) = accepted {
                request = request.insert_header((ACCEPT, accepted));
            }
            assert_snapshot!(name, test_app().await.answer(request).await);
        }
    }

    #[actix_web::test]
    async fn the_script_and_the_origin_change_the_lines() {
        let test_app = test_app().await;
        let lines = async |query: &str| {
            let request = get(query).insert_header((ACCEPT, "application/json"));
            let body = body_of(&test_app.answer(request).await);
            serde_json::from_value::<Vec<String>>(body["lines"].clone()).unwrap()
        };
        let local = [
            "〒100-0001",
            "東京都",
            "1-1 Chiyoda",
            "Ada Lovelace",
            "JAPAN",
        ];
        assert_eq!(lines("").await, local);
        assert_eq!(lines("script=local&origin=DE").await, local);
        assert_eq!(lines("origin=jp").await, local[..4]);
        let latin = ["Ada Lovelace", "1-1 Chiyoda, 東京都", "100-0001"];
        assert_eq!(lines("script=latin&origin=JP").await, latin);
    }

    #[actix_web::test]
    async fn invalid_parameters_and_unknown_addresses_are_problems() {
        let test_app = test_app().await;
        let invalid = test_app.answer(get("script=kana&origin=UK")).await;
        assert!(invalid.starts_with("400 "), "{invalid}");
        assert_eq!(
            body_of(&invalid)["errors"][0]["message"],
            "expected local or latin"
        );
        assert_eq!(body_of(&invalid)["errors"][1]["field"], "origin");
        let unknown = TestRequest::get().uri(&format!("{}/label", path_of(2)));
        let unknown = test_app.answer(unknown).await;
        assert!(unknown.starts_with("404 "), "{unknown}");
        let failing = refusing(|| RepositoryError::Busy("secret".into()));
        assert!(answer(failing, get("")).await.starts_with("503"));
        // Nothing is read for a client that accepts none of the types.
        let unread = get("").insert_header((ACCEPT, "image/png"));
        let unread = answer(MockAddressRepository::new(), unread).await;
        assert!(unread.starts_with("406 "), "{unread}");
    }
}
