use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{
    AddressId, AddressService, CustomerId, FieldErrors, Limit, MinRevision, Revision, RevisionRange,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::parameters::{
    AddressPath, NoQuery, ReadRevision, RequestHeaders, RevisionPath, RevisionsQuery,
};
use crate::openapi::problems::problems;
use crate::openapi::responses::{RevisionFound, RevisionsListed};
use crate::openapi::values;
use crate::request::cursor;
use crate::request::min_book_revision;
use crate::request::parameters::{self, QueryValue};
use crate::response::address_json::RevisionJson;
use crate::response::book_revision;
use crate::response::cache_control::REVALIDATE;
use crate::response::problem::Problem;
use crate::response::problem_kind::NOT_FOUND;
use crate::route::{REVISION, REVISIONS};

/// A page of an address's revisions, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = AddressRevisionList)]
pub(crate) struct RevisionList<'a> {
    #[schema(schema_with = values::customer_id)]
    customer_id: &'a str,
    #[schema(schema_with = values::address_id)]
    address_id: &'a str,
    /// The revisions of this page
    revisions: Vec<RevisionJson<'a>>,
    #[schema(schema_with = values::next, required = true)]
    next: Option<String>,
}

problems!(ListProblems: NOT_FOUND, REVISION_UNAVAILABLE);

/// `GET …/addresses/{address_id}/revisions?limit=&after=`: the revisions of an address, even
/// after its removal.
#[utoipa::path(
    get,
    path = REVISIONS,
    operation_id = "listAddressRevisions",
    tag = "Revisions",
    summary = "List the revisions of an address",
    description = "Newest first. Remains available after the address is removed, until the customer is erased.",
    params(AddressPath, RevisionsQuery, RequestHeaders, ReadRevision),
    responses(RevisionsListed, ListProblems)
)]
pub(crate) async fn list(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id, limit, before, min_revision) =
        parameters::read::<RevisionsQuery, _>(&request, |errors| read_page(&request, errors))?;
    let range = RevisionRange {
        before,
        // One more than returned, to find out whether there are more.
        limit: u32::from(limit.get()) + 1,
    };
    let found = service.revisions(&customer_id, &address_id, range, min_revision);
    let found = found.await?;
    let (page, more) = found
        .revisions
        .split_at(found.revisions.len().min(limit.get().into()));
    // A page after a cursor is never empty, unless the customer was erased meanwhile.
    let last = page.last().ok_or_else(|| {
        let detail = "The customer has never had an address with this id.";
        missing(detail, found.book_revision)
    })?;
    let next = (!more.is_empty()).then(|| seal(&customer_id, &address_id, last.address.revision));
    Ok(HttpResponse::Ok()
        .insert_header(book_revision::header(found.book_revision))
        .insert_header(REVALIDATE)
        .json(RevisionList {
            customer_id: customer_id.as_str(),
            address_id: address_id.as_str(),
            revisions: page.iter().map(RevisionJson).collect(),
            next,
        }))
}

problems!(GetProblems: NOT_FOUND, REVISION_UNAVAILABLE);

/// `GET …/addresses/{address_id}/revisions/{revision}`: one revision of an address.
#[utoipa::path(
    get,
    path = REVISION,
    operation_id = "getAddressRevision",
    tag = "Revisions",
    summary = "Read a revision of an address",
    description = "A system that stores the address's id and a revision, for example with an order, can read it until the customer is erased.",
    params(AddressPath, RevisionPath, NoQuery, RequestHeaders, ReadRevision),
    responses(RevisionFound, GetProblems)
)]
pub(crate) async fn get(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (customer_id, address_id, revision, min_revision) =
        parameters::read::<NoQuery, _>(&request, |errors| read_one(&request, errors))?;
    let found = service.revision(&customer_id, &address_id, revision, min_revision);
    let found = found.await?;
    let revision = found.revisions.first().ok_or_else(|| {
        let detail = "The customer has no address with this id and revision.";
        missing(detail, found.book_revision)
    })?;
    Ok(HttpResponse::Ok()
        .insert_header(book_revision::header(found.book_revision))
        .insert_header(REVALIDATE)
        .json(RevisionJson(revision)))
}

fn missing(detail: &'static str, book_revision: u64) -> Problem {
    Problem::of(NOT_FOUND).with_detail(detail).at(book_revision)
}

type Page = (CustomerId, AddressId, Limit, Option<Revision>, MinRevision);

/// Parses a request for a page of revisions.
fn read_page(request: &HttpRequest, errors: &mut FieldErrors) -> Option<Page> {
    let customer_id = parameters::customer_id(request, errors);
    let address_id = parameters::address_id(request, errors);
    let query = request.query_string();
    let limit = QueryValue::named(query, "limit").parse("limit", Limit::parse, errors);
    // A cursor can be checked only if the customer and the address are valid.
    let owner = customer_id.as_ref().zip(address_id.as_ref());
    let open = |text: &str| match owner {
        Some((customer_id, address_id)) => open(customer_id, address_id, text).map(Some),
        None => Ok(None),
    };
    let before = QueryValue::named(query, "after").parse("after", open, errors);
    let min_revision = min_book_revision::read(request, errors);
    Some((
        customer_id?,
        address_id?,
        limit.ok()?.unwrap_or_default(),
        before.ok()?.flatten(),
        min_revision?,
    ))
}

/// Parses a request for one revision.
fn read_one(
    request: &HttpRequest,
    errors: &mut FieldErrors,
) -> Option<(CustomerId, AddressId, Revision, MinRevision)> {
    let address = parameters::address(request, errors);
    let revision = parse(request.match_info().query("revision"))
        .ok_or("expected a whole number from 1 to 4294967295 in decimal digits");
    let revision = errors.check("revision", revision);
    let min_revision = min_book_revision::read(request, errors);
    let (customer_id, address_id) = address?;
    Some((customer_id, address_id, revision?, min_revision?))
}

/// Parses decimal digits without a sign or leading zeros.
fn parse(text: &str) -> Option<Revision> {
    let number: u32 = text.parse().ok()?;
    Revision::new(number).filter(|_| number.to_string() == text)
}

/// The purpose of this list's cursors. They contain the address's id and the revision in four
/// bytes.
const PURPOSE: &str = "revisions";

/// The cursor that continues after a revision.
fn seal(customer_id: &CustomerId, address_id: &AddressId, revision: Revision) -> String {
    let number = revision.get().to_be_bytes();
    let payload = [address_id.as_str().as_bytes(), &number].concat();
    cursor::seal(PURPOSE, customer_id, &payload)
}

fn open(
    customer_id: &CustomerId,
    address_id: &AddressId,
    cursor: &str,
) -> Result<Revision, &'static str> {
    let revision = || {
        let payload = cursor::open(PURPOSE, customer_id, cursor)?;
        let number = payload.strip_prefix(address_id.as_str().as_bytes())?;
        Revision::new(u32::from_be_bytes(number.try_into().ok()?))
    };
    revision().ok_or("expected the value of next from an earlier page of the same address")
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::test::TestRequest;
    use addressbook_domain::{MockAddressRepository, RepositoryError};
    use addressbook_testkit::fixtures;
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::testing::{BOOK, TestApp, answer, body_of, holding, path_of, refusing, sending};

    fn get(below: &str) -> TestRequest {
        TestRequest::get().uri(&format!("{}/revisions{below}", path_of(1)))
    }

    /// An address that moved three times and was removed.
    async fn removed() -> TestApp {
        let test_app = TestApp::new(holding([fixtures::address("cus_1", 1)]).await);
        for city in ["Huye", "Musanze", "Rubavu"] {
            let json = format!(r#"{{"city":"{city}"}}"#);
            test_app
                .answer(sending(Method::PATCH, &path_of(1), json))
                .await;
        }
        test_app
            .answer(TestRequest::delete().uri(&path_of(1)))
            .await;
        test_app
    }

    #[actix_web::test]
    async fn revisions_are_listed_newest_first() {
        assert_snapshot!("list", removed().await.answer(get("?limit=2")).await);
        assert_snapshot!("one", removed().await.answer(get("/2")).await);
    }

    #[actix_web::test]
    async fn following_next_reaches_the_first_revision() {
        let test_app = removed().await;
        for limit in 1..=6 {
            let mut found = Vec::new();
            let mut next = Value::Null;
            loop {
                let after = next.as_str().map(|next| format!("&after={next}"));
                let below = format!("?limit={limit}{}", after.unwrap_or_default());
                let page = body_of(&test_app.answer(get(&below)).await);
                let revisions = page["revisions"].as_array().unwrap();
                assert!(revisions.len() <= limit);
                found.extend(
                    revisions
                        .iter()
                        .map(|revision| revision["revision"].clone()),
                );
                next = page["next"].clone();
                if next.is_null() {
                    break;
                }
            }
            assert_eq!(found, [5, 4, 3, 2, 1]);
        }
    }

    #[actix_web::test]
    async fn an_unknown_revision_is_not_found() {
        let test_app = removed().await;
        for below in ["/6", "/4294967295"] {
            let response = test_app.answer(get(below)).await;
            assert!(response.starts_with("404"), "{below}: {response}");
        }
        for uri in [path_of(2), path_of(1).replace("cus_1", "cus_2")] {
            for below in ["", "/1"] {
                let request = TestRequest::get().uri(&format!("{uri}/revisions{below}"));
                let response = test_app.answer(request).await;
                assert!(response.starts_with("404"), "{uri}{below}: {response}");
            }
        }
    }

    #[actix_web::test]
    async fn a_cursor_of_an_erased_customer_is_not_found() {
        let test_app = removed().await;
        let page = body_of(&test_app.answer(get("?limit=1")).await);
        test_app.answer(TestRequest::delete().uri(BOOK)).await;
        let below = format!("?after={}", page["next"].as_str().unwrap());
        let response = test_app.answer(get(&below)).await;
        assert!(response.starts_with("404"), "{response}");
    }

    #[actix_web::test]
    async fn every_invalid_parameter_is_named() {
        let path = "/v1/customers/add_1/addresses/1/revisions";
        for (name, uri) in [
            ("bad_list", format!("{path}?limit=0&after=x&after=y")),
            ("bad_one", format!("{path}/01")),
            ("bad_cursor", format!("{}/revisions?after=1", path_of(1))),
        ] {
            let request = TestRequest::get().uri(&uri);
            assert_snapshot!(name, answer(MockAddressRepository::new(), request).await);
        }
        for number in ["0", "+1", "-1", "1.0", "4294967296", "x"] {
            let request = get(&format!("/{number}"));
            let response = answer(MockAddressRepository::new(), request).await;
            assert!(response.starts_with("400"), "{number}: {response}");
        }
    }

    #[actix_web::test]
    async fn repository_errors_become_problems() {
        for below in ["", "/1"] {
            let failing = refusing(|| RepositoryError::Busy("secret".into()));
            assert!(answer(failing, get(below)).await.starts_with("503"));
        }
    }

    proptest! {
        #[test]
        fn a_cursor_is_valid_only_for_its_address(number in 1_u32..) {
            let (customer_id, address_id) = (fixtures::customer("cus_1"), fixtures::address_id(1));
            let revision = Revision::new(number).unwrap();
            let cursor = seal(&customer_id, &address_id, revision);
            prop_assert_eq!(open(&customer_id, &address_id, &cursor), Ok(revision));
            prop_assert!(open(&fixtures::customer("cus_2"), &address_id, &cursor).is_err());
            prop_assert!(open(&customer_id, &fixtures::address_id(2), &cursor).is_err());
        }

        #[test]
        fn an_invented_cursor_is_rejected(cursor in ".*") {
            prop_assert!(open(&fixtures::customer("cus_1"), &fixtures::address_id(1), &cursor).is_err());
        }
    }
}
