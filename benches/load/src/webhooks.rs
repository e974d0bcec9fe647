//! Receivers of the driver's own, one path an endpoint: how fast webhooks come, whether all do,
//! once each and in order; and whether an endpoint that is dead makes those of the others late.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::serve::ListenerExt;
use clap::Args;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpSocket};
use vetd_model::signature::{WebhookSecret, verify_kyc_signature};
use vetd_model::webhook::ENDPOINT_LIMIT;
use vetd_model::{EventId, SessionId};

use crate::client::{Client, Server};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::ledger::{Arrival, Ledger};
use crate::load::{Course, load};
use crate::report::{complain, quantile};
use crate::scenario::{Scenario, Stock};
use crate::sink::{CHECKED, PATIENCE, TOLERANCE};

/// The largest body that a receiver reads, in bytes.
const BODY_LIMIT: usize = 1 << 20;

/// Who receives what.
#[derive(Debug, Clone, Copy, Args)]
pub struct Options {
    /// For `webhooks`: how many endpoints get every event
    #[arg(long, default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=ENDPOINT_LIMIT as u64))]
    endpoints: usize,
    /// For `webhooks`: events of each session; with 2 it is canceled at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=2))]
    events: u32,
    /// For `webhooks`: one more endpoint, which refuses connections and has `--pending` deliveries
    /// to get when the load begins
    #[arg(long)]
    dead: bool,
    /// With `--dead`: how many deliveries that endpoint has to get when the load begins
    #[arg(long, requires = "dead", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pending: u64,
}

/// What arrived after a load.
#[derive(Debug, Clone, Serialize)]
pub struct Receipts {
    /// Those that got every event.
    pub endpoints: usize,
    /// What the dead endpoint had to get before the load, if there was one.
    pub dead_pending: Option<u64>,
    /// Every event of every session made, the warm-up's included, once for each endpoint.
    pub expected: u64,
    /// Those of them that arrived.
    pub delivered: u64,
    /// Those that did not.
    pub missing: u64,
    /// Deliveries of an event to an endpoint that had it already.
    pub duplicates: u64,
    /// Events that came to an endpoint after a later one of the same session.
    pub out_of_order: u64,
    /// Deliveries that name no event, or with a wrong signature (of those checked).
    pub refused: u64,
    /// From the first request of the load, its warm-up included, to the last delivery.
    pub seconds: f64,
    /// Deliveries a second in that time.
    pub per_second: f64,
    /// How old events made after the warm-up were when the head of their request had arrived, from
    /// the time in their identifiers, in milliseconds.
    pub age_p50_ms: f64,
    /// See `age_p50_ms`.
    pub age_p99_ms: f64,
    /// See `age_p50_ms`.
    pub age_p999_ms: f64,
    /// See `age_p50_ms`.
    pub age_max_ms: f64,
}

/// What the receivers note, shared with those who make sessions.
#[derive(Debug)]
pub struct Book {
    options: Options,
    /// True in a closed loop: the next session is made when this one's events have arrived.
    waits: bool,
    secrets: Mutex<Vec<WebhookSecret>>,
    received: AtomicU64,
    page: Mutex<Page>,
}

#[derive(Debug)]
struct Page {
    ledger: Ledger,
    last: Option<Instant>,
}

/// The receivers and what the server knows of them.
pub struct Hooks {
    key: String,
    /// Where they listen.
    address: SocketAddr,
    /// Bound but not listening: it refuses connections, and nobody else can get its port.
    dead: Option<TcpSocket>,
    registered: Mutex<Vec<Endpoint>>,
    /// What has arrived.
    pub book: Arc<Book>,
}

/// Of a delivery's body, what is checked.
#[derive(Deserialize)]
struct Envelope {
    id: String,
    session_id: String,
    sequence: u32,
}

impl Options {
    /// Refuses what does not go together.
    ///
    /// # Errors
    /// What to change.
    pub fn check(&self, scenario: Scenario) -> Result<(), Failure> {
        if self.dead && scenario != Scenario::Webhooks {
            return Err(Failure::other("--dead is for `run webhooks`"));
        }
        if self.dead && self.endpoints == ENDPOINT_LIMIT {
            let most = ENDPOINT_LIMIT - 1;
            return Err(Failure::other(format!("with --dead there can be {most} --endpoints at most")));
        }
        Ok(())
    }
}

impl Receipts {
    /// True if every event arrived at every endpoint, in order, and none was refused.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.missing == 0 && self.out_of_order == 0 && self.refused == 0
    }

    /// For people.
    #[must_use]
    pub fn line(&self) -> String {
        let dead = self.dead_pending.map(|pending| format!(" beside a dead one with {pending} pending"));
        format!(
            "          {:.0} deliveries a second to {}{}: {} of {} in {:.1} s, {} missing, {} out of order, {} \
             more than once, {} refused; age on arrival p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms",
            self.per_second,
            endpoints(self.endpoints as u64),
            dead.unwrap_or_default(),
            self.delivered,
            self.expected,
            self.seconds,
            self.missing,
            self.out_of_order,
            self.duplicates,
            self.refused,
            self.age_p50_ms,
            self.age_p99_ms,
            self.age_p999_ms,
            self.age_max_ms
        )
    }
}

impl Book {
    fn new(options: Options, waits: bool) -> Self {
        let ledger = Ledger::new(options.endpoints, options.events, Duration::ZERO);
        let page = Mutex::new(Page { ledger, last: None });
        Self { options, waits, secrets: Mutex::default(), received: AtomicU64::new(0), page }
    }

    /// How many events each session is to have.
    #[must_use]
    pub const fn events(&self) -> u32 {
        self.options.events
    }

    /// Notes that a session and its events were made; in a closed loop, waits until they have
    /// arrived everywhere.
    pub async fn made(&self, session: SessionId) -> Result<(), Failure> {
        let whole = self.page.lock().ledger.made(session);
        // It ends without a word if everything had arrived before.
        if self.waits {
            drop(whole.await);
        }
        Ok(())
    }

    /// Forgets what has arrived so far; ages count for events made after the warm-up.
    #[expect(clippy::disallowed_methods, reason = "this program measures real time")]
    pub fn begin(&self, warmup: Duration) {
        let from = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + warmup;
        let ledger = Ledger::new(self.options.endpoints, self.options.events, from);
        *self.page.lock() = Page { ledger, last: None };
    }

    /// Waits until every event has arrived everywhere, or none has for a while.
    #[expect(clippy::disallowed_methods, reason = "this program measures real time")]
    pub async fn settle(&self, began: Instant) -> Receipts {
        let waiting = Instant::now();
        loop {
            {
                let page = self.page.lock();
                let last = page.last.map_or(waiting, |last| last.max(waiting));
                if page.ledger.is_whole() || last.elapsed() > PATIENCE {
                    return self.receipts(&page, began);
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn receipts(&self, page: &Page, began: Instant) -> Receipts {
        let (counts, ages) = (page.ledger.counts(), page.ledger.ages());
        let (expected, missing) = page.ledger.expected_and_missing();
        let seconds = page.last.map_or(0.0, |last| last.duration_since(began).as_secs_f64());
        Receipts {
            endpoints: self.options.endpoints,
            dead_pending: self.options.dead.then_some(self.options.pending),
            expected,
            delivered: expected - missing,
            missing,
            duplicates: counts.duplicates,
            out_of_order: counts.out_of_order,
            refused: counts.refused,
            seconds,
            per_second: (expected - missing) as f64 / seconds.max(0.001),
            age_p50_ms: quantile(ages, 0.5),
            age_p99_ms: quantile(ages, 0.99),
            age_p999_ms: quantile(ages, 0.999),
            age_max_ms: ages.max() as f64 / 1000.0,
        }
    }

    /// True unless this delivery is one of those checked, and its signature is wrong.
    fn is_genuine(&self, endpoint: usize, headers: &HeaderMap, body: &[u8], now: Duration) -> bool {
        if !self.received.fetch_add(1, Ordering::Relaxed).is_multiple_of(CHECKED) {
            return true;
        }
        let secrets = self.secrets.lock();
        let signature = headers.get("kyc-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
        secrets
            .get(endpoint)
            .is_some_and(|secret| verify_kyc_signature(secret, signature, body, now.as_secs(), TOLERANCE).is_ok())
    }
}

impl Hooks {
    /// Listens; the server knows nothing of it yet.
    pub async fn listen(key: &str, listen: SocketAddr, options: Options, waits: bool) -> Result<Self, Failure> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let book = Arc::new(Book::new(options, waits));
        let routes = Router::new().route("/{endpoint}", post(receive)).with_state(Arc::clone(&book));
        tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        let dead = if options.dead { Some(refusing(address)?) } else { None };
        Ok(Self { key: key.to_owned(), address, dead, registered: Mutex::default(), book })
    }

    /// Registers the endpoints: first the dead one, which gets its pending deliveries before there
    /// are others, so that those get the measured load alone.
    pub async fn register(&self, server: &Server, connections: usize) -> Result<(), Failure> {
        let mut client = Client::connect(server).await?;
        if let Some(dead) = &self.dead {
            let url = format!("http://{}/", dead.local_addr()?);
            let endpoint = Endpoint::register(&mut client, &self.key, &url).await?;
            self.registered.lock().push(endpoint);
            self.fill(server, connections).await?;
        }
        for number in 0..self.book.options.endpoints {
            let url = format!("http://{}/{number}", self.address);
            let endpoint = Endpoint::register(&mut client, &self.key, &url).await?;
            self.book.secrets.lock().push(endpoint.secret.clone());
            self.registered.lock().push(endpoint);
        }
        Ok(())
    }

    /// Makes the sessions whose events the dead endpoint has to get.
    async fn fill(&self, server: &Server, connections: usize) -> Result<(), Failure> {
        let stock = Stock::prepare(server, &self.key, Scenario::Live, 0, None).await?;
        let course = Course {
            connections,
            warmup: Duration::ZERO,
            duration: Duration::ZERO,
            rate: None,
            operations: Some(self.book.options.pending),
        };
        let made = load("pending", server, &stock, course).await?.finished;
        let wanted = self.book.options.pending;
        let short = || Failure::other(format!("only {made} of {wanted} sessions were made for the dead endpoint"));
        (made == wanted).then_some(()).ok_or_else(short)
    }

    /// Removes what was registered, as far as it goes.
    pub async fn end(&self, server: &Server) -> Result<(), Failure> {
        let registered = std::mem::take(&mut *self.registered.lock());
        if registered.is_empty() {
            return Ok(());
        }
        let mut client = Client::connect(server).await?;
        for endpoint in registered {
            if let Err(error) = endpoint.remove(&mut client, &self.key).await {
                complain(&format!("a webhook endpoint could not be removed: {error}"));
            }
        }
        Ok(())
    }
}

/// So many endpoints, in words.
#[must_use]
pub fn endpoints(count: u64) -> String {
    format!("{count} {}", if count == 1 { "endpoint" } else { "endpoints" })
}

/// A port at this address that refuses connections.
fn refusing(beside: SocketAddr) -> Result<TcpSocket, Failure> {
    let socket = if beside.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(beside.ip(), 0))?;
    Ok(socket)
}

#[expect(clippy::disallowed_methods, reason = "this program measures real time")]
async fn receive(State(book): State<Arc<Book>>, Path(endpoint): Path<usize>, request: Request) -> StatusCode {
    // The body is yet to be read.
    let (now, at) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else { return StatusCode::BAD_REQUEST };
    let arrival = if book.is_genuine(endpoint, &head.headers, &body, at) { read(endpoint, &body, at) } else { None };
    let mut page = book.page.lock();
    page.last = Some(now);
    let is_noted = match arrival {
        Some(arrival) => page.ledger.arrived(arrival),
        None => {
            page.ledger.refused();
            false
        }
    };
    if is_noted { StatusCode::OK } else { StatusCode::BAD_REQUEST }
}

/// What a delivery says of itself.
fn read(endpoint: usize, body: &[u8], at: Duration) -> Option<Arrival> {
    let envelope: Envelope = serde_json::from_slice(body).ok()?;
    let event: EventId = envelope.id.parse().ok()?;
    let session: SessionId = envelope.session_id.parse().ok()?;
    Some(Arrival { endpoint, session, event, sequence: envelope.sequence, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(endpoints: usize, dead: bool) -> Options {
        Options { endpoints, events: 1, dead, pending: 10 }
    }

    #[test]
    fn a_dead_endpoint_needs_its_scenario_and_a_place_of_its_own() {
        assert!(options(99, true).check(Scenario::Webhooks).is_ok());
        assert!(options(100, false).check(Scenario::Webhooks).is_ok());
        assert!(options(1, false).check(Scenario::Create).is_ok());
        assert!(options(100, true).check(Scenario::Webhooks).is_err());
        assert!(options(1, true).check(Scenario::Create).is_err());
    }

    #[test]
    fn a_delivery_names_its_event_session_and_place() {
        let (event, session) = ("evt_01jdf2myt0fzzvzzzzzzzzzzzz", "ses_01jdf2myt0fzzvzzzzzzzzzzzz");
        let body = serde_json::json!({ "id": event, "session_id": session, "sequence": 2, "data": {} }).to_string();
        let arrival = read(3, body.as_bytes(), Duration::ZERO).unwrap();
        assert_eq!((arrival.endpoint, arrival.sequence), (3, 2));
        assert_eq!((arrival.event.to_string(), arrival.session.to_string()), (event.to_owned(), session.to_owned()));
        for wrong in ["", "{}", &body.replace("ses_", "ver_"), &body.replace("evt_", "ses_")] {
            assert!(read(0, wrong.as_bytes(), Duration::ZERO).is_none(), "{wrong}");
        }
    }

    #[test]
    fn one_missing_or_one_late_spoils_a_run() {
        let book = Book::new(options(1, true), false);
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let receipts = book.receipts(&book.page.lock(), Instant::now());
        assert!(receipts.is_complete() && receipts.dead_pending == Some(10));
        assert!(Receipts { duplicates: 1, ..receipts }.is_complete(), "at least once is what is promised");
        assert!(!Receipts { missing: 1, ..receipts }.is_complete());
        assert!(!Receipts { out_of_order: 1, ..receipts }.is_complete());
        assert!(!Receipts { refused: 1, ..receipts }.is_complete());
    }

    #[tokio::test]
    async fn the_dead_receiver_refuses_connections() {
        let dead = refusing(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let refused = tokio::net::TcpStream::connect(dead.local_addr().unwrap()).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
