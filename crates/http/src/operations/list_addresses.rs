use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, LINK};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use addressbook_domain::{AddressService, DefaultAddresses};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::openapi::parameters::{
    CustomerPath, ListQuery, ReadCondition, ReadRevision, RequestHeaders,
};
use crate::openapi::problems::problems;
use crate::openapi::responses::Listed;
use crate::request::list_request::ListRequest;
use crate::response::book_revision;
use crate::response::cache_control::REVALIDATE;
use crate::response::etag;
use crate::response::included;
use crate::response::link;
use crate::response::page_json;
use crate::response::problem::Problem;
use crate::route::ADDRESSES;

const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

problems!(ListProblems: REVISION_UNAVAILABLE);

/// `GET …/addresses`: a page of a customer's addresses. `limit` with `offset` or `after` selects
/// the page; `country`, `q`, `updated_since`, `default_for` and `as_of` select the addresses; `order` is their
/// order; `include` adds members to them.
#[utoipa::path(
    get,
    path = ADDRESSES,
    operation_id = "listAddresses",
    tag = "Addresses",
    summary = "List a customer's addresses",
    description = "Ordered by ascending id by default. The list of a customer without addresses is empty.",
    params(CustomerPath, ListQuery, RequestHeaders, ReadCondition, ReadRevision),
    responses(Listed, ListProblems)
)]
pub(crate) async fn list(
    service: web::Data<AddressService>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let asked = ListRequest::read(&request)?;
    if request.headers().contains_key(IF_NONE_MATCH) {
        let book = service.head(&asked.customer_id, asked.min_revision);
        let book = book.await?;
        let tag = etag_of(book.revision, &asked);
        if etag::is_listed(request.headers(), &tag) {
            let mut response = HttpResponse::NotModified();
            validate(&mut response, tag, book.revision);
            // The head alone does not tell how many addresses match a filter, nor the next cursor.
            if asked.is_plain() {
                locate(&mut response, &asked, book.addresses, None);
            }
            return Ok(response.finish());
        }
    }
    let (page, defaults) = match asked.needs_defaults() {
        true => {
            let (customer_id, purposes) = (&asked.customer_id, &asked.default_for);
            let (listing, min_revision) = (&asked.listing, asked.min_revision);
            let read = service.list_with_defaults(customer_id, listing, purposes, min_revision);
            read.await?
        }
        false => {
            let (customer_id, min_revision) = (&asked.customer_id, asked.min_revision);
            let page = service.list(customer_id, &asked.listing, min_revision);
            (page.await?, DefaultAddresses::new())
        }
    };
    let body = page_json::of_page(
        &asked.customer_id,
        asked.listing.page.limit,
        asked.offset(),
        &page,
        &asked.include,
        &defaults,
    )
    .map_err(Problem::internal)?;
    let mut response = HttpResponse::Ok();
    let revision = page.head().revision;
    validate(&mut response, etag_of(revision, &asked), revision);
    locate(&mut response, &asked, page.total(), asked.next(&page));
    Ok(response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body(body))
}

/// Adds the headers with which a client can revalidate the page, and the revision of its book.
fn validate(response: &mut HttpResponseBuilder, tag: String, book_revision: u64) {
    response
        .insert_header((ETAG, tag))
        .insert_header(book_revision::header(book_revision))
        .insert_header(REVALIDATE);
}

/// Adds the number of addresses on all pages, and the links to other pages.
fn locate(
    response: &mut HttpResponseBuilder,
    asked: &ListRequest,
    total: u64,
    next: Option<String>,
) {
    let (limit, selection) = (asked.listing.page.limit, &asked.selection);
    let links = match asked.after {
        None => link::by_offset(total, limit, asked.offset(), selection),
        Some(_) => link::by_cursor(next.as_deref(), limit, selection),
    };
    response
        .insert_header((X_TOTAL_COUNT, total))
        .insert_header((LINK, links));
}

/// The `ETag` of a page: the revision of its book, the limit and the offset, and a digest of the
/// other effective parameters if there are any. It is weak (RFC 9110, section 8.8.1) because it
/// identifies the content and not each byte.
fn etag_of(revision: u64, asked: &ListRequest) -> String {
    let (limit, offset) = (asked.listing.page.limit.get(), asked.offset().get());
    let mut digits = itoa::Buffer::new();
    let mut tag = String::with_capacity(64);
    tag.push_str("W/\"");
    tag.push_str(digits.format(revision));
    tag.push('-');
    tag.push_str(digits.format(limit));
    tag.push('-');
    tag.push_str(digits.format(offset));
    if asked.after.is_none() && asked.selection.is_empty() {
        tag.push('"');
        return tag;
    }
    let after = asked.after.as_deref().unwrap_or("-"); // not a valid cursor
    let mut digest = Sha256::new()
        .chain_update(after)
        .chain_update(SELECTION)
        .chain_update(&asked.selection);
    for included in &asked.include {
        digest.update(included::tag_of_list(*included));
    }
    let digest = BASE64_URL_SAFE_NO_PAD.encode(&digest.finalize()[..8]);
    tag.push('-');
    tag.push_str(&digest);
    tag.push('"');
    tag
}

/// Change this in each release in which the same selection of the same book may return another
/// page, so that tags of earlier releases do not match. Last change: searches include postal
/// details.
const SELECTION: &str = "&3&";

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::http::header::ACCEPT;
    use actix_web::test::TestRequest;
    use addressbook_domain::{
        Address, AddressContent, AddressId, AddressPage, AddressRef, AddressRepository as _,
        BookHead, City, Column, Commit, Country, CustomData, Description, Inconsistency,
        MockAddressRepository, PostalDetails, Region, RepositoryError, Revision,
    };
    use addressbook_testkit::{InMemoryRepository, fixtures};
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;
    use crate::testing::{Failure, TestApp, answer, body_of, header_of, refusing, sending};

    const EXAMPLE: &str = "/v1/customers/cus_01h1w8r7s2v4l5m6n7p8j9k0q2/addresses";

    /// The addresses of the documented example.
    async fn example() -> InMemoryRepository {
        let address =
            |id, description, region, city, country, custom_data, created_at, updated_at| Address {
                customer_id: fixtures::customer("cus_01h1w8r7s2v4l5m6n7p8j9k0q2"),
                id: AddressId::parse(id).unwrap(),
                content: AddressContent {
                    description: Some(Description::parse(description).unwrap()),
                    region: Region::parse(region).unwrap(),
                    city: City::parse(city).unwrap(),
                    country: Country::parse(country).unwrap(),
                    details: PostalDetails::default(),
                    custom_data: Some(CustomData::parse(custom_data).unwrap()),
                },
                created_at: fixtures::timestamp(created_at),
                updated_at: fixtures::timestamp(updated_at),
                revision: Revision::FIRST,
            };
        with([
            address(
                "add_01h1x0z5y4c1v2f5k6p3j9n8m7",
                "Home Address",
                "Kigali",
                "Kigali",
                "RW",
                r#"{"landmark":"Office at Kigali Heights"}"#,
                "2024-08-01T10:15:30.000Z",
                "2024-08-29T14:45:22.000Z",
            ),
            address(
                "add_01h2y1z6b5d7e8f9g0h1i2j3k4",
                "Office Address",
                "New York",
                "New York City",
                "US",
                r#"{"floor":"15th"}"#,
                "2024-07-15T08:20:10.000Z",
                "2024-08-20T11:30:45.000Z",
            ),
        ])
        .await
    }

    async fn with(addresses: impl IntoIterator<Item = Address>) -> InMemoryRepository {
        let repository = InMemoryRepository::default();
        repository
            .commit(fixtures::creating(addresses))
            .await
            .unwrap();
        repository
    }

    fn get(uri: &str) -> TestRequest {
        TestRequest::get().uri(uri)
    }

    #[actix_web::test]
    async fn the_documented_example_is_returned() {
        let uri = format!("{EXAMPLE}?limit=2&offset=0");
        let response = answer(example().await, get(&uri)).await;
        assert_snapshot!("example", response);
        let (_, body) = response.split_once("\n\n").unwrap();
        assert_eq!(
            body,
            include_str!("../../tests/example-response.json").trim_end()
        );
        let under_api = answer(example().await, get(&format!("/api{uri}"))).await;
        assert_eq!(under_api, response);
    }

    #[actix_web::test]
    async fn an_empty_book_is_an_empty_list() {
        let response = answer(
            InMemoryRepository::default(),
            get("/v1/customers/cus_1/addresses"),
        );
        assert_snapshot!("empty_book", response.await);
    }

    #[actix_web::test]
    async fn a_page_in_the_middle_links_to_its_neighbours() {
        let plain = |number| {
            let address = fixtures::address("cus_1", number);
            let content = AddressContent {
                description: None,
                details: PostalDetails::default(),
                custom_data: None,
                ..address.content
            };
            Address { content, ..address }
        };
        let repository = with((1..=5).map(plain)).await;
        let uri = "/v1/customers/cus_1/addresses?unknown=1&limit=1&offset=2";
        assert_snapshot!("middle", answer(repository, get(uri)).await);
    }

    #[actix_web::test]
    async fn a_page_past_the_end_is_empty() {
        let uri = format!("{EXAMPLE}?offset=9007199254740991");
        assert_snapshot!("past_the_end", answer(example().await, get(&uri)).await);
    }

    #[actix_web::test]
    async fn every_invalid_parameter_is_named() {
        for (name, uri) in [
            (
                "all_bad",
                "/v1/customers/add_1/addresses?limit=0&offset=1&offset=2",
            ),
            ("no_utf8", "/v1/customers/cus%FF/addresses?limit=%FF&offset"),
            ("slash", "/v1/customers/cus%2F1/addresses?limit=%2B5"),
        ] {
            assert_snapshot!(name, answer(MockAddressRepository::new(), get(uri)).await);
        }
    }

    #[actix_web::test]
    async fn percent_encoding_is_decoded() {
        let uri = "/v1/customers/cus%5f01h1w8r7s2v4l5m6n7p8j9k0q2/addresses?%6cimit=%32&offset=0";
        assert_snapshot!("example", answer(example().await, get(uri)).await);
    }

    /// A repository of which only the head of the book may be read.
    fn head_only() -> MockAddressRepository {
        let mut repository = MockAddressRepository::new();
        let book = BookHead {
            addresses: 9,
            revision: 7,
        };
        repository
            .expect_head()
            .times(1)
            .returning(move |_| Ok(book));
        repository
    }

    #[actix_web::test]
    async fn a_current_tag_gets_304() {
        for tags in [
            "W/\"7-2-4\"",
            "*",
            "\"1-2-4\", \"7-2-4\"",
            "W/\"7-2-4-gzip\"",
        ] {
            let request = get("/v1/customers/cus_1/addresses?limit=2&offset=4")
                .insert_header((IF_NONE_MATCH, tags));
            assert_snapshot!("not_modified", answer(head_only(), request).await);
        }
    }

    #[actix_web::test]
    async fn a_stale_tag_gets_the_page() {
        for tags in ["W/\"2-2-0\"", "W/\"1-2-1\"", "nonsense"] {
            let request = get(&format!("{EXAMPLE}?limit=2")).insert_header((IF_NONE_MATCH, tags));
            assert_snapshot!("example", answer(example().await, request).await);
        }
    }

    /// The target of a response's link.
    fn target(response: &str, relation: &str) -> String {
        let links = response
            .lines()
            .find_map(|line| line.strip_prefix("link: "));
        let mut links = links.unwrap().split(", ");
        let suffix = format!(">; rel=\"{relation}\"");
        let target = links.find_map(|link| link.strip_suffix(&suffix)).unwrap();
        let customer = EXAMPLE.strip_suffix("addresses").unwrap();
        format!("{customer}{}", &target[1..])
    }

    #[actix_web::test]
    async fn cursors_lead_from_page_to_page() {
        let uri = format!("{EXAMPLE}?after=&limit=1");
        let first = answer(example().await, get(&uri)).await;
        assert_snapshot!("cursor_first", first);
        let second = answer(example().await, get(&target(&first, "next"))).await;
        assert_snapshot!("cursor_second", second);
        let past_the_end = answer(example().await, get(&target(&second, "next"))).await;
        assert_snapshot!("cursor_past_the_end", past_the_end);
        let again = answer(example().await, get(&target(&second, "first"))).await;
        assert_eq!(again, first);
        let whole = answer(example().await, get(&format!("{EXAMPLE}?after=&limit=2"))).await;
        assert_snapshot!("cursor_whole", whole);
    }

    /// Each parameter in a form that has to be normalized.
    const SELECTION: &str = "country=us&country=RW&country=US&q=%20add%C3%A9%26&order=-created_at\
                             &updated_since=2024-08-20T13:30:45%2B02:00&as_of=2024-09-01T00:00:00.001Z\
                             &include=label,label";

    #[actix_web::test]
    async fn a_selection_is_normalized_and_paged() {
        let selection = SELECTION.replace("add%C3%A9%26", "ADDRESS");
        for (name, page) in [
            ("selection", "limit=1"),
            ("selection_by_cursor", "limit=1&after="),
        ] {
            let uri = format!("{EXAMPLE}?{selection}&{page}");
            let response = answer(example().await, get(&uri)).await;
            assert_snapshot!(name, response);
            let next = answer(example().await, get(&target(&response, "next"))).await;
            assert_snapshot!(format!("{name}_next"), next);
            let other = uri.replace("country=us&country=RW", "country=RW");
            assert_eq!(answer(example().await, get(&other)).await, response);
        }
        let nothing = answer(example().await, get(&format!("{EXAMPLE}?{SELECTION}"))).await;
        assert_snapshot!("selection_empty", nothing);
    }

    #[actix_web::test]
    async fn a_search_ignores_case_and_accents() {
        for (city, wanted) in [
            ("Zürich", "zurich"),
            ("Zurich", "Z%C3%BCrich"),
            ("Łódź", "lodz"),
            ("São Paulo", "sao+paulo"),
            ("Giraßstadt", "GIRASS"),
            ("Ørsted", "orsted"),
        ] {
            let address = fixtures::address("cus_1", 1);
            let content = AddressContent {
                city: City::parse(city).unwrap(),
                ..address.content
            };
            let repository = with([Address { content, ..address }]).await;
            let uri = format!("/v1/customers/cus_1/addresses?q={wanted}");
            let response = answer(repository, get(&uri)).await;
            assert_eq!(body_of(&response)["addresses"][0]["city"], city, "{wanted}");
        }
    }

    #[actix_web::test]
    async fn a_current_tag_of_a_selection_gets_304() {
        for page in ["limit=1", "after=&limit=1"] {
            let uri = format!("{EXAMPLE}?order=-id&{page}");
            let sent = answer(example().await, get(&uri)).await;
            let tag = sent.lines().find_map(|line| line.strip_prefix("etag: "));
            let tag = tag.unwrap().to_owned();
            let unchanged = get(&uri).insert_header((IF_NONE_MATCH, tag.clone()));
            let unchanged = answer(example().await, unchanged).await;
            let lines: Vec<_> = unchanged.lines().collect();
            assert_eq!(lines[0], "304 Not Modified");
            assert!(lines.contains(&format!("etag: {tag}").as_str()));
            assert!(!unchanged.contains("x-total-count") && !unchanged.contains("link"));
            // Other parameters select another page.
            for other in ["", "&country=US", "&as_of=2026-01-01T00:00:00Z", "&q=a"] {
                let uri = format!("{EXAMPLE}?{page}{other}");
                let request = get(&uri).insert_header((IF_NONE_MATCH, tag.clone()));
                assert!(answer(example().await, request).await.starts_with("200"));
            }
        }
    }

    #[actix_web::test]
    async fn labels_are_included_on_demand() {
        let test_app = TestApp::new(example().await);
        let with_labels = test_app
            .answer(get(&format!("{EXAMPLE}?include=label")))
            .await;
        assert_snapshot!("labels", with_labels);
        let (_, body) = with_labels.split_once("\n\n").unwrap();
        let mut without_labels = body.to_owned();
        for address in body_of(&with_labels)["addresses"].as_array().unwrap() {
            let uri = format!("{EXAMPLE}/{}/label", address["id"].as_str().unwrap());
            let label = get(&uri).insert_header((ACCEPT, "application/json"));
            let label = body_of(&test_app.answer(label).await);
            assert_eq!(address["label"], label["lines"]);
            let member = format!(r#","label":{}}}"#, label["lines"]);
            assert_eq!(without_labels.matches(&member).count(), 1);
            without_labels = without_labels.replace(&member, "}");
        }
        let plain = test_app.answer(get(EXAMPLE)).await;
        let (_, plain) = plain.split_once("\n\n").unwrap();
        assert_eq!(without_labels, plain);
    }

    #[actix_web::test]
    async fn a_list_with_labels_has_a_tag_of_its_own() {
        let test_app = TestApp::new(example().await);
        let uri = format!("{EXAMPLE}?limit=1&include=label");
        let sent = test_app.answer(get(&uri)).await;
        let tag = header_of(&sent, "etag").unwrap();
        let unchanged = get(&uri).insert_header((IF_NONE_MATCH, tag.clone()));
        assert_snapshot!("labels_not_modified", test_app.answer(unchanged).await);
        for (uri, tag) in [
            (uri.clone(), "W/\"1-1-0\""),
            (format!("{EXAMPLE}?limit=1"), &tag),
        ] {
            let request = get(&uri).insert_header((IF_NONE_MATCH, tag));
            assert!(test_app.answer(request).await.starts_with("200"), "{uri}");
        }
    }

    /// Three addresses, of which the second is the default for two purposes and the third for one.
    async fn with_defaults() -> TestApp {
        let setting = |name, number| fixtures::setting_default("cus_1", name, Some(number));
        let repository = InMemoryRepository::default();
        let creation = Commit {
            default_addresses: vec![setting("b", 2), setting("a", 2), setting("c", 3)],
            ..fixtures::creating((1..=3).map(|number| fixtures::address("cus_1", number)))
        };
        repository.commit(creation).await.unwrap();
        TestApp::new(repository)
    }

    #[actix_web::test]
    async fn default_addresses_are_included_on_demand() {
        let test_app = with_defaults().await;
        let uri = "/v1/customers/cus_1/addresses?include=label,default_for&limit=2";
        let page = test_app.answer(get(uri)).await;
        assert_snapshot!("default_for", page);
        let tag = header_of(&page, "etag").unwrap().to_owned();
        let again = || get(uri).insert_header((IF_NONE_MATCH, tag.clone()));
        assert!(test_app.answer(again()).await.starts_with("304"));
        let clear = sending(
            Method::PATCH,
            "/v1/customers/cus_1/default-addresses",
            r#"{"default_addresses":{"a":null}}"#,
        );
        assert!(test_app.answer(clear).await.starts_with("200"));
        let changed = test_app.answer(again()).await;
        assert_eq!(
            body_of(&changed)["addresses"][1]["default_for"],
            json!(["b"])
        );
    }

    #[actix_web::test]
    async fn a_list_may_have_only_default_addresses() {
        let test_app = with_defaults().await;
        for (query, numbers) in [
            ("default_for=a", &[2][..]),
            ("default_for=a&default_for=b", &[2]),
            ("default_for=c&default_for=a&order=-id", &[3, 2]),
            ("default_for=c&country=RW", &[3]),
            ("default_for=c&country=US", &[]),
            ("default_for=d", &[]),
        ] {
            let uri = format!("/v1/customers/cus_1/addresses?{query}");
            let response = test_app.answer(get(&uri)).await;
            let body = body_of(&response);
            let ids = body["addresses"].as_array().unwrap();
            let ids: Vec<_> = ids.iter().map(|address| address["id"].clone()).collect();
            let expected = numbers.iter().map(fixtures::address_id);
            let expected: Vec<_> = expected.map(|id| json!(id.as_str())).collect();
            assert_eq!(ids, expected, "{query}");
            let total = header_of(&response, "x-total-count");
            assert_eq!(total, Some(numbers.len().to_string()), "{query}");
        }
        let pages = "/v1/customers/cus_1/addresses?default_for=c&default_for=a&limit=1";
        assert_snapshot!("default_for_filter", test_app.answer(get(pages)).await);
        let past = "/v1/customers/cus_1/addresses?default_for=C&include=default_for\
                    &as_of=2026-01-01T00:00:00Z";
        assert_snapshot!("default_for_bad", test_app.answer(get(past)).await);
    }

    #[actix_web::test]
    async fn a_damaged_address_has_no_label() {
        for (query, status) in [("", "200"), ("include=label", "500")] {
            let mut repository = MockAddressRepository::new();
            // Only the list by id, not the whole book.
            repository.expect_list().returning(|_, _| {
                let address = fixtures::address("cus_1", 1);
                let mut address = AddressRef::from(&address);
                address.columns[Column::PostalDetails] = Some(r#"{"first_line":1}"#);
                let mut page = AddressPage::default();
                page.push(address)?;
                Ok(page)
            });
            let uri = format!("/v1/customers/cus_1/addresses?{query}");
            let response = answer(repository, get(&uri)).await;
            assert!(response.starts_with(status), "{response}");
        }
    }

    #[actix_web::test]
    async fn default_values_equal_absent_parameters() {
        let plain = answer(example().await, get(EXAMPLE)).await;
        let given = format!("{EXAMPLE}?limit=50&offset=0&order=id");
        assert_eq!(answer(example().await, get(&given)).await, plain);
    }

    #[actix_web::test]
    async fn every_invalid_parameter_of_a_selection_is_named() {
        let uri = "/v1/customers/cus_1/addresses?limit=0&offset=x&after=AQ&country=RW&country=ZZ\
                   &country=&q=a%00&order=name&updated_since=yesterday&as_of=2026&as_of=2027\
                   &include=label,labels";
        let response = answer(MockAddressRepository::new(), get(uri)).await;
        assert_snapshot!("all_bad_selection", response);
        for bad in [
            "q=",
            "q=%20",
            "q=%FF",
            "q=%E2%80%8B",
            "q=%CC%81",
            "order=",
            "order=ID",
            "country=rwa",
            "as_of=",
            "include=",
        ] {
            let uri = format!("{EXAMPLE}?{bad}");
            let response = answer(MockAddressRepository::new(), get(&uri)).await;
            let (name, _) = bad.split_once('=').unwrap();
            assert!(response.starts_with("400"), "{bad}");
            assert!(response.contains(&format!(r#""field":"{name}""#)), "{bad}");
        }
    }

    #[actix_web::test]
    async fn a_cursor_is_valid_for_its_customer_and_order() {
        let uri = format!("{EXAMPLE}?after=&limit=1&order=-created_at");
        let next = target(&answer(example().await, get(&uri)).await, "next");
        for other in [
            next.replace("cus_01", "cus_02"),
            next.replace("&order=-created_at", "&order=created_at"),
            next.replace("&order=-created_at", ""),
        ] {
            let response = answer(MockAddressRepository::new(), get(&other)).await;
            assert_snapshot!("foreign_cursor", response);
        }
        let with_offset = format!("{next}&offset=0");
        let response = answer(MockAddressRepository::new(), get(&with_offset)).await;
        assert_snapshot!("cursor_and_offset", response);
    }

    #[actix_web::test]
    async fn as_of_returns_the_book_at_that_time() {
        let cities_as_of = async |as_of: &str| {
            let repository = InMemoryRepository::default();
            let address = fixtures::address("cus_1", 1);
            let mut creating = fixtures::creating([address.clone()]);
            creating.at = fixtures::timestamp("2024-08-01T00:00:00Z");
            repository.commit(creating).await.unwrap();
            let commit = fixtures::commit_replacing(&address, "Huye");
            assert_eq!(commit.at, fixtures::timestamp("2024-09-01T00:00:00.001Z"));
            repository.commit(commit).await.unwrap();
            let uri = format!("/v1/customers/cus_1/addresses?as_of={as_of}");
            let response = answer(repository, get(&uri)).await;
            let (_, body) = response.split_once("\n\n").unwrap();
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            body["addresses"][0]["city"].clone()
        };
        for (as_of, city) in [
            ("2024-07-31T23:59:59.999Z", None),
            ("2024-08-01T00:00:00Z", Some("Kigali")),
            ("2024-09-01T00:00:00Z", Some("Kigali")),
            ("2024-09-01T02:00:00.001%2B02:00", Some("Huye")),
            ("9999-12-31T23:59:59.999Z", Some("Huye")),
        ] {
            assert_eq!(cities_as_of(as_of).await.as_str(), city, "{as_of}");
        }
    }

    #[actix_web::test]
    async fn repository_errors_become_problems() {
        let failures: [(&str, Failure); 4] = [
            ("busy", || RepositoryError::Busy("secret".into())),
            ("unavailable", || {
                RepositoryError::Unavailable("secret".into())
            }),
            ("internal", || RepositoryError::Internal("secret".into())),
            ("internal", || {
                RepositoryError::Corrupt(Inconsistency {
                    record: "address",
                    key: "secret".into(),
                    field: "city",
                })
            }),
        ];
        for (name, failure) in failures {
            let listing = answer(refusing(failure), get(EXAMPLE));
            assert_snapshot!(name, listing.await);
            let looking = get(EXAMPLE).insert_header((IF_NONE_MATCH, "*"));
            assert_snapshot!(name, answer(refusing(failure), looking).await);
        }
    }
}
