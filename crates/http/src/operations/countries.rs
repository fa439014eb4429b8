//! What addresses look like in each country. It is the same for all clients until the next release,
//! and reveals nothing about customers, so it requires no credential.

use std::collections::BTreeMap;
use std::io;
use std::sync::{LazyLock, OnceLock};

use actix_web::{HttpRequest, HttpResponse, web};
use addressbook_domain::{Country, CountryRules};
use serde::Serialize;

use crate::openapi::parameters::{CountryPath, NoQuery, ReadCondition, RequestHeaders};
use crate::openapi::problems::public_problems;
use crate::openapi::responses::{CountriesListed, CountryFound};
use crate::request::parameters;
use crate::response::cache_control::PUBLIC;
use crate::response::country_json::{CountryJson, CountryListJson};
use crate::response::problem::Problem;
use crate::response::problem_kind::NOT_FOUND;
use crate::response::static_file::StaticFile;
use crate::route::{COUNTRIES, COUNTRY, PREFIXES, resource};

/// `GET` and `HEAD` of the list and of each country.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    for prefix in PREFIXES {
        config
            .service(
                resource(&format!("{prefix}{COUNTRIES}"))
                    .get(list)
                    .head(list),
            )
            .service(resource(&format!("{prefix}{COUNTRY}")).get(get).head(get));
    }
}

/// Whether a path is that of the list, or below it.
pub(crate) fn is_below(path: &str) -> bool {
    let is_below = |prefix: &str| {
        let rest = path.strip_prefix(prefix)?.strip_prefix(COUNTRIES)?;
        Some(rest.is_empty() || rest.starts_with('/'))
    };
    PREFIXES
        .into_iter()
        .any(|prefix| is_below(prefix) == Some(true))
}

/// A document that is rendered when it is first requested.
type Rendered = OnceLock<io::Result<StaticFile>>;

fn rendered(
    document: &Rendered,
    body: impl FnOnce() -> io::Result<Vec<u8>>,
) -> Result<&StaticFile, Problem> {
    let render = || {
        let file = StaticFile::new("application/json", body()?.into())?;
        Ok(file.with_cache_control(PUBLIC))
    };
    let document = document.get_or_init(render).as_ref();
    document.map_err(|error| Problem::internal(error.to_string()))
}

fn json(body: &impl Serialize) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(body)?)
}

public_problems!(ListProblems:);

/// `GET /v1/countries`: the codes and names of all countries.
#[utoipa::path(
    get,
    path = COUNTRIES,
    operation_id = "listCountries",
    tag = "Countries",
    summary = "List the countries",
    description = "All countries that an address can be in. Requires no credential.",
    params(NoQuery, RequestHeaders, ReadCondition),
    responses(CountriesListed, ListProblems)
)]
pub(crate) async fn list(request: HttpRequest) -> Result<HttpResponse, Problem> {
    static LIST: Rendered = OnceLock::new();
    parameters::read::<NoQuery, _>(&request, |_| Some(()))?;
    let list = rendered(&LIST, || {
        let source = CountryRules::source();
        let source = source.ok_or_else(|| io::Error::other("the rules name no source"))?;
        json(&CountryListJson::new(source, CountryRules::countries()))
    });
    Ok(list?.answer(&request))
}

public_problems!(GetProblems: NOT_FOUND);

/// `GET /v1/countries/{code}`: what addresses look like in a country.
#[utoipa::path(
    get,
    path = COUNTRY,
    operation_id = "getCountry",
    tag = "Countries",
    summary = "Read what addresses look like in a country",
    description = "Enough for a form in which addresses of the country are entered. Requires no credential.",
    params(CountryPath, NoQuery, RequestHeaders, ReadCondition),
    responses(CountryFound, GetProblems)
)]
pub(crate) async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    static COUNTRY_FILES: LazyLock<BTreeMap<&'static str, Rendered>> = LazyLock::new(|| {
        let countries = CountryRules::countries();
        countries
            .map(|country| (country.country.as_str(), OnceLock::new()))
            .collect()
    });
    parameters::read::<NoQuery, _>(&request, |_| Some(()))?;
    let country = Country::parse(request.match_info().query("code"))
        .map_err(|error| missing(format!("There is no country with this code: {error}")))?;
    let no_rules = || missing("There are no rules for this country.".to_owned());
    let document = COUNTRY_FILES.get(country.as_str()).ok_or_else(no_rules)?;
    let rules = CountryRules::of(country).ok_or_else(no_rules)?;
    let document = rendered(document, || json(&CountryJson::new(rules)));
    Ok(document?.answer(&request))
}

fn missing(detail: String) -> Problem {
    Problem::of(NOT_FOUND).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::http::header::{
        ACCEPT_ENCODING, CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH, VARY,
    };
    use actix_web::test::TestRequest;
    use addressbook_domain::{MockAddressRepository, MockAuthenticator};
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;
    use crate::testing::{TestApp, answer, body_of, header_of};

    async fn get(path: &str) -> String {
        answer(MockAddressRepository::new(), TestRequest::get().uri(path)).await
    }

    #[actix_web::test]
    async fn a_country_says_what_its_addresses_look_like() {
        for path in [
            "/v1/countries/RW",
            "/v1/countries/rw",
            "/api/v1/countries/Rw",
        ] {
            assert_snapshot!("no_list", get(path).await);
        }
        assert_snapshot!("two_scripts", get("/v1/countries/MO").await);
        assert_snapshot!("subdivisions", get("/v1/countries/AE").await);
    }

    #[actix_web::test]
    async fn the_list_has_every_country_and_the_source() {
        let listed = get("/v1/countries").await;
        assert_eq!(listed, get("/api/v1/countries").await);
        let body = body_of(&listed);
        let countries = body["countries"].as_array().unwrap();
        assert_eq!(countries.len(), CountryRules::countries().len());
        assert_eq!(countries[0], json!({"code": "AD", "name": "Andorra"}));
        assert_eq!(body["data"]["licence"], "CC-BY-4.0");
        assert_eq!(
            header_of(&listed, "cache-control").as_deref(),
            Some("public, max-age=86400")
        );
        for country in countries {
            let path = format!("/v1/countries/{}", country["code"].as_str().unwrap());
            let body = body_of(&get(&path).await);
            assert_eq!(body["name"], country["name"], "{path}");
        }
    }

    #[actix_web::test]
    async fn a_known_document_is_not_modified() {
        for code in [None, Some("JP")] {
            for coding in ["identity", "gzip"] {
                let answer = async |known: Option<HeaderValue>| {
                    let mut request = TestRequest::get().insert_header((ACCEPT_ENCODING, coding));
                    if let Some(known) = known {
                        request = request.insert_header((IF_NONE_MATCH, known));
                    }
                    match code {
                        Some(code) => {
                            super::get(request.param("code", code).to_http_request()).await
                        }
                        None => list(request.to_http_request()).await,
                    }
                };
                let first = answer(None).await.unwrap();
                assert_eq!(first.status(), 200);
                let tag = first.headers().get(ETAG).cloned();
                assert!(tag.as_ref().unwrap().as_bytes().starts_with(b"\""));
                let again = answer(tag).await.unwrap();
                assert_eq!(again.status(), 304);
                for name in [ETAG, CACHE_CONTROL, VARY] {
                    assert_eq!(again.headers().get(&name), first.headers().get(&name));
                }
                let other = HeaderValue::from_static("\"other\"");
                assert_eq!(answer(Some(other)).await.unwrap().status(), 200);
            }
        }
    }

    #[actix_web::test]
    async fn an_unknown_code_is_not_found() {
        assert_snapshot!("unknown", get("/v1/countries/UK").await);
        for code in ["ZZ", "R", "RWA", "Rwanda", "%00", "%FF"] {
            let response = get(&format!("/v1/countries/{code}")).await;
            assert!(response.starts_with("404 "), "{code}: {response}");
        }
    }

    #[actix_web::test]
    async fn only_reading_is_allowed() {
        for path in ["/v1/countries", "/api/v1/countries/RW"] {
            let head = TestRequest::with_uri(path).method(Method::HEAD);
            let head = answer(MockAddressRepository::new(), head).await;
            assert!(head.starts_with("200 "), "{head}");
            for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
                let request = TestRequest::with_uri(path).method(method);
                let response = answer(MockAddressRepository::new(), request).await;
                assert!(response.starts_with("405 "), "{response}");
                assert_eq!(header_of(&response, "allow").as_deref(), Some("GET, HEAD"));
            }
        }
    }

    #[actix_web::test]
    async fn no_credential_is_required() {
        let mut authenticator = MockAuthenticator::new();
        authenticator.expect_is_required().return_const(true);
        let test_app = TestApp::new(MockAddressRepository::new()).with_authenticator(authenticator);
        for (path, status) in [
            ("/v1/countries", "200 "),
            ("/api/v1/countries/RW", "200 "),
            ("/v1/countries/", "404 "),
            ("/v1/countries/RW/x", "404 "),
            ("/v1/countriesx", "401 "),
            ("/v1/customers/cus_1/addresses", "401 "),
        ] {
            let response = test_app.answer(TestRequest::get().uri(path)).await;
            assert!(response.starts_with(status), "{path}: {response}");
        }
    }

    #[test]
    fn a_document_is_rendered_once() {
        let document = Rendered::new();
        let one = rendered(&document, || Ok(b"{}".to_vec()));
        let two = rendered(&document, || Err(io::Error::other("rendered again")));
        assert!(std::ptr::eq(one.unwrap(), two.unwrap()));
        let failed = Rendered::new();
        let error = rendered(&failed, || Err(io::Error::other("secret")));
        assert!(error.is_err());
    }
}
