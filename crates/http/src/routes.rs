use actix_web::http::Method;
use actix_web::{Route, guard, web};

use crate::{
    create_address, erase_customer, get_address, patch_address, remove_address, revisions,
};

/// Where a customer's address book is found.
const BOOKS: [&str; 2] = [
    "/v1/customers/{customer_id}/addresses",
    "/api/v1/customers/{customer_id}/addresses",
];

/// What can be asked of an address book: each path below it with its methods.
fn resources() -> [(&'static str, Vec<(Method, Route)>); 4] {
    [
        (
            "",
            vec![
                (Method::POST, web::to(create_address::create)),
                (Method::DELETE, web::to(erase_customer::erase)),
            ],
        ),
        (
            "/{address_id}",
            vec![
                (Method::GET, web::to(get_address::get)),
                (Method::HEAD, web::to(get_address::get)),
                (Method::PATCH, web::to(patch_address::patch)),
                (Method::DELETE, web::to(remove_address::remove)),
            ],
        ),
        (
            "/{address_id}/revisions",
            vec![
                (Method::GET, web::to(revisions::list)),
                (Method::HEAD, web::to(revisions::list)),
            ],
        ),
        (
            "/{address_id}/revisions/{revision}",
            vec![
                (Method::GET, web::to(revisions::get)),
                (Method::HEAD, web::to(revisions::get)),
            ],
        ),
    ]
}

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    for book in BOOKS {
        for (path, routes) in resources() {
            let mut resource = web::resource(format!("{book}{path}"));
            if path.is_empty() {
                // The other methods of this path are those of `list_addresses`. A guard that
                // fails still adds its method to the header Allow.
                resource = resource.guard(guard::Any(guard::Post()).or(guard::Delete()));
            }
            for (method, route) in routes {
                resource = resource.route(route.method(method));
            }
            config.service(resource);
        }
    }
}
