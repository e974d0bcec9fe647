//! Tenants and persons who go on through every crash: each request is repeated with its
//! idempotency key until it is answered.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

pub mod ledger;
pub mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::program::BOOTSTRAP_KEY;
use ledger::{Ledger, Move};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the server is. Each kill and each start is a generation of its own.
#[derive(Debug, Clone, Default)]
pub struct Up {
    generation: u64,
    address: Option<String>,
}

impl Up {
    /// Where the server is, if it is up.
    pub fn address(&self) -> Option<String> {
        self.address.clone()
    }

    pub fn now(sender: &watch::Sender<Self>, address: Option<String>) {
        sender.send_modify(|up| *up = Self { generation: up.generation + 1, address });
    }
}

pub struct Load {
    pub client: Client,
    pub up: watch::Receiver<Up>,
    pub ledger: Ledger,
    pub stop: AtomicBool,
    /// Requests that a kill had cut off and that were asked again.
    pub cut_off: AtomicU64,
    /// Answers that were replayed.
    pub replayed: AtomicU64,
}

struct Call<'a> {
    bearer: &'a str,
    path: &'a str,
    key: &'a str,
    body: &'a Value,
}

struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Load {
    pub fn new(up: watch::Receiver<Up>) -> Self {
        let client = Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        let (cut_off, replayed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { client, up, ledger: Ledger::default(), stop: AtomicBool::new(false), cut_off, replayed }
    }

    /// Lives one session after the other until it is told to stop.
    pub async fn work(self: Arc<Self>, seed: u64, worker: u64) {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_add(worker));
        for number in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            self.life(&format!("worker-{worker}-{number}"), &mut rng).await;
        }
    }

    async fn life(&self, key: &str, rng: &mut StdRng) {
        let outcome = ["completed", "failed", "requires_review"][rng.random_range(0..3)];
        let expires_in = [60, 120, 600, 3_600][rng.random_range(0..4)];
        let mut body = json!({ "metadata": { "key": key }, "expires_in": expires_in });
        // Without a test_outcome the real checks run, and pass.
        if outcome != "completed" || rng.random_bool(0.5) {
            body["test_outcome"] = outcome.into();
        }
        let create = Call { bearer: BOOTSTRAP_KEY, path: "/v1/sessions", key, body: &body };
        let made = if rng.random_bool(0.25) {
            let (made, twin) = tokio::join!(self.answered(&create), self.answered(&create));
            assert_eq!(made.body, twin.body, "{key}: twins got two answers");
            made
        } else {
            self.answered(&create).await
        };
        let session = made.json();
        assert_eq!(made.status, 201, "{key}: {session}");
        let (id, token) = (session["id"].as_str().unwrap(), session["sdk_token"].as_str().unwrap());
        self.ledger.created(key, id, outcome);

        let plan: &[Move] = match rng.random_range(0..9) {
            0 => &[],
            1 => &[Move::Load],
            2 => &[Move::Load, Move::Consent],
            3 | 4 => &[Move::Load, Move::Consent, Move::DataEntry],
            5 => &[Move::Load, Move::Consent, Move::DataEntry, Move::Cancel],
            6 => &[Move::Cancel],
            7 => &[Move::Load, Move::PersonCancels],
            _ => &[Move::Simulate],
        };
        for asked in plan {
            if !self.make(key, id, token, *asked).await {
                break;
            }
        }
        if rng.random_bool(0.25) {
            let again = self.answered(&create).await;
            assert_eq!((again.status, again.body), (201, made.body), "{key}: a replay is the first answer");
        }
    }

    /// Returns false if the session has ended meanwhile.
    async fn make(&self, key: &str, id: &str, token: &str, asked: Move) -> bool {
        let person = json!({
            "first_name": "ANNA MARIA", "last_name": "ERIKSSON", "date_of_birth": "1974-08-12", "country": "SE",
        });
        let (bearer, path, body) = match asked {
            Move::Load => (token, "/iframe/api/load".to_owned(), json!({})),
            Move::Consent => (token, "/iframe/api/steps/consent".to_owned(), json!({ "accepted": true })),
            Move::DataEntry => (token, "/iframe/api/steps/data_entry".to_owned(), json!({ "fields": person })),
            Move::PersonCancels => (token, "/iframe/api/cancel".to_owned(), json!({})),
            Move::Cancel => (BOOTSTRAP_KEY, format!("/v1/sessions/{id}/cancel"), json!({})),
            Move::Simulate => {
                let body = json!({ "actions": ["load", "submit"] });
                (BOOTSTRAP_KEY, format!("/v1/test/sessions/{id}/simulate"), body)
            }
        };
        self.ledger.tries(key, asked);
        let answer = self.answered(&Call { bearer, path: &path, key, body: &body }).await;
        let json = answer.json();
        if answer.status == 200 {
            self.ledger.moved(key, asked, json["status"].as_str().unwrap());
            return true;
        }
        let code = json["error"]["code"].as_str().unwrap();
        let ended = ["session_expired", "verification_not_cancelable"].contains(&code);
        assert!(ended, "{key}: {asked:?} was refused: {json}");
        self.ledger.has_ended(key);
        false
    }

    /// Asks until there is an answer. Only a server that is being killed may leave one out.
    async fn answered(&self, call: &Call<'_>) -> Answer {
        let mut up = self.up.clone();
        loop {
            let found = tokio::time::timeout(PATIENCE, up.wait_for(|up| up.address.is_some())).await;
            let Up { generation, address } = found.expect("the server does not come back").unwrap().clone();
            let request = self.client.post(format!("{}{}", address.unwrap(), call.path)).bearer_auth(call.bearer);
            let sent = request.header("idempotency-key", call.key).json(call.body).send().await;
            let answer = match sent {
                Ok(response) => {
                    let status = response.status().as_u16();
                    let replayed = response.headers().contains_key("idempotent-replayed");
                    self.replayed.fetch_add(u64::from(replayed), Ordering::Relaxed);
                    response.text().await.map(|body| Answer { status, body })
                }
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) => return answer,
                Err(error) => {
                    let alive = self.up.borrow().generation == generation;
                    assert!(!alive, "a server that nobody had killed did not answer {}: {error:?}", call.path);
                    self.cut_off.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Reads something with the tenant's key.
    pub async fn read(&self, path: &str) -> Value {
        let address = self.up.borrow().address.clone().unwrap();
        let response = self.client.get(format!("{address}{path}")).bearer_auth(BOOTSTRAP_KEY).send().await.unwrap();
        let status = response.status();
        let json: Value = response.json().await.unwrap();
        assert_eq!(status, 200, "{path}: {json}");
        json
    }
}
