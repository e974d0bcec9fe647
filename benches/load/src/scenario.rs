//! What a worker does over and over: one operation of a scenario, which may be several requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use clap::ValueEnum;
use futures::future::try_join_all;
use hyper::Method;
use hyper::header::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bare::{Sample, Samples};
use crate::client::{Client, Message, Reply, Server, bearer};
use crate::failure::Failure;
use crate::webhooks::Book;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// Create sessions, each with an idempotency key of its own
    Create,
    /// Fetch sessions, `--spread` different ones in turn
    Read,
    /// Repeat creations with their idempotency keys, `--spread` different ones in turn
    Replay,
    /// Create, load, submit two steps; with webhooks going to a sink of the driver's own
    Lifecycle,
    /// Eight reads and one creation in nine operations
    Mixed,
    /// Create sessions until `--sessions` of them live, and leave them open
    Live,
    /// Create sessions, with webhooks going to `--endpoints` receivers of the driver's own
    Webhooks,
}

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// `POST /v1/sessions`
    Create,
    /// `GET /v1/sessions/{id}`
    Read,
    /// `POST /v1/sessions/{id}/cancel`
    Cancel,
    /// `POST /iframe/api/load`
    Load,
    /// `POST /iframe/api/steps/consent`
    Consent,
    /// `POST /iframe/api/steps/data_entry`
    DataEntry,
}

/// The body of a creation: the metadata and address of a typical one.
const CREATE: &[u8] =
    br#"{"metadata":{"customer_id":"cus_123"},"redirect_url":"https://yourapp.example.com/kyc/complete"}"#;
const LONG_LIVED: &[u8] = br#"{"metadata":{"customer_id":"cus_123"},"expires_in":86400}"#;
const CONSENT: &[u8] = br#"{"accepted":true}"#;
const DATA: &[u8] =
    br#"{"fields":{"first_name":"ANNA MARIA","last_name":"ERIKSSON","date_of_birth":"1974-08-12","country":"SE"}}"#;

const CREATE_PATH: &str = "/v1/sessions";

/// What all workers of a run share: the sessions that are there already, and fresh keys.
#[derive(Debug)]
pub struct Stock {
    scenario: Scenario,
    key: HeaderValue,
    known: Vec<Known>,
    /// For `webhooks`: what has arrived at the driver's receivers.
    book: Option<Arc<Book>>,
    /// Makes idempotency keys that no other worker and no earlier run has used.
    numbers: AtomicU64,
    run: u128,
}

/// A session that was made before the measuring began.
#[derive(Debug)]
struct Known {
    path: String,
    idempotency_key: String,
}

impl Stock {
    /// Makes the sessions that the scenario needs: `spread` of them for reads and replays. For
    /// `webhooks`, what it makes is noted in `book`.
    pub async fn prepare(
        server: &Server,
        key: &str,
        scenario: Scenario,
        spread: u64,
        book: Option<Arc<Book>>,
    ) -> Result<Arc<Self>, Failure> {
        const HANDS: u64 = 32;
        #[expect(clippy::disallowed_methods, reason = "tells this run's keys from those of others")]
        let run = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let mut stock = Self { scenario, key: bearer(key)?, known: Vec::new(), book, numbers: AtomicU64::new(0), run };
        if matches!(scenario, Scenario::Read | Scenario::Replay | Scenario::Mixed) {
            let hands = HANDS.min(spread);
            let parts = (0..hands).map(|hand| stock.make(server, spread / hands + u64::from(hand < spread % hands)));
            stock.known = try_join_all(parts).await?.into_iter().flatten().collect();
        }
        Ok(Arc::new(stock))
    }

    async fn make(&self, server: &Server, count: u64) -> Result<Vec<Known>, Failure> {
        let mut client = Client::connect(server).await?;
        let mut made = Vec::new();
        for _ in 0..count {
            let idempotency_key = self.fresh_key();
            let message = self.creation(&idempotency_key, CREATE);
            let reply = expect(Call::Create, client.send(message).await?)?;
            made.push(Known { path: format!("{CREATE_PATH}/{}", text(&reply, "id")?), idempotency_key });
        }
        Ok(made)
    }

    fn creation<'a>(&self, idempotency_key: &'a str, body: &'static [u8]) -> Message<'a> {
        Message {
            method: Method::POST,
            path: CREATE_PATH,
            bearer: self.key.clone(),
            idempotency_key: Some(idempotency_key),
            body: Bytes::from_static(body),
        }
    }

    fn fresh_key(&self) -> String {
        format!("load-{:x}-{:x}", self.run, self.numbers.fetch_add(1, Ordering::Relaxed))
    }
}

/// One connection's worker.
pub struct Worker {
    /// Its connection.
    pub client: Client,
    stock: Arc<Stock>,
    /// Counts its operations, from a start of its own, so that workers do not go in step.
    turn: u64,
    /// What the server answers, if this worker is to remember it.
    samples: Option<Samples>,
}

impl Worker {
    /// The worker with this number.
    pub fn new(client: Client, stock: Arc<Stock>, number: usize) -> Self {
        const STRIDE: u64 = 7919;
        Self { client, stock, turn: number as u64 * STRIDE, samples: None }
    }

    /// Makes each call of the scenario once, and returns what the server answers.
    pub async fn sample(mut self) -> Result<Samples, Failure> {
        self.samples = Some(Samples::new());
        match self.stock.scenario {
            Scenario::Mixed => {
                self.read().await?;
                self.create(CREATE).await?;
            }
            Scenario::Replay => {
                let reply = self.replay().await?;
                if !reply.headers.contains_key("idempotent-replayed") {
                    return Err(Failure::other("the repeated creation was not answered by a replay"));
                }
            }
            _ => self.operate().await?,
        }
        Ok(self.samples.unwrap_or_default())
    }

    /// One operation.
    pub async fn operate(&mut self) -> Result<(), Failure> {
        self.turn += 1;
        match self.stock.scenario {
            Scenario::Create => self.create(CREATE).await.map(drop),
            Scenario::Live => self.create(LONG_LIVED).await.map(drop),
            Scenario::Read => self.read().await,
            Scenario::Mixed if !self.turn.is_multiple_of(9) => self.read().await,
            Scenario::Mixed => self.create(CREATE).await.map(drop),
            Scenario::Replay => self.replay().await.map(drop),
            Scenario::Lifecycle => self.live_through().await,
            Scenario::Webhooks => self.notify().await,
        }
    }

    async fn create(&mut self, body: &'static [u8]) -> Result<Reply, Failure> {
        let stock = Arc::clone(&self.stock);
        let key = stock.fresh_key();
        self.call(Call::Create, stock.creation(&key, body)).await
    }

    async fn replay(&mut self) -> Result<Reply, Failure> {
        let stock = Arc::clone(&self.stock);
        let known = stock.known(self.turn)?;
        self.call(Call::Create, stock.creation(&known.idempotency_key, CREATE)).await
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let stock = Arc::clone(&self.stock);
        let path = &stock.known(self.turn)?.path;
        let bearer = stock.key.clone();
        let message = Message { method: Method::GET, path, bearer, idempotency_key: None, body: Bytes::new() };
        self.call(Call::Read, message).await.map(drop)
    }

    async fn live_through(&mut self) -> Result<(), Failure> {
        let session = self.create(CREATE).await?;
        let token = bearer(&text(&session, "sdk_token")?)?;
        let steps: [(Call, &str, &'static [u8]); 3] = [
            (Call::Load, "/iframe/api/load", b"{}"),
            (Call::Consent, "/iframe/api/steps/consent", CONSENT),
            (Call::DataEntry, "/iframe/api/steps/data_entry", DATA),
        ];
        for (call, path, body) in steps {
            let body = Bytes::from_static(body);
            let message = Message { method: Method::POST, path, bearer: token.clone(), idempotency_key: None, body };
            self.call(call, message).await?;
        }
        Ok(())
    }

    /// Makes a session and, if it is to have a second event, cancels it.
    async fn notify(&mut self) -> Result<(), Failure> {
        let stock = Arc::clone(&self.stock);
        let book = stock.book.as_ref().ok_or_else(|| Failure::other("no receiver was prepared"))?;
        let session = text(&self.create(CREATE).await?, "id")?;
        if book.events() > 1 {
            let path = format!("{CREATE_PATH}/{session}/cancel");
            let bearer = stock.key.clone();
            let message =
                Message { method: Method::POST, path: &path, bearer, idempotency_key: None, body: Bytes::new() };
            self.call(Call::Cancel, message).await?;
        }
        book.made(session.parse().map_err(Failure::other)?).await
    }

    async fn call(&mut self, call: Call, message: Message<'_>) -> Result<Reply, Failure> {
        let reply = expect(call, self.client.send(message).await?)?;
        if let Some(samples) = &mut self.samples {
            samples.insert(call, Sample::of(&reply));
        }
        Ok(reply)
    }
}

impl Stock {
    fn known(&self, turn: u64) -> Result<&Known, Failure> {
        let place = turn.checked_rem(self.known.len() as u64).and_then(|place| self.known.get(place as usize));
        place.ok_or_else(|| Failure::other("no session was prepared"))
    }
}

/// A field of an answer.
///
/// # Errors
/// If it is not there.
pub fn text(reply: &Reply, name: &str) -> Result<String, Failure> {
    let value: Value = serde_json::from_slice(&reply.body).map_err(Failure::other)?;
    value[name].as_str().map(str::to_owned).ok_or_else(|| Failure::Other(format!("the answer has no {name}")))
}

fn expect(call: Call, reply: Reply) -> Result<Reply, Failure> {
    let expected = if call == Call::Create { 201 } else { 200 };
    let status = reply.status.as_u16();
    if status == expected {
        return Ok(reply);
    }
    let value: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let code = value["error"]["code"].as_str().map(str::to_owned);
    let body = String::from_utf8_lossy(&reply.body).chars().take(300).collect();
    Err(Failure::Status { status, expected, code, body })
}
