//! The HTTP interface as the running server needs it: all routes, and a `/readyz` that says when
//! the server is about to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use vetd_actors::{Clock, Engine, Entropy};
use vetd_model::RequestId;

use crate::http::{self, HttpSettings};

/// What a server that ends adds to the routes.
#[derive(Clone)]
struct Ending {
    /// False from the moment on that the server is to end.
    open: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
}

/// All routes. `/readyz` answers 503 once `open` is false, so that whoever spreads requests over
/// servers looks elsewhere.
pub fn router(engine: Engine, settings: HttpSettings, open: Arc<AtomicBool>) -> Router {
    let clock = Arc::clone(engine.clock());
    watched(http::router(engine, settings), open, clock)
}

fn watched(routes: Router, open: Arc<AtomicBool>, clock: Arc<dyn Clock>) -> Router {
    routes.layer(from_fn_with_state(Ending { open, clock }, readiness))
}

async fn readiness(State(ending): State<Ending>, request: Request, next: Next) -> Response {
    if request.uri().path() != "/readyz" || ending.open.load(Ordering::Relaxed) {
        return next.run(request).await;
    }
    let id: RequestId = Entropy.id(ending.clock.now());
    let id = id.to_string();
    let error = json!({ "code": "dependency_unavailable", "message": "The server is about to end.", "request_id": id });
    let headers = [("kyc-request-id", id.as_str()), (header::RETRY_AFTER.as_str(), "5"), ("cache-control", "no-store")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, axum::Json(json!({ "error": error }))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;
    use vetd_actors::TestClock;
    use vetd_model::Timestamp;

    use super::*;

    #[tokio::test]
    async fn readyz_turns_and_everything_else_goes_on() {
        let routes = Router::new().route("/readyz", get(|| async {})).route("/healthz", get(|| async {}));
        let open = Arc::new(AtomicBool::new(true));
        let clock = Arc::new(TestClock::new(Timestamp::from_seconds(1_763_800_000)));
        let routes = watched(routes, Arc::clone(&open), clock);
        let status = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            routes.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(status("/readyz").await, StatusCode::OK);
        open.store(false, Ordering::Relaxed);
        assert_eq!(status("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status("/healthz").await, StatusCode::OK);
    }
}
