use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, web};
use addressbook_domain::AddressService;

use crate::drain::Drain;
use crate::response::problem::Problem;
use crate::response::problem_kind::UNAVAILABLE;
use crate::route::resource;

const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";

/// `GET /livez`: whether the process responds at all. `GET /readyz`: whether it should receive
/// requests now. Both also support `HEAD`.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource(LIVEZ).get(live).head(live))
        .service(resource(READYZ).get(ready).head(ready));
}

/// Whether a path is one of the probes.
pub(crate) fn is_probe(path: &str) -> bool {
    path == LIVEZ || path == READYZ
}

async fn live() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(r#"{"status":"ok"}"#)
}

async fn ready(
    service: web::Data<AddressService>,
    drain: web::Data<Drain>,
) -> Result<HttpResponse, Problem> {
    if drain.has_begun() {
        return Err(Problem::of(UNAVAILABLE).with_detail("The service is shutting down."));
    }
    service.ready().await.map_err(Problem::unavailable)?;
    Ok(live().await)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use addressbook_domain::RepositoryError;
    use addressbook_testkit::InMemoryRepository;
    use insta::assert_snapshot;

    use crate::testing::{Failure, answer, refusing};

    #[actix_web::test]
    async fn a_healthy_service_is_live_and_ready() {
        for path in ["/livez", "/readyz"] {
            let response = answer(InMemoryRepository::default(), TestRequest::get().uri(path));
            assert_snapshot!("healthy", response.await);
        }
    }

    #[actix_web::test]
    async fn a_service_without_its_store_is_live_but_not_ready() {
        let failures: [Failure; 2] = [
            || RepositoryError::Unavailable("no connection".into()),
            || RepositoryError::Internal("a defect".into()),
        ];
        for failure in failures {
            let live = answer(refusing(failure), TestRequest::get().uri("/livez"));
            assert_snapshot!("healthy", live.await);
            let ready = answer(refusing(failure), TestRequest::get().uri("/readyz"));
            assert_snapshot!("not_ready", ready.await);
        }
    }
}
