use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{
    AddressId, AddressService, CustomerId, DefaultAddresses, FieldErrors, MinRevision,
};

use crate::openapi::parameters::{
    AddressPath, GetQuery, ReadCondition, ReadRevision, RequestHeaders,
};
use crate::openapi::problems::problems;
use crate::openapi::responses::Found;
use crate::request::include::{self, Included};
use crate::request::min_book_revision;
use crate::request::parameters;
use crate::response::address_etag;
use crate::response::address_json::AddressJson;
use crate::response::book_revision;
use crate::response::cache_control::REVALIDATE;
use crate::response::etag;
use crate::response::problem::Problem;
use crate::route::ADDRESS;

problems!(GetProblems: NOT_FOUND, REVISION_UNAVAILABLE);

/// `GET …/addresses/{address_id}?include=`: one address, or 304 when the client has it already.
#[utoipa::path(
    get,
    path = ADDRESS,
    operation_id = "getAddress",
    tag = "Addresses",
    summary = "Read an address",
    params(AddressPath, GetQuery, RequestHeaders, ReadCondition, ReadRevision),
    responses(Found, GetProblems)
)]
pub(crate) async fn get(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id, include, min_revision) =
        parameters::read::<GetQuery, _>(&request, |errors| read(&request, errors))?;
    let (found, defaults) = match include.contains(&Included::DefaultFor) {
        true => {
            service
                .find_with_defaults(&customer_id, &address_id, min_revision)
                .await?
        }
        false => {
            let found = service.find(&customer_id, &address_id, min_revision);
            let found = found.await?;
            (found, DefaultAddresses::new())
        }
    };
    let book_revision = found.book_revision;
    let address = found.address;
    let address = address.ok_or_else(|| Problem::no_address_at(book_revision))?;
    let tag = address_etag::including(&address, &include, &defaults);
    let known = etag::is_listed(request.headers(), &tag);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, tag))
        .insert_header(book_revision::header(book_revision))
        .insert_header(REVALIDATE);
    Ok(if known {
        response.finish()
    } else {
        response.json(AddressJson {
            address: &address,
            include: &include,
            defaults: &defaults,
        })
    })
}

type GetRequest = (CustomerId, AddressId, Vec<Included>, MinRevision);

fn read(request: &HttpRequest, errors: &mut FieldErrors) -> Option<GetRequest> {
    let address = parameters::address(request, errors);
    let query = form_urlencoded::parse(request.query_string().as_bytes());
    let values = query.filter(|(name, _)| name == "include");
    let values: Vec<_> = values.map(|(_, value)| value).collect();
    let include = include::parse(&values, errors);
    let min_revision = min_book_revision::read(request, errors);
    let (customer_id, address_id) = address?;
    Some((customer_id, address_id, include?, min_revision?))
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::http::header::{ACCEPT, IF_NONE_MATCH};
    use actix_web::test::TestRequest;
    use addressbook_domain::{MockAddressRepository, RepositoryError};
    use addressbook_testkit::fixtures;
    use insta::assert_snapshot;

    use crate::testing::{
        TestApp, answer, body_of, header_of, holding, path_of, refusing, sending,
    };

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
    async fn the_purposes_of_a_default_address_are_included_on_demand() {
        let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
        let read = || TestRequest::get().uri(&format!("{}?include=default_for", path_of(1)));
        let none = test_app.answer(read()).await;
        assert_eq!(body_of(&none)["default_for"], serde_json::json!([]));
        for purposes in ["b", "a"] {
            let id = fixtures::address_id(1);
            let set = format!(r#"{{"default_addresses":{{"{purposes}":"{id}"}}}}"#);
            let uri = "/v1/customers/cus_1/default-addresses";
            let set = test_app.answer(sending(Method::PATCH, uri, set)).await;
            assert!(set.starts_with("200"), "{set}");
        }
        let tag = header_of(&none, "etag").unwrap().to_owned();
        let both = test_app
            .answer(read().insert_header((IF_NONE_MATCH, tag)))
            .await;
        assert_snapshot!("found_with_default_for", both);
        let tag = header_of(&both, "etag").unwrap().to_owned();
        let again = test_app
            .answer(read().insert_header((IF_NONE_MATCH, tag)))
            .await;
        assert!(again.starts_with("304"), "{again}");
    }

    fn get_with_label() -> TestRequest {
        TestRequest::get().uri(&format!("{}?include=label", path_of(1)))
    }

    #[actix_web::test]
    async fn a_label_is_included_on_demand() {
        let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
        let with_label = test_app.answer(get_with_label()).await;
        assert_snapshot!("found_with_label", with_label);
        let label = TestRequest::get()
            .uri(&format!("{}/label", path_of(1)))
            .insert_header((ACCEPT, "application/json"));
        let label = test_app.answer(label).await;
        assert_eq!(body_of(&with_label)["label"], body_of(&label)["lines"]);
        let invalid = TestRequest::get().uri(&format!("{}?include=lines", path_of(1)));
        let invalid = answer(MockAddressRepository::new(), invalid).await;
        assert_snapshot!("unknown_include", invalid);
    }

    #[actix_web::test]
    async fn an_address_with_a_label_has_a_tag_of_its_own() {
        let repository = || holding([fixtures::address("cus_1", 1)]);
        let with_label = answer(repository().await, get_with_label()).await;
        let tag = &header_of(&with_label, "etag").unwrap();
        let coded = &format!("{}-gzip\"", tag.trim_end_matches('"'));
        let plain = &"\"1-1724942722123\"".to_owned();
        for (name, request, tag) in [
            ("not_modified_with_label", get_with_label(), tag),
            ("not_modified_with_label", get_with_label(), coded),
            ("found_with_label", get_with_label(), plain),
            ("found", get(), tag),
        ] {
            let request = request.insert_header((IF_NONE_MATCH, tag.clone()));
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
