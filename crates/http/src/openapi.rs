//! The OpenAPI 3.1 document, generated from the declarations of the operations and the limits of
//! the domain's types.

pub(crate) mod examples;
mod headers;
pub(crate) mod members;
pub(crate) mod parameters;
pub(crate) mod problems;
pub(crate) mod responses;
mod texts;
pub(crate) mod values;

use std::io;
use std::sync::{LazyLock, OnceLock};

use actix_web::http::Method;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, OpenApi as Document};
use utoipa::{Modify, OpenApi};

use crate::operations::default_addresses::{DefaultAddressesChange, DefaultAddressesJson};
use crate::operations::erase_customer::ErasureReceipt;
use crate::operations::label::LabelJson;
use crate::operations::revisions::RevisionList;
use crate::operations::validate_address::ValidationJson;
use crate::request::address_input::{AddressChange, AddressDraft, NewAddress};
use crate::response::address_json::{AddressJson, RevisionJson};
use crate::response::country_json::{CountryJson, CountryListJson};
use crate::response::page_json::{AddressList, ListedAddress};
use crate::response::problem::{FieldErrorJson, Problem, ProblemJson};
use crate::response::problem_kind;
use crate::response::static_file::StaticFile;
use crate::route::resource;
use crate::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Addressbook",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "The service that serves this document")),
    tags(
        (name = "Addresses", description = "The addresses of a customer"),
        (name = "Default addresses", description = "The addresses that are used unless the customer chooses another"),
        (name = "Revisions", description = "Earlier states of addresses. They never change and remain after removal"),
        (name = "Countries", description = "What addresses look like in each country. Requires no credential"),
        (name = "Erasure", description = "Permanent deletion of all data about a customer"),
    ),
    paths(
        crate::operations::list_addresses::list,
        crate::operations::create_address::create,
        crate::operations::erase_customer::erase,
        crate::operations::get_address::get,
        crate::operations::patch_address::patch,
        crate::operations::remove_address::remove,
        crate::operations::default_addresses::get,
        crate::operations::default_addresses::patch,
        crate::operations::revisions::list,
        crate::operations::revisions::get,
        crate::operations::label::get,
        crate::operations::validate_address::validate,
        crate::operations::countries::list,
        crate::operations::countries::get,
    ),
    components(schemas(
        AddressJson<'_>,
        AddressList,
        AddressChange,
        AddressDraft,
        CountryJson,
        CountryListJson,
        DefaultAddressesChange,
        DefaultAddressesJson,
        RevisionJson<'_>,
        RevisionList<'_>,
        ErasureReceipt,
        FieldErrorJson<'_>,
        LabelJson,
        ListedAddress,
        NewAddress,
        ProblemJson<'_>,
        ValidationJson,
    )),
    modifiers(&ComputedParts)
)]
struct Contract;

/// The parts of the document that are computed.
struct ComputedParts;

impl Modify for ComputedParts {
    fn modify(&self, document: &mut Document) {
        document.info.description = Some(description());
        let components = document.components.get_or_insert_with(Components::new);
        components.headers = headers::headers();
        components.add_security_scheme(CREDENTIAL, credential());
        for (path, method, scope) in routes::needs() {
            let item = document.paths.paths.get_mut(path);
            if let Some(operation) = item.and_then(|item| operation(item, &method)) {
                let need = SecurityRequirement::new(CREDENTIAL, [scope.as_str()]);
                operation.security = Some(vec![need]);
            }
        }
    }
}

/// The name of the security scheme in the document.
const CREDENTIAL: &str = "credential";

fn credential() -> SecurityScheme {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An API key (`addressbook keys create`), or another token that the service is \
             configured to trust. Each operation states the scope that it requires. A credential \
             that is bound to a customer gives access only to that customer's book. A service \
             without keys requires no credential.",
        ));
    SecurityScheme::Http(scheme.build())
}

/// The operation of a method. `HEAD` is not in the document, because it responds like `GET`.
fn operation<'a>(item: &'a mut PathItem, method: &Method) -> Option<&'a mut Operation> {
    match *method {
        Method::GET => item.get.as_mut(),
        Method::POST => item.post.as_mut(),
        Method::PATCH => item.patch.as_mut(),
        Method::DELETE => item.delete.as_mut(),
        _ => None,
    }
}

fn description() -> String {
    let mut text = String::from(
        "Stores the addresses of a company's customers.\n\n\
         Each path under `/v1` also works under `/api/v1`. `HEAD` returns what `GET` does, without \
         a body. Unknown query parameters are ignored, unless the request has \
         `Prefer: handling=strict`.\n\n\
         Errors are problem documents (RFC 9457) on every path. Distinguish them by `type`:\n\n\
         | `type` | Status | Meaning |\n| --- | --- | --- |\n",
    );
    for kind in problem_kind::ALL {
        text += &format!(
            "| `{}` | {} | {} |\n",
            kind.uri,
            kind.status.as_u16(),
            kind.detail
        );
    }
    text + "| `about:blank` | any other | See the HTTP status. |\n"
}

/// The OpenAPI document of this release, as indented JSON.
pub fn openapi_json() -> &'static str {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(|| {
        // Writing text to memory does not fail, and a test reads the result.
        let json = Contract::openapi().to_pretty_json();
        json.unwrap_or_default() + "\n"
    })
}

/// `GET` and `HEAD` of `/openapi.json`.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/openapi.json").get(get).head(get));
}

async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    static FILE: LazyLock<io::Result<StaticFile>> = LazyLock::new(|| {
        StaticFile::new(
            "application/json",
            Bytes::from_static(openapi_json().as_bytes()),
        )
    });
    let file = FILE
        .as_ref()
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok(file.answer(&request))
}
