use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::AddressService;

use crate::openapi::parameters::{AddressPath, ChangeConditions, NoQuery, RequestHeaders};
use crate::openapi::problems::problems;
use crate::openapi::responses::Removed;
use crate::options::HttpOptions;
use crate::request::parameters;
use crate::response::address_etag;
use crate::response::book_revision;
use crate::response::cache_control::NO_STORE;
use crate::response::problem::Problem;
use crate::route::ADDRESS;

problems!(RemoveProblems: NOT_FOUND, PRECONDITION_FAILED, PRECONDITION_REQUIRED);

/// `DELETE …/addresses/{address_id}`: removes an address from its book. Its revisions remain.
#[utoipa::path(
    delete,
    path = ADDRESS,
    operation_id = "removeAddress",
    tag = "Addresses",
    summary = "Remove an address",
    description = "Removes the address from the book. Its revisions remain.",
    params(AddressPath, NoQuery, RequestHeaders, ChangeConditions),
    responses(Removed, RemoveProblems)
)]
pub(crate) async fn remove(
    service: web::Data<AddressService>,
    options: web::Data<HttpOptions>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id) =
        parameters::read::<NoQuery, _>(&request, |errors| parameters::address(&request, errors))?;
    let precondition = address_etag::precondition(request.headers(), options.require_if_match)?;
    let book_revision = service
        .remove(&customer_id, &address_id, &precondition)
        .await
        .map_err(|error| address_etag::change_problem(request.headers(), error))?;
    Ok(HttpResponse::NoContent()
        .insert_header(book_revision::header(book_revision))
        .insert_header(NO_STORE)
        .finish())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::IF_MATCH;
    use actix_web::test::TestRequest;
    use addressbook_domain::RepositoryError;
    use addressbook_testkit::fixtures;
    use insta::assert_snapshot;

    use crate::testing::{BOOK, TestApp, answer, body_of, holding, path_of, refusing};

    fn delete() -> TestRequest {
        TestRequest::delete().uri(&path_of(1))
    }

    #[actix_web::test]
    async fn a_removed_address_keeps_only_its_revisions() {
        let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
        assert_snapshot!("removed", test_app.answer(delete()).await);
        assert!(test_app.answer(delete()).await.starts_with("404"));
        let list = test_app.answer(TestRequest::get().uri(BOOK)).await;
        assert_eq!(body_of(&list)["addresses"], serde_json::json!([]));
        let uri = format!("{}/revisions", path_of(1));
        let revisions = body_of(&test_app.answer(TestRequest::get().uri(&uri)).await);
        let changes = revisions["revisions"].as_array().unwrap().iter();
        let changes: Vec<_> = changes.map(|revision| &revision["change"]).collect();
        assert_eq!(changes, ["removed", "created"]);
    }

    #[actix_web::test]
    async fn a_condition_must_hold() {
        let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
        let stale = delete().insert_header((IF_MATCH, "\"7-1724942722123\""));
        assert_snapshot!("failed", test_app.answer(stale).await);
        let weak = delete().insert_header((IF_MATCH, "W/\"1-1724942722123\""));
        assert_snapshot!("weak", test_app.answer(weak).await);
        let coded = delete().insert_header((IF_MATCH, "\"1-1724942722123-gzip\""));
        assert_snapshot!("coded", test_app.answer(coded).await);
        let current = delete().insert_header((IF_MATCH, "\"1-1724942722123\""));
        assert!(test_app.answer(current).await.starts_with("204"));
    }

    #[actix_web::test]
    async fn a_repository_error_becomes_a_problem() {
        let failing = refusing(|| RepositoryError::Busy("secret".into()));
        assert!(answer(failing, delete()).await.starts_with("503"));
    }
}
