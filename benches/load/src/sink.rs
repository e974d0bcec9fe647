//! Where the webhooks of the lifecycle scenario go: counts each event once, tells repeats from
//! news, checks some of the signatures, measures how old each event is when it arrives.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::serve::ListenerExt;
use bytes::Bytes;
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::net::TcpListener;
use vetd_model::EventId;
use vetd_model::signature::{WebhookSecret, verify_kyc_signature};

use crate::client::{Client, Server};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::ledger::age;
use crate::load::histogram;
use crate::report::quantile;

/// One delivery in so many has its signature checked: all of them would cost the machine that
/// is being measured too much.
pub const CHECKED: u64 = 32;
/// In seconds; machines' clocks may differ.
pub const TOLERANCE: u64 = 300;
/// How long no webhook may arrive before the others are given up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running receiver, registered with the server for every event.
pub struct Sink {
    key: String,
    endpoint: Endpoint,
    seen: Arc<Seen>,
}

struct Seen {
    secret: Mutex<Option<WebhookSecret>>,
    tally: Mutex<Tally>,
}

struct Tally {
    events: HashSet<EventId>,
    received: u64,
    duplicates: u64,
    refused: u64,
    last: Option<Instant>,
    ages: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        let ages = histogram();
        Self { events: HashSet::new(), received: 0, duplicates: 0, refused: 0, last: None, ages }
    }
}

/// What arrived after a load.
#[derive(Debug, Clone, Serialize)]
pub struct Deliveries {
    /// Four for each lifecycle.
    pub expected: u64,
    /// Different events that arrived.
    pub delivered: u64,
    /// Deliveries of events that had arrived before.
    pub duplicates: u64,
    /// Deliveries without an event's identifier or with a wrong signature (of those checked).
    pub refused: u64,
    /// How old events were when they arrived, from the time in their identifiers, in
    /// milliseconds.
    pub age_p50_ms: f64,
    /// See `age_p50_ms`.
    pub age_p99_ms: f64,
    /// See `age_p50_ms`.
    pub age_max_ms: f64,
    /// From the first request of the load, its warm-up included, to the last webhook.
    pub seconds: f64,
    /// Whole lifecycles a second in that time: created, walked through, and all four webhooks
    /// delivered.
    pub whole_lifecycles_per_second: f64,
}

impl Deliveries {
    /// True if every event arrived, and none was refused.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.delivered >= self.expected && self.refused == 0
    }
}

impl Sink {
    /// Starts a receiver and registers it for every event.
    pub async fn start(server: &Server, key: &str, listen: SocketAddr) -> Result<Self, Failure> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let seen = Arc::new(Seen { secret: Mutex::default(), tally: Mutex::default() });
        let routes = Router::new().route("/", post(receive)).with_state(Arc::clone(&seen));
        tokio::spawn(async move { drop(axum::serve(listener, routes).await) });

        let mut client = Client::connect(server).await?;
        let endpoint = Endpoint::register(&mut client, key, &format!("http://{address}/")).await?;
        *seen.secret.lock() = Some(endpoint.secret.clone());
        Ok(Self { key: key.to_owned(), endpoint, seen })
    }

    /// Forgets what has arrived so far.
    pub fn clear(&self) {
        *self.seen.tally.lock() = Tally::default();
    }

    /// Waits until four webhooks for each lifecycle have arrived, or none has for a while.
    #[expect(clippy::disallowed_methods, reason = "this program measures real time")]
    pub async fn settle(&self, lifecycles: u64, began: Instant) -> Deliveries {
        let expected = lifecycles * 4;
        let waiting = Instant::now();
        loop {
            {
                let tally = self.seen.tally.lock();
                let last = tally.last.map_or(waiting, |last| last.max(waiting));
                if tally.events.len() as u64 >= expected || last.elapsed() > PATIENCE {
                    return tally.deliveries(expected, lifecycles, began);
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Removes the endpoint.
    pub async fn end(&self, server: &Server) -> Result<(), Failure> {
        self.endpoint.remove(&mut Client::connect(server).await?, &self.key).await
    }
}

impl Tally {
    fn deliveries(&self, expected: u64, lifecycles: u64, began: Instant) -> Deliveries {
        let seconds = self.last.map_or(0.0, |last| last.duration_since(began).as_secs_f64());
        Deliveries {
            expected,
            delivered: self.events.len() as u64,
            duplicates: self.duplicates,
            refused: self.refused,
            age_p50_ms: quantile(&self.ages, 0.5),
            age_p99_ms: quantile(&self.ages, 0.99),
            age_max_ms: self.ages.max() as f64 / 1000.0,
            seconds,
            whole_lifecycles_per_second: lifecycles as f64 / seconds.max(0.001),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
async fn receive(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (now, clock) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let event = header("kyc-event-id").parse::<EventId>();
    let mut tally = seen.tally.lock();
    tally.received += 1;
    let is_checked = tally.received % CHECKED == 1;
    let secret = if is_checked { seen.secret.lock().clone() } else { None };
    let is_genuine = secret.is_none_or(|secret| {
        verify_kyc_signature(&secret, header("kyc-signature"), &body, clock.as_secs(), TOLERANCE).is_ok()
    });
    let Some(event) = event.ok().filter(|_| is_genuine) else {
        tally.refused += 1;
        return StatusCode::BAD_REQUEST;
    };
    tally.last = Some(now);
    if tally.events.insert(event) {
        tally.ages.saturating_record(age(event, clock));
    } else {
        tally.duplicates += 1;
    }
    StatusCode::OK
}
