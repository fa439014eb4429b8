use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::AddressService;

use crate::openapi::parameters::{AddressPath, NoQuery, ReadCondition, RequestHeaders};
use crate::openapi::responses::{Found, problems};
use crate::request::parameters;
use crate::response::address_etag;
use crate::response::address_json::AddressJson;
use crate::response::cache_control::REVALIDATE;
use crate::response::problem::Problem;
use crate::route::ADDRESS;

problems!(GetProblems: NOT_FOUND);

/// `GET …/addresses/{address_id}`: one address, or 304 when the client has it already.
#[utoipa::path(
    get,
    path = ADDRESS,
    operation_id = "getAddress",
    tag = "Addresses",
    summary = "Read an address",
    params(AddressPath, NoQuery, RequestHeaders, ReadCondition),
    responses(Found, GetProblems)
)]
pub(crate) async fn get(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id) =
        parameters::read::<NoQuery, _>(&request, |errors| parameters::address(&request, errors))?;
    let address = service.find(&customer_id, &address_id).await?;
    let address = address.ok_or_else(Problem::no_address)?;
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
        response.json(AddressJson(&address))
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::IF_NONE_MATCH;
    use actix_web::test::TestRequest;
    use addressbook_domain::{MockAddressRepository, RepositoryError};
    use addressbook_testkit::fixtures;
    use insta::assert_snapshot;

    use crate::testing::{answer, holding, path_of, refusing};

    fn get() -> TestRequest {
        TestRequest::get().uri(&path_of(1))
    }

    #[actix_web::test]
    async fn an_address_is_returned_or_not_modified() {
        let repository = || holding([fixtures::address("cus_1", 1)]);
        assert_snapshot!("found", answer(repository().await, get()).await);
        let under_api = TestRequest::get().uri(&format!("/api{}", path_of(1)));
        assert_snapshot!("found", answer(repository().await, under_api).await);
        for (name, tags) in [
            ("not_modified", "W/\"1-1724942722123\""),
            ("not_modified", "\"a\", \"1-1724942722123\""),
            ("not_modified", "*"),
            ("not_modified", "\"1-1724942722123-gzip\""),
            (
                "not_modified",
                "\"2-1724942722123\", W/\"1-1724942722123-zstd\"",
            ),
            ("found", "\"1-1724942722123-deflate\""),
            ("found", "\"2-1724942722123\", 1-1724942722123"),
        ] {
            let request = get().insert_header((IF_NONE_MATCH, tags));
            assert_snapshot!(name, answer(repository().await, request).await);
        }
    }

    #[actix_web::test]
    async fn an_unknown_address_is_404_and_a_malformed_id_is_400() {
        let other = holding([fixtures::address("cus_1", 2)]).await;
        let request = get().insert_header((IF_NONE_MATCH, "*"));
        assert_snapshot!("not_found", answer(other, request).await);
        let malformed = TestRequest::get().uri("/v1/customers/add_1/addresses/1");
        let malformed = answer(MockAddressRepository::new(), malformed);
        assert_snapshot!("malformed", malformed.await);
    }

    #[actix_web::test]
    async fn a_repository_error_becomes_a_problem() {
        let failing = refusing(|| RepositoryError::Busy("secret".into()));
        assert!(answer(failing, get()).await.starts_with("503"));
    }
}
