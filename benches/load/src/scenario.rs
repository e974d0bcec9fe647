//! What a worker does over and over: one operation of a scenario, which may be several requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use clap::ValueEnum;
use hyper::Method;
use serde::Serialize;
use serde_json::Value;

use crate::client::{Client, Reply};
use crate::run::Failure;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// Create sessions, each with an idempotency key of its own
    Create,
    /// Fetch one session over and over
    Read,
    /// Repeat one creation with its idempotency key
    Replay,
    /// Create, load, submit two steps; with webhooks going to a sink of the driver's own
    Lifecycle,
    /// Eight reads and one creation in nine operations
    Mixed,
    /// Create sessions until `--sessions` of them live, and leave them open
    Live,
}

/// The body of a creation: the metadata and address of a typical one.
const CREATE: &[u8] =
    br#"{"metadata":{"customer_id":"cus_123"},"redirect_url":"https://yourapp.example.com/kyc/complete"}"#;
const LONG_LIVED: &[u8] = br#"{"metadata":{"customer_id":"cus_123"},"expires_in":86400}"#;
const CONSENT: &[u8] = br#"{"accepted":true}"#;
const DATA: &[u8] =
    br#"{"fields":{"first_name":"ANNA MARIA","last_name":"ERIKSSON","date_of_birth":"1974-08-12","country":"SE"}}"#;

/// One connection's worker.
pub struct Worker {
    client: Client,
    scenario: Scenario,
    key: Arc<str>,
    /// Makes idempotency keys that no other worker and no earlier run has used.
    numbers: Arc<AtomicU64>,
    run: u64,
    /// A session that exists already, for reads and replays.
    known: Option<(String, String)>,
    turns: u64,
    /// False for the bare handler, whose answers say nothing.
    is_vetd: bool,
}

impl Worker {
    /// A worker that has prepared nothing yet.
    pub fn new(
        client: Client,
        scenario: Scenario,
        key: Arc<str>,
        numbers: Arc<AtomicU64>,
        run: u64,
        is_vetd: bool,
    ) -> Self {
        Self { client, scenario, key, numbers, run, known: None, turns: 0, is_vetd }
    }

    /// What has to be there before the measuring begins.
    pub async fn prepare(&mut self) -> Result<(), Failure> {
        if !self.is_vetd {
            self.known = Some(("/v1/sessions/ses_01jd7w0c8ze5tb9n3m6qk4v2ah".to_owned(), String::new()));
        } else if matches!(self.scenario, Scenario::Read | Scenario::Replay | Scenario::Mixed) {
            let key = self.fresh_key();
            let session = self.create(&key, CREATE).await?;
            let id = text(&session, "id")?;
            self.known = Some((format!("/v1/sessions/{id}"), key));
        }
        Ok(())
    }

    /// One operation.
    pub async fn operate(&mut self) -> Result<(), Failure> {
        self.turns += 1;
        match self.scenario {
            Scenario::Create => self.create_new(CREATE).await.map(drop),
            Scenario::Live => self.create_new(LONG_LIVED).await.map(drop),
            Scenario::Read => self.read().await,
            Scenario::Mixed if !self.turns.is_multiple_of(9) => self.read().await,
            Scenario::Mixed => self.create_new(CREATE).await.map(drop),
            Scenario::Replay => {
                let key = self.known.as_ref().map(|(_, key)| key.clone()).unwrap_or_default();
                let bearer = Arc::clone(&self.key);
                let reply = self.client.send(Method::POST, "/v1/sessions", &bearer, Some(&key), CREATE.into());
                expect(201, &reply.await?)
            }
            Scenario::Lifecycle => self.live_through().await,
        }
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let path = self.known.as_ref().map(|(path, _)| path.clone()).unwrap_or_default();
        let bearer = Arc::clone(&self.key);
        expect(200, &self.client.send(Method::GET, &path, &bearer, None, Bytes::new()).await?)
    }

    async fn create_new(&mut self, body: &'static [u8]) -> Result<Value, Failure> {
        let key = self.fresh_key();
        self.create(&key, body).await
    }

    async fn create(&mut self, key: &str, body: &'static [u8]) -> Result<Value, Failure> {
        let bearer = Arc::clone(&self.key);
        let reply = self.client.send(Method::POST, "/v1/sessions", &bearer, Some(key), body.into()).await?;
        expect(if self.is_vetd { 201 } else { 200 }, &reply)?;
        if self.scenario == Scenario::Create || self.scenario == Scenario::Live {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&reply.body).map_err(|error| Failure::Other(error.to_string()))
    }

    async fn live_through(&mut self) -> Result<(), Failure> {
        let session = self.create_new(CREATE).await?;
        let token = text(&session, "sdk_token")?;
        let steps: [(&str, &'static [u8]); 3] = [
            ("/iframe/api/load", b"{}"),
            ("/iframe/api/steps/consent", CONSENT),
            ("/iframe/api/steps/data_entry", DATA),
        ];
        for (path, body) in steps {
            expect(200, &self.client.send(Method::POST, path, &token, None, body.into()).await?)?;
        }
        Ok(())
    }

    fn fresh_key(&self) -> String {
        format!("load-{:x}-{:x}", self.run, self.numbers.fetch_add(1, Ordering::Relaxed))
    }
}

fn text(value: &Value, name: &str) -> Result<String, Failure> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| Failure::Other(format!("the answer has no {name}")))
}

fn expect(status: u16, reply: &Reply) -> Result<(), Failure> {
    if reply.status == status {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&reply.body);
    Err(Failure::Other(format!("the server answered {} and not {status}: {body:.300}", reply.status)))
}
