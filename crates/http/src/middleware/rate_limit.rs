//! The rate limit of each client.

use std::convert::Infallible;
use std::future::ready;
use std::hash::RandomState;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{Error, HttpMessage as _};
use futures_util::future::{Either, TryFutureExt as _};
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use quick_cache::sync::Cache;

use crate::middleware::access::Unauthenticated;
use crate::operations::health;
use crate::request::client::Client;
use crate::response::problem::Problem;
use crate::response::problem_kind::RATE_LIMITED;

/// Limits the requests of each client per time. Clones count together, so that all threads share
/// one limit.
///
/// A client is a credential: its name, and the customer to which it is bound. A request without a
/// valid credential counts for the IP address of its connection: for IPv6 the first 64 bits, since
/// the subscriber chooses the others. Headers such as `X-Forwarded-For` are ignored.
#[derive(Clone)]
pub struct RateLimit(Arc<Limiter<MonotonicClock>>);

/// The maximum number of clients that are remembered. They use 15 MB.
const MAX_CLIENTS: usize = 100_000;

impl RateLimit {
    /// Allows `requests` requests per `window_s` seconds. A client may send them all at once; used
    /// requests are restored evenly over the window (GCRA). Returns `None`, no limit, if one of the
    /// arguments is 0.
    pub fn new(requests: u32, window_s: u32) -> Option<Self> {
        let limiter = Limiter::new(requests, window_s, MAX_CLIENTS, MonotonicClock)?;
        Some(Self(Arc::new(limiter)))
    }
}

/// Counts a request. Rejects it if it exceeds the limit of its client, or is [`Unauthenticated`].
/// Adds the state of the client's limit to the response
/// (draft-ietf-httpapi-ratelimit-headers-11). The probes are exempt, as from other limits.
pub(crate) fn around<S>(
    request: ServiceRequest,
    next: &S,
    limit: Option<&RateLimit>,
) -> impl Future<Output = Result<ServiceResponse, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    let limit = limit.filter(|_| !health::is_probe(request.path()));
    let standing = limit.map(|limit| limit.0.count(&request));
    let unauthenticated = request.extensions_mut().remove::<Unauthenticated>();
    let rejection = match &standing {
        Some(standing) if standing.is_over => Some(standing.problem()),
        _ => unauthenticated.map(|Unauthenticated(problem)| problem),
    };
    let answer = match rejection {
        None => Either::Left(next.call(request)),
        Some(problem) => Either::Right(ready(Ok(request.error_response(problem)))),
    };
    match standing {
        Some(standing) => Either::Left(answer.map_ok(|response| standing.added_to(response))),
        None => Either::Right(answer),
    }
}

/// The state of a client's limit after a request.
struct Standing {
    policy: HeaderValue,
    /// Whether this request exceeded the limit.
    is_over: bool,
    /// Remaining requests that the client may send at once.
    left: u32,
    /// Seconds for which the remaining requests should last; with none, until there is one.
    lasts_s: u64,
}

impl Standing {
    fn problem(&self) -> Problem {
        Problem::of(RATE_LIMITED).with_header(RETRY_AFTER, self.lasts_s.into())
    }

    fn added_to(self, mut response: ServiceResponse) -> ServiceResponse {
        let Self { left, lasts_s, .. } = self;
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("ratelimit-policy"), self.policy);
        if let Ok(value) = HeaderValue::try_from(format!(r#""default";r={left};t={lasts_s}"#)) {
            headers.insert(HeaderName::from_static("ratelimit"), value);
        }
        response
    }
}

struct Limiter<C: Clock> {
    requests: NonZeroU32,
    window_s: u32,
    policy: HeaderValue,
    /// Clients are distinguished by a hash that outsiders cannot predict. Nothing else is stored
    /// about them.
    hasher: RandomState,
    buckets: RateLimiter<u64, Buckets, C, StateInformationMiddleware>,
}

impl<C: Clock> Limiter<C> {
    fn new(requests: u32, window_s: u32, max_clients: usize, clock: C) -> Option<Self> {
        let requests = NonZeroU32::new(requests)?;
        let window = Duration::from_secs(window_s.into());
        let quota = Quota::with_period(window / requests.get())?.allow_burst(requests);
        let policy = format!(r#""default";q={requests};w={window_s}"#);
        Some(Self {
            requests,
            window_s,
            policy: HeaderValue::try_from(policy).ok()?,
            hasher: RandomState::new(),
            buckets: RateLimiter::new(quota, Buckets(Cache::new(max_clients)), clock),
        })
    }

    fn count(&self, request: &ServiceRequest) -> Standing {
        self.count_client(Client::number(request.request(), &self.hasher))
    }

    fn count_client(&self, client: u64) -> Standing {
        let (is_over, left, lasts_s) = match self.buckets.check_key(&client) {
            Ok(bucket) => {
                let left = bucket.remaining_burst_capacity();
                // The time that they last at the rate of the limit: a client that keeps to it is
                // never rejected.
                let window_s = u64::from(self.window_s) * u64::from(left.max(1));
                (false, left, window_s.div_ceil(self.requests.get().into()))
            }
            Err(until) => {
                let wait = until.wait_time_from(self.buckets.clock().now());
                (true, 0, wait.as_secs() + 1)
            }
        };
        Standing {
            policy: self.policy.clone(),
            is_over,
            left,
            lasts_s,
        }
    }
}

/// The remaining requests of each client. If there are too many clients, rare ones are forgotten
/// first and start again.
struct Buckets(Cache<u64, Arc<InMemoryState>>);

impl StateStore for Buckets {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, client: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let full = || Ok::<_, Infallible>(Arc::default());
        let Ok(bucket) = self.0.get_or_insert_with(client, full);
        bucket.measure_and_replace(&NotKeyed::NonKey, measure)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use actix_web::http::Method;
    use actix_web::http::header::AUTHORIZATION;
    use actix_web::test::TestRequest;
    use addressbook_domain::{Access, MockAuthenticator, RepositoryError, Scope};
    use addressbook_testkit::{InMemoryRepository, fixtures};
    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::testing::{BOOK, TestApp, header_of, sending};

    const PATRICIA: u64 = u64::MAX;

    /// Maximum number of clients that the limiter remembers.
    const CLIENTS: usize = 1_000;

    fn limiter(requests: u32, window_s: u32) -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::new(requests, window_s, CLIENTS, clock.clone());
        (limiter.unwrap(), clock)
    }

    fn after(limiter: &Limiter<FakeRelativeClock>) -> (bool, u32, u64) {
        let standing = limiter.count_client(PATRICIA);
        (standing.is_over, standing.left, standing.lasts_s)
    }

    #[test]
    fn used_requests_are_restored_evenly() {
        let (limiter, clock) = limiter(4, 60);
        assert_eq!(after(&limiter), (false, 3, 45));
        assert_eq!(after(&limiter), (false, 2, 30));
        assert_eq!(after(&limiter), (false, 1, 15));
        assert_eq!(after(&limiter), (false, 0, 15));
        clock.advance(Duration::from_millis(4_500));
        assert_eq!(after(&limiter), (true, 0, 11));
        clock.advance(Duration::from_millis(10_500));
        assert_eq!(after(&limiter), (false, 0, 15));
        clock.advance(Duration::from_secs(59));
        assert_eq!(after(&limiter), (false, 2, 30));
        clock.advance(Duration::from_secs(60));
        assert_eq!(after(&limiter), (false, 3, 45));
    }

    #[test]
    fn without_requests_or_a_window_there_is_no_limit() {
        assert!(RateLimit::new(0, 60).is_none());
        assert!(RateLimit::new(60, 0).is_none());
        assert!(RateLimit::new(1_000_000, 1).is_some());
        assert!(RateLimit::new(1, 3_600).is_some());
    }

    #[test]
    fn the_number_of_remembered_clients_is_limited() {
        let (limiter, _) = limiter(1, 60);
        assert!(!after(&limiter).0);
        for address in 0..20 * CLIENTS as u32 {
            limiter.count_client(address.into());
            // A frequent client is not forgotten in favour of clients that call once.
            assert!(address % 10 > 0 || after(&limiter).0, "{address}");
        }
        let remembered = limiter.buckets.into_state_store().0.len();
        assert!(remembered <= CLIENTS, "{remembered}");
    }

    /// An app whose authenticator accepts any token `name` or `name/customer`, except `bad` and
    /// `away`.
    fn authenticated(requests: u32) -> TestApp {
        let mut authenticator = MockAuthenticator::new();
        authenticator.expect_is_required().return_const(true);
        authenticator.expect_authenticate().returning(|token| {
            let (name, customer_id) = match token {
                "away" => return Err(RepositoryError::Unavailable("no connection".into())),
                "bad" => return Ok(None),
                token => token.split_once('/').unwrap_or((token, "")),
            };
            let customer_id = Some(customer_id).filter(|id| !id.is_empty());
            Ok(Some(Access {
                name: name.into(),
                scopes: Scope::ALL.to_vec(),
                customer_id: customer_id.map(fixtures::customer),
            }))
        });
        TestApp::new(InMemoryRepository::default())
            .with_authenticator(authenticator)
            .limited(requests)
    }

    fn open(requests: u32) -> TestApp {
        TestApp::new(InMemoryRepository::default()).limited(requests)
    }

    fn from(address: &str) -> TestRequest {
        let address: IpAddr = address.parse().unwrap();
        TestRequest::get()
            .uri(BOOK)
            .peer_addr(SocketAddr::new(address, 1))
    }

    fn by(token: &str) -> TestRequest {
        from("192.0.2.1").insert_header((AUTHORIZATION, format!("Bearer {token}")))
    }

    async fn status(test_app: &TestApp, request: TestRequest) -> u16 {
        let answer = test_app.answer(request).await;
        answer[..3].parse().unwrap()
    }

    #[actix_web::test]
    async fn above_the_limit_requests_get_429_immediately() {
        let test_app = open(2);
        for (left, lasts_s) in [(1, 1_800), (0, 1_800)] {
            let answer = test_app.answer(from("192.0.2.1")).await;
            assert!(answer.starts_with("200 "), "{answer}");
            let standing = format!(r#""default";r={left};t={lasts_s}"#);
            assert_eq!(header_of(&answer, "ratelimit"), Some(standing));
            let policy = header_of(&answer, "ratelimit-policy");
            assert_eq!(policy.as_deref(), Some(r#""default";q=2;w=3600"#));
            assert_eq!(header_of(&answer, "retry-after"), None);
        }
        // Before any work, and before the body is read.
        let too_large = sending(Method::POST, BOOK, vec![b' '; 1_000_000]);
        let too_large = too_large.peer_addr("192.0.2.1:2".parse().unwrap());
        let answer = test_app.answer(too_large).await;
        assert!(answer.starts_with("429 "), "{answer}");
        assert!(answer.contains("urn:addressbook:problem:rate-limited"));
        let retry_after = header_of(&answer, "retry-after").unwrap();
        assert!((1_000..=1_800).contains(&retry_after.parse().unwrap()));
        let standing = format!(r#""default";r=0;t={retry_after}"#);
        assert_eq!(header_of(&answer, "ratelimit"), Some(standing));
    }

    #[actix_web::test]
    async fn each_credential_is_counted_separately_from_any_address() {
        let test_app = authenticated(1);
        for token in ["shop", "till", "shop/cus_1", "till/cus_1"] {
            assert_eq!(status(&test_app, by(token)).await, 200, "{token}");
            assert_eq!(status(&test_app, by(token)).await, 429, "{token}");
            let elsewhere = by(token).peer_addr("198.51.100.1:1".parse().unwrap());
            assert_eq!(status(&test_app, elsewhere).await, 429, "{token}");
        }
        // Forbidden requests count, too.
        assert_eq!(status(&test_app, by("shop/cus_2")).await, 403);
        assert_eq!(status(&test_app, by("shop/cus_2")).await, 429);
    }

    #[actix_web::test]
    async fn each_ipv4_address_and_ipv6_prefix_is_counted_separately() {
        let test_app = open(1);
        for (address, expected) in [
            ("192.0.2.1", 200),
            ("192.0.2.1", 429),
            ("::ffff:192.0.2.1", 429),
            ("192.0.2.2", 200),
            ("2001:db8:0:1::1", 200),
            ("2001:db8:0:1:ffff::2", 429),
            ("2001:db8:0:2::1", 200),
        ] {
            assert_eq!(
                status(&test_app, from(address)).await,
                expected,
                "{address}"
            );
        }
        for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP"] {
            let request = from("192.0.2.1").insert_header((header, "203.0.113.9"));
            assert_eq!(status(&test_app, request).await, 429, "{header}");
        }
    }

    #[actix_web::test]
    async fn invalid_credentials_count_by_address_and_do_not_affect_valid_ones() {
        let test_app = authenticated(3);
        for (request, expected) in [
            (from("192.0.2.1"), 401),
            (by("bad"), 401),
            (TestRequest::get().uri("/docs"), 200),
            (by("bad"), 401),
            (by("bad"), 429),
            (from("192.0.2.1"), 429),
            (by("shop"), 200),
            (by("bad").peer_addr("192.0.2.2:1".parse().unwrap()), 401),
        ] {
            assert_eq!(status(&test_app, request).await, expected);
        }
    }

    #[actix_web::test]
    async fn requests_are_not_counted_while_the_keys_are_unavailable() {
        let test_app = authenticated(1);
        for _ in 0..2 {
            let answer = test_app.answer(by("away")).await;
            assert!(answer.starts_with("503 "), "{answer}");
            assert_eq!(header_of(&answer, "ratelimit"), None);
        }
    }

    #[actix_web::test]
    async fn the_probes_are_not_counted() {
        for test_app in [open(1), authenticated(1)] {
            for path in ["/livez", "/readyz", "/livez", "/readyz"] {
                let answer = test_app.answer(from("192.0.2.1").uri(path)).await;
                assert!(answer.starts_with("200 "), "{answer}");
                assert_eq!(header_of(&answer, "ratelimit"), None);
            }
        }
    }

    #[actix_web::test]
    async fn without_a_limit_no_rate_limit_headers_are_sent() {
        let test_app = TestApp::new(InMemoryRepository::default());
        let answer = test_app.answer(from("192.0.2.1")).await;
        assert!(!answer.contains("ratelimit"), "{answer}");
    }
}
