//! The API reference for people: Swagger UI out of the program itself. Nothing comes from
//! elsewhere, and the page's policy forbids the browser to fetch it.

use std::sync::Arc;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
};
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use utoipa_swagger_ui::Config;

use crate::pattern::resource;
use crate::problem::Problem;
use crate::problem_kind::NOT_FOUND;

/// Where everything is, relative to `/docs`, so that it is found behind a gateway that
/// rewrites paths.
const PAGE: &str = include_str!("reference/page.html");
const START: &str = include_str!("reference/start.js");

/// Scripts and requests from this very service alone. The styles that Swagger UI's script
/// sets on single elements, and pictures within the style sheet, are its own.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// `GET /docs` and what the page needs below it; `HEAD` likewise.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/docs").get(page).head(page))
        .service(resource("/docs/{file}").get(file).head(file));
}

async fn page() -> HttpResponse {
    found("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
        .body(PAGE)
}

async fn file(name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let (media_type, name) = match name.as_str() {
        "start.js" => return Ok(found("text/javascript; charset=utf-8").body(START)),
        "swagger-ui.css" => ("text/css; charset=utf-8", "swagger-ui.css"),
        "swagger-ui-bundle.js" => ("text/javascript; charset=utf-8", "swagger-ui-bundle.js"),
        _ => return Err(Problem::of(NOT_FOUND)),
    };
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::from("")));
    match file {
        Ok(Some(file)) => Ok(found(media_type).body(file.bytes.into_owned())),
        _ => Err(Problem::internal(format!("{name} is not in the program"))),
    }
}

fn found(media_type: &'static str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(media_type)))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
    response
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use addressbook_domain::MockAddressRepository;

    use crate::testing::answer;

    async fn get(uri: &str) -> String {
        answer(MockAddressRepository::new(), TestRequest::get().uri(uri)).await
    }

    #[actix_web::test]
    async fn everything_that_the_page_names_is_there() {
        let page = get("/docs").await;
        assert!(page.contains("content-security-policy: default-src 'none'"));
        let (_, page) = page.split_once("\n\n").unwrap();
        let names: Vec<_> = ["src=\"", "href=\""]
            .iter()
            .flat_map(|attribute| page.split(attribute).skip(1))
            .map(|rest| rest.split('"').next().unwrap())
            .filter(|name| !name.starts_with("data:"))
            .collect();
        assert_eq!(names.len(), 3, "{names:?}");
        for name in names {
            let file = get(&format!("/{name}")).await;
            assert!(file.starts_with("200 OK\n"), "{name}");
        }
    }

    #[actix_web::test]
    async fn nothing_else_is() {
        for path in [
            "/docs/",
            "/docs/index.html",
            "/docs/swagger-initializer.js",
            "/docs/a/b",
        ] {
            assert!(get(path).await.starts_with("404 Not Found\n"), "{path}");
        }
    }
}
