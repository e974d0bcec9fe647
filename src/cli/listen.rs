//! `vetd listen`: a webhook receiver for the terminal, as a tenant's backend would be one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clap::Args;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use vetd_actors::{Clock, SystemClock};
use vetd_model::Timestamp;
use vetd_model::signature::{WebhookSecret, verify_kyc_signature};

use super::registration::Registration;
use crate::config::secret;
use crate::failure::Failure;
use crate::out;
use crate::serve::{Door, Limits, Signals, bind};

/// How far a signature's time may be from now, in seconds.
const TOLERANCE: u64 = 300;
/// The most bytes of one delivery.
const BODY_LIMIT: usize = 1 << 20;
/// How long the last deliveries may take to be answered at the end.
const DRAIN: Duration = Duration::from_secs(2);

/// The flags of `vetd listen`.
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 4242)]
    port: u16,
    /// The endpoint's secret (whsec_…); may also stand in VETD_WEBHOOK_SECRET
    #[arg(long, value_name = "SECRET", conflicts_with = "api_key")]
    secret: Option<String>,
    /// Register an endpoint with this key (ak_test_…) and remove it at the end; may also stand in VETD_API_KEY
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,
    /// The server to register at
    #[arg(long, env = "VETD_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Print the whole body of each event
    #[arg(long)]
    json: bool,
    /// End after this many events with a good signature
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// What each request needs.
struct Receiver {
    secret: Option<WebhookSecret>,
    clock: Arc<dyn Clock>,
    json: bool,
    /// Sent one for each delivery that was accepted. The lock keeps lines and counts in step.
    accepted: Mutex<mpsc::UnboundedSender<Result<(), Failure>>>,
}

/// Receives until a signal or `--count` ends it.
pub(super) async fn run(args: ListenArgs) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port))).await?;
    let listening = listener.local_addr().map_err(|error| Failure::listen(error.to_string()))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());

    let given = match (&args.secret, &args.api_key) {
        (None, None) => secret("VETD_WEBHOOK_SECRET")?,
        _ => args.secret.clone(),
    };
    let api_key = match (&given, &args.api_key) {
        (None, None) => secret("VETD_API_KEY")?,
        _ => args.api_key.clone(),
    };
    let wrong = "the secret must be whsec_ followed by base64 of 24 to 64 bytes";
    let given =
        given.map(|text| WebhookSecret::parse(&text).ok_or_else(|| Failure::configuration(wrong))).transpose()?;
    // Deliveries that come before this answer wait in the system's queue.
    let registration = match &api_key {
        Some(key) => Some(tokio::select! {
            made = Registration::make(&args.url, key, listening) => made?,
            // The endpoint may or may not be there; `vetd listen` never knew its name.
            signal = signals.next() => return Err(Failure::other(format!("ended by {signal} while registering"))),
        }),
        None => None,
    };
    let known = registration.as_ref().map(|made| made.secret.clone()).or(given);

    let received = receive(&args, known, registration.as_ref(), listener, clock, &mut signals).await;
    // The endpoint goes, however the rest ended.
    let removed = match registration {
        Some(made) => {
            let left = format!("ended by a second signal; the endpoint {} may still be there", made.id);
            tokio::select! {
                removed = made.remove() => removed,
                _ = signals.next() => Err(Failure::other(left)),
            }
        }
        None => Ok(()),
    };
    received.and(removed)
}

async fn receive(
    args: &ListenArgs,
    secret: Option<WebhookSecret>,
    registration: Option<&Registration>,
    listener: tokio::net::TcpListener,
    clock: Arc<dyn Clock>,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let listening = listener.local_addr().map_err(|error| Failure::listen(error.to_string()))?;
    let how = match (registration, &secret) {
        (Some(made), _) => format!("registered as {}, removed again at the end", made.id),
        (None, Some(_)) => "signatures are checked with the given secret".to_owned(),
        (None, None) => "signatures are NOT checked; give --secret or --api-key".to_owned(),
    };
    // With --json, standard output holds events alone.
    let greeting = format!("listening on  http://{listening}/  ({how})");
    if args.json {
        out::complain(&greeting);
    } else {
        out::say(&greeting)?;
    }

    let (accepted, mut events) = mpsc::unbounded_channel();
    let receiver = Receiver { secret, clock: Arc::clone(&clock), json: args.json, accepted: Mutex::new(accepted) };
    let door = Door { clock, connections: 256, limits: Limits::USUAL, drain: DRAIN, open: Gauge::default() };
    let enough = async {
        let mut left = args.count;
        loop {
            tokio::select! {
                _ = signals.next() => return Ok(()),
                event = events.recv() => match event {
                    Some(printed) => printed?,
                    None => return Ok(()),
                },
            }
            left = left.map(|left| left - 1);
            if left == Some(0) {
                return Ok(());
            }
        }
    };
    let mut outcome = Ok(());
    let stop = async { outcome = enough.await };
    door.serve(listener, router(receiver), stop).await;
    outcome
}

fn router(receiver: Receiver) -> Router {
    let receiver = Arc::new(receiver);
    let routes = Router::new().fallback(post(deliver));
    routes.layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(receiver)
}

async fn deliver(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> Response {
    let now = receiver.clock.now();
    let verdict = verdict(receiver.secret.as_ref(), &headers, &body, now.seconds());
    let printed = {
        let accepted = receiver.accepted.lock();
        let printed = print(receiver.json, now, &verdict, &body);
        if verdict.is_ok() {
            // The other end is gone only while the program ends.
            let _ = accepted.send(printed.clone());
        }
        printed
    };
    match verdict {
        Ok(_) if printed.is_ok() => StatusCode::OK.into_response(),
        Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": why }))).into_response(),
    }
}

fn verdict(secret: Option<&WebhookSecret>, headers: &HeaderMap, body: &[u8], now: u64) -> Result<&'static str, String> {
    let Some(secret) = secret else { return Ok("signature not checked") };
    let header = headers.get("kyc-signature").ok_or("there is no KYC-Signature header")?;
    let header = header.to_str().map_err(|_| "the KYC-Signature header is not text")?;
    let verified = verify_kyc_signature(secret, header, body, now, TOLERANCE);
    verified.map(|()| "signature ok").map_err(|error| error.to_string())
}

fn print(as_json: bool, now: Timestamp, verdict: &Result<&'static str, String>, body: &[u8]) -> Result<(), Failure> {
    let event: Option<Value> = serde_json::from_slice(body).ok();
    match (as_json, verdict, &event) {
        // Valid JSON holds no raw control characters but those between its parts.
        (true, Ok(_), Some(_)) => out::say(&String::from_utf8_lossy(body).replace(['\n', '\r'], " ")),
        (true, _, _) => {
            out::complain(&line(now, verdict, event.as_ref()));
            Ok(())
        }
        (false, _, _) => out::say(&line(now, verdict, event.as_ref())),
    }
}

/// Time of day (UTC), type, session, sequence, and what the signature says.
fn line(now: Timestamp, verdict: &Result<&'static str, String>, event: Option<&Value>) -> String {
    let text = |name: &str| event.and_then(|event| event.get(name)).and_then(Value::as_str).unwrap_or("-").to_owned();
    let sequence = event.and_then(|event| event.get("sequence")).and_then(Value::as_u64);
    let sequence = sequence.map_or_else(|| "-".to_owned(), |number| format!("#{number}"));
    let second = now.seconds() % 86_400;
    let time = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    let signature = match verdict {
        Ok(fine) => (*fine).to_owned(),
        Err(why) => format!("REFUSED: {why}"),
    };
    let (kind, session) = (text("type"), text("session_id"));
    out::harmless(&format!("{time}  {kind:<28}  {session:<30}  {sequence:<3}  {signature}"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;
    use vetd_actors::TestClock;
    use vetd_model::signature::kyc_signature;

    use super::*;

    fn receiver(secret: Option<WebhookSecret>) -> (Router, mpsc::UnboundedReceiver<Result<(), Failure>>) {
        let (accepted, events) = mpsc::unbounded_channel();
        let clock = Arc::new(TestClock::new(Timestamp::from_seconds(1000)));
        (router(Receiver { secret, clock, json: false, accepted: Mutex::new(accepted) }), events)
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
        let (router, mut events) = receiver(Some(secret.clone()));
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
        let (router, _events) = receiver(None);
        assert_eq!(deliver(&router, None, b"{}").await, StatusCode::OK);
        assert_eq!(deliver(&router, None, &BIG).await, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn an_event_is_one_line() {
        let event = json!({ "type": "verification.updated", "session_id": "ses_1", "sequence": 2 });
        let line = line(Timestamp::from_seconds(86_400 + 3_661), &Ok("signature ok"), Some(&event));
        assert_eq!(
            line.split_whitespace().collect::<Vec<_>>(),
            ["01:01:01", "verification.updated", "ses_1", "#2", "signature", "ok"]
        );
    }
}
