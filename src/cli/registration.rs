//! The endpoint that `vetd listen` makes for as long as it runs.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;
use vetd_model::signature::WebhookSecret;

use crate::failure::Failure;
use crate::out;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An endpoint that leads here.
pub struct Registration {
    client: Client,
    endpoints: String,
    api_key: String,
    /// Its identifier.
    pub id: String,
    /// Its secret.
    pub secret: WebhookSecret,
}

impl Registration {
    /// Makes an endpoint at the server that leads to this address and gets every event.
    pub async fn make(server: &str, api_key: &str, listening: SocketAddr) -> Result<Self, Failure> {
        let server = Url::parse(server).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let wrong = "--url must be the server's address, such as http://127.0.0.1:8080";
        let server = server.ok_or_else(|| Failure::configuration(wrong))?;
        let endpoints = format!("{}/v1/webhook_endpoints", server.as_str().trim_end_matches('/'));
        // A proxy of the environment must not see the key, and cannot reach a loopback address.
        let client = Client::builder().timeout(PATIENCE).no_proxy().build();
        let client = client.map_err(|error| Failure::other(format!("cannot make requests: {error}")))?;
        let asked = json!({
            "url": format!("http://{listening}/"), "events": ["*"], "description": "vetd listen",
        });
        let request = client.post(&endpoints).bearer_auth(api_key).json(&asked);
        let made = answer(request, "the endpoint was not registered").await?;
        let text = |name: &str| made.get(name).and_then(Value::as_str);
        let (Some(id), Some(secret)) = (text("id"), text("secret").and_then(WebhookSecret::parse)) else {
            return Err(Failure::other("the endpoint was registered, but the answer has no id or no secret"));
        };
        Ok(Self { client, endpoints, api_key: api_key.to_owned(), id: id.to_owned(), secret })
    }

    /// Removes it again.
    pub async fn remove(self) -> Result<(), Failure> {
        let address = format!("{}/{}", self.endpoints, self.id);
        let request = self.client.request(Method::DELETE, address).bearer_auth(self.api_key);
        let what = format!("the endpoint {} was not removed; remove it yourself", self.id);
        answer(request, &what).await.map(drop)
    }
}

/// Sends a request; anything but 2xx is a failure that says what the server said.
async fn answer(request: RequestBuilder, what: &str) -> Result<Value, Failure> {
    let unreachable =
        |error: reqwest::Error| Failure::other(format!("{what}: the server did not answer: {}", causes(&error)));
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let body = response.bytes().await.map_err(unreachable)?;
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(body);
    }
    let code = body.pointer("/error/code").and_then(Value::as_str).unwrap_or("no reason given");
    let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or("");
    let fields = body.pointer("/error/fields").map_or_else(String::new, |fields| format!(" {fields}"));
    Err(Failure::other(out::harmless(&format!("{what}: {status}, {code}: {message}{fields}"))))
}

/// An error with its causes; reqwest's own text leaves them out.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let first = error.to_string();
    std::iter::successors(error.source(), |cause| cause.source()).fold(first, |text, cause| format!("{text}: {cause}"))
}
