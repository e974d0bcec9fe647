//! One attempt: an event, signed, to an endpoint.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use url::Url;
use vetd_model::signature::{kyc_signature, standard_signature};
use vetd_model::webhook::{Endpoint, Setback};
use vetd_model::{EventId, Timestamp};

use crate::error::EngineError;
use crate::webhooks::target::{GuardedResolver, Reach};

/// How long a receiver has for its whole answer.
const TIME_LIMIT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = "KYC-Webhooks/1.0";

/// How an attempt came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// 2xx in time.
    Delivered,
    /// Anything else.
    Failed(Setback),
}

/// Makes attempts. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    public: Client,
    loopback: Client,
}

fn client(reach: Reach) -> Result<Client, EngineError> {
    Client::builder()
        .user_agent(USER_AGENT)
        .timeout(TIME_LIMIT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .dns_resolver(GuardedResolver(reach))
        .build()
        .map_err(|error| EngineError::internal(format!("no HTTP client: {error}")))
}

impl Sender {
    pub(crate) fn new() -> Result<Self, EngineError> {
        Ok(Self { public: client(Reach::Public)?, loopback: client(Reach::Loopback)? })
    }

    /// Sends `body`, the envelope of `event`, at `now`.
    pub(crate) async fn attempt(
        &self,
        endpoint: &Endpoint,
        reach: Reach,
        event: EventId,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Attempt {
        let url = match Url::parse(&endpoint.url) {
            Ok(url) if reach.admits_url(&url) => url,
            _ => {
                tracing::warn!(endpoint = %endpoint.id, "a webhook endpoint's address may not be connected to");
                return Attempt::Failed(Setback::default());
            }
        };
        let client = match reach {
            Reach::Public => &self.public,
            Reach::Loopback => &self.loopback,
        };
        let (id, timestamp, secrets) = (event.to_string(), now.seconds(), [&endpoint.secret]);
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("KYC-Event-Id", &id)
            .header("KYC-Signature", kyc_signature(secrets, timestamp, &body))
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", standard_signature(secrets, &id, timestamp, &body))
            .body(body);
        match request.send().await {
            // The answer's body is not read: its status is all that counts.
            Ok(answer) if answer.status().is_success() => Attempt::Delivered,
            Ok(answer) => Attempt::Failed(setback(&answer)),
            Err(error) => {
                let setback = Setback { overloaded: error.is_timeout(), retry_after: None };
                let error = error.without_url();
                tracing::debug!(endpoint = %endpoint.id, event = %id, %error, "a webhook attempt failed");
                Attempt::Failed(setback)
            }
        }
    }
}

fn setback(answer: &Response) -> Setback {
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Setback { overloaded: answer.status() == StatusCode::TOO_MANY_REQUESTS, retry_after: seconds }
}
