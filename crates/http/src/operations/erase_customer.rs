use actix_web::http::header::IF_MATCH;
use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{AddressService, RepositoryError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::parameters::{CustomerPath, ErasureCondition, NoQuery, RequestHeaders};
use crate::openapi::problems::problems;
use crate::openapi::responses::Erased;
use crate::openapi::values;
use crate::request::parameters;
use crate::response::cache_control::NO_STORE;
use crate::response::problem::Problem;
use crate::response::problem_kind::PRECONDITION_FAILED;
use crate::route::ADDRESSES;

/// The numbers of erased records. Contains no personal data, so it can be stored as evidence.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"addresses": 2, "revisions": 5, "idempotency_records": 1, "default_addresses": 2}))]
pub(crate) struct ErasureReceipt {
    #[schema(schema_with = values::count)]
    addresses: u64,
    #[schema(schema_with = values::count)]
    revisions: u64,
    #[schema(schema_with = values::count)]
    idempotency_records: u64,
    #[schema(schema_with = values::count)]
    default_addresses: u64,
}

problems!(EraseProblems: PRECONDITION_FAILED);

/// `DELETE …/addresses`: permanently erases all data about a customer.
#[utoipa::path(
    delete,
    path = ADDRESSES,
    operation_id = "eraseCustomer",
    tag = "Erasure",
    summary = "Erase all data about a customer",
    description = "Permanently deletes all addresses, revisions and idempotency records of the customer. This cannot be undone.",
    params(CustomerPath, NoQuery, RequestHeaders, ErasureCondition),
    responses(Erased, EraseProblems)
)]
pub(crate) async fn erase(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let customer_id = parameters::read::<NoQuery, _>(&request, |errors| {
        parameters::customer_id(&request, errors)
    })?;
    let mut tags = request.headers().get_all(IF_MATCH);
    if tags.any(|tag| tag != "*") {
        return Err(Problem::of(PRECONDITION_FAILED)
            .with_detail("The ETag of an address book is weak, so If-Match never matches it."));
    }
    let erased = service.erase(&customer_id).await.map_err(erase_problem)?;
    Ok(HttpResponse::Ok()
        .insert_header(NO_STORE)
        .json(ErasureReceipt {
            addresses: erased.addresses,
            revisions: erased.revisions,
            idempotency_records: erased.idempotency_records,
            default_addresses: erased.default_addresses,
        }))
}

/// The problem for a failed erasure. If the database accepts no writes, the detail states that the
/// erasure is not confirmed, and what an operator can do.
fn erase_problem(error: RepositoryError) -> Problem {
    let is_unavailable = matches!(error, RepositoryError::Unavailable(_));
    let problem = Problem::from(error);
    match is_unavailable {
        true => problem.with_detail(
            "The erasure is not confirmed, because the database accepts no writes. If this \
             continues, its disk may be full: free some space and send the request again.",
        ),
        false => problem,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::test::TestRequest;
    use addressbook_domain::MockAddressRepository;
    use addressbook_testkit::fixtures;
    use insta::assert_snapshot;

    use super::*;
    use crate::testing::{BOOK, TestApp, answer, body_of, holding, path_of, refusing, sending};

    fn erase() -> TestRequest {
        TestRequest::delete().uri(BOOK)
    }

    #[actix_web::test]
    async fn erasure_deletes_everything_of_one_customer_only() {
        let addresses = ["cus_1", "cus_2"].map(|customer| fixtures::address(customer, 1));
        let test_app = TestApp::new(holding(addresses).await);
        let json = r#"{"region":"Kigali","city":"Kigali","country":"RW"}"#;
        let create = sending(Method::POST, BOOK, json).insert_header(("Idempotency-Key", "k"));
        assert!(test_app.answer(create).await.starts_with("201"));
        let remove = TestRequest::delete().uri(&path_of(1));
        assert!(test_app.answer(remove).await.starts_with("204"));

        assert_snapshot!("erased", test_app.answer(erase()).await);
        assert_snapshot!("nobody", test_app.answer(erase()).await);
        let uri = format!("{}/revisions/1", path_of(1));
        let revision = test_app.answer(TestRequest::get().uri(&uri)).await;
        assert!(revision.starts_with("404"), "{revision}");
        let others = BOOK.replace("cus_1", "cus_2");
        let list = body_of(&test_app.answer(TestRequest::get().uri(&others)).await);
        assert_eq!(list["addresses"].as_array().unwrap().len(), 1);
    }

    #[actix_web::test]
    async fn a_tag_of_the_book_never_matches() {
        let request = erase().insert_header((IF_MATCH, "W/\"7-50-0\""));
        assert_snapshot!(
            "failed",
            answer(MockAddressRepository::new(), request).await
        );
        let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
        let request = erase().insert_header((IF_MATCH, "*"));
        assert!(test_app.answer(request).await.starts_with("200"));
    }

    #[actix_web::test]
    async fn erasure_errors_become_problems() {
        let failing = refusing(|| RepositoryError::Busy("secret".into()));
        assert!(answer(failing, erase()).await.starts_with("503"));
        let full = answer(
            refusing(|| RepositoryError::Unavailable("secret".into())),
            erase(),
        )
        .await;
        assert_snapshot!("disk_full", full);
        let malformed = TestRequest::delete().uri("/v1/customers/add_1/addresses");
        let malformed = answer(MockAddressRepository::new(), malformed).await;
        assert!(malformed.starts_with("400"), "{malformed}");
    }
}
