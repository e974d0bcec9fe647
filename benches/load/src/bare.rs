//! The measure of the machine: an axum handler that reads the same request, keeps nothing, and
//! returns an answer of the same size.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::any;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::report::say;

/// About what the creation of a session answers.
const ANSWER_BYTES: usize = 915;

/// Serves until it is killed; prints its address.
pub async fn serve(listen: SocketAddr) -> std::io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    say(&listener.local_addr()?.to_string());
    axum::serve(listener, Router::new().fallback(any(answer))).await
}

async fn answer(body: Bytes) -> impl IntoResponse {
    let parsed: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap_or_default() };
    let fields = parsed.as_object().map_or(0, serde_json::Map::len);
    let padding = "x".repeat(ANSWER_BYTES);
    ([(CONTENT_TYPE, "application/json")], format!("{{\"fields\":{fields},\"padding\":\"{padding}\"}}"))
}
