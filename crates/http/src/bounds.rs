use std::rc::Rc;

use actix_web::Error;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::rt::time::timeout;

use crate::problem::Problem;
use crate::problem_kind::BUSY;
use crate::{HttpOptions, InFlight, health};

/// What bounds every request: how many are in flight, and how long one may take.
///
/// Above the bound nothing waits and nothing is begun. The probes are outside of it: whoever
/// asks them has to learn that the service lives, above all when it is busy.
pub(crate) fn around<S>(
    request: ServiceRequest,
    next: &S,
    in_flight: &Rc<InFlight>,
    options: HttpOptions,
) -> impl Future<Output = Result<ServiceResponse, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    let place = in_flight.enter(options.max_in_flight);
    let admitted = if place.is_some() || health::is_probe(request.path()) {
        Ok(next.call(request))
    } else {
        Err(request.error_response(Problem::of(BUSY)))
    };
    async move {
        let answer = match admitted {
            // Usually the answer is there at once, and the clock is never asked.
            Ok(answer) => timeout(options.request_timeout, answer).await,
            Err(refusal) => return Ok(refusal),
        };
        drop(place);
        answer.unwrap_or_else(|elapsed| Err(Problem::timed_out(elapsed).into()))
    }
}
