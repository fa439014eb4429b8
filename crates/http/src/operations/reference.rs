//! The API reference for people: Swagger UI, served by the program itself. Nothing is loaded from
//! other hosts, and the page's policy forbids browsers to do so.

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa_swagger_ui::Config;

use crate::response::problem::Problem;
use crate::response::problem_kind::NOT_FOUND;
use crate::response::static_file::StaticFile;
use crate::route::resource;

/// The page. It refers to its files relative to `/docs`, so that it works behind a gateway that
/// rewrites paths.
const PAGE: &str = include_str!("reference/page.html");
const START: &str = include_str!("reference/start.js");

/// Allows scripts and requests only from and to this service. Also allows the inline styles that
/// Swagger UI's script sets, and the images in its style sheet.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// `GET /docs` and the files of the page below it. All also support `HEAD`.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/docs").get(page).head(page))
        .service(resource("/docs/{file}").get(file).head(file));
}

async fn page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut page = files()?.page.answer(&request);
    let headers = page.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(page)
}

async fn file(name: web::Path<String>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let files = files()?;
    let file = match name.as_str() {
        "start.js" => &files.start,
        "swagger-ui.css" => &files.style,
        "swagger-ui-bundle.js" => &files.script,
        _ => return Err(Problem::of(NOT_FOUND)),
    };
    Ok(file.answer(&request))
}

/// The page and its files.
struct Files {
    page: StaticFile,
    start: StaticFile,
    style: StaticFile,
    script: StaticFile,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

fn files() -> Result<&'static Files, Problem> {
    static FILES: LazyLock<io::Result<Files>> = LazyLock::new(|| {
        Ok(Files {
            page: StaticFile::new("text/html; charset=utf-8", PAGE.into())?,
            start: StaticFile::new(SCRIPT, START.into())?,
            style: StaticFile::new("text/css; charset=utf-8", vendored("swagger-ui.css")?)?,
            script: StaticFile::new(SCRIPT, vendored("swagger-ui-bundle.js")?)?,
        })
    });
    FILES
        .as_ref()
        .map_err(|error| Problem::internal(error.to_string()))
}

/// A file of Swagger UI.
fn vendored(name: &str) -> io::Result<Bytes> {
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::from("")));
    match file.map_err(|error| io::Error::other(error.to_string()))? {
        Some(file) => Ok(match file.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        }),
        None => Err(io::Error::other(format!("{name} is not in the program"))),
    }
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
    async fn every_file_of_the_page_is_served() {
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
    async fn other_paths_are_not_found() {
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
