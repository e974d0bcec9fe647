//! `/metrics`, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use prometheus_client::encoding::prometheus_text;

use super::Shared;
use super::error::{Answer, Problem};
use crate::telemetry::render;

/// Everything that is counted.
pub(super) async fn show(State(front): State<Shared>) -> Answer {
    let registry = Arc::clone(&front.registry);
    // The disk is asked for its space: not on a thread that serves others.
    let text = tokio::task::spawn_blocking(move || render(&registry)).await;
    let text = text.map_err(|error| Problem::internal(format!("metrics: {error}")))?;
    Ok(([(CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response())
}
