//! One attempt: an event, signed, to an endpoint.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, redirect};
use tokio::sync::Semaphore;
use vetd_model::address::WebhookTargets;
use vetd_model::delivery::{ANSWER_KEPT, Attempt, Fault, Outcome};
use vetd_model::notice::Logged;
use vetd_model::signature::{kyc_signature, standard_signature};
use vetd_model::webhook::Endpoint;
use vetd_model::{EventId, Mode, Timestamp};
use vetd_storage::StoreError;

use crate::error::EngineError;
use crate::history::render_event;
use crate::webhooks::lane::LaneContext;
use crate::webhooks::target::{GuardedResolver, NoOpenAddress};

/// How long a receiver has for its whole answer.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Names looked up at the same time.
const LOOKUPS: usize = 64;
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

/// Makes attempts. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    targets: WebhookTargets,
    // A client each: the connections of test mode, which may be to loopback, are its own.
    test: Client,
    live: Client,
}

fn client(targets: &WebhookTargets, mode: Mode, lookups: &Arc<Semaphore>) -> Result<Client, EngineError> {
    Client::builder()
        .user_agent(USER_AGENT)
        .timeout(TIME_LIMIT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .dns_resolver(GuardedResolver { targets: targets.clone(), mode, lookups: Arc::clone(lookups) })
        .build()
        .map_err(|error| EngineError::internal(format!("no HTTP client: {error}")))
}

impl Sender {
    pub(crate) fn new(targets: WebhookTargets) -> Result<Self, EngineError> {
        let lookups = Arc::new(Semaphore::new(LOOKUPS));
        let of = |mode| client(&targets, mode, &lookups);
        Ok(Self { test: of(Mode::Test)?, live: of(Mode::Live)?, targets })
    }

    /// Sends `body`, the envelope of `event`, at `now`. Also returns the receiver's `Retry-After`.
    async fn send(&self, endpoint: &Endpoint, event: EventId, body: Vec<u8>, now: Timestamp) -> (Outcome, Option<u64>) {
        let mode = endpoint.realm.mode;
        // The operator may have changed the rule since the address was entered, and one that is
        // written out never reaches the resolver.
        let Ok(url) = self.targets.url(&endpoint.url, mode) else {
            return (Outcome::Failed(Fault::AddressRefused), None);
        };
        let client = match mode {
            Mode::Test => &self.test,
            Mode::Live => &self.live,
        };
        let (id, timestamp) = (event.to_string(), now.seconds());
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("KYC-Event-Id", &id)
            .header("KYC-Signature", kyc_signature(endpoint.secrets_at(now), timestamp, &body))
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", standard_signature(endpoint.secrets_at(now), &id, timestamp, &body))
            .body(body);
        match request.send().await {
            Ok(answer) => {
                let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let retry_after = asked.and_then(|asked| seconds_to_wait(asked, now));
                (Outcome::Answered { status: answer.status().as_u16(), body: beginning(answer).await }, retry_after)
            }
            Err(error) => (Outcome::Failed(fault(&error)), None),
        }
    }
}

/// What a `Retry-After` asks for (RFC 9110, 10.2.3): a number of seconds, or a date.
fn seconds_to_wait(asked: &str, now: Timestamp) -> Option<u64> {
    let until = || httpdate::parse_http_date(asked).ok()?.duration_since(UNIX_EPOCH).ok();
    asked.parse().ok().or_else(|| until().map(|until| until.as_secs().saturating_sub(now.seconds())))
}

/// What the receiver says, as far as it is kept. A body that was read to its end leaves the
/// connection free for the next delivery; of a longer one nothing more is read.
async fn beginning(mut answer: Response) -> String {
    let mut kept = Vec::new();
    while kept.len() < ANSWER_KEPT
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        kept.extend_from_slice(&chunk[..chunk.len().min(ANSWER_KEPT - kept.len())]);
    }
    let mut text = String::from_utf8_lossy(&kept).into_owned();
    text.truncate(text.floor_char_boundary(ANSWER_KEPT));
    text
}

fn fault(error: &reqwest::Error) -> Fault {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.is::<NoOpenAddress>() {
            return Fault::AddressRefused;
        }
        cause = inner.source();
    }
    match error {
        _ if error.is_timeout() => Fault::TimedOut,
        _ if error.is_connect() => Fault::NotConnected,
        _ => Fault::Broken,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        // 1994-11-06 08:49:37, the example of RFC 9110, 5.6.7.
        let now = Timestamp::from_seconds(784_111_777 - 90);
        let cases = [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(90)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(90)),
            ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
        ];
        for (asked, seconds) in cases {
            assert_eq!(seconds_to_wait(asked, now), seconds, "{asked}");
        }
    }
}
