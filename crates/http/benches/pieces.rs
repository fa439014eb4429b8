//! Benchmarks of whole requests, from the parsed head to the body, with addresses in memory.
//!
//! The difference between two of them is the cost of a piece. A page of 200 and one of 10 differ by
//! the writing of 190 addresses. An empty page after a cursor and one by offset differ by the
//! cursor.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a benchmark that cannot run says so"
)]

use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::dev::Service as _;
use actix_web::http::header::{AUTHORIZATION, ETAG, HeaderName, IF_NONE_MATCH, LINK};
use actix_web::rt::System;
use actix_web::test::{TestRequest, init_service};
use addressbook_domain::{
    AddressRepository as _, ApiKeyRepository as _, Authenticator as _, KeyAuthenticator,
};
use addressbook_http::{AppParts, RateLimit, app};
use addressbook_testkit::{
    FrozenClock, InMemoryApiKeys, InMemoryRepository, SequenceIds, fixtures, service,
};

#[path = "../../../benchmarks/pieces.rs"]
mod pieces;
use pieces::{Piece, piece};

const BOOK: &str = "/v1/customers/cus_1/addresses";

/// The parts of an app with a book of 200 addresses.
async fn parts() -> AppParts {
    let repository = InMemoryRepository::default();
    let addresses = (0..200).map(|number| fixtures::address("cus_1", number));
    let commit = fixtures::creating(addresses);
    repository.commit(commit).await.unwrap();
    let service = service(Arc::new(repository));
    AppParts::new(service, Arc::new(SequenceIds::default()))
}

/// An authenticator that knows one key.
async fn authenticator() -> KeyAuthenticator {
    let keys = InMemoryApiKeys::default();
    keys.add(fixtures::api_key(1)).await.unwrap();
    KeyAuthenticator::new(Arc::new(keys), Arc::new(FrozenClock::default()))
}

/// A header of the response to a request for the book.
fn header(query: &str, name: HeaderName) -> String {
    System::new().block_on(async {
        let app = init_service(app(parts().await)).await;
        let request = TestRequest::with_uri(&format!("{BOOK}?{query}")).to_request();
        let response = app.call(request).await.unwrap();
        let value = response.headers().get(name).expect("the header");
        value.to_str().unwrap().to_owned()
    })
}

/// A request for the book, to a separate app.
fn request(name: &str, query: &str, header: Option<(HeaderName, String)>) -> Piece {
    request_to(|parts| parts, name, query, header)
}

/// Like [`request`], with a key.
fn request_with_key(name: &str, query: &str) -> Piece {
    let authenticator = Arc::new(System::new().block_on(authenticator()));
    let authenticated = |parts| AppParts {
        authenticator: Some(authenticator),
        ..parts
    };
    let key = format!("Bearer {}", fixtures::api_token(1).expose());
    request_to(authenticated, name, query, Some((AUTHORIZATION, key)))
}

/// Like [`request`], with a rate limit that is never exceeded.
fn request_under_a_limit(name: &str, query: &str) -> Piece {
    let limited = |parts| AppParts {
        rate_limit: RateLimit::new(1_000_000, 1),
        ..parts
    };
    request_to(limited, name, query, None)
}

fn request_to(
    change: impl FnOnce(AppParts) -> AppParts,
    name: &str,
    query: &str,
    header: Option<(HeaderName, String)>,
) -> Piece {
    let system = System::new();
    let app = system.block_on(async { init_service(app(change(parts().await))).await });
    let uri = format!("{BOOK}?{query}");
    piece(name, move || {
        let mut request = TestRequest::with_uri(&uri);
        if let Some((name, value)) = &header {
            request = request.insert_header((name.clone(), value.as_str()));
        }
        system.block_on(async {
            let response = app.call(request.to_request()).await.unwrap();
            to_bytes(response.into_body()).await
        })
    })
}

/// Authentication with a key that was looked up less than a second ago.
fn known_key() -> Piece {
    let system = System::new();
    let authenticator = system.block_on(authenticator());
    let token = fixtures::api_token(1);
    piece("access/known key", move || {
        system
            .block_on(authenticator.authenticate(token.expose()))
            .unwrap()
    })
}

fn main() {
    let link = header("limit=10&after=", LINK);
    let (_, cursor) = link.rsplit_once("after=").expect("a next page");
    let (cursor, _) = cursor.split_once('>').expect("a target in brackets");
    let tag = header("limit=10", ETAG);
    pieces::run(vec![
        request("request/page of 10", "limit=10", None),
        request_with_key("request/page of 10 with a key", "limit=10"),
        known_key(),
        request_under_a_limit("request/page of 10 under a rate limit", "limit=10"),
        request("request/page of 200", "limit=200", None),
        request(
            "request/page of 200 with labels",
            "limit=200&include=label",
            None,
        ),
        request(
            "request/page of 10 after a cursor",
            &format!("limit=10&after={cursor}"),
            None,
        ),
        request(
            "request/first page of 10 by cursor",
            "limit=10&after=",
            None,
        ),
        request(
            "request/not modified",
            "limit=10",
            Some((IF_NONE_MATCH, tag)),
        ),
        request("request/refused", "limit=0", None),
    ]);
}
