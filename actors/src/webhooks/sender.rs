//! One attempt: an event, signed, to an endpoint.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use vetd_model::address::WebhookTargets;
use vetd_model::delivery::{ANSWER_KEPT, Attempt, Outcome};
use vetd_model::notice::Logged;
use vetd_model::signature::{kyc_signature, standard_signature};
use vetd_model::webhook::Endpoint;
use vetd_model::{EventId, Timestamp};
use vetd_storage::StoreError;

use crate::error::EngineError;
use crate::history::render_event;
use crate::outbound::{self, Outbound};
use crate::webhooks::lane::LaneContext;

/// How long a receiver has for its whole answer.
const TIME_LIMIT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = "KYC-Webhooks/1.0";

/// How it ended when a delivery was due.
#[derive(Debug)]
pub(crate) enum Ended {
    /// An attempt was made.
    Attempt {
        attempt: Attempt,
        /// The receiver's `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// There is nothing to send: the event is no longer kept.
    NoEvent,
    /// Through no fault of the receiver's none was made.
    NotMade,
}

/// Makes attempts. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Sender(Outbound);

impl Sender {
    pub(crate) fn new(targets: WebhookTargets) -> Result<Self, EngineError> {
        Outbound::new(targets, USER_AGENT, TIME_LIMIT).map(Self)
    }

    /// Sends `body`, the envelope of `event`, at `now`. Also returns the receiver's `Retry-After`.
    async fn send(&self, endpoint: &Endpoint, event: EventId, body: Vec<u8>, now: Timestamp) -> (Outcome, Option<u64>) {
        let request = match self.0.post(&endpoint.url, endpoint.realm.mode) {
            Ok(request) => request,
            Err(fault) => return (Outcome::Failed(fault), None),
        };
        let (id, timestamp) = (event.to_string(), now.seconds());
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header("KYC-Event-Id", &id)
            .header("KYC-Signature", kyc_signature(endpoint.secrets_at(now), timestamp, &body))
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", standard_signature(endpoint.secrets_at(now), &id, timestamp, &body))
            .body(body);
        match request.send().await {
            Ok(mut answer) => {
                let (status, retry_after) = (answer.status().as_u16(), outbound::retry_after(&answer, now));
                let body = as_text(&outbound::beginning(&mut answer, ANSWER_KEPT).await);
                (Outcome::Answered { status, body }, retry_after)
            }
            Err(error) => (Outcome::Failed(outbound::fault(&error)), None),
        }
    }
}

/// What the receiver says, as far as it is kept.
fn as_text(kept: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(kept).into_owned();
    text.truncate(text.floor_char_boundary(ANSWER_KEPT));
    text
}

/// Makes one attempt to deliver an event to an endpoint. `logged` saves reading it.
pub(crate) async fn attempt(
    context: &LaneContext,
    endpoint: &Endpoint,
    event: EventId,
    logged: Option<Arc<Logged>>,
) -> Ended {
    let body = match envelope(context, endpoint, event, logged).await {
        Ok(Some(body)) => body,
        Ok(None) => {
            tracing::warn!(%event, endpoint = %endpoint.id, "an event is gone before it was delivered");
            return Ended::NoEvent;
        }
        Err(error @ StoreError::Inconsistent { .. }) => {
            tracing::error!(%event, endpoint = %endpoint.id, %error, "an event cannot be delivered");
            return Ended::NoEvent;
        }
        Err(error) => {
            tracing::error!(%event, %error, "an event could not be read for its delivery; tried again");
            return Ended::NotMade;
        }
    };
    let at = context.clock.now();
    let (outcome, retry_after) = context.sender.send(endpoint, event, body, at).await;
    let latency_ms = u32::try_from(context.clock.now().since(at).as_millis()).unwrap_or(u32::MAX);
    Ended::Attempt { attempt: Attempt { at, latency_ms, outcome }, retry_after }
}

async fn envelope(
    context: &LaneContext,
    endpoint: &Endpoint,
    id: EventId,
    logged: Option<Arc<Logged>>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let event = match logged {
        Some(event) => event,
        None => match context.store.event(endpoint.realm, id)? {
            Some(found) => Arc::new(found.event),
            None => return Ok(None),
        },
    };
    render_event(context.store.as_ref(), endpoint.realm, &event).await
}
