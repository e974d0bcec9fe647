//! Takes deliveries as a tenant's backend should: checks the signature and the chain, then
//! answers, or fails as it was told to.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use vetd_actors::Clock;
use vetd_model::signature::{WebhookSecret, verify_kyc_signature};

use super::behaviour::{Behaviour, Mishap};
use super::chain::{Chains, Place};
use super::forward::Forward;
use super::report::{Outcome, print};
use crate::failure::Failure;
use crate::serve::HangUp;

/// How far a signature's time may be from now, in seconds.
const TOLERANCE: u64 = 300;
/// The most bytes of one delivery.
const BODY_LIMIT: usize = 1 << 20;

/// What each request needs.
pub struct Receiver {
    /// What deliveries are signed with; nothing is checked without.
    pub secret: Option<WebhookSecret>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether events are printed whole.
    pub json: bool,
    /// What goes wrong on purpose.
    pub behaviour: Behaviour,
    /// Where deliveries go on to.
    pub forward: Option<Forward>,
    /// What came so far.
    pub ledger: Mutex<Ledger>,
}

/// What came so far. Its lock keeps chains, lines and counts in step.
pub struct Ledger {
    chains: Chains,
    /// Sent one for each delivery that was taken for the first time, and why nothing can be
    /// printed any more.
    counted: mpsc::UnboundedSender<Result<(), Failure>>,
}

impl Ledger {
    /// Nothing came yet.
    pub fn new(counted: mpsc::UnboundedSender<Result<(), Failure>>) -> Self {
        Self { chains: Chains::default(), counted }
    }
}

/// A delivery, and the event in it; null if there is none.
struct Delivery {
    headers: HeaderMap,
    body: Bytes,
    event: Value,
}

/// Takes whatever is posted, wherever.
pub fn router(receiver: Receiver) -> Router {
    let receiver = Arc::new(receiver);
    let routes = Router::new().fallback(post(deliver));
    routes.layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(receiver)
}

async fn deliver(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> Response {
    let event = serde_json::from_slice(&body).unwrap_or_default();
    let delivery = Delivery { headers, body, event };
    let signature = match receiver.check(&delivery) {
        Ok(signature) => signature,
        Err(why) => return receiver.refuse(&delivery, why),
    };
    let mishap = receiver.behaviour.next();
    let waiting = Waiting::new(&receiver, &delivery);
    let delay = receiver.behaviour.delay;
    if !delay.is_zero() {
        receiver.clock.sleep(delay).await;
    }
    let passed = match (&mishap, &receiver.forward) {
        (None, Some(forward)) => Some(forward.pass(&delivery.headers, delivery.body.clone()).await),
        _ => None,
    };
    waiting.end();

    let waited = if delay.is_zero() { String::new() } else { format!(" after {delay:?}") };
    match (mishap, passed) {
        (Some(Mishap::Status(status)), _) => {
            receiver.leave(&delivery, status, format!("answered {}{waited}, as told", status.as_u16()))
        }
        (Some(Mishap::HangUp), _) => {
            let answer = StatusCode::SERVICE_UNAVAILABLE;
            let mut answer = receiver.leave(&delivery, answer, format!("hung up{waited}, as told"));
            answer.extensions_mut().insert(HangUp);
            answer
        }
        (None, Some(Err(why))) => {
            receiver.leave(&delivery, StatusCode::BAD_GATEWAY, format!("could not be forwarded: {why}"))
        }
        (None, Some(Ok(status))) if !status.is_success() => {
            receiver.leave(&delivery, status, format!("forwarded, and answered {}", status.as_u16()))
        }
        (None, Some(Ok(status))) => {
            receiver.take(&delivery, status, &format!("{signature}, forwarded: {}{waited}", status.as_u16()))
        }
        (None, None) => receiver.take(&delivery, StatusCode::OK, &format!("{signature}{waited}")),
    }
}

impl Receiver {
    /// Whether a delivery can be trusted: what its signature says, or why not.
    fn check(&self, delivery: &Delivery) -> Result<&'static str, String> {
        let now = self.clock.now().seconds();
        let signature = signature(self.secret.as_ref(), &delivery.headers, &delivery.body, now)?;
        self.ledger.lock().chains.check(&delivery.event)?;
        Ok(signature)
    }

    /// Takes a delivery and answers with `status`. The chain is checked again: another delivery of
    /// the session can have been taken since.
    fn take(&self, delivery: &Delivery, status: StatusCode, note: &str) -> Response {
        let mut ledger = self.ledger.lock();
        let place = match ledger.chains.take(&delivery.event) {
            Ok(place) => place,
            Err(why) => {
                drop(ledger);
                return self.refuse(delivery, why);
            }
        };
        let outcome = match place {
            Place::Apart => Outcome::Taken { note: note.to_owned(), warning: false },
            Place::Again => Outcome::Again(format!("{note}, {place}")),
            Place::Next | Place::Begins => Outcome::Taken { note: format!("{note}, {place}"), warning: false },
            Place::Gap(..) | Place::Late(_) => Outcome::Taken { note: format!("{note}, {place}"), warning: true },
        };
        let printed = self.print(&ledger, delivery, &outcome);
        if printed && place != Place::Again {
            // The other end is gone only while the program ends.
            let _ = ledger.counted.send(Ok(()));
        }
        if printed { status.into_response() } else { StatusCode::INTERNAL_SERVER_ERROR.into_response() }
    }

    /// Answers a delivery that is to come again.
    fn leave(&self, delivery: &Delivery, status: StatusCode, what: String) -> Response {
        self.print(&self.ledger.lock(), delivery, &Outcome::NotTaken(what));
        status.into_response()
    }

    /// Answers a delivery that cannot be trusted.
    fn refuse(&self, delivery: &Delivery, why: String) -> Response {
        let answer = (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": &why }))).into_response();
        self.print(&self.ledger.lock(), delivery, &Outcome::Refused(why));
        answer
    }

    /// Prints a delivery. If that cannot be done, the program ends: nobody would see anything.
    fn print(&self, ledger: &Ledger, delivery: &Delivery, outcome: &Outcome) -> bool {
        let printed = print(self.json, self.clock.now(), outcome, &delivery.event, &delivery.body);
        let is_printed = printed.is_ok();
        if printed.is_err() {
            let _ = ledger.counted.send(printed);
        }
        is_printed
    }
}

/// A delivery on which something is waited for. Dropped before its end, because the sender has
/// hung up, it says so.
struct Waiting<'a> {
    receiver: &'a Receiver,
    delivery: &'a Delivery,
    over: bool,
}

impl<'a> Waiting<'a> {
    const fn new(receiver: &'a Receiver, delivery: &'a Delivery) -> Self {
        Self { receiver, delivery, over: false }
    }

    fn end(mut self) {
        self.over = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            let outcome = Outcome::NotTaken("the connection ended before the answer".to_owned());
            self.receiver.print(&self.receiver.ledger.lock(), self.delivery, &outcome);
        }
    }
}

fn signature(
    secret: Option<&WebhookSecret>,
    headers: &HeaderMap,
    body: &[u8],
    now: u64,
) -> Result<&'static str, String> {
    let Some(secret) = secret else { return Ok("signature not checked") };
    let header = headers.get("kyc-signature").ok_or("there is no KYC-Signature header")?;
    let header = header.to_str().map_err(|_| "the KYC-Signature header is not text")?;
    let verified = verify_kyc_signature(secret, header, body, now, TOLERANCE);
    verified.map(|()| "signature ok").map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;
    use vetd_actors::TestClock;
    use vetd_model::Timestamp;
    use vetd_model::signature::kyc_signature;

    use super::super::behaviour::Plan;
    use super::*;

    type Counted = mpsc::UnboundedReceiver<Result<(), Failure>>;

    fn receiver(secret: Option<WebhookSecret>, behaviour: Behaviour) -> (Router, Counted, TestClock) {
        let (counted, events) = mpsc::unbounded_channel();
        let clock = TestClock::new(Timestamp::from_seconds(1000));
        let ledger = Mutex::new(Ledger::new(counted));
        let receiver =
            Receiver { secret, clock: Arc::new(clock.clone()), json: false, behaviour, forward: None, ledger };
        (router(receiver), events, clock)
    }

    async fn deliver(router: &Router, signature: Option<String>, body: &'static [u8]) -> StatusCode {
        let mut request = Request::post("/");
        if let Some(signature) = signature {
            request = request.header("KYC-Signature", signature);
        }
        router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap().status()
    }

    #[tokio::test]
    async fn only_a_good_signature_is_accepted_and_counted() {
        let secret = WebhookSecret::new([7; 32]);
        let (router, mut events, _) = receiver(Some(secret.clone()), Behaviour::default());
        let body = b"{\"type\":\"verification.created\"}";
        assert_eq!(deliver(&router, Some(kyc_signature([&secret], 1000, body)), body).await, StatusCode::OK);
        assert!(events.try_recv().is_ok());
        let old = kyc_signature([&secret], 699, body);
        let others = kyc_signature([&WebhookSecret::new([8; 32])], 1000, body);
        for wrong in [None, Some(old), Some(others), Some("x".to_owned())] {
            assert_eq!(deliver(&router, wrong, body).await, StatusCode::BAD_REQUEST);
            assert!(events.try_recv().is_err());
        }
    }

    #[tokio::test]
    async fn without_a_secret_everything_is_taken_up_to_a_megabyte() {
        static BIG: [u8; BODY_LIMIT + 1] = [b'x'; BODY_LIMIT + 1];
        let (router, _events, _) = receiver(None, Behaviour::default());
        assert_eq!(deliver(&router, None, b"{}").await, StatusCode::OK);
        assert_eq!(deliver(&router, None, &BIG).await, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn an_event_that_comes_again_is_accepted_and_not_counted() {
        let (router, mut events, _) = receiver(None, Behaviour::default());
        for counts in [true, false] {
            assert_eq!(deliver(&router, None, b"{\"id\":\"evt_1\"}").await, StatusCode::OK);
            assert_eq!(events.try_recv().is_ok(), counts);
        }
    }

    #[tokio::test]
    async fn a_chosen_failure_takes_nothing_and_bad_deliveries_do_not_use_it_up() {
        let plan = Plan { mishap: Mishap::Status(StatusCode::IM_A_TEAPOT), times: Some(1) };
        let (router, mut events, _) = receiver(None, Behaviour::new(None, Some(plan)));
        let (broken, event) = (b"{\"session_id\":\"ses_1\"}", b"{\"id\":\"evt_1\"}");
        assert_eq!(deliver(&router, None, broken).await, StatusCode::BAD_REQUEST);
        assert_eq!(deliver(&router, None, event).await, StatusCode::IM_A_TEAPOT);
        assert!(events.try_recv().is_err());
        assert_eq!(deliver(&router, None, event).await, StatusCode::OK);
        assert!(events.try_recv().is_ok(), "what was not taken before does not come again");
    }

    #[tokio::test]
    async fn a_delay_is_waited_for_and_who_hangs_up_meanwhile_has_delivered_nothing() {
        let delay = Duration::from_secs(12);
        let (router, mut events, clock) = receiver(None, Behaviour::new(Some(delay), None));
        let event = b"{\"id\":\"evt_1\"}";
        for hangs_up in [true, false] {
            let mut delivered = Box::pin(deliver(&router, None, event));
            assert!(futures::poll!(&mut delivered).is_pending());
            clock.advance(Duration::from_millis(11_999));
            assert!(futures::poll!(&mut delivered).is_pending());
            if hangs_up {
                continue;
            }
            clock.advance(Duration::from_millis(1));
            assert_eq!(delivered.await, StatusCode::OK);
            assert!(events.try_recv().is_ok(), "counted, as it came for the first time");
        }
        assert!(events.try_recv().is_err());
    }
}
