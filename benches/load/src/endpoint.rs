//! Webhook endpoints at the server: made before a run, removed after it.

use bytes::Bytes;
use hyper::Method;
use serde_json::json;
use vetd_model::signature::WebhookSecret;

use crate::client::{Client, Message, bearer};
use crate::failure::Failure;
use crate::scenario::text;

/// An endpoint that gets every event, as the server knows it.
pub struct Endpoint {
    id: String,
    /// What its deliveries are signed with.
    pub secret: WebhookSecret,
}

impl Endpoint {
    /// Registers this address.
    ///
    /// # Errors
    /// The connection's, and what the server says if it refuses.
    pub async fn register(client: &mut Client, key: &str, url: &str) -> Result<Self, Failure> {
        let body = json!({ "url": url, "description": "vetd-load" }).to_string();
        let message = Message {
            method: Method::POST,
            path: "/v1/webhook_endpoints",
            bearer: bearer(key)?,
            idempotency_key: None,
            body: body.into(),
        };
        let reply = client.send(message).await?;
        let refused = |_| Failure::other(format!("no endpoint was made: {}", String::from_utf8_lossy(&reply.body)));
        let id = text(&reply, "id").map_err(refused)?;
        let secret = text(&reply, "secret").map_err(refused)?;
        let secret = WebhookSecret::parse(&secret).ok_or_else(|| Failure::other("the endpoint's secret is none"))?;
        Ok(Self { id, secret })
    }

    /// Removes it.
    ///
    /// # Errors
    /// The connection's, and the status if the server refuses.
    pub async fn remove(&self, client: &mut Client, key: &str) -> Result<(), Failure> {
        let path = format!("/v1/webhook_endpoints/{}", self.id);
        let message = Message {
            method: Method::DELETE,
            path: &path,
            bearer: bearer(key)?,
            idempotency_key: None,
            body: Bytes::new(),
        };
        let status = client.send(message).await?.status;
        status.is_success().then_some(()).ok_or_else(|| Failure::other(format!("{path} stays: {status}")))
    }
}
