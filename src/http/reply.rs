//! Answers of JSON.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use vetd_actors::Reply;
use vetd_model::signature::WebhookSecret;

use super::error::{Answer, Problem};

/// The content type of every answer under `/v1` and `/iframe/api`.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// 200 with this value.
pub(super) fn ok(body: &impl Serialize) -> Answer {
    send(Reply::json(200, body))
}

/// 200 with what is JSON already.
pub(super) fn json(body: Vec<u8>) -> Answer {
    bytes(200, body.into())
}

/// An object with its secret. The answers to a creation and to a rotation alone show it.
pub(super) fn with_secret(status: u16, mut object: Value, secret: &WebhookSecret) -> Reply {
    if let Some(map) = object.as_object_mut() {
        map.insert("secret".to_owned(), secret.expose().into());
    }
    Reply::json(status, &object)
}

/// The engine's reply as it is.
pub(super) fn send(reply: Reply) -> Answer {
    bytes(reply.status, reply.body)
}

/// The answer to a repeated request: what the first one got, and a header that says so.
pub(super) fn replay(status: u16, body: Bytes) -> Answer {
    let mut response = bytes(status, body)?;
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn bytes(status: u16, body: Bytes) -> Answer {
    let status = StatusCode::from_u16(status)
        .map_err(|_| Problem::internal(format!("a reply with the impossible status {status}")))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    Ok(response)
}
