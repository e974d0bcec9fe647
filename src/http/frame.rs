//! Around every request: its identifier, its line in the log, the error envelope, and the cap
//! on how many are under way.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;
use vetd_model::RequestId;

use super::Shared;
use super::error::{Answer, Problem};
use crate::telemetry::{Guard, finish_span, known, request_span};

/// Stands where a path has no route.
const NO_ROUTE: &str = "(no route)";
const REQUEST_ID: HeaderName = HeaderName::from_static("kyc-request-id");

/// Names the request, writes the envelope of a refusal, adds what every answer carries, counts
/// the request and writes the log line. That line holds the route's pattern: a path holds
/// identifiers, a query may hold a token.
pub(super) async fn around(State(front): State<Shared>, request: Request, next: Next) -> Response {
    let stopwatch = Stopwatch::start();
    let id: RequestId = front.engine.entropy().id(front.engine.now());
    let (method, version) = (known(request.method()), request.version());
    let path = request.extensions().get::<MatchedPath>().cloned();
    let route = path.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let (meters, traced) = (&front.settings.meters, front.settings.traced);
    let span = request_span(id, method, route, request.headers(), traced);
    let under_way = Guard::of(&meters.under_way);

    let mut response = catch_panics(next.run(request)).instrument(span.clone()).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.write(&mut response, id, version);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let (status, took) = (response.status().as_u16(), stopwatch.elapsed());
    drop(under_way);
    meters.answered(method, route, status, took);
    finish_span(&span, status, traced);
    tracing::info!(
        method,
        path = route,
        status,
        milliseconds = took.as_millis(),
        request_id = %id,
        "request"
    );
    response
}

/// Turns a panic of a handler into an answer.
async fn catch_panics(answer: impl Future<Output = Response>) -> Response {
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => Problem::internal(format!("a handler panicked: {}", text_of(&*panic))).into_response(),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

/// A place among the requests under way. Work that outlives its client keeps a clone.
#[derive(Debug, Clone)]
pub(super) struct Permit {
    _held: Arc<OwnedSemaphorePermit>,
}

/// Caps how many requests are under way: mailboxes are not bounded, so the door is. And how long
/// each may take, so that none keeps its place for good.
pub(super) async fn admit(State(front): State<Shared>, mut request: Request, next: Next) -> Answer {
    let held = Arc::clone(&front.permits).try_acquire_owned().map_err(|_| {
        front.settings.meters.refused.inc();
        Problem::unavailable("too many requests are under way".to_owned(), 1)
    })?;
    let permit = Permit { _held: Arc::new(held) };
    request.extensions_mut().insert(permit.clone());
    let too_late = front.engine.clock().sleep(front.settings.request_time);
    let answer = tokio::select! {
        biased;
        response = next.run(request) => Ok(response),
        () = too_late => Err(Problem::unavailable("a request took longer than it may".to_owned(), 1)),
    };
    drop(permit);
    answer
}

/// Measures latency: real time, also where a test moves the clock.
struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the front door's stopwatch")]
    fn start() -> Self {
        Self(Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_that_hides_its_text() {
        let mut response = catch_panics(async { panic!("a secret") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let problem = response.extensions_mut().remove::<Problem>().unwrap();
        problem.write(&mut response, RequestId::from_bytes([0; 16]), axum::http::Version::HTTP_11);
        let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("internal_error") && body.contains("req_") && !body.contains("secret"), "{body}");
    }
}
