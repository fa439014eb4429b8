//! The upper bound for the benchmarks: actix-web as the service runs it, but it only sends a fixed
//! body. Arguments: a port and the length of the body in bytes.

use std::error::Error;

use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, web};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().ok_or("expected a port and a length");
    let port: u16 = number()?.parse()?;
    let body = web::Bytes::from(vec![b'x'; number()?.parse()?]);
    let app = move || {
        let body = body.clone();
        let answer = move |_customer_id: web::Path<String>| {
            let body = body.clone();
            async {
                HttpResponse::Ok()
                    .content_type(ContentType::json())
                    .body(body)
            }
        };
        App::new().route(
            "/v1/customers/{customer_id}/addresses",
            web::get().to(answer),
        )
    };
    HttpServer::new(app)
        .bind(("127.0.0.1", port))?
        .run()
        .await?;
    Ok(())
}
