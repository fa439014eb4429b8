use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{AddressPatch, AddressService, FieldErrors};

use crate::openapi::parameters::{AddressPath, ChangeConditions, NoQuery, RequestHeaders};
use crate::openapi::problems::problems;
use crate::openapi::responses::Patched;
use crate::options::HttpOptions;
use crate::request::address_input::{self, AddressChange};
use crate::request::caller::Caller;
use crate::request::merge_patch;
use crate::request::parameters;
use crate::request::prefer;
use crate::request::request_body::RequestBody;
use crate::response::address_etag;
use crate::response::address_json::AddressJson;
use crate::response::book_revision;
use crate::response::cache_control::NO_STORE;
use crate::response::problem::Problem;
use crate::route::ADDRESS;

problems!(PatchProblems: UNREADABLE, NOT_FOUND, REQUEST_TIMEOUT, TOO_MANY_REVISIONS, PRECONDITION_FAILED, TOO_LARGE, UNSUPPORTED, INVALID_ADDRESS, PRECONDITION_REQUIRED);

/// `PATCH …/addresses/{address_id}`: changes an address with a JSON merge patch (RFC 7396).
#[utoipa::path(
    patch,
    path = ADDRESS,
    operation_id = "patchAddress",
    tag = "Addresses",
    summary = "Change an address",
    description = "Applies a JSON merge patch (RFC 7396). A patch that changes nothing creates no revision.",
    params(AddressPath, NoQuery, RequestHeaders, ChangeConditions),
    request_body(
        content((AddressChange = "application/merge-patch+json"), (AddressChange = "application/json")),
        description = "At most 64 KiB, unless configured otherwise",
    ),
    responses(Patched, PatchProblems)
)]
pub(crate) async fn patch(
    service: web::Data<AddressService>,
    options: web::Data<HttpOptions>,
    request: HttpRequest,
    RequestBody(body, _place): RequestBody,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id) =
        parameters::read::<NoQuery, _>(&request, |errors| parameters::address(&request, errors))?;
    let precondition = address_etag::precondition(request.headers(), options.require_if_match)?;
    merge_patch::expect_media_type(&request)?;
    let mut errors = FieldErrors::default();
    let input = address_input::read(&body, &mut errors)?;
    let patch = AddressPatch::parse(&input, &mut errors)
        .filter(|_| errors.is_empty())
        .ok_or(errors);
    let changed = prefer::service(&request, &service)
        .patch(&customer_id, &address_id, &patch, &precondition)
        .await
        .map_err(|error| address_etag::change_problem(request.headers(), error))?;
    let may_read = Caller::may_read(&request);
    let mut response = match may_read {
        true => HttpResponse::Ok(),
        false => HttpResponse::NoContent(),
    };
    response
        .insert_header((ETAG, address_etag::of(changed.address.version())))
        .insert_header(book_revision::header(changed.book_revision))
        .insert_header(NO_STORE);
    Ok(match may_read {
        true => response.json(AddressJson::of(&changed.address)),
        false => response.finish(),
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
    use actix_web::test::TestRequest;
    use actix_web::web::Bytes;
    use addressbook_domain::{
        Address, AddressContent, CustomData, MockAddressRepository, RepositoryError, ServiceLimits,
    };
    use addressbook_testkit::fixtures;
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;
    use crate::testing::{
        TestApp, answer, body_of, header_of, holding, path_of, refusing, sending,
    };

    async fn test_app() -> TestApp {
        TestApp::new(holding([fixtures::address("cus_1", 1)]).await)
    }

    fn patching(json: impl Into<Bytes>) -> TestRequest {
        sending(Method::PATCH, &path_of(1), json)
    }

    async fn holding_data(custom_data: Option<&str>) -> TestApp {
        let address = fixtures::address("cus_1", 1);
        let custom_data = custom_data.map(|json| CustomData::parse(json).unwrap());
        let content = AddressContent {
            custom_data,
            ..address.content
        };
        TestApp::new(holding([Address { content, ..address }]).await)
    }

    #[actix_web::test]
    async fn only_named_members_change() {
        let test_app = test_app().await;
        let merge_patch = patching(r#"{"description":null,"city":" Huye "}"#)
            .insert_header((CONTENT_TYPE, "application/merge-patch+json"));
        assert_snapshot!("patched", test_app.answer(merge_patch).await);
        let read = test_app.answer(TestRequest::get().uri(&path_of(1))).await;
        assert_eq!(body_of(&read)["city"], "Huye");
    }

    #[actix_web::test]
    async fn a_patch_that_changes_nothing_stores_nothing() {
        for json in [
            "{}",
            r#"{"city":"Kigali","custom_data":{"floor":"15th","x":null}}"#,
        ] {
            assert_snapshot!("unchanged", test_app().await.answer(patching(json)).await);
        }
    }

    #[actix_web::test]
    async fn custom_data_is_merged_according_to_rfc_7396() {
        // The test vectors of appendix A that are objects, and some more.
        for (kept, patch, merged) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
            (
                r#"{"z":1.50,"\u0061":1e2,"m":{"k":"\/"}}"#,
                r#"{ "m" : { "new" : [ -0 ] } }"#,
                r#"{"z":1.50,"\u0061":1e2,"m":{"k":"\/","new":[-0]}}"#,
            ),
            (r#"{"a":1}"#, "null", "null"),
        ] {
            let request = patching(format!(r#"{{"custom_data":{patch}}}"#));
            let response = holding_data(Some(kept)).await.answer(request).await;
            let merged = format!(r#","custom_data":{merged},"created_at":"#);
            assert!(response.contains(&merged), "{kept} {patch}: {response}");
        }
        let request = patching(r#"{"custom_data":{"a":null,"b":{"c":null}}}"#);
        let response = holding_data(None).await.answer(request).await;
        assert_eq!(body_of(&response)["custom_data"], json!({"b": {}}));
    }

    #[actix_web::test]
    async fn every_field_error_is_named_at_once() {
        for (name, json) in [
            (
                "all_bad",
                r#"{"id":"add_1","updated_at":null,"street":"x","description":7,"region":null,
                    "city":null,"country":"ZZ","custom_data":5}"#,
            ),
            ("no_object", "null"),
        ] {
            assert_snapshot!(name, test_app().await.answer(patching(json)).await);
        }
    }

    #[actix_web::test]
    async fn merged_custom_data_must_not_exceed_its_limit() {
        let half = "x".repeat(CustomData::MAX_BYTES / 2);
        let test_app = holding_data(Some(&format!(r#"{{"a":"{half}"}}"#))).await;
        let request = patching(format!(r#"{{"custom_data":{{"b":"{half}"}}}}"#));
        assert_snapshot!("grown_too_large", test_app.answer(request).await);
    }

    #[actix_web::test]
    async fn other_media_types_of_patches_are_rejected() {
        let request = patching("[]").insert_header((CONTENT_TYPE, "application/json-patch+json"));
        assert_snapshot!(
            "unsupported",
            answer(MockAddressRepository::new(), request).await
        );
    }

    #[actix_web::test]
    async fn a_condition_must_hold() {
        for (name, header, tags) in [
            ("patched_city", IF_MATCH, "\"1-1724942722123\""),
            ("patched_city", IF_MATCH, "\"other\", \"1-1724942722123\""),
            (
                "patched_city",
                IF_MATCH,
                "\"1-1724942722123-gzip\", \"1-1724942722123\"",
            ),
            ("patched_city", IF_MATCH, "*"),
            ("failed", IF_MATCH, "\"2-1724942722123\""),
            ("coded", IF_MATCH, "\"1-1724942722123-gzip\""),
            ("coded", IF_MATCH, "\"1-1724942722123-br\""),
            ("coded", IF_MATCH, "\"other\", \"2-1724942722123-zstd\""),
            ("failed", IF_MATCH, "\"other-gzip\""),
            ("failed", IF_MATCH, "\"1-1724942722123-deflate\""),
            ("weak", IF_MATCH, "W/\"1-1724942722123\""),
            ("weak", IF_MATCH, "W/\"1-1724942722123-gzip\""),
            ("weak", IF_MATCH, "W/\"2-1724942722123\""),
            ("weak", IF_MATCH, "\"other\" , W/\"other\""),
            ("including", IF_MATCH, "W/\"1-1724942722123+label-a\""),
            ("including", IF_MATCH, "\"1-1724942722123+label-a\""),
            ("weak", IF_MATCH, "W/\"other+label-a\""),
            ("patched_city", IF_MATCH, "W/\"other\", \"1-1724942722123\""),
            ("malformed", IF_MATCH, "1-1724942722123"),
            ("malformed", IF_MATCH, ""),
            ("malformed", IF_MATCH, "\"1-1724942722123\", 1"),
            ("failed", IF_NONE_MATCH, "*"),
            ("failed", IF_NONE_MATCH, "W/\"1-1724942722123\""),
            ("failed", IF_NONE_MATCH, "\"1-1724942722123-br\""),
            ("patched_city", IF_NONE_MATCH, "\"other\""),
        ] {
            let request = patching(r#"{"city":"Huye"}"#).insert_header((header, tags));
            assert_snapshot!(name, test_app().await.answer(request).await);
        }
    }

    #[actix_web::test]
    async fn a_tag_that_a_proxy_changed_is_reported_from_any_line() {
        for (name, tag) in [
            ("weak", "W/\"1-1724942722123\""),
            ("coded", "\"1-1724942722123-gzip\""),
        ] {
            let request = patching(r#"{"city":"Huye"}"#)
                .append_header((IF_MATCH, "\"2-1724942722123\""))
                .append_header((IF_MATCH, tag));
            assert_snapshot!(name, test_app().await.answer(request).await);
        }
    }

    #[actix_web::test]
    async fn a_missing_address_is_reported_before_conditions_and_content() {
        let request = sending(Method::PATCH, &path_of(2), r#"{"city":null}"#)
            .insert_header((IF_MATCH, "\"other\""));
        let response = test_app().await.answer(request).await;
        assert!(response.starts_with("404"), "{response}");
    }

    #[actix_web::test]
    async fn if_match_can_be_required() {
        let options = HttpOptions {
            require_if_match: true,
            ..HttpOptions::default()
        };
        let repository = holding([fixtures::address("cus_1", 1)]).await;
        let test_app = TestApp::with_options(repository, ServiceLimits::default(), options);
        let request = patching(r#"{"city":"Huye"}"#).insert_header((IF_NONE_MATCH, "\"other\""));
        assert_snapshot!("required", test_app.answer(request).await);
        let remove = TestRequest::delete().uri(&path_of(1));
        assert!(test_app.answer(remove).await.starts_with("428"));
        let conditional = patching(r#"{"city":"Huye"}"#).insert_header((IF_MATCH, "*"));
        let changed = test_app.answer(conditional).await;
        let etag = header_of(&changed, "etag").unwrap();
        let remove = TestRequest::delete()
            .uri(&path_of(1))
            .insert_header((IF_MATCH, etag));
        assert!(test_app.answer(remove).await.starts_with("204"));
    }

    #[actix_web::test]
    async fn an_address_at_the_limit_of_revisions_can_still_be_removed() {
        for (name, limits) in [
            (
                "too_many_revisions",
                ServiceLimits {
                    max_revisions: 2,
                    ..ServiceLimits::default()
                },
            ),
            (
                "history_full",
                ServiceLimits {
                    max_past_revisions: 1,
                    ..ServiceLimits::default()
                },
            ),
        ] {
            let repository = holding([fixtures::address("cus_1", 1)]).await;
            let test_app = TestApp::with_options(repository, limits, HttpOptions::default());
            let first = test_app.answer(patching(r#"{"city":"Huye"}"#)).await;
            assert!(first.starts_with("200"), "{first}");
            let same = test_app.answer(patching(r#"{"city":"Huye"}"#)).await;
            assert!(same.starts_with("200"), "no change, no revision: {same}");
            let second = test_app.answer(patching(r#"{"city":"Musanze"}"#)).await;
            assert_snapshot!(name, second);
            let remove = TestRequest::delete().uri(&path_of(1));
            let removed = test_app.answer(remove).await;
            assert!(removed.starts_with("204"), "{removed}");
        }
    }

    #[actix_web::test]
    async fn a_repository_error_becomes_a_problem() {
        let failing = refusing(|| RepositoryError::Busy("secret".into()));
        assert!(answer(failing, patching("{}")).await.starts_with("503"));
    }
}
