//! For the operator's probes.

use std::sync::atomic::Ordering;

use axum::extract::State;
use serde_json::json;
use vetd_actors::EngineError;

use super::Shared;
use super::error::{Answer, Problem};
use super::openapi::schemas;
use super::reply;

/// The process answers
#[utoipa::path(
    get, path = "/healthz", operation_id = "get_health", tag = "Server",
    responses((
        status = 200, description = "It does.", body = schemas::shared::Alive,
        example = json!({ "status": "alive" }),
    )),
)]
pub(super) async fn alive() -> Answer {
    reply::ok(&json!({ "status": "alive" }))
}

/// The store takes writes, pictures can be kept, and the server is not about to end
#[utoipa::path(
    get, path = "/readyz", operation_id = "get_readiness", tag = "Server",
    responses((
        status = 200, description = "Send requests here.", body = schemas::shared::Ready,
        example = json!({ "status": "ready" }),
    )),
    extensions(("x-error-codes" = json!(["dependency_unavailable"]))),
)]
pub(super) async fn ready(State(front): State<Shared>) -> Answer {
    if !front.settings.open.load(Ordering::Relaxed) {
        return Err(Problem::unavailable("the server is about to end".to_owned(), 5));
    }
    match front.engine.readiness().await {
        Ok(()) => reply::ok(&json!({ "status": "ready" })),
        Err(EngineError::Unavailable { for_the_log, retry_after }) => {
            Err(Problem::unavailable(for_the_log, retry_after))
        }
        Err(other) => Err(Problem::unavailable(other.to_string(), 1)),
    }
}
